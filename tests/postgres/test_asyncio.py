"""The form for asyncio: the loop goes on, and a cancelled task leaves the truth."""

from __future__ import annotations

import asyncio
import socket
import statistics
import time
from collections.abc import Coroutine
from typing import Any

import psycopg
import pytest

import sqlmig
from tests.support.database import Database
from tests.support.processes import until
from tests.support.project import Project

SLEEPING = [
    sqlmig.Migration.from_text("001_a", "CREATE TABLE a ();", "DROP TABLE a;"),
    sqlmig.Migration.from_text("002_b", "CREATE TABLE b ();\nSELECT pg_sleep(600);"),
]
LATE = 0.1
"""Seconds: what the loop may usually be late by, and work at once, on a machine that does much else."""


def within_seconds(work: Coroutine[Any, Any, Any], seconds: float = 120) -> Any:
    async def limited() -> Any:
        async with asyncio.timeout(seconds):
            return await work

    return asyncio.run(limited())


@pytest.fixture(autouse=True)
def _nothing_else(offline_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(offline_project.folder)
    for name in ("SQLMIG_URL", "SQLMIG_ENV"):
        monkeypatch.delenv(name, raising=False)


async def stuck(database: Database, wait: str = "PgSleep") -> None:
    """Wait until a backend waits for something of this type or name: it sleeps, or meets a lock."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        f" AND '{wait}' IN (wait_event, wait_event_type)"
    )
    while not await asyncio.to_thread(database.value, query):
        await asyncio.sleep(0.01)


async def latencies(until: asyncio.Event) -> tuple[list[float], list[float]]:
    """The times by which the loop was late meanwhile, and the times of its own work between two of them."""
    late, worked = [], []
    while not until.is_set():
        begun, idle = time.perf_counter(), time.thread_time()
        await asyncio.sleep(0.005)
        late.append(time.perf_counter() - begun - 0.005)
        worked.append(time.thread_time() - idle)
    return late, worked


def test_each_method_is_awaited(database: Database) -> None:
    """They return what those of Project return."""

    async def work() -> None:
        project = sqlmig.AsyncProject(url=database.url, migrations=SLEEPING[:1])
        assert len((await project.plan()).steps) == 1
        assert (await project.check()).exit_code == 3
        assert [step.outcome for step in (await project.apply()).steps] == [sqlmig.Outcome.APPLIED]
        assert [str(standing.state) for standing in (await project.status()).migrations] == ["applied"]
        assert len((await project.redo()).steps) == 2
        assert [step.outcome for step in (await project.rollback()).steps] == [sqlmig.Outcome.ROLLED_BACK]
        assert (await project.baseline(1)).recorded[0].version == 1
        assert [entry.event for entry in (await project.history(1)).entries] == ["baseline"]
        with pytest.raises(sqlmig.UsageError):
            await project.apply(sqlmig.Apply(to=7))

    within_seconds(work())


def test_the_listener_is_called_in_the_loop(database: Database) -> None:
    """In order, and all of it before the method returns."""
    told: list[sqlmig.Event] = []

    async def work() -> list[str]:
        loop = asyncio.get_running_loop()

        def listen(event: sqlmig.Event) -> None:
            assert asyncio.get_running_loop() is loop
            told.append(event)

        await sqlmig.AsyncProject(url=database.url, migrations=SLEEPING[:1], listener=listen).apply()
        return [type(event).__name__ for event in told]

    assert within_seconds(work()) == ["RunStarted", "StepStarted", "StatementDone", "StepDone"]


def test_a_hundred_tasks_do_not_block_the_loop(database: Database) -> None:
    """They start at once; one of them applies everything, the others find nothing to do, and the loop goes on.

    While one waits for a lock, and the others for that one, only the loop can take the lock away.
    """
    made = [
        sqlmig.Migration.from_text(f"{number:03}_t", f"CREATE TABLE t{number} ();\n" + "SELECT 1;\n" * 200)
        for number in range(2, 51)
    ]
    waiting = sqlmig.Migration.from_text("001_w", "-- sqlmig: lock_timeout = 1h\nLOCK TABLE gate;")
    database.execute("CREATE TABLE gate ()")

    async def work(blocker: psycopg.Connection[Any]) -> tuple[list[int], tuple[list[float], list[float]]]:
        project = sqlmig.AsyncProject(url=database.url, migrations=[waiting, *made])
        done = asyncio.Event()
        probe = asyncio.create_task(latencies(done))
        tasks = [asyncio.create_task(project.apply(lock_wait=600)) for _ in range(100)]
        await stuck(database, "Lock")
        blocker.execute("ROLLBACK")
        results = await asyncio.gather(*tasks)
        done.set()
        return [len(result.steps) for result in results], await probe

    with database.connect() as blocker:
        blocker.execute("BEGIN; LOCK TABLE gate")
        steps, (late, worked) = within_seconds(work(blocker))
    assert sorted(steps)[-1] == 50
    assert sum(steps) == 50
    assert database.value("SELECT count(*) FROM sqlmig.migration") == 50
    assert statistics.median(late) < LATE
    assert max(worked) < LATE


def test_cancelling_cancels_the_statement(database: Database) -> None:
    """At once; what was committed stays, what was running is rolled back, and the cause tells which is which."""

    async def work() -> BaseException | None:
        project = sqlmig.AsyncProject(url=database.url, migrations=SLEEPING)
        task = asyncio.create_task(project.apply())
        await stuck(database)
        task.cancel()
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        return caught.value.__cause__

    cause = within_seconds(work())
    assert isinstance(cause, sqlmig.Interrupted)
    assert cause.left_behind == "1 of 2 steps are done, the last is 001_a; the rest did not happen"
    assert database.value("SELECT count(*) FROM sqlmig.migration") == 1
    busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    until(lambda: database.value(busy) == 0, "the end of every session of ours")


def test_a_timeout_is_a_timeout(database: Database) -> None:
    """``asyncio.timeout`` raises its own error, with the same cause behind it."""

    async def work() -> None:
        project = sqlmig.AsyncProject(url=database.url, migrations=SLEEPING[1:])

        async def run_out(limit: asyncio.Timeout) -> None:
            await stuck(database)
            limit.reschedule(asyncio.get_running_loop().time())

        async def limited() -> None:
            async with asyncio.timeout(None) as limit, asyncio.TaskGroup() as beside:
                beside.create_task(run_out(limit))
                await project.apply()

        with pytest.raises(TimeoutError) as caught:
            await limited()
        cancelled = (
            caught.value.__cause__ or caught.value.__context__
        )  # early versions of Python 3.11 give the context alone
        assert isinstance(cancelled, asyncio.CancelledError)
        assert isinstance(cancelled.__cause__, sqlmig.Interrupted)

    within_seconds(work())
    assert database.value("SELECT to_regclass('b') IS NULL")


@pytest.mark.parametrize(
    ("script", "wait"),
    [
        ("-- sqlmig: no-transaction\nSELECT pg_sleep(600);", "PgSleep"),
        ("-- sqlmig: lock_timeout = 1h\nCOPY locked FROM STDIN;\n1\n\\.\n", "Lock"),
        ("-- sqlmig: lock_timeout = 1h\nALTER TABLE locked ADD COLUMN b int;", "Lock"),
    ],
    ids=["no transaction", "COPY", "a lock"],
)
def test_whatever_runs_is_cancelled(database: Database, script: str, wait: str) -> None:
    """A statement on its own, a COPY with its data, one that waits for a lock."""
    database.execute("CREATE TABLE locked (a int)")

    async def work(blocker: psycopg.Connection[Any]) -> None:
        blocker.execute("BEGIN; LOCK TABLE locked")
        made = [sqlmig.Migration.from_text("001_x", script)]
        task = asyncio.create_task(sqlmig.AsyncProject(url=database.url, migrations=made).apply())
        await stuck(database, wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert isinstance(caught.value.__cause__, sqlmig.Interrupted)
        blocker.execute("ROLLBACK")

    with database.connect() as blocker:
        within_seconds(work(blocker))
    assert database.rows("SELECT * FROM locked") == []


def test_who_waits_can_be_cancelled(database: Database) -> None:
    """For another runner, for its turn behind other tasks, for a server: nothing has happened then."""

    async def work() -> None:
        waiting: asyncio.Queue[str] = asyncio.Queue()

        def listen(event: sqlmig.Event) -> None:
            if isinstance(event, sqlmig.Waiting):
                waiting.put_nowait(event.reason)

        project = sqlmig.AsyncProject(url=database.url, migrations=SLEEPING, listener=listen)
        first = asyncio.create_task(project.apply())
        await stuck(database)
        others = [asyncio.create_task(project.apply(lock_wait=600)) for _ in range(10)]
        absent = sqlmig.AsyncProject(url="postgresql://127.0.0.1:1/none", migrations=SLEEPING, listener=listen)
        others.append(asyncio.create_task(absent.apply(wait=600)))
        reasons = ""
        while "another runner" not in reasons or "refused" not in reasons:
            reasons += await waiting.get()
        for task in others:
            task.cancel()
        results = await asyncio.gather(*others, return_exceptions=True)
        assert {type(result) for result in results} == {asyncio.CancelledError}
        assert not first.done()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first

    within_seconds(work())
    assert database.value("SELECT count(*) FROM sqlmig.migration") == 1


def test_who_connects_can_be_cancelled() -> None:
    """A server that takes connections and never says a word is not waited for."""

    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"postgresql://127.0.0.1:{silent.getsockname()[1]}/none?sslmode=disable&gssencmode=disable"
            task = asyncio.create_task(sqlmig.AsyncProject(url=url, migrations=SLEEPING).status())
            accepted, _ = await asyncio.to_thread(silent.accept)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            accepted.close()

    within_seconds(work())


def test_a_connection_of_the_callers_is_used_by_one_at_a_time(database: Database) -> None:
    """Tasks that share one take turns, and it is given back whole when one of them is cancelled."""

    async def work(connection: psycopg.Connection[Any]) -> None:
        project = sqlmig.AsyncProject(connection=connection, migrations=SLEEPING[:1])
        await asyncio.gather(*(project.apply() for _ in range(5)))
        task = asyncio.create_task(sqlmig.AsyncProject(connection=connection, migrations=SLEEPING).apply())
        await stuck(database)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with psycopg.connect(database.url, application_name="mine") as connection:
        connection.execute("SET lock_timeout = '4321ms'")
        connection.commit()
        within_seconds(work(connection))
        assert connection.execute("SHOW lock_timeout").fetchone() == ("4321ms",)
        assert connection.execute("SELECT to_regclass('a') IS NOT NULL, to_regclass('b')").fetchone() == (True, None)
