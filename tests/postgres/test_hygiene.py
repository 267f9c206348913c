"""Nothing that a migration does to its session reaches the next one, or the history."""

from __future__ import annotations

import pytest

from sqlmig.errors import TransactionEnded
from sqlmig.plan import Apply
from sqlmig.statements import Statement, TransactionRule
from tests.support.database import Database
from tests.support.project import Project
from tests.support.runner import Runs, limit_messages, outcomes, place

PROBE = """CREATE TABLE probe AS SELECT
    name, setting FROM pg_settings WHERE name IN ('search_path', 'statement_timeout', 'lock_timeout', 'client_encoding',
    'client_min_messages', 'default_transaction_read_only', 'standard_conforming_strings', 'work_mem', 'DateStyle',
    'session_replication_role', 'row_security', 'check_function_bodies', 'role', 'TimeZone', 'bytea_output');
INSERT INTO probe VALUES ('session_user', session_user), ('current_user', current_user),
    ('temporary', (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema())::text),
    ('listening', (SELECT count(*) FROM pg_listening_channels())::text),
    ('prepared', (SELECT count(*) FROM pg_prepared_statements)::text),
    ('cursors', (SELECT count(*) FROM pg_cursors WHERE name <> '')::text),
    ('advisory', (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())::text),
    ('own', nullif(current_setting('my.setting', true), '')),
    ('é€😀', 'a\\b');
"""

DIRT = {
    "search_path": "SELECT pg_catalog.set_config('search_path', '', false);",
    "search_path_set": "SET search_path = nowhere;",
    "role": "SET ROLE {role};",
    "authorization": "SET SESSION AUTHORIZATION {role};",
    "statement_timeout": "SET statement_timeout = '1h';",
    "lock_timeout": "SET lock_timeout = '1h';",
    "messages": "SET client_min_messages = error;",
    "read_only": "SET default_transaction_read_only = on;",
    "isolation": "SET default_transaction_isolation = 'serializable';",
    "latin1": "SET client_encoding = 'latin1';",
    "latin1_at_the_end": "SELECT 1; SET client_encoding TO LATIN1",
    "latin1_by_function": "SELECT set_config('client_encoding', 'latin1', false);",
    "latin1_unseen": "DO $$BEGIN PERFORM set_config('client_' || 'encoding', 'latin1', false); END$$;",
    "strings": "SET standard_conforming_strings = off;\nCREATE TABLE s AS SELECT 'a\\'b;c' AS x;",
    "strings_unseen": "DO $$BEGIN PERFORM set_config('standard_' || 'conforming_strings', 'off', false); END$$;",
    "temporary": "CREATE TEMPORARY TABLE t (x int); CREATE TEMPORARY SEQUENCE q; CREATE TEMP VIEW v AS SELECT 1;",
    "shadowed": "CREATE TEMPORARY TABLE probe (x int); CREATE TEMPORARY TABLE migration (x int);",
    "listen": "LISTEN something;",
    "prepare": "PREPARE p AS SELECT 1;",
    "advisory": "SELECT pg_advisory_lock(1), pg_advisory_lock_shared(2);",
    "cursor": "DECLARE c CURSOR WITH HOLD FOR SELECT 1;",
    "reset_all": "RESET ALL;",
    "discard": "DISCARD TEMP; DISCARD PLANS; DISCARD SEQUENCES; DEALLOCATE ALL;",
    "many": "SET DateStyle = 'German'; SET TimeZone = 'Asia/Tokyo'; SET bytea_output = 'escape';",
    "own": "SET my.setting = 'x';",
    "replica": "SET session_replication_role = replica; SET check_function_bodies = off;",
    "session_characteristics": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;",
    "constraints": "SET CONSTRAINTS ALL DEFERRED;",
    "unseen": "DO $$BEGIN SET search_path = nowhere; EXECUTE 'SET work_mem = ''1GB'''; SET ROLE {role}; END$$;",
}


def probed(database: Database) -> list[tuple[object, ...]]:
    """What a migration saw of its session; tables are found wherever they were created."""
    return database.rows("SELECT * FROM public.probe ORDER BY 1, 2")


@pytest.fixture
def runs(project: Project) -> Runs:
    return Runs(project)


@pytest.mark.parametrize("mode", ["", "-- sqlmig: no-transaction\n"], ids=["transactional", "non-transactional"])
@pytest.mark.parametrize("dirt", DIRT)
def test_the_next_migration_finds_the_baseline(runs: Runs, dirt: str, mode: str) -> None:
    """The same session as in an apply of its own, whatever the migration before did; both are recorded."""
    role = runs.database.role("other", "NOLOGIN")
    runs.write("001_dirt", mode + DIRT[dirt].format(role=role))
    runs.write("002_probe", PROBE)
    runs.apply()
    assert runs.applied() == ["001_dirt", "002_probe"]
    together = probed(runs.database)
    runs.write("003_probe", "DROP TABLE public.probe;\n" + PROBE)
    runs.apply()
    assert together == probed(runs.database)
    assert ("é€😀", "a\\b") in together
    assert runs.database.rows("SELECT DISTINCT role, applied_by FROM sqlmig.migration") == [
        runs.database.rows("SELECT current_user::text, session_user::text")[0]
    ]


