"""A connection of the caller's: what it must be, what is done on it, and how it is given back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

import sqlmig
from sqlmig.events import Noticed
from tests.support.database import Database
from tests.support.pgbouncer import pooler
from tests.support.project import Project
from tests.support.proxy import proxy

Connection = psycopg.Connection[Any]

MIGRATIONS = [
    sqlmig.Migration.from_text("001_a", "CREATE TABLE a (id int);\nSET search_path = nowhere;", "DROP TABLE a;"),
    sqlmig.Migration.from_text("002_b", "COPY a FROM STDIN;\n1\n2\n\\.\nDO $$BEGIN RAISE NOTICE 'two'; END$$;"),
]


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.url) as connection:
        yield connection


def made(connection: Connection, **options: Any) -> sqlmig.Project:
    return sqlmig.Project(connection=connection, **{"migrations": MIGRATIONS, **options})


@pytest.fixture(autouse=True)
def _nothing_else(offline_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable and no configuration says where to connect."""
    monkeypatch.chdir(offline_project.folder)
    for name in ("SQLMIG_URL", "SQLMIG_ENV", "PGHOST", "PGDATABASE"):
        monkeypatch.delenv(name, raising=False)


def test_the_work_is_done_on_it(connection: Connection) -> None:
    """All of it, in the backend of that connection; it stays open, idle, and hears of nothing afterwards."""
    told: list[str] = []
    pids = sqlmig.Migration.from_text("003_c", "CREATE TABLE pid AS SELECT pg_backend_pid() AS pid;")

    def listen(event: sqlmig.Event) -> None:
        if isinstance(event, Noticed):
            told.append(event.report.message)

    project = made(connection, migrations=[*MIGRATIONS, pids], listener=listen)
    assert [step.outcome for step in project.apply().steps] == [sqlmig.Outcome.APPLIED] * 3
    assert told == ["two"]
    assert connection.execute("SELECT count(*) FROM a").fetchone() == (2,)
    assert connection.execute("SELECT pid FROM pid").fetchone() == (connection.info.backend_pid,)
    connection.execute("DO $$BEGIN RAISE NOTICE 'later'; END$$")
    assert told == ["two"]
    assert not connection.autocommit


def test_every_method_uses_it(connection: Connection) -> None:
    """Also those that only look."""
    project = made(connection)
    assert [str(standing.state) for standing in project.status().migrations] == ["pending"] * 2
    assert len(project.plan().steps) == 2
    assert project.check().exit_code == 3
    project.apply()
    assert project.check().exit_code == 0
    assert [entry.event for entry in project.history().entries] == ["apply", "apply"]
    assert project.rollback(sqlmig.Rollback(only="001")).steps[0].outcome is sqlmig.Outcome.ROLLED_BACK
    assert connection.pgconn.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_its_settings_are_what_they_were(database: Database, connection: Connection) -> None:
    """Settings, role, autocommit, row factory, prepared statements of psycopg: as if nothing had happened."""
    role = database.role("shown")
    connection.autocommit = True
    connection.row_factory = dict_row
    connection.prepare_threshold = 0
    connection.execute("SET statement_timeout = '17min'")
    connection.execute('SET search_path = pg_temp, "strange, name", public')
    connection.execute("SET TimeZone = 'Asia/Tokyo'")
    connection.execute(f"SET SESSION AUTHORIZATION {role}")
    everything = "SELECT name, setting FROM pg_settings WHERE name !~ '^(transaction_|plpgsql)' ORDER BY name"
    actor = "SELECT session_user, current_user, current_setting('role') AS role"
    before = connection.execute(everything).fetchall(), connection.execute(actor).fetchall()
    made(connection).apply()
    assert (connection.execute(everything).fetchall(), connection.execute(actor).fetchall()) == before
    assert connection.autocommit
    assert database.value("SELECT tableowner FROM pg_tables WHERE tablename = 'a'") == "postgres"


def test_as_a_role_without_rights_beyond_its_own(database: Database) -> None:
    """What is asked about the session, and restored, needs no privilege."""
    role = database.role("owner")
    database.execute(f"GRANT CREATE ON DATABASE {database.name} TO {role}; GRANT CREATE ON SCHEMA public TO {role}")
    with database.connect(role) as connection:
        connection.execute("SET work_mem = '5MB'")
        made(connection).apply()
        assert connection.execute("SHOW work_mem").fetchone() == ("5MB",)


def test_its_role_is_what_it_was(database: Database, connection: Connection) -> None:
    """Migrations do not run as a role that was set before: that is what the configuration's role is for."""
    role = database.role("actor")
    connection.execute(f"SET ROLE {role}")
    connection.commit()
    made(connection).apply()
    assert connection.execute("SELECT current_user").fetchone() == (role,)
    assert database.value("SELECT tableowner FROM pg_tables WHERE tablename = 'a'") == "postgres"


def test_a_failure_gives_it_back_too(connection: Connection) -> None:
    """Idle, with its settings, and the migration rolled back."""
    connection.execute("SET lock_timeout = '1234ms'")
    connection.commit()
    failing = sqlmig.Migration.from_text("003_c", "CREATE TABLE c ();\nSELECT 1/0;")
    with pytest.raises(sqlmig.StatementFailed, match="division by zero"):
        made(connection, migrations=[*MIGRATIONS, failing]).apply()
    assert connection.execute("SHOW lock_timeout").fetchone() == ("1234ms",)
    assert connection.execute("SELECT to_regclass('a') IS NOT NULL, to_regclass('c') IS NULL").fetchone() == (
        True,
        True,
    )


