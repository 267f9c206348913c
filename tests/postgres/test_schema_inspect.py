"""Reading the schema: what is in a snapshot, from whatever session, and what is left out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from sqlmig.database import Session, connect
from sqlmig.errors import DatabaseError, UnsupportedServer
from sqlmig.schema import knowledge
from sqlmig.schema.diff import diff
from sqlmig.schema.ignore import Ignore
from sqlmig.schema.inspect import inspect
from sqlmig.schema.snapshot import Snapshot
from tests.support.database import Database

SCHEMA = """
CREATE SCHEMA app;
CREATE TABLE app.users (id integer PRIMARY KEY, email text NOT NULL DEFAULT 'it''s', "Odd name" varchar(5),
  at timestamptz DEFAULT '2020-01-01 12:00+02', f float8 DEFAULT 0.1, i interval DEFAULT '1 day 2 hours');
CREATE VIEW app.v AS SELECT id FROM app.users WHERE at > '2021-01-01 00:00+00' AND email <> 'a\\b';
CREATE FUNCTION app.f(u app.users) RETURNS integer LANGUAGE sql AS 'SELECT 1';
"""


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    database.execute(SCHEMA)
    with closing(connect(database.url, listener=lambda event: None)) as session:
        yield session


def told(before: Snapshot, after: Snapshot) -> list[str]:
    return [change.sentence for change in diff(before, after)]


def test_descriptions_are_in_a_persons_words(session: Session) -> None:
    """Identities are the names that a person uses, and a description says what the catalogs say in words."""
    objects = inspect(session).objects
    assert objects["table app.users"] == {
        "schema": "app",
        "owner": "postgres",
        "column order": ["id", "email", "Odd name", "at", "f", "i"],
    }
    assert objects["column app.users.email"] == {
        "of": "table app.users",
        "type": "text",
        "not null": True,
        "default": "'it''s'::text",
    }
    assert objects['column app.users."Odd name"'] == {"of": "table app.users", "type": "character varying(5)"}
    assert objects["function app.f(app.users)"]["body"] == "SELECT 1"
    assert objects["constraint users_pkey on app.users"]["definition"] == "PRIMARY KEY (id)"
    assert objects["index app.users_pkey"]["of"] == "constraint users_pkey on app.users"


def test_settings_of_the_session_mean_nothing(session: Session) -> None:
    """A definition's words do not depend on who reads it, and the settings are as before afterwards."""
    before = inspect(session)
    bent = {
        "search_path": "app, public",
        "quote_all_identifiers": "on",
        "datestyle": "German",
        "timezone": "Asia/Tokyo",
        "intervalstyle": "iso_8601",
        "extra_float_digits": "-5",
        "standard_conforming_strings": "off",
        "bytea_output": "escape",
        "statement_timeout": "10min",
    }
    for name, value in bent.items():
        session.ask(f"SET {name} = '{value}'")
    shown = [session.ask(f"SHOW {name}") for name in bent]
    assert inspect(session) == before
    session.ask("BEGIN")
    assert inspect(session) == before
    assert [session.ask(f"SHOW {name}") for name in bent] == shown


def test_an_open_transaction_is_seen_and_stays_open(session: Session) -> None:
    """What the transaction did is in the snapshot; it can go on, and be rolled back."""
    before = inspect(session)
    session.ask("BEGIN; SET LOCAL lock_timeout = '7s'; ALTER TABLE app.users ADD x integer")
    assert told(before, inspect(session)) == ["table app.users: column x: only after"]
    assert session.in_transaction
    assert session.ask("SHOW lock_timeout") == [("7s",)]
    session.ask("ALTER TABLE app.users DROP x; COMMIT")
    assert told(before, inspect(session)) == []


def test_nothing_is_written(session: Session) -> None:
    """No transaction id is used up, inside a transaction or outside."""
    inspect(session)
    session.ask("BEGIN")
    inspect(session)
    assert session.ask("SELECT pg_current_xact_id_if_assigned()") == [(None,)]
    session.ask("COMMIT; SET default_transaction_read_only = on")
    inspect(session)