@pytest.mark.parametrize(
    "dirt", ["role", "authorization", "unseen", "statement_timeout", "latin1", "strings", "read_only"]
)
def test_the_next_non_transactional_migration_finds_the_baseline(runs: Runs, dirt: str) -> None:
    """Likewise where the second one has no transaction."""
    role = runs.database.role("other", "NOLOGIN")
    runs.write("001_dirt", DIRT[dirt].format(role=role))
    runs.write("002_probe", "-- sqlmig: no-transaction\n" + PROBE)
    runs.apply()
    together = probed(runs.database)
    runs.write("003_probe", "-- sqlmig: no-transaction\nDROP TABLE public.probe;\n" + PROBE)
    runs.apply()
    assert together == probed(runs.database)


def test_discard_all_changes_nothing_for_the_next(runs: Runs) -> None:
    """It can only stand in a file without a transaction, and what sqlmig holds survives it."""
    runs.configure(search_path="app", lock_timeout="7s")
    runs.database.execute("CREATE SCHEMA app")
    runs.write("001_a", "-- sqlmig: no-transaction\nDISCARD ALL;\nSELECT 1;")
    runs.write("002_b", "CREATE TABLE b AS SELECT current_setting('lock_timeout') AS x")
    runs.apply()
    assert runs.database.rows("SELECT x FROM app.b") == [("7s",)]


def test_one_apply_is_as_good_as_many(runs: Runs, database: Database) -> None:
    """A dump is the same whether the migrations ran in one run or in one run each."""
    role = runs.database.role("other", "NOLOGIN")
    for number, name in enumerate(DIRT):
        runs.write(f"{2 * number + 1}_dirt", DIRT[name].format(role=role).replace("TABLE s ", f"TABLE s{number} "))
        runs.write(f"{2 * number + 2}_made", f"CREATE TABLE made{number} AS SELECT 'a\\b' AS x, 'é' AS y; SELECT 1")
    runs.apply()
    together = runs.database.dump(data=True)
    count = len(runs.applied())
    runs.api.fresh()
    assert content(runs.database.dump(data=True)) == content(together)
    runs.database.execute("DROP SCHEMA sqlmig CASCADE")
    for table in [
        name for (name,) in runs.database.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    ]:
        runs.database.execute(f"DROP TABLE public.{table}")
    for number in range(1, count + 1):
        runs.apply(Apply(to=number))
    assert content(runs.database.dump(data=True)) == content(together)


def content(dump: str) -> str:
    """A dump without the history, which holds times."""
    kept = []
    for part in dump.split("\n--\n-- "):
        if "Schema: sqlmig" not in part and "Name: sqlmig" not in part:
            kept.append(part)
    return "\n".join(kept)


def test_event_triggers_see_only_migrations(runs: Runs) -> None:
    """One that refuses all DDL does not meet any of ours once the history is there."""
    runs.write(
        "001_a",
        "CREATE TABLE a (x int);\nCREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql\n"
        "AS $$BEGIN RAISE 'no %', tg_tag; END$$;\n"
        "CREATE EVENT TRIGGER started ON ddl_command_start EXECUTE FUNCTION refuse();\n"
        "CREATE EVENT TRIGGER dropped ON sql_drop EXECUTE FUNCTION refuse();",
        "DROP EVENT TRIGGER started; DROP EVENT TRIGGER dropped;",
    )
    for number in range(2, 5):
        runs.write(f"00{number}_m", f"INSERT INTO a VALUES ({number})", "SELECT 1")
    runs.write("005_n", "-- sqlmig: no-transaction\nINSERT INTO a VALUES (5)", "SELECT 1")
    runs.apply()
    assert runs.database.value("SELECT sum(x) FROM a") == 14
    runs.rollback()
    assert runs.applied() == []


def test_a_statement_timeout_is_not_for_our_own_statements(runs: Runs) -> None:
    """The one that a migration sets is over before its record is written."""
    runs.write("1_m", "SELECT 1")
    runs.apply()
    runs.database.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql"
        " AS $$BEGIN ASSERT current_setting('statement_timeout') = '0'; RETURN NULL; END$$"
    )
    for table in ("migration", "event"):
        runs.database.execute(
            f"CREATE TRIGGER refuse AFTER INSERT OR UPDATE ON sqlmig.{table} EXECUTE FUNCTION public.refuse()"
        )
    for number in range(2, 30):
        runs.write(f"{number}_m", "SET statement_timeout = '1h'")
    runs.apply()
    assert len(runs.applied()) == 29


