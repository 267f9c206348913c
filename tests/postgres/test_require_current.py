"""What an application asks at its start."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path
from typing import Any

import psycopg
import pytest

import sqlmig
from tests.support.database import Database
from tests.support.project import Project
from tests.support.proxy import TO_SERVER, proxy

READY_FOR_QUERY = b"Z"


def names(error: sqlmig.CheckFailed) -> list[tuple[str, int | None]]:
    return [(problem.code, problem.version) for problem in error.problems]


@pytest.fixture
def three(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with three migrations, the working directory of this process."""
    for name in ("001_a", "002_b", "003_c"):
        project.write(f"{name}.up.sql", f"CREATE TABLE t{name} ();")
    monkeypatch.chdir(project.folder)
    return project


def test_all_that_lacks_is_named(three: Project, database: Database) -> None:
    """Before anything was applied, then with one applied, then with one below it missing; at last it is silent."""
    with database.connect() as connection:
        with pytest.raises(sqlmig.CheckFailed, match="3 migrations are not applied: 001_a, 002_b, 003_c") as caught:
            sqlmig.require_current(connection)
        assert names(caught.value) == [("pending", 1), ("pending", 2), ("pending", 3)]
        three.invoke("apply", "001")
        three.invoke("apply", "003", "--allow-out-of-order")
        with pytest.raises(sqlmig.CheckFailed, match="1 migration is not applied: 002_b") as caught:
            sqlmig.require_current(connection, directory="sql")
        assert names(caught.value) == [("out_of_order", 2)]
        assert caught.value.exit_code == 3
        three.invoke("apply", "--allow-out-of-order")
        sqlmig.require_current(connection, directory=Path("sql"))


def test_one_that_stopped_half_way_is_named(three: Project, database: Database) -> None:
    """Applied means all of it."""
    three.write("004_d.up.sql", "-- sqlmig: no-transaction\nCREATE TABLE d ();\nSELECT 1/0;")
    three.invoke("apply")
    with database.connect() as connection, pytest.raises(sqlmig.CheckFailed, match="004_d") as caught:
        sqlmig.require_current(connection)
    assert names(caught.value) == [("failed", 4)]


def test_an_older_release_starts_beside_a_newer_one(three: Project, database: Database) -> None:
    """What is applied beyond its own migrations, and how the files look now, is none of its business."""
    three.invoke("apply")
    three.write("002_b.up.sql", "SELECT 'edited';")
    mine = [sqlmig.Migration.from_text("001_a", "SELECT 1;")]
    with database.connect() as connection:
        sqlmig.require_current(connection, migrations=mine)
        sqlmig.require_current(connection)


@pytest.mark.parametrize("autocommit", [True, False])
@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("inside", [True, False])
def test_one_round_trip(three: Project, database: Database, autocommit: bool, applied: bool, inside: bool) -> None:
    """One message goes to the server, and the connection is where it was: idle, or in its transaction.

    In a transaction that meets a database without a history there is a second one, to save that transaction.
    """
    if applied:
        three.invoke("apply")
    sent: list[bytes] = []

    def watch(direction: str, message: bytes) -> bool:
        if direction == TO_SERVER and struct.unpack("!I", message[1:5])[0] == len(message) - 1:
            sent.append(message)
        return True

    with (
        proxy(database.server) as between,
        psycopg.connect(between.url(database.name), autocommit=autocommit) as connection,
    ):
        if inside:
            connection.execute("BEGIN")
            connection.execute("CREATE TABLE theirs ()")
        before = connection.pgconn.transaction_status
        between.watch = watch
        sent.clear()
        if applied:
            sqlmig.require_current(connection)
        else:
            with pytest.raises(sqlmig.CheckFailed):
                sqlmig.require_current(connection)
        assert [message[:1] for message in sent] == [b"Q"] * (1 + (inside and not applied))
        between.watch = None
        assert connection.pgconn.transaction_status == before
        if inside:
            assert connection.execute("SELECT to_regclass('theirs') IS NOT NULL").fetchone() == (True,)
            connection.rollback()


def test_a_role_that_may_not_read_the_history(three: Project, database: Database) -> None:
    """The GRANT that is missing is named, and is enough."""
    three.invoke("apply")
    with database.connect(database.role("app")) as connection:
        with pytest.raises(sqlmig.MissingPrivilege) as caught:
            sqlmig.require_current(connection)
        database.execute(caught.value.next_step or "")
        sqlmig.require_current(connection)


def test_connections_that_cannot_be_asked(three: Project, database: Database) -> None:
    """A transaction that has failed, a closed connection, something else."""
    with database.connect(autocommit=False) as connection:
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("SELECT 1/0")
        with pytest.raises(sqlmig.UsageError, match="failed transaction"):
            sqlmig.require_current(connection)
    with pytest.raises(sqlmig.NoConnection, match="closed"):
        sqlmig.require_current(connection)
    with pytest.raises(sqlmig.UsageError, match=r"not builtins\.str"):
        sqlmig.require_current(database.url)  # type: ignore[call-overload]


def test_the_configuration_says_where_files_and_history_are(three: Project, database: Database) -> None:
    """An environment that is not reachable from here, or has no password here, is no hindrance: nobody connects."""
    three.write_config('history_schema = "ours"\n[env.production]\nurl = "${NOT_SET_HERE}"\ndirectory = "elsewhere"\n')
    (three.folder / "elsewhere").mkdir()
    (three.folder / "elsewhere" / "007_x.up.sql").write_text("SELECT 7;")
    three.invoke("apply")
    with database.connect() as connection:
        assert database.value("SELECT to_regclass('ours.migration') IS NOT NULL")
        sqlmig.require_current(connection)
        with pytest.raises(sqlmig.CheckFailed, match="007_x"):
            sqlmig.require_current(connection, env="production", config="sqlmig.toml")


def test_with_a_connection_of_asyncio(three: Project, database: Database) -> None:
    """Awaited; the loop goes on while the server does not answer, and cancelling ends the wait."""
    three.invoke("apply")

    async def start() -> None:
        async with await psycopg.AsyncConnection.connect(database.url) as connection:
            await sqlmig.require_current(connection)
            with pytest.raises(sqlmig.CheckFailed, match="004_x"):
                await sqlmig.require_current(connection, migrations=[sqlmig.Migration.from_text("004_x", "SELECT 1;")])
            with database.connect(autocommit=False) as blocker:
                blocker.execute("LOCK TABLE sqlmig.migration")
                waiting: asyncio.Task[Any] = asyncio.create_task(sqlmig.require_current(connection))
                pid = connection.info.backend_pid
                while not await _blocked(database, pid):
                    await asyncio.sleep(0.01)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            await sqlmig.require_current(connection)

    asyncio.run(asyncio.wait_for(start(), 120))


async def _blocked(database: Database, pid: int) -> bool:
    query = f"SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = {pid}"
    return bool(await asyncio.to_thread(database.value, query))