def test_what_is_seen_is_one_moment(session: Session, database: Database) -> None:
    """While others create and drop, every snapshot is one that was true: both of a pair, or none."""
    stop = threading.Event()

    def churn() -> None:
        with database.connect() as connection:
            while not stop.is_set():
                connection.execute(
                    "BEGIN; CREATE TABLE app.a (x integer PRIMARY KEY CHECK (x > 1)); CREATE VIEW app.b AS TABLE app.a;"
                    " CREATE INDEX ON app.a ((x + 1)); COMMIT"
                )
                connection.execute("DROP TABLE app.a CASCADE")

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(15):
            objects = inspect(session).objects
            assert ("table app.a" in objects) == ("view app.b" in objects) == ("index app.a_expr_idx" in objects)
    finally:
        stop.set()
        thread.join()


def test_a_role_without_rights_sees_the_same(session: Session, database: Database) -> None:
    """The catalogs are open to everybody; what is not is left out, and nothing fails."""
    role = database.role("nobody")
    with closing(connect(database.url_as(role), listener=lambda event: None)) as other:
        assert told(inspect(session), inspect(other)) == []
    session.ask(f"SET ROLE {role}")
    inspect(session)


def test_temporary_objects_are_no_schema(session: Session, database: Database) -> None:
    """Neither our own nor those of others."""
    before = inspect(session)
    temporary = (
        "CREATE TEMP TABLE t (id serial PRIMARY KEY, b text UNIQUE CHECK (b <> 'x'));"
        " CREATE TEMP VIEW v AS TABLE t; COMMENT ON COLUMN t.b IS 'x'; COMMENT ON TABLE t IS 'y';"
        " CREATE TYPE pg_temp.e AS ENUM ('a'); CREATE DOMAIN pg_temp.d AS integer CHECK (VALUE > 1);"
        " CREATE FUNCTION pg_temp.f() RETURNS integer LANGUAGE sql AS 'SELECT 1';"
        " COMMENT ON CONSTRAINT t_pkey ON t IS 'z'; GRANT SELECT (b) ON t TO PUBLIC"
    )
    with database.connect() as other:
        other.execute(temporary)
        session.ask(temporary)
        assert told(before, inspect(session)) == []


def test_the_history_is_left_out(session: Session) -> None:
    """The schema of the history, under whatever name, is not the database's own."""
    before = inspect(session)
    session.ask(
        'CREATE SCHEMA "Our ""history"; CREATE TABLE "Our ""history".t (a serial PRIMARY KEY, b text DEFAULT 1)'
    )
    session.ask(
        """COMMENT ON TABLE "Our ""history".t IS 'x'; COMMENT ON CONSTRAINT t_pkey ON "Our ""history".t IS 'x'"""
    )
    session.ask('GRANT SELECT ON "Our ""history".t TO PUBLIC; GRANT UPDATE (b) ON "Our ""history".t TO PUBLIC')
    session.ask('ALTER DEFAULT PRIVILEGES IN SCHEMA "Our ""history" GRANT SELECT ON TABLES TO PUBLIC')
    session.ask("""CREATE TYPE "Our ""history".c AS (a integer); CREATE DOMAIN "Our ""history".d AS text DEFAULT 'x'""")
    session.ask("""COMMENT ON TYPE "Our ""history".t IS 'x'; REVOKE ALL ON TYPE "Our ""history".t FROM PUBLIC""")
    session.ask('CREATE TYPE "Our ""history".e AS ENUM (); CREATE CAST ("Our ""history".e AS integer) WITH INOUT')
    session.ask('CREATE PUBLICATION p FOR TABLE "Our ""history".t; DROP PUBLICATION p')
    assert told(before, inspect(session, history='Our "history')) == []
    assert len(told(before, inspect(session, history=None))) > 3