def test_a_role_that_a_migration_sets_is_not_that_of_the_history(runs: Runs) -> None:
    """What it creates belongs to the role it set; the row is written by the role of the baseline."""
    role = runs.database.role("other", "NOLOGIN")
    runs.database.execute(f"GRANT CREATE ON SCHEMA public TO {role}")
    runs.write("001_a", f"SET ROLE {role}; CREATE TABLE a (x int);")
    runs.write("002_b", "CREATE TABLE b (x int);")
    runs.apply()
    me = runs.database.value("SELECT current_user::text")
    owners = "SELECT relname::text, relowner::regrole::text FROM pg_class WHERE relname IN ('a', 'b') ORDER BY 1"
    assert runs.database.rows(owners) == [("a", role), ("b", me)]
    assert runs.database.rows("SELECT DISTINCT role FROM sqlmig.migration") == [(me,)]


def test_a_dropped_role_cannot_stop_the_cleaning(runs: Runs) -> None:
    """A migration may create a role, work as it, and drop it."""
    name = f"passing_{runs.database.name}"
    runs.write("001_a", f"CREATE ROLE {name}; SET ROLE {name}; SELECT 1; RESET ROLE; DROP ROLE {name};")
    runs.write("002_b", "SELECT 1")
    runs.apply()
    assert runs.applied() == ["001_a", "002_b"]


@pytest.mark.parametrize("size", [1 << 19, 100, 0])
@pytest.mark.parametrize("strings", ["on", "off"])
def test_plain_literals_mean_the_same_on_every_database(
    runs: Runs, strings: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the database's own standard_conforming_strings is off, however the statements travel."""
    limit_messages(monkeypatch, size)
    runs.database.execute(f'ALTER DATABASE "{runs.database.name}" SET standard_conforming_strings = {strings}')
    runs.write("001_a", "CREATE TABLE a AS SELECT 'a\\b' AS x, 'c:\\' AS y;\nINSERT INTO a VALUES ('\\', '');")
    runs.write("002_b", "-- sqlmig: no-transaction\nINSERT INTO a VALUES ('d\\', '\\n');")
    runs.apply()
    assert runs.database.rows("SELECT x, y FROM a ORDER BY 1") == [("\\", ""), ("a\\b", "c:\\"), ("d\\", "\\n")]


def test_an_end_of_the_transaction_that_nobody_foresaw_is_told(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never recorded as applied; the statement that did it is named, and what stands behind it in the file is told."""
    monkeypatch.setattr(Statement, "transaction", property(lambda self: TransactionRule.INSIDE))
    runs.write("001_a", "CREATE TABLE a (x int)")
    runs.write("002_b", "CREATE TABLE b (x int);\nCOMMIT;\nCREATE TABLE c (x int);")
    runs.write("003_c", "CREATE TABLE d (x int)")
    error = runs.fails(TransactionEnded)
    assert place(error) == ("002_b.up.sql", 2, 1)
    assert error.statement == 2
    assert outcomes(error) == ["applied", "failed", "not_run"]
    assert runs.applied() == ["001_a"]
    assert runs.exists("b", "d") == [True, False]
    assert runs.logged()[-1] == ("failure", "002_b")


@pytest.mark.parametrize(
    "ending", ["ROLLBACK", "COMMIT; BEGIN", "ROLLBACK; BEGIN", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN"]
)
def test_a_transaction_that_was_exchanged_is_noticed(runs: Runs, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another transaction in its place is not the one that began."""
    monkeypatch.setattr(Statement, "transaction", property(lambda self: TransactionRule.INSIDE))
    runs.write("001_a", f"CREATE TABLE a (x int);\n{ending};\nCREATE TABLE b (x int);")
    runs.write("002_b", "CREATE TABLE d (x int)")
    error = runs.fails(TransactionEnded)
    assert error.statement == 2
    assert runs.applied() == []
    assert runs.exists("d") == [False]


def test_resetting_everything_is_no_end_of_the_transaction(runs: Runs) -> None:
    """Also where it is hidden in a block, the migration is recorded."""
    runs.write("001_a", "DO $$BEGIN EXECUTE 'RESET ALL'; END$$;\nCREATE TABLE a (x int);")
    runs.write("002_b", "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$BEGIN RESET ALL; END$$; SELECT f();")
    runs.apply()
    assert runs.applied() == ["001_a", "002_b"]


def test_a_client_encoding_from_outside_does_not_count(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are UTF-8, whatever variables and connection strings say of the terminal."""
    monkeypatch.setenv("PGCLIENTENCODING", "latin1")
    runs.write("001_a", "CREATE TABLE a AS SELECT 'é€😀' AS x")
    runs.apply()
    runs.url += "&client_encoding=latin1"
    runs.write("002_b", "INSERT INTO a VALUES ('ü')")
    runs.apply()
    with runs.database.connect() as connection:
        connection.execute("SET client_encoding = utf8")
        assert connection.execute("SELECT x FROM a").fetchall() == [("é€😀",), ("ü",)]
