"""Behind PgBouncer in transaction mode each transaction may have another backend: nothing relies on a session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest

from sqlmig.embedded import Server
from sqlmig.errors import ConfigError, StatementFailed
from tests.support.chaos import no_lock_left
from tests.support.database import Database
from tests.support.pgbouncer import Pooler, pooler
from tests.support.processes import until
from tests.support.project import Project
from tests.support.runner import Runs

HEADER = "-- sqlmig: no-transaction\n"


@pytest.fixture(scope="module")
def pool(server: Server) -> Iterator[Pooler]:
    with pooler(server) as made:
        yield made


@pytest.fixture
def runs(project: Project, database: Database, pool: Pooler) -> Runs:
    return Runs(project, url=pool.url(database.name))


def test_everything_works_behind_a_pooler(runs: Runs) -> None:
    """Transactional, COPY and CONCURRENTLY migrations, up, down and up."""
    runs.write("001_a", "CREATE TABLE a (x int);\nCOPY a FROM STDIN;\n1\n2\n\\.\n", "DROP TABLE a")
    runs.write(
        "002_b",
        f"{HEADER}CREATE INDEX CONCURRENTLY i ON a (x);\nINSERT INTO a VALUES (3);\nVACUUM a;",
        f"{HEADER}DELETE FROM a WHERE x = 3;\nDROP INDEX CONCURRENTLY i;",
    )
    runs.write("003_c", "CREATE TABLE c (x int)", "DROP TABLE c")
    runs.apply()
    assert set(runs.states().values()) == {"applied"}
    assert runs.database.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass") is True
    runs.rollback()
    assert runs.exists("a", "c") == [False, False]
    runs.apply()
    assert runs.database.rows("SELECT x FROM a ORDER BY x") == [(1,), (2,), (3,)]


def test_no_setting_stays_in_the_pool(runs: Runs, pool: Pooler) -> None:
    """Other clients of the pool find its backends as they were, without a lock."""
    role = runs.database.role("owner", "NOLOGIN")
    runs.database.execute(
        f'CREATE SCHEMA app AUTHORIZATION "{role}"; GRANT CREATE ON DATABASE "{runs.database.name}" TO "{role}"'
    )
    runs.configure(role=role, search_path="app", lock_timeout="7s", statement_timeout="1h")
    runs.write("001_a", "SET work_mem = '9MB';\nCREATE TABLE a (x int);\nSELECT set_config('search_path', '', false);")
    runs.write("002_b", f"{HEADER}CREATE TABLE b (x int);\nINSERT INTO b VALUES (1);")
    runs.apply()
    assert runs.applied() == ["001_a", "002_b"]
    tables = "SELECT relname, relnamespace::regnamespace::text, relowner::regrole::text FROM pg_class"
    assert runs.database.rows(f"{tables} WHERE relname IN ('a', 'b') ORDER BY 1") == [
        ("a", "app", role),
        ("b", "app", role),
    ]
    with ExitStack() as stack:
        for _ in range(4):
            connection = stack.enter_context(psycopg.connect(runs.url, prepare_threshold=None))
            changed = (
                "SELECT name FROM pg_settings WHERE source = 'session' AND name NOT IN ('client_encoding', 'DateStyle')"
            )
            assert connection.execute(changed).fetchall() == []
            assert connection.execute("SELECT current_user").fetchall() == [("postgres",)]
    no_lock_left(runs.database)


@pytest.mark.parametrize(
    ("settings", "script", "statement"),
    [
        ({}, "-- sqlmig: role = pg_monitor\nSELECT 1;\nVACUUM;", 2),
        ({"search_path": "app"}, "CREATE INDEX CONCURRENTLY i ON a (x);", 1),
        ({}, "-- sqlmig: lock_timeout = 1s\nSELECT 1;\nSELECT 2;\nVACUUM;", 3),
        ({}, "SELECT 1;\nSET maintenance_work_mem = '1GB';\nVACUUM;", 2),
    ],
)
def test_what_needs_a_session_is_refused(runs: Runs, settings: dict[str, object], script: str, statement: int) -> None:
    """A statement alone could meet another backend than its settings: told before anything of the file runs."""
    runs.configure(**settings)
    runs.write("001_a", HEADER + script)
    error = runs.fails(ConfigError)
    assert error.statement == statement
    assert "pooler" in (error.next_step or "")
    assert runs.states() == {"001_a": "pending"}


def test_what_blocks_is_named_behind_a_pooler(runs: Runs) -> None:
    """The backend that works is found by its claim: the pooler does not tell its pid."""
    runs.configure(lock_timeout="1s", lock_retries=0)
    runs.database.execute("CREATE TABLE t (x int)")
    runs.write("001_a", "SELECT 1;\nALTER TABLE t ADD COLUMN y int;")
    with runs.database.connect(autocommit=False) as holder:
        holder.execute("SELECT * FROM t")
        notes = until(lambda: runs.fails(StatementFailed).notes, "a look at who blocks, while it still does")
        assert f"pid {holder.info.backend_pid}" in "".join(notes)
    runs.apply()
