"""A table that others use: a short wait, the whole migration again, and who stands in the way."""

from __future__ import annotations

import re

import pytest

from sqlmig.errors import StatementFailed
from sqlmig.events import Event, Retrying
from tests.support.processes import until
from tests.support.project import Project
from tests.support.runner import Runs, outcomes, place


@pytest.fixture
def runs(project: Project, monkeypatch: pytest.MonkeyPatch) -> Runs:
    runs = Runs(project, lock_timeout="100ms", lock_retries=2)
    runs.database.execute("CREATE TABLE t (x int); INSERT INTO t VALUES (1)")
    monkeypatch.setattr("sqlmig.stopping.pause", lambda seconds: None)
    return runs


def test_a_lock_that_is_not_given_up(runs: Runs) -> None:
    """Tried again as often as configured, then a failure that names the blocker; nothing of the migration stays."""

    def last_attempt() -> StatementFailed | None:
        """None where this machine was too slow to look who blocks while that still did."""
        runs.events.clear()
        runs.database.execute("DROP SCHEMA IF EXISTS sqlmig CASCADE; DROP TABLE IF EXISTS a")
        error = runs.fails(StatementFailed)
        return error if error.notes else None

    runs.write("001_a", "CREATE TABLE a (x int)")
    runs.write("002_b", "CREATE TABLE b (x int);\nALTER TABLE t ADD y int;")
    with runs.database.connect(autocommit=False) as other:
        other.execute("SET application_name = 'nightly report'")
        other.execute("SELECT x, 'secret parameters are not shown'  FROM t")
        pid = other.info.backend_pid
        error = until(last_attempt, "an attempt that told who blocks")
    assert place(error) == ("002_b.up.sql", 2, 1)
    assert error.server is not None
    assert error.server.sqlstate == "55P03"
    assert outcomes(error) == ["applied", "failed"]
    assert [(event.attempt, event.attempts) for event in runs.told(Retrying)] == [(1, 2), (2, 2)]
    (note,) = error.notes
    assert f"pid {pid}" in note
    assert "nightly report" in note
    assert "idle in transaction" in note
    assert "SELECT x" in note
    assert re.search(r"transaction \d+ s old", note)
    assert runs.exists("a", "b") == [True, False]
    assert runs.logged()[-1] == ("failure", "002_b")


def test_a_lock_that_is_given_up_meanwhile(runs: Runs) -> None:
    """The whole migration runs again, and what is behind it too."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    runs.write("002_b", "CREATE TABLE b (x int);\nALTER TABLE t ADD y int;")
    runs.write("003_c", "CREATE TABLE c (x int)")
    other = runs.database.connect(autocommit=False)
    other.execute("SELECT * FROM t")

    def let_go(event: Event) -> None:
        if isinstance(event, Retrying) and event.attempt == 2:
            assert str(event.step) == "002_b"
            other.rollback()

    runs.listener = let_go
    runs.apply()
    other.close()
    assert runs.applied() == ["001_a", "002_b", "003_c"]
    assert runs.database.value("SELECT count(*) FROM sqlmig.event") == 3


def test_others_read_while_we_wait(runs: Runs) -> None:
    """Between two attempts nothing is queued before a reader."""
    runs.write("001_a", "ALTER TABLE t ADD y int")
    read = []

    def look(event: Event) -> None:
        if isinstance(event, Retrying):
            with runs.database.connect() as reader:
                reader.execute("SET lock_timeout = '10s'")
                read.append(reader.execute("SELECT count(*) FROM t").fetchone())

    runs.listener = look
    with runs.database.connect(autocommit=False) as other:
        other.execute("SELECT * FROM t")
        runs.fails(StatementFailed)
    assert read == [(1,), (1,)]


def test_a_deadlock_is_tried_again(runs: Runs) -> None:
    """Its victim may be us; the second time there is nobody to meet."""
    runs.configure(lock_timeout="60s", lock_retries=2)
    runs.database.execute("CREATE TABLE u (x int)")
    runs.write("001_a", "SET LOCAL deadlock_timeout = '10ms'; LOCK TABLE t; LOCK TABLE u;")
    runs.write(
        "002_b",
        "CREATE FUNCTION fail() RETURNS void LANGUAGE plpgsql AS $$BEGIN "
        "IF (SELECT count(*) FROM t) = 1 THEN RAISE 'so' USING ERRCODE = '40P01'; END IF; END$$",
    )
    runs.write("003_c", "SELECT fail()")

    def cure(event: Event) -> None:
        if isinstance(event, Retrying):
            runs.database.execute("DELETE FROM t")

    runs.listener = cure
    runs.apply()
    assert [str(event.step) for event in runs.told(Retrying)] == ["003_c"]
    assert runs.applied() == ["001_a", "002_b", "003_c"]


def test_the_header_decides(runs: Runs) -> None:
    """A migration's own lock_timeout counts before the configuration's, for it alone."""
    probe = "CREATE TABLE {} AS SELECT current_setting('lock_timeout') AS l, current_setting('statement_timeout') AS s"
    runs.configure(lock_timeout="7s", statement_timeout="50s")
    runs.write("001_a", "-- sqlmig: lock_timeout = 9s\n-- sqlmig: statement_timeout = 30min\n" + probe.format("a"))
    runs.write("002_b", probe.format("b"))
    runs.write("003_c", "-- sqlmig: no-transaction\n" + probe.format("c"))
    runs.write("004_d", "-- sqlmig: no-transaction\n-- sqlmig: lock_timeout = 9s\n" + probe.format("d"))
    runs.apply()
    shown = [runs.database.rows(f"SELECT l, s FROM {table}")[0] for table in "abcd"]
    assert shown == [("9s", "30min"), ("7s", "50s"), ("0", "50s"), ("9s", "50s")]


def test_a_migration_without_a_transaction_is_not_repeated(runs: Runs) -> None:
    """A lock time-out there is a failure at its statement."""
    runs.write(
        "001_a", "-- sqlmig: no-transaction\n-- sqlmig: lock_timeout = 50ms\nSELECT 1;\nALTER TABLE t ADD y int;"
    )
    with runs.database.connect(autocommit=False) as other:
        other.execute("SELECT * FROM t")
        error = runs.fails(StatementFailed)
    assert error.statement == 2
    assert runs.told(Retrying) == []
    runs.apply()
    assert runs.applied() == ["001_a"]


def test_a_rollback_is_tried_again_too(runs: Runs) -> None:
    """The same holds on the way back."""
    runs.write("001_a", "SELECT 1", "DROP TABLE t")
    runs.apply()
    other = runs.database.connect(autocommit=False)
    other.execute("SELECT * FROM t")
    runs.listener = lambda event: other.rollback() if isinstance(event, Retrying) else None
    runs.rollback()
    other.close()
    assert runs.exists("t") == [False]
    assert runs.applied() == []
