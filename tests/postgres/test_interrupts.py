"""Ctrl-C, SIGTERM, a killed process, an ended backend: cancelled at once, rolled back, and told truthfully."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sqlmig.errors import ConnectionLost, Interrupted, LockHeld, StatementFailed, Terminated
from sqlmig.events import Event, StatementDone, StepDone, StepStarted, silent
from tests.support.database import Database
from tests.support.processes import until
from tests.support.project import Project
from tests.support.runner import UNWATCHED, UNWATCHED_SLEEP, Runs, outcomes

HEADER = "-- sqlmig: no-transaction\n"


@pytest.fixture
def runs(project: Project) -> Runs:
    return Runs(project)


def sleeping(database: Database) -> list[int]:
    """The backends of this database that sleep."""
    rows = database.rows(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    )
    return [pid for (pid,) in rows]


def backends(database: Database) -> int:
    """Backends of sqlmig's that are still there."""
    return int(
        database.value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'sqlmig'"
        )
    )


@contextmanager
def once_it_sleeps(database: Database, action: str) -> Iterator[None]:
    """Do something as soon as a backend sleeps: ``SIGINT`` to ourselves, or SQL about ``{pid}``."""

    def act() -> None:
        (pid,) = until(lambda: sleeping(database), "a backend that sleeps")
        if action == "SIGINT":
            os.kill(os.getpid(), signal.SIGINT)
        else:
            database.rows(action.format(pid=pid))

    thread = threading.Thread(target=act)
    thread.start()
    yield
    thread.join()


