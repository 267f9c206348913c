"""What hurts users of migration runners most, played through with the command itself, in real time."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.support.database import Database
from tests.support.processes import until
from tests.support.project import Outcome, Project

SLEEPING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"


@pytest.fixture
def table(database: Database) -> None:
    database.execute("CREATE TABLE t (x int); INSERT INTO t VALUES (1)")


WAITING = (
    "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 't'::regclass"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@pytest.mark.usefixtures("table")
def test_a_waiting_alter_does_not_stop_others(project: Project, database: Database) -> None:
    """Readers wait for a lock_timeout at most; what stands in the way is shown, and once it is gone, all is done."""
    project.write("001_a.up.sql", "CREATE TABLE a (x int);\nALTER TABLE t ADD COLUMN y int;")

    def stopped() -> Outcome | None:
        """None where this machine was too slow to look who blocks while that still did."""
        outcome = project.run("apply")
        assert outcome.exit_code == 1
        return outcome if "blocked by" in outcome.stderr else None

    with database.connect(autocommit=False) as holder:
        holder.execute("SELECT x, 'report' FROM t")
        project.write_config('lock_timeout = "300ms"\nlock_retries = 2\n')
        outcome = until(stopped, "an apply that told who blocks")
        assert "55P03" in outcome.stderr
        assert f"pid {holder.info.backend_pid}" in outcome.stderr
        assert "SELECT x, 'report' FROM t" in outcome.stderr
        assert database.rows("SELECT to_regclass('a')") == [(None,)]
        project.write_config('lock_timeout = "300ms"\nlock_retries = 1000\n')
        with project.spawn("apply") as process, database.connect() as reader:
            reader.execute("SET lock_timeout = '60s'")
            for _ in range(2):
                until(lambda: database.rows(WAITING), "an attempt")
                assert reader.execute("SELECT count(*) FROM t").fetchall() == [(1,)]
            assert process.poll() is None
            holder.rollback()
            assert process.wait(120) == 0
    assert database.rows("SELECT version FROM sqlmig.migration") == [(1,)]


def test_a_lock_that_is_held_for_long(project: Project, database: Database) -> None:
    """The wait ends when it should, with an exit code of its own, and names who holds the lock."""
    project.write("001_a.up.sql", "SELECT pg_sleep(600)")
    with project.spawn("apply") as process:
        ((pid,),) = until(lambda: database.rows(SLEEPING), "the sleeper")
        begun = time.monotonic()
        outcome = project.run("apply", "--lock-wait", "1s")
        assert time.monotonic() - begun >= 1
        assert database.rows(SLEEPING) == [(pid,)]
        assert outcome.exit_code == 4
        assert "pid " in outcome.stderr
        assert "sqlmig" in outcome.stderr
        database.rows(f"SELECT pg_cancel_backend({pid})")
        assert process.wait(60) == 1
    assert database.rows("SELECT version FROM sqlmig.migration") == []


@pytest.mark.parametrize("header", ["", "-- sqlmig: no-transaction\n"])
def test_the_holder_is_killed(project: Project, database: Database, header: str) -> None:
    """The next apply goes on within seconds, without any unlocking, though the killed one had ten minutes to go."""
    project.write("001_a.up.sql", f"{header}CREATE TABLE a (x int);\nSELECT pg_sleep(600);")
    with project.spawn("apply") as process:
        ((pid,),) = until(lambda: database.rows(SLEEPING), "the sleeper")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    project.write("001_a.up.sql", f"{header}CREATE TABLE a (x int);\nSELECT pg_sleep(0);")
    if database.value("SELECT current_setting('server_version_num')::int") < 140000:
        outcome = project.run("apply", "--lock-wait", "1s")
        assert outcome.exit_code == 4
        assert f"pid {pid}" in outcome.stderr
        database.rows(f"SELECT pg_terminate_backend({pid})")
    outcome = project.run("apply")
    assert outcome.exit_code == 0, outcome
    assert database.rows("SELECT version FROM sqlmig.migration WHERE progress = 'done'") == [(1,)]