def test_without_a_transaction_as_well(connection: Connection) -> None:
    """What needs no transaction gets none, though psycopg would begin one."""
    outside = sqlmig.Migration.from_text(
        "003_c",
        "-- sqlmig: no-transaction\nCREATE INDEX CONCURRENTLY a_id ON a (id);\nCOPY a FROM STDIN;\n3\n\\.\nVACUUM a;",
    )
    made(connection, migrations=[*MIGRATIONS, outside]).apply()
    assert connection.execute("SELECT count(*) FROM a").fetchone() == (3,)


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("CREATE TEMPORARY TABLE mine ()", "temporary tables"),
        ("SELECT pg_advisory_lock(1)", "advisory locks"),
        ("DECLARE mine CURSOR WITH HOLD FOR SELECT 1", "open cursors"),
        ("PREPARE mine AS SELECT 1", "prepared statements"),
        ("LISTEN mine", "channels that it listens to"),
    ],
)
def test_what_would_be_lost_is_refused(database: Database, connection: Connection, statement: str, what: str) -> None:
    """Before anything happens; looking does no harm to it, and is not refused."""
    connection.execute(statement.encode())
    connection.commit()
    with pytest.raises(sqlmig.UsageError, match=f"has {what}, which a migration's end would discard"):
        made(connection).apply()
    assert len(made(connection).status().migrations) == 2
    assert database.value("SELECT to_regnamespace('sqlmig') IS NULL")


def test_a_transaction_of_the_callers_is_refused(connection: Connection) -> None:
    """It is theirs to end; what they did in it is untouched."""
    connection.execute("CREATE TABLE theirs ()")
    for method in ("apply", "status"):
        with pytest.raises(sqlmig.UsageError, match="is in a transaction") as caught:
            getattr(made(connection), method)()
        assert "commit or roll back first" in (caught.value.next_step or "")
    connection.commit()
    assert connection.execute("SELECT to_regclass('theirs') IS NOT NULL").fetchone() == (True,)


def test_other_connections_that_cannot_be_used(database: Database) -> None:
    """Closed, in a pipeline, in another encoding, of asyncio: each is told apart."""
    with (
        psycopg.connect(database.url) as connection,
        connection.pipeline(),
        pytest.raises(sqlmig.UsageError, match="pipeline mode"),
    ):
        made(connection).status()
    with pytest.raises(sqlmig.NoConnection, match="is closed"):
        made(connection)
    with (
        psycopg.connect(database.url, client_encoding="LATIN1") as connection,
        pytest.raises(sqlmig.UsageError, match="not speak UTF-8, but iso8859-1"),
    ):
        made(connection).status()

    async def of_asyncio() -> None:
        async with await psycopg.AsyncConnection.connect(database.url) as theirs:
            with pytest.raises(
                sqlmig.UsageError, match=r"has to be a psycopg\.Connection, not psycopg\.AsyncConnection"
            ):
                made(theirs)  # type: ignore[arg-type]

    asyncio.run(of_asyncio())


def test_the_lock_is_held_on_a_second_connection(database: Database) -> None:
    """Made with the same parameters, the password too; and a runner elsewhere is kept out, as always."""
    role = database.role("owner", "LOGIN SUPERUSER", password="it's a secret")
    with psycopg.connect(database.url_as(role, "it's a secret")) as connection:
        seen: list[Any] = []

        def listen(event: sqlmig.Event) -> None:
            if isinstance(event, sqlmig.StepDone) and not seen:
                seen.extend(
                    database.rows(
                        "SELECT usename, state FROM pg_stat_activity JOIN pg_locks USING (pid)"
                        " WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND datname = current_database()"
                        " GROUP BY 1, 2"
                    )
                )
                with pytest.raises(sqlmig.LockHeld):
                    sqlmig.Project(url=database.url, migrations=MIGRATIONS).apply(lock_wait=0)

        made(connection, listener=listen).apply()
        assert seen == [(role, "idle in transaction")]
        project = made(connection)
    assert "it's a" not in repr(vars(project))


def test_the_lock_can_be_elsewhere(database: Database, connection: Connection) -> None:
    """``url`` says where, for a connection whose parameters do not work twice; another database is no place for it."""
    made(connection, url=database.url).apply()
    more = [*MIGRATIONS, sqlmig.Migration.from_text("003_c", "CREATE TABLE c ();")]
    other = database.server.conninfo
    with pytest.raises(sqlmig.ConnectionLost, match="the connection that holds the runner's lock"):
        made(connection, migrations=more, url=other).apply()
    assert connection.execute("SELECT to_regclass('c') IS NULL").fetchone() == (True,)


def test_a_connection_that_breaks(database: Database) -> None:
    """What is known is told, from a new connection; closing it stays the caller's affair."""
    with proxy(database.server) as between, psycopg.connect(between.url(database.name)) as connection:

        def listen(event: sqlmig.Event) -> None:
            if isinstance(event, sqlmig.StepDone):
                between.end_all()

        with pytest.raises(sqlmig.ConnectionLost) as caught:
            made(connection, url=database.url, listener=listen).apply()
        done = database.value("SELECT count(*) FROM sqlmig.migration")
        assert f"{done} of 2 steps are done" in (caught.value.left_behind or "")
        assert connection.broken


def test_behind_a_pooler(database: Database) -> None:
    """There is no session to give back: nothing is set in one, and nothing of ours stays in the pool."""
    with (
        pooler(database.server) as pool,
        psycopg.connect(pool.url(database.name), prepare_threshold=None) as connection,
    ):
        connection.autocommit = True
        made(connection, url=pool.url(database.name)).apply()
        made(connection).rollback(sqlmig.Rollback(only="001"))
        changed = set(connection.execute("SELECT name FROM pg_settings WHERE source = 'session'").fetchall())
        assert changed <= {("client_encoding",), ("DateStyle",)}, "beyond what PgBouncer sets itself"
    assert database.value("SELECT count(*) FROM sqlmig.migration") == 1