def test_members_of_an_extension_are_told_by_its_version(session: Session) -> None:
    """A snapshot holds the extension, not what it brought; what is granted on a member counts."""
    before = inspect(session)
    session.ask("CREATE EXTENSION citext SCHEMA app")
    created = inspect(session)
    assert told(before, created) == ["extension citext: only after"]
    assert created.objects["extension citext"]["schema"] == "app"
    session.ask('ALTER TABLE app.users ALTER "Odd name" TYPE app.citext')
    (sentence,) = (said for said in told(created, inspect(session)) if "type" in said)
    assert sentence == 'table app.users: column "Odd name": type: character varying(5) -> app.citext'
    session.ask('ALTER TABLE app.users ALTER "Odd name" TYPE varchar(5)')
    session.ask("REVOKE EXECUTE ON FUNCTION app.citext_eq FROM PUBLIC")
    assert told(created, inspect(session)) == ["function app.citext_eq(app.citext,app.citext): only after"]
    session.ask("GRANT EXECUTE ON FUNCTION app.citext_eq TO PUBLIC")
    assert told(created, inspect(session)) == []


def test_what_an_extension_adopts_is_its_own(session: Session) -> None:
    """ALTER EXTENSION ... ADD makes a table a member, with its columns; DROP gives it back."""
    session.ask(
        "CREATE EXTENSION citext; CREATE TABLE app.config (a integer, b text); CREATE TYPE app.c AS (x integer)"
    )
    before = inspect(session)
    session.ask("ALTER EXTENSION citext ADD TABLE app.config; ALTER EXTENSION citext ADD TYPE app.c")
    assert (
        not {"table app.config", "column app.config.a", "type app.c", "column app.c.x"}
        & inspect(session).objects.keys()
    )
    session.ask("ALTER EXTENSION citext DROP TABLE app.config; ALTER EXTENSION citext DROP TYPE app.c")
    assert told(before, inspect(session)) == []


def test_security_labels(session: Session) -> None:
    """A label is told with its object, by provider."""
    before = inspect(session)
    session.ask(
        "SET allow_system_table_mods = on; INSERT INTO pg_seclabel"
        " VALUES ('app.users'::regclass, 'pg_class'::regclass, 2, 'selinux', 'secret')"
    )
    assert told(before, inspect(session)) == ["table app.users: column email: security labels selinux: none -> secret"]


def test_passwords_stay_in_the_database(session: Session, database: Database) -> None:
    """Neither a user mapping's nor a subscription's password is in a snapshot."""
    session.ask("CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w")
    session.ask("CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (\"user\" 'joe', password 'geheim1')")
    session.ask(
        f"CREATE SUBSCRIPTION s_{database.name} CONNECTION 'host=/nowhere password=geheim2 user=joe' PUBLICATION p"
        " WITH (connect = false, slot_name = NONE)"
    )
    try:
        text = inspect(session).to_json()
        assert "geheim" not in text
        assert text.count("joe") == 2
    finally:
        session.ask(f"DROP SUBSCRIPTION s_{database.name}")


def test_ignored_objects_go_with_their_parts(session: Session) -> None:
    """A schema with all that is in it; a table with its columns, indexes, constraints, partitions and sequences."""
    before = inspect(session)
    session.ask(
        "CREATE SCHEMA partman; CREATE TABLE partman.t (id serial PRIMARY KEY);"
        " CREATE FUNCTION partman.f() RETURNS integer LANGUAGE sql AS 'SELECT 1';"
        " CREATE VIEW partman.v AS SELECT 1; CREATE TYPE partman.c AS (a integer)"
    )
    session.ask(
        "CREATE TABLE app.part_1 (id serial PRIMARY KEY, a integer CHECK (a > 1)) PARTITION BY RANGE (id);"
        " CREATE TABLE app.leaf PARTITION OF app.part_1 DEFAULT; CREATE INDEX ON app.part_1 (a);"
        " CREATE POLICY p ON app.part_1; CREATE RULE r AS ON DELETE TO app.part_1 DO NOTHING"
    )
    ignore = Ignore.parse(["schema:partman", "table:app.part_*"])
    assert told(before, inspect(session, ignore)) == []
    assert told(before, ignore.apply(inspect(session))) == []


