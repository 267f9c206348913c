"""One runner at a time: any number may start, any may be killed, and each migration runs once."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest

from sqlmig.database import connect
from sqlmig.embedded import Server, ephemeral
from sqlmig.errors import ConnectionLost, LockHeld
from sqlmig.events import StatementDone, Waiting, silent
from sqlmig.lock import RunnerLock, lock_key
from tests.support.chaos import no_lock_left
from tests.support.database import Database
from tests.support.processes import until
from tests.support.project import Project
from tests.support.runner import UNWATCHED_SLEEP, Runs
from tests.support.session import server_environment

RUNNERS = 8
ROUNDS = 5


@pytest.fixture
def runs(project: Project) -> Runs:
    return Runs(project)


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for success, and what it said."""
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    return stderr


@pytest.fixture(scope="module")
def logging_server() -> Iterator[Server]:
    """A server whose whole log is that of these tests."""
    with ephemeral(environ=server_environment(), settings={"max_connections": "100"}) as server:
        yield server


def test_many_runners_on_an_empty_database(
    logging_server: Server, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All succeed, each migration ran once, and the server saw neither a deadlock nor a duplicate."""
    with psycopg.connect(logging_server.conninfo, autocommit=True) as admin:
        for number in range(1, 6):
            project.write(f"{number}_m.up.sql", f"CREATE TABLE t{number} (x int); INSERT INTO t{number} VALUES (1);")
        project.write("6_m.up.sql", "-- sqlmig: no-transaction\nCREATE INDEX CONCURRENTLY i ON t1 (x);")
        for _ in range(ROUNDS):
            database = Database(logging_server, admin)
            runs = Runs(project, url=database.url)
            with ExitStack() as stack:
                for process in [stack.enter_context(runs.process()) for _ in range(RUNNERS)]:
                    finish(process)
            counted = "SELECT (SELECT count(*) FROM sqlmig.migration), (SELECT count(*) FROM sqlmig.event)"
            assert database.rows(counted) == [(6, 6)]
            assert [database.value(f"SELECT count(*) FROM t{number}") for number in range(1, 6)] == [1] * 5
            no_lock_left(database)
            database.drop()
    (log,) = [path.read_text() for path in logging_server.folder.rglob("*log") if path.is_file()]
    for trouble in ("deadlock", "duplicate key", "ERROR"):
        assert trouble not in log, log


def test_two_runners_and_an_index_built_concurrently(runs: Runs) -> None:
    """The one that waits holds no snapshot that the build would wait for."""
    runs.write("001_a", "CREATE TABLE t AS SELECT generate_series(1, 1000) AS x")
    runs.apply()
    builds = "".join(f"CREATE INDEX CONCURRENTLY i{number} ON t (x);\n" for number in range(5))
    runs.write("002_b", "-- sqlmig: no-transaction\n" + builds)
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    with runs.process() as first, runs.process() as second:
        finish(first)
        finish(second)
    assert runs.applied() == ["001_a", "002_b"]
    assert runs.database.value("SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass AND indisvalid") == 5
    assert runs.database.value(deadlocks) == 0


def test_nothing_pending_takes_no_lock(runs: Runs) -> None:
    """An apply with nothing to do is not kept waiting by one that works."""
    runs.write("001_a", "SELECT 1")
    runs.apply()
    with runs.database.connect() as holder:
        holder.execute(f"SELECT pg_advisory_lock({lock_key('sqlmig')})")
        assert runs.apply(lock_wait=0).steps == ()


def test_the_holder_is_named_when_the_wait_is_over(runs: Runs) -> None:
    """With its pid and application; the wait is told, and nothing ran."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    session = connect(runs.url, listener=silent)
    lock = RunnerLock(session, "sqlmig")
    lock.acquire(0, silent)

    def refused() -> LockHeld | None:
        """Where this machine stands still for a moment, the time is over before there was a wait."""
        error = runs.fails(LockHeld, lambda: runs.apply(lock_wait=0.2))
        return error if runs.told(Waiting) else None

    error = until(refused, "a wait that is told")
    assert error.exit_code == 4
    assert f"pid {session.backend_pid}" in error.message
    assert "sqlmig" in error.message
    assert runs.exists("a", "sqlmig.migration") == [False, False]
    lock.release()
    runs.apply(lock_wait=0)
    assert runs.applied() == ["001_a"]


def test_the_wait_ends_when_the_holder_does(runs: Runs) -> None:
    """And what the holder applied meanwhile is not applied again."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    lock = RunnerLock(connect(runs.url, listener=silent), "sqlmig")
    lock.acquire(0, silent)

    def release(event: object) -> None:
        if isinstance(event, Waiting):
            lock.release()

    runs.listener = release
    runs.apply(lock_wait=60)
    assert runs.applied() == ["001_a"]


def test_two_history_schemas_do_not_wait_for_each_other(runs: Runs) -> None:
    """The lock is that of one history."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    lock = RunnerLock(connect(runs.url, listener=silent), "other")
    lock.acquire(0, silent)
    runs.apply(lock_wait=0)
    lock.release()


def test_the_lock_of_a_killed_process_is_gone(runs: Runs) -> None:
    """Its migration too; the next one proceeds without any other command."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    runs.write("002_b", "CREATE TABLE b (x int); SELECT pg_sleep(600);")
    with runs.process() as process:
        sleeping = until(lambda: sleepers(runs.database), "the second migration")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        runs.database.execute(f"SELECT pg_terminate_backend({sleeping[0]})")
        runs.write("002_b", "CREATE TABLE b (x int)")
        runs.apply()
    assert runs.applied() == ["001_a", "002_b"]
    no_lock_left(runs.database)


def sleepers(database: Database) -> list[int]:
    """The backends of this database that sleep."""
    return [
        pid
        for (pid,) in database.rows(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
        )
    ]


def test_what_a_killed_process_left_running_is_waited_for(runs: Runs) -> None:
    """Its backend goes on with the message that it has: the next runner does not start beside it."""
    runs.write("001_a", f"CREATE TABLE a (x int); SELECT {UNWATCHED_SLEEP};")
    runs.write("002_b", "CREATE TABLE b (x int);")
    with runs.process() as process:
        (sleeping,) = until(lambda: sleepers(runs.database), "the first migration")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        error = runs.fails(LockHeld, lambda: runs.apply(lock_wait=0.5))
        assert f"pid {sleeping}" in error.message
        runs.database.execute(f"SELECT pg_cancel_backend({sleeping})")
        runs.write("001_a", "CREATE TABLE a (x int);")
        runs.apply()
    assert runs.applied() == ["001_a", "002_b"]


def test_what_a_killed_process_left_running_goes_no_further(runs: Runs) -> None:
    """The migration that runs then is completed and recorded; those behind it in the message do not begin."""
    gate = lock_key("gate")
    runs.write("001_a", f"CREATE TABLE a (x int); SELECT pg_advisory_lock({gate});")
    runs.write("002_b", "CREATE TABLE b AS SELECT pg_backend_pid() AS pid")
    waiting = (
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    with runs.database.connect() as keeper:
        keeper.execute(f"SELECT pg_advisory_lock({gate})")
        with runs.process() as process:
            (working,) = until(lambda: runs.database.rows(waiting), "the first migration")
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        keeper.execute(f"SELECT pg_advisory_unlock({gate})")
        runs.apply()
    assert runs.applied() == ["001_a", "002_b"]
    assert runs.database.rows("SELECT pid FROM b") != [working]
    assert runs.logged() == [("apply", "001_a"), ("apply", "002_b")]


def test_a_lost_lock_stops_the_run(runs: Runs) -> None:
    """Whoever ends the connection that holds the lock ends the run, at the next migration at the latest."""
    locked = (
        "FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND pid <> pg_backend_pid()"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    until_it_ended = f"DO $$ BEGIN WHILE EXISTS (SELECT {locked}) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$"
    runs.write("001_a", f"CREATE TABLE a (x int); SELECT pg_terminate_backend(pid) {locked}; {until_it_ended};")
    runs.write("002_b", "CREATE TABLE b (x int)")
    error = runs.fails(ConnectionLost)
    assert "lock" in error.message
    assert runs.applied() == ["001_a"]
    assert runs.exists("a", "b") == [True, False]
    assert "001_a" in (error.left_behind or "")
    runs.apply()
    assert runs.applied() == ["001_a", "002_b"]


def test_a_lost_lock_stops_a_run_without_transactions(runs: Runs) -> None:
    """Before the next statement; the one before it is complete, and recorded as that."""
    runs.write("001_a", "-- sqlmig: no-transaction\nCREATE TABLE a (x int);\nCREATE TABLE b (x int);")

    def cut(event: object) -> None:
        if isinstance(event, StatementDone):
            waiting = "FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
            runs.database.rows(f"SELECT pg_terminate_backend(pid) {waiting}")
            until(lambda: not runs.database.rows(f"SELECT 1 {waiting}"), "the end of the lock's backend")

    runs.listener = cut
    runs.fails(ConnectionLost)
    assert runs.exists("a", "b") == [True, False]
    runs.listener = silent
    runs.apply()
    assert runs.exists("a", "b") == [True, True]
    assert runs.applied() == ["001_a"]
