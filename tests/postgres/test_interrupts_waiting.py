"""Ctrl-C and SIGTERM while sqlmig waits, for a server, for the lock, or for its next attempt."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from sqlmig.database import connect
from sqlmig.events import silent
from sqlmig.lock import RunnerLock
from tests.support.database import Database
from tests.support.processes import until
from tests.support.project import Project
from tests.support.runner import Runs

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


@pytest.fixture
def runs(project: Project) -> Runs:
    return Runs(project)


def ended(process: subprocess.Popen[str], number: int, code: int) -> str:
    """Send the signal; what the command said, which did not wait for more, and ended calmly, with its exit code."""
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "Traceback" not in said
    return said


@pytest.fixture
def unanswered() -> Iterator[str]:
    """The URL of a server that is not up."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"postgresql://postgres@127.0.0.1:{reserved.getsockname()[1]}/x"


def our_backends(database: Database) -> int:
    """Backends of sqlmig's on this database."""
    ours = "datname = current_database() AND application_name = 'sqlmig'"
    return int(database.value(f"SELECT count(*) FROM pg_stat_activity WHERE {ours}"))


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_while_it_waits_for_a_server(runs: Runs, unanswered: str, number: int, code: int) -> None:
    """Nothing was begun, so nothing is told but that."""
    with runs.project.spawn("apply", "--wait", "10min", "--url", unanswered) as process:
        assert process.stderr is not None
        assert "waiting" in process.stderr.readline()
        ended(process, number, code)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_while_it_waits_for_the_lock(runs: Runs, number: int, code: int) -> None:
    """The lock stays whose it is, and nothing ran."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    lock = RunnerLock(connect(runs.url, listener=silent), "sqlmig")
    lock.acquire(0, silent)
    with runs.project.spawn("apply", "--lock-wait", "10min") as process:
        assert process.stderr is not None
        assert "another runner holds the lock" in process.stderr.readline()
        ended(process, number, code)
    until(lambda: our_backends(runs.database) == 1, "the end of the other backends")
    assert runs.exists("a", "sqlmig.migration") == [False, False]
    lock.check()
    lock.release()


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_while_it_waits_for_its_next_attempt(runs: Runs, number: int, code: int) -> None:
    """What was applied before is told, and that nothing stays of what was tried."""
    runs.project.write_config('lock_timeout = "50ms"\nlock_retries = 50\n')
    runs.database.execute("CREATE TABLE t (x int)")
    runs.write("001_a", "CREATE TABLE a (x int)")
    runs.write("002_b", "CREATE TABLE b (x int);\nALTER TABLE t ADD y int;")
    with runs.database.connect(autocommit=False) as holder:
        holder.execute("SELECT * FROM t")
        with runs.project.spawn("apply") as process:
            assert process.stderr is not None
            assert "attempt 2 of 50" in process.stderr.readline()
            assert "001_a" in ended(process, number, code)
    until(lambda: our_backends(runs.database) == 0, "the end of all backends")
    assert runs.applied() == ["001_a"]
    assert runs.exists("a", "b") == [True, False]