def test_older_servers_are_refused(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL 13 does not tell what its catalogs refer to."""
    monkeypatch.setattr(Session, "server_version", 130010)
    with pytest.raises(UnsupportedServer, match="PostgreSQL 14"):
        inspect(session)


def test_a_failure_leaves_the_transaction_usable(session: Session, database: Database) -> None:
    """Where the server refuses, an open transaction stays open and keeps what it did."""
    role = database.role("weak")
    session.ask(
        f"REVOKE SELECT ON pg_catalog.pg_proc FROM PUBLIC; SET ROLE {role}; BEGIN; SET LOCAL lock_timeout = '7s'"
    )
    with pytest.raises(DatabaseError):
        inspect(session)
    assert session.in_transaction
    assert session.ask("SHOW lock_timeout") == [("7s",)]
    session.ask("COMMIT")
    with pytest.raises(DatabaseError):
        inspect(session)
    assert not session.in_transaction
    session.ask("RESET ROLE")
    inspect(session)


def test_the_driver_sees_no_open_transaction_afterwards(session: Session) -> None:
    """Outside a transaction the reading's own one is closed."""
    inspect(session)
    assert session.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_a_catalog_that_nobody_knows_is_described(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that a newer server adds is read as it tells of it itself; its objects are called as the server calls them,
    or by what makes them unique."""
    session.ask("CREATE POLICY p ON app.users USING (id > 1); CREATE TYPE app.e AS ENUM ('a', 'b')")
    known = inspect(session).objects
    monkeypatch.setattr("sqlmig.schema.inspect._servers", {})
    monkeypatch.setattr(knowledge, "ADDRESSED", knowledge.ADDRESSED - {"pg_policy", "pg_namespace"})
    monkeypatch.setattr(knowledge, "PARTS", {"pg_attrdef": "adrelid"})
    unknown = inspect(session).objects
    assert unknown["policy p on app.users"] == {**known["policy p on app.users"], "name": "p"}
    assert {name for name in unknown if name.startswith("enum ")} == {"enum type app.e 1 a", "enum type app.e 2 b"}
    assert known["type app.e"]["labels"] == ["a", "b"]
    assert unknown["namespace app"]["owner"] == "postgres"


def test_whoever_changes_the_schema_goes_first(
    session: Session, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock on what a view reads is not waited for; the message says what to do."""
    monkeypatch.setattr("sqlmig.schema.inspect.ATTEMPTS", 2)
    with database.connect(autocommit=False) as other:
        other.execute("LOCK app.users IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseError, match="being changed") as caught:
            inspect(session)
        assert caught.value.next_step == "try again when whoever changes it is done"
        assert not session.in_transaction
    inspect(session)


def test_references_to_nothing_are_lived_with(session: Session) -> None:
    """Old databases may hold a comment, or a reference, whose object is gone."""
    before = inspect(session)
    session.ask(
        "SET allow_system_table_mods = on; INSERT INTO pg_description VALUES (99999, 'pg_class'::regclass, 0, 'x'),"
        " (99999, 'pg_constraint'::regclass, 0, 'x')"
    )
    assert told(before, inspect(session)) == []
    session.ask("UPDATE pg_proc SET prosupport = 99999 WHERE proname = 'f' AND oid >= 16384")
    assert told(before, inspect(session)) == ["function app.f(app.users): support: none -> object"]


def test_bytes_of_any_encoding_are_read(database: Database) -> None:
    """A database without an encoding holds what somebody once put in."""
    name = f"{database.name}_bytes"
    database.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    url = database.server.url(name)
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(b"CREATE TABLE t (a text DEFAULT 'caf\xe9')")
            connection.execute(b"COMMENT ON TABLE t IS 'na\xefve'")
        with closing(connect(url, listener=lambda event: None)) as session:
            snapshot = inspect(session)
        assert snapshot.objects["table public.t"]["comment"] == "na<ef>ve"
        assert Snapshot.unpacked(snapshot.packed()) == snapshot
    finally:
        database.execute(f"DROP DATABASE {name}")
