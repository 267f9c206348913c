"""No false alarm: the same schema has the same snapshot, however it came to be and whatever maintenance did to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sqlmig.database import connect
from sqlmig.embedded import Server, find_binaries
from sqlmig.schema.diff import diff
from sqlmig.schema.inspect import inspect
from sqlmig.schema.snapshot import Snapshot
from sqlmig.statements import split
from tests.support.database import Database
from tests.support.schema import read_cases
from tests.support.session import server_environment

MAJOR = find_binaries(server_environment()).major
GROUND, CASES = read_cases(Path(__file__).with_name("schema_cases.txt"))
UNKNOWN_SETTINGS = re.compile(r"^SET transaction_timeout = 0;$", re.MULTILINE)


def snapshot(database: Database) -> Snapshot:
    with closing(connect(database.url, listener=lambda event: None)) as session:
        return inspect(session)


def sentences(before: Snapshot, after: Snapshot) -> list[str]:
    return [f"{change.sentence}\n{change.diff or ''}" for change in diff(before, after)]


@pytest.fixture
def other(server: Server, admin: psycopg.Connection[Any]) -> Iterator[Database]:
    """A second empty database."""
    database = Database(server, admin)
    yield database
    database.drop()


@pytest.fixture(scope="module")
def rich(server: Server, admin: psycopg.Connection[Any]) -> Iterator[Database]:
    """A database with one of everything that can stand beside the others; no test leaves its schema changed."""
    database = Database(server, admin)
    words = {":database": f'"{database.name}"', ":alice": database.role("alice"), ":bob": database.role("bob")}
    made = [case for case in CASES if case.do.startswith(("CREATE", "ALTER DEFAULT", "GRANT", "COMMENT"))]
    with database.connect() as connection:
        for statement in GROUND:
            connection.execute(statement.encode())
        for case in made:
            if case.since <= MAJOR and not case.named.startswith(UNDUMPED):
                for statement in (*case.first, case.do):
                    for word, value in words.items():
                        statement = statement.replace(word, value)
                    try_to(connection, statement)
    yield database
    database.drop()


UNDUMPED = (
    *("subscription", "language", "extension", "database", "large object", "PostgreSQL's", "type app.users", 'rule "_'),
    *("function pg_catalog", "table pg_catalog", "column pg_catalog"),
)
"""What pg_dump leaves out on purpose, or puts into another part of its output."""


def try_to(connection: psycopg.Connection[Any], statement: str) -> None:
    """What another case has made already stays as it is."""
    with suppress(psycopg.errors.DuplicateObject, psycopg.errors.DuplicateTable):
        connection.execute(statement.encode())


def test_hard_definitions_survive_dump_and_restore(database: Database, other: Database) -> None:
    """Dropped columns, IN over varchar, chosen names, views upon views and odd names come out the same."""
    for statement in split(Path(__file__).with_name("schema_hard.sql").read_text()):
        database.execute(statement.text)
    other.execute(UNKNOWN_SETTINGS.sub("", database.dump()))
    assert sentences(snapshot(database), snapshot(other)) == []


def test_dump_and_restore(rich: Database, other: Database) -> None:
    """What pg_dump wrote, restored into another database, is the same schema."""
    dump = rich.dump()
    other.execute(UNKNOWN_SETTINGS.sub("", dump))
    before, after = snapshot(rich), snapshot(other)
    assert len(before.objects) > 130
    assert sentences(before, after) == []
    assert before.fingerprint == after.fingerprint


@pytest.mark.parametrize(
    "statement",
    [
        *("VACUUM FULL {}", "VACUUM (FREEZE, ANALYZE) {}", "ANALYZE {}", "CLUSTER app.users USING users_pkey"),
        *("REINDEX SCHEMA app", "REINDEX INDEX CONCURRENTLY app.users_pkey", "TRUNCATE app.users", "CHECKPOINT"),
        *("REFRESH MATERIALIZED VIEW app.m", "SELECT nextval('app.numbers')", "INSERT INTO app.log VALUES (1, now())"),
        *("DELETE FROM app.log", "SELECT lo_create(0)", "SELECT setval('app.numbers', 99, false)"),
    ],
)
def test_maintenance_and_data_change_nothing(rich: Database, statement: str) -> None:
    """Where rows are stored, how many there are, and what was found out about them is no schema."""
    before = snapshot(rich)
    rich.execute(statement.format(everything(rich)))
    assert sentences(before, snapshot(rich)) == []


def everything(database: Database) -> str:
    """All tables but those that the databases of the server share: others run tests in theirs."""
    own = "SELECT string_agg(oid::regclass::text, ', ') FROM pg_class WHERE relkind IN ('r', 'm') AND NOT relisshared"
    return str(database.value(own))


@pytest.mark.parametrize(
    ("do", "undo"),
    [
        ("CREATE TABLE t (a serial PRIMARY KEY, b text UNIQUE)", "DROP TABLE t"),
        ("ALTER TABLE app.users ADD gone integer DEFAULT 1", "ALTER TABLE app.users DROP gone"),
        ("CREATE INDEX gone ON app.users (age)", "DROP INDEX app.gone"),
        (
            "CREATE TRIGGER gone AFTER INSERT ON app.orders FOR EACH ROW EXECUTE FUNCTION app.fired()",
            "DROP TRIGGER gone ON app.orders",
        ),
        ("CREATE RULE gone AS ON DELETE TO app.orders DO NOTHING", "DROP RULE gone ON app.orders"),
        ("CREATE TABLE heir () INHERITS (app.orders)", "DROP TABLE heir"),
        (
            "GRANT ALL ON app.users TO PUBLIC; GRANT SELECT (id) ON app.users TO PUBLIC",
            "REVOKE ALL ON app.users FROM PUBLIC; REVOKE SELECT (id) ON app.users FROM PUBLIC",
        ),
        (
            "GRANT ALL ON ALL FUNCTIONS IN SCHEMA app TO pg_monitor",
            "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA app FROM pg_monitor",
        ),
        ("CREATE SCHEMA s CREATE TABLE a (b integer) CREATE VIEW c AS SELECT b FROM a", "DROP SCHEMA s CASCADE"),
        ("CREATE TYPE gone AS ENUM ('a')", "DROP TYPE gone"),
    ],
)
def test_making_and_dropping_leaves_nothing(rich: Database, do: str, undo: str) -> None:
    """Neither dropped columns, nor hints that stay behind, nor an ACL that says what goes without saying."""
    before = snapshot(rich)
    rich.execute(do)
    assert sentences(before, snapshot(rich)) != []
    rich.execute(undo)
    assert sentences(before, snapshot(rich)) == []


def test_order_of_creation_means_nothing(database: Database, other: Database) -> None:
    """Two databases with the same objects, made in opposite orders, with other objects in between, are the same."""
    statements = [
        "CREATE TABLE t (a integer, b text)",
        "CREATE TABLE u (a integer)",
        "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE TYPE e AS ENUM ('x', 'y')",
        "CREATE DOMAIN d AS text",
        "CREATE SEQUENCE s",
    ]
    later = [
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)",
        "ALTER TABLE t ADD CONSTRAINT d CHECK (a > 1)",
        "GRANT SELECT ON t TO PUBLIC",
        "GRANT INSERT ON t TO pg_monitor",
        "CREATE INDEX i ON t (a)",
        "CREATE INDEX j ON t (b)",
        "COMMENT ON TABLE t IS 'x'",
        "ALTER TABLE t SET (fillfactor = 50)",
        "ALTER TABLE t SET (autovacuum_enabled = off)",
        "ALTER DATABASE {} SET work_mem = '5MB'",
        "ALTER DATABASE {} SET lock_timeout = '9s'",
    ]
    for statement in [*statements, *later]:
        database.execute(statement.format(database.name))
    for statement in [*reversed(statements), *reversed(later)]:
        other.execute("CREATE TABLE between (a serial); CREATE TYPE v AS ENUM ('a'); DROP TABLE between; DROP TYPE v")
        other.execute(statement.format(other.name))
    before, after = snapshot(database), snapshot(other)
    assert sentences(before, after) == []
    assert before.to_json() == after.to_json()


def test_columns_that_moved_are_no_other_columns(database: Database) -> None:
    """Where columns come back in another order, nothing but their order differs."""
    made = (
        "CREATE STATISTICS st ON a, b FROM t; CREATE PUBLICATION pub FOR TABLE t; CREATE INDEX i ON t (a, b);"
        " ALTER TABLE t ADD CONSTRAINT c CHECK (a > b), ADD UNIQUE (b, a); CREATE VIEW v AS SELECT a, b FROM t;"
        " CREATE TRIGGER tr BEFORE UPDATE OF a, b ON t FOR EACH ROW"
        " EXECUTE FUNCTION suppress_redundant_updates_trigger();"
        " CREATE POLICY p ON t USING (a > b)"
    )
    database.execute(f"CREATE TABLE t (a integer DEFAULT 1, b integer); {made}")
    before = snapshot(database)
    database.execute(
        f"DROP TABLE t CASCADE; DROP PUBLICATION pub; CREATE TABLE t (b integer, a integer DEFAULT 1); {made}"
    )
    after = snapshot(database)
    assert [change.sentence for change in diff(before, after)] == ["table public.t: column order: a, b -> b, a"]
    assert diff(before, after, ignore_column_order=True) == ()
