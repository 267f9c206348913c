"""The history's tables are on their way while the first message is made: nothing is run before they are there."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from sqlmig.errors import ConnectionLost, FileError, MissingPrivilege
from sqlmig.events import Event, RunStarted, StepStarted
from tests.support.database import Database
from tests.support.processes import until
from tests.support.project import Project
from tests.support.runner import Runs, outcomes

WAITING = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    " AND query LIKE '%CREATE SCHEMA%'"
)
SCRIPTS = {
    "in a transaction": "CREATE TABLE a (x int)",
    "without": "-- sqlmig: no-transaction\nCREATE TABLE a (x int);\nCREATE INDEX CONCURRENTLY i ON a (x);",
    "longer than a message": "CREATE TABLE a (x int);\n" + "INSERT INTO a VALUES (1);\n" * 2000,
    "data": "CREATE TABLE a (x int);\nCOPY a FROM stdin;\n1\n\\.\n",
}


@pytest.fixture
def runs(project: Project) -> Runs:
    return Runs(project)


@contextmanager
def while_they_wait(database: Database, act: Callable[[int], object]) -> Iterator[None]:
    """Keep the tables from being made; once that waits, do something about it, given the backend."""
    with database.connect(autocommit=False) as other:
        other.execute("CREATE SCHEMA sqlmig")

        def once_it_waits() -> None:
            (row,) = until(lambda: database.rows(WAITING), "the history to wait")
            act(row[0])

        thread = threading.Thread(target=once_it_waits)
        thread.start()
        yield
        thread.join()
        other.rollback()


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_nothing_runs_where_there_can_be_no_history(project: Project, database: Database, script: str) -> None:
    """The error is the database's refusal, not one of the first migration's."""
    database.execute(
        f'REVOKE CREATE ON DATABASE "{database.name}" FROM PUBLIC; GRANT CREATE ON SCHEMA public TO PUBLIC'
    )
    runs = Runs(project, url=database.url_as(database.role("writer")), message_size="10kB")
    runs.write("001_a", script)
    runs.write("002_b", "CREATE TABLE b (x int)")
    error = runs.fails(MissingPrivilege)
    assert str(error.next_step).startswith("GRANT CREATE ON DATABASE")
    assert error.result is None or outcomes(error) == ["not_run", "not_run"]
    assert runs.told(StepStarted) == []
    assert runs.exists("a", "b", "sqlmig.migration") == [False, False, False]
    database.execute(str(error.next_step))
    runs.apply()
    assert runs.applied() == ["001_a", "002_b"]


def test_nothing_runs_where_the_connection_is_lost_before(runs: Runs) -> None:
    runs.write("001_a", "CREATE TABLE a (x int)")
    database = runs.database
    with while_they_wait(database, lambda pid: database.rows(f"SELECT pg_terminate_backend({pid})")):
        error = runs.fails(ConnectionLost)
    assert error.result is None or outcomes(error) == ["not_run"]
    assert runs.exists("a", "sqlmig.migration") == [False, False]
    runs.apply()
    assert runs.applied() == ["001_a"]


def test_ctrl_c_before_there_is_a_history(runs: Runs) -> None:
    """Nothing was begun, and nothing stays."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    with while_they_wait(runs.database, lambda _: os.kill(os.getpid(), signal.SIGINT)):
        runs.fails(KeyboardInterrupt)
    assert runs.exists("a", "sqlmig.migration") == [False, False]
    runs.apply()
    assert runs.applied() == ["001_a"]


def test_what_goes_wrong_meanwhile_is_logged(runs: Runs) -> None:
    """The tables are waited for, and not given up, where a long file is not what it was any more."""
    runs.write("001_a", "CREATE TABLE a (x int);\n" + "INSERT INTO a VALUES (1);\n" * 50_000)

    def change(event: Event) -> None:
        if isinstance(event, RunStarted):
            runs.write("001_a", "CREATE TABLE b (x int)")

    runs.listener = change
    error = runs.fails(FileError)
    assert outcomes(error) == ["failed"]
    assert runs.logged() == [("failure", "001_a")]
    assert runs.exists("a", "b") == [False, False]