def test_ctrl_c_cancels_and_rolls_back(runs: Runs) -> None:
    """What ran before is kept, what runs is undone, and no backend is left."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    runs.write("002_b", "CREATE TABLE b (x int);\nSELECT pg_sleep(600);")
    runs.write("003_c", "CREATE TABLE c (x int)")
    with once_it_sleeps(runs.database, "SIGINT"):
        error = runs.fails(Interrupted)
    assert error.exit_code == 130
    assert outcomes(error) == ["applied", "failed", "not_run"]
    assert "001_a" in (error.left_behind or "")
    assert runs.applied() == ["001_a"]
    assert runs.exists("a", "b", "c") == [True, False, False]
    assert until(lambda: backends(runs.database) == 0, "the end of all backends")
    runs.write("002_b", "CREATE TABLE b (x int)")
    runs.apply()
    assert runs.applied() == ["001_a", "002_b", "003_c"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_the_command(runs: Runs, number: int, code: int) -> None:
    """With their exit codes, and nothing of the migration stays."""
    runs.write("001_a", "CREATE TABLE a (x int); SELECT pg_sleep(600);")
    with runs.project.spawn("apply") as process:
        until(lambda: sleeping(runs.database), "the migration")
        os.kill(process.pid, number)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == code, stderr
    assert "Traceback" not in stderr
    assert until(lambda: backends(runs.database) == 0, "the end of all backends")
    assert runs.applied() == []
    assert runs.exists("a") == [False]


@pytest.mark.parametrize("kind", [StepStarted, StatementDone, StepDone])
@pytest.mark.parametrize("cause", [KeyboardInterrupt, Terminated])
def test_an_interrupt_between_two_replies(
    runs: Runs, kind: type[StepStarted | StatementDone | StepDone], cause: type[KeyboardInterrupt]
) -> None:
    """Wherever it comes, the result agrees with the history, and the next apply completes the work."""
    for number in range(1, 6):
        runs.write(f"00{number}_m", f"CREATE TABLE t{number} (x int);\nINSERT INTO t{number} VALUES (1);")

    def interrupt(event: Event) -> None:
        if isinstance(event, kind) and event.step.version == 3:
            raise cause

    runs.listener = interrupt
    error = runs.fails(Interrupted)
    assert error.exit_code == (143 if cause is Terminated else 130)
    applied = runs.applied()
    assert outcomes(error).count("applied") == len(applied)
    assert applied[:2] == ["001_m", "002_m"]
    assert until(lambda: backends(runs.database) == 0, "the end of all backends")
    runs.listener = silent
    runs.apply()
    assert runs.applied() == [f"00{number}_m" for number in range(1, 6)]


def test_an_interrupt_in_copy(runs: Runs) -> None:
    """The data sent so far leave nothing."""
    runs.write("001_a", "CREATE TABLE a (x int);")
    runs.write(
        "002_b",
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(600); RETURN NEW; END';\n"
        "CREATE TRIGGER slow BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION slow();\n"
        "COPY a FROM STDIN;\n1\n2\n\\.\n",
    )
    with once_it_sleeps(runs.database, "SIGINT"):
        error = runs.fails(Interrupted)
    assert outcomes(error) == ["applied", "failed"]
    assert runs.database.rows("SELECT * FROM a") == []
    assert runs.applied() == ["001_a"]


def test_ctrl_c_without_a_transaction(runs: Runs) -> None:
    """The statement is recorded as cancelled, and it is the next to run."""
    runs.write("001_a", f"{HEADER}CREATE TABLE a (x int);\nSELECT pg_sleep(600);\nINSERT INTO a VALUES (1);")
    with once_it_sleeps(runs.database, "SIGINT"):
        error = runs.fails(Interrupted)
    assert "stopped at statement 2/3" in (error.left_behind or "")
    assert runs.states() == {"001_a": "failed"}
    runs.write("001_a", f"{HEADER}CREATE TABLE a (x int);\nSELECT pg_sleep(0);\nINSERT INTO a VALUES (1);")
    runs.apply()
    assert runs.database.value("SELECT count(*) FROM a") == 1
    assert runs.applied() == ["001_a"]


def test_an_interrupt_between_statements_without_a_transaction(runs: Runs) -> None:
    """What completed is known to be complete: nothing to decide."""
    runs.write("001_a", f"{HEADER}CREATE TABLE a (x int);\nINSERT INTO a VALUES (1);\nINSERT INTO a VALUES (2);")

    def interrupt(event: Event) -> None:
        if isinstance(event, StatementDone) and event.number == 2:
            raise KeyboardInterrupt

    runs.listener = interrupt
    runs.fails(Interrupted)
    runs.listener = silent
    runs.apply()
    assert runs.database.rows("SELECT x FROM a ORDER BY x") == [(1,), (2,)]
    assert runs.applied() == ["001_a"]


def test_a_process_killed_inside_a_statement(runs: Runs) -> None:
    """It had no effect, since it commits with its record: the next apply goes on with it."""
    runs.write("001_a", f"{HEADER}CREATE TABLE a (x int);\nINSERT INTO a SELECT 1 FROM {UNWATCHED_SLEEP};\nSELECT 1;")
    with runs.process() as process:
        (pid,) = until(lambda: sleeping(runs.database), "the second statement")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    problem = runs.status().migrations[0].problem
    assert problem is not None
    assert "interrupted at statement 2/3" in problem.message
    running = runs.fails(LockHeld, lambda: runs.apply(lock_wait=0))
    assert f"pid {pid}" in str(running)
    runs.database.rows(f"SELECT pg_terminate_backend({pid})")
    runs.write("001_a", f"{HEADER}CREATE TABLE a (x int);\nINSERT INTO a SELECT 1 FROM pg_sleep(0);\nSELECT 1;")
    runs.apply()
    assert runs.database.value("SELECT count(*) FROM a") == 1


def test_a_process_killed_inside_an_index_build(runs: Runs) -> None:
    """The next apply does not begin beside what still builds, and leaves a valid index."""
    runs.database.execute("CREATE TABLE t AS SELECT 1 AS x")
    runs.write("001_a", f"{HEADER}{UNWATCHED};\nCREATE INDEX CONCURRENTLY i ON t (x);\nINSERT INTO t VALUES (2);")
    old = runs.database.connect(autocommit=False)
    old.execute("INSERT INTO t VALUES (3)")
    with runs.process() as process:
        waiting = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONC%' AND wait_event_type = 'Lock'"
        ((pid,),) = until(
            lambda: runs.database.rows(f"{waiting} AND datname = current_database()"), "the build that waits"
        )
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert f"pid {pid}" in str(runs.fails(LockHeld, lambda: runs.apply(lock_wait=0)))
    old.close()
    runs.apply()
    assert runs.applied() == ["001_a"]
    assert runs.database.rows("SELECT indisvalid FROM pg_index WHERE indrelid = 't'::regclass") == [(True,)]
    assert runs.database.value("SELECT count(*) FROM t WHERE x = 2") == 1


def test_the_working_backend_is_terminated(runs: Runs) -> None:
    """One error with the first cause; nothing of the migration stays, and the next apply works."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    runs.write("002_b", "CREATE TABLE b (x int); SELECT pg_sleep(600);")
    with once_it_sleeps(runs.database, "SELECT pg_terminate_backend({pid})"):
        error = runs.fails(ConnectionLost)
    assert error.exit_code == 5
    assert "terminating connection due to administrator command" in error.message
    assert outcomes(error) == ["applied", "failed"]
    assert "001_a" in (error.left_behind or "")
    assert runs.applied() == ["001_a"]
    runs.write("002_b", "CREATE TABLE b (x int)")
    runs.apply()
    assert runs.applied() == ["001_a", "002_b"]


def test_the_working_backend_is_terminated_without_a_transaction(runs: Runs) -> None:
    """Those before the statement are told to stay; it had no effect, and is run again."""
    runs.write("001_a", f"{HEADER}CREATE TABLE a (x int);\nSELECT pg_sleep(600);")
    with once_it_sleeps(runs.database, "SELECT pg_terminate_backend({pid})"):
        error = runs.fails(ConnectionLost)
    assert "stopped at statement 2/2" in (error.left_behind or "")
    runs.write("001_a", f"{HEADER}CREATE TABLE a (x int);\nSELECT pg_sleep(0);")
    runs.apply()
    assert runs.applied() == ["001_a"]


def test_a_cancelled_statement_is_a_failure(runs: Runs) -> None:
    """Somebody's pg_cancel_backend is an error of the statement."""
    runs.write("001_a", "SELECT pg_sleep(600)")
    with once_it_sleeps(runs.database, "SELECT pg_cancel_backend({pid})"):
        error = runs.fails(StatementFailed)
    assert error.server is not None
    assert error.server.sqlstate == "57014"
