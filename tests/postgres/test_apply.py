"""What an apply leaves: statements and history row together, each migration by itself, in the order of versions."""

from __future__ import annotations

import pytest

from sqlmig.errors import CheckFailed, FilesInvalid, StatementFailed, UsageError
from sqlmig.events import RunStarted, StatementDone, StepDone, StepStarted
from sqlmig.plan import Apply
from tests.support.project import Project
from tests.support.runner import Runs, outcomes, steps


@pytest.fixture
def runs(project: Project) -> Runs:
    return Runs(project)


def test_statements_and_history_row_commit_together(runs: Runs) -> None:
    """The row of a migration and its tables have the same transaction id, and no two migrations share one."""
    runs.write("001_a", "CREATE TABLE a (x int);\nINSERT INTO a VALUES (1);")
    runs.write("002_b", "CREATE TABLE b (x int);\nINSERT INTO b VALUES (1);")
    result = runs.apply()
    assert outcomes(result) == ["applied", "applied"]
    rows = runs.database.rows("SELECT xmin::text FROM sqlmig.migration ORDER BY version")
    assert rows == [
        runs.database.rows("SELECT xmin::text FROM a")[0],
        runs.database.rows("SELECT xmin::text FROM b")[0],
    ]
    assert rows[0] != rows[1]
    assert result.batch == 1


def test_events_tell_the_run_in_order(runs: Runs) -> None:
    """Each migration starts, tells each statement with its number, and is done, before the next one starts."""
    runs.write("001_a", "CREATE TABLE a (x int); SELECT 1;")
    runs.write("002_b", "CREATE TABLE b (x int);")
    runs.apply()
    told = [
        (type(event).__name__, str(event.step))
        for event in runs.events
        if isinstance(event, StepStarted | StatementDone | StepDone)
    ]
    assert told == [
        ("StepStarted", "001_a"),
        ("StatementDone", "001_a"),
        ("StatementDone", "001_a"),
        ("StepDone", "001_a"),
        ("StepStarted", "002_b"),
        ("StatementDone", "002_b"),
        ("StepDone", "002_b"),
    ]
    assert isinstance(runs.events[0], RunStarted)
    assert [(event.number, event.total) for event in runs.told(StatementDone)] == [(1, 2), (2, 2), (1, 1)]


def test_versions_run_as_numbers(runs: Runs) -> None:
    """9 stands before 10, and twenty digits are a version like any other."""
    huge = "20261121093000123456"
    for name in ("10_b", "9_a", f"{huge}_c"):
        runs.write(name, f"CREATE TABLE t{name} (x int)")
    runs.apply()
    assert runs.applied() == ["9_a", "10_b", f"{huge}_c"]
    assert runs.status().migrations[-1].version == int(huge)
    assert runs.states()[f"{huge}_c"] == "applied"


def test_nothing_pending_writes_nothing(runs: Runs) -> None:
    """A second apply leaves tables and log as they are, and takes no new transaction id."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    runs.apply()
    runs.events.clear()
    before = runs.database.dump(data=True)
    result = runs.apply()
    assert result.steps == ()
    assert result.batch is None
    assert runs.told(RunStarted) == []
    assert runs.database.dump(data=True) == before


def test_to_and_steps_stop_where_told(runs: Runs) -> None:
    """``to`` is inclusive, ``steps`` counts, ``only`` names one."""
    for number in range(1, 6):
        runs.write(f"00{number}_m", f"CREATE TABLE t{number} (x int)")
    runs.apply(Apply(to=2))
    assert runs.applied() == ["001_m", "002_m"]
    runs.apply(Apply(steps=1))
    assert runs.applied() == ["001_m", "002_m", "003_m"]
    runs.apply(Apply(only="005"))
    assert runs.applied() == ["001_m", "002_m", "003_m", "005_m"]
    with pytest.raises(UsageError):
        runs.apply(Apply(to=7))


def test_out_of_order_is_refused_and_named(runs: Runs) -> None:
    """A pending version below an applied one keeps everything from running until it is allowed."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    runs.write("003_c", "CREATE TABLE c (x int)")
    runs.apply()
    runs.write("002_b", "CREATE TABLE b (x int)")
    runs.write("004_d", "CREATE TABLE d (x int)")
    error = runs.fails(CheckFailed)
    assert "002_b" in error.message
    assert [problem.code for problem in error.problems] == ["out_of_order"]
    assert runs.exists("b", "d") == [False, False]
    runs.apply(Apply(allow_out_of_order=True))
    assert runs.applied() == ["001_a", "003_c", "002_b", "004_d"]


def test_single_transaction_is_all_or_nothing(runs: Runs) -> None:
    """With one transaction around all, the failure of the last leaves nothing of the first."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    runs.write("002_b", "CREATE TABLE b (x int)")
    runs.write("003_c", "SELECT 1/0")
    error = runs.fails(StatementFailed, lambda: runs.apply(single_transaction=True))
    assert runs.exists("a", "b") == [False, False]
    assert runs.applied() == []
    assert outcomes(error) == ["not_run", "not_run", "failed"]
    runs.write("003_c", "SELECT 1/1")
    runs.apply(single_transaction=True)
    assert runs.applied() == ["001_a", "002_b", "003_c"]
    assert len(set(runs.database.rows("SELECT xmin::text FROM sqlmig.migration"))) == 1


def test_single_transaction_cannot_hold_a_non_transactional_one(runs: Runs) -> None:
    """Refused before anything runs."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    runs.write("002_b", "-- sqlmig: no-transaction\nVACUUM")
    runs.fails(UsageError, lambda: runs.apply(single_transaction=True))
    assert runs.exists("a") == [False]


def test_the_file_is_corrected_and_applied_again(runs: Runs) -> None:
    """After a failure no other command is needed."""
    runs.write("001_a", "CREATE TABLE a (x int); SELECT 1/0;")
    runs.fails(StatementFailed)
    assert runs.exists("a") == [False]
    assert runs.applied() == []
    runs.write("001_a", "CREATE TABLE a (x int);")
    runs.apply()
    assert runs.applied() == ["001_a"]


def test_statements_that_cannot_be_in_a_transaction_are_found_before_anything_runs(runs: Runs) -> None:
    """File, line and the header to add; nothing of an earlier migration ran either."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    runs.write("002_b", "CREATE TABLE b (x int);\n\n  VACUUM b;")
    error = runs.fails(FilesInvalid)
    assert error.place is not None
    assert (error.place.line, error.place.column) == (3, 3)
    assert "no-transaction" in (error.next_step or "")
    assert runs.exists("a", "b", "sqlmig.migration") == [False, False, False]


@pytest.mark.parametrize(
    "control", ["COMMIT", "ROLLBACK", "BEGIN", "START TRANSACTION", "END", "ABORT", "COMMIT AND CHAIN"]
)
def test_transaction_control_is_refused_before_anything_runs(runs: Runs, control: str) -> None:
    """At its line and column, and nothing of the file is in the database."""
    runs.write("001_a", f"CREATE TABLE a ();\n/* so */ {control};\nCREATE TABLE b (); SELECT 1/0;")
    error = runs.fails(FilesInvalid)
    assert error.place is not None
    assert (error.place.line, error.place.column) == (2, 10)
    assert runs.exists("a", "b") == [False, False]


def test_savepoints_are_fine(runs: Runs) -> None:
    """A file may use savepoints and roll back to them."""
    runs.write(
        "001_a",
        "CREATE TABLE a (x int);\nSAVEPOINT s;\nINSERT INTO a VALUES (1);\nROLLBACK TO SAVEPOINT s;\n"
        "RELEASE SAVEPOINT s;\nINSERT INTO a VALUES (2);",
    )
    runs.apply()
    assert runs.database.rows("SELECT x FROM a") == [(2,)]


def test_an_enum_value_is_used_by_the_next_migration(runs: Runs) -> None:
    """Each migration commits before the next begins, also when both travel together."""
    runs.write("001_a", "CREATE TYPE mood AS ENUM ('sad')")
    runs.write("002_b", "ALTER TYPE mood ADD VALUE 'happy'")
    runs.write("003_c", "CREATE TABLE m (x mood DEFAULT 'happy'); INSERT INTO m VALUES ('happy')")
    runs.apply()
    assert runs.database.rows("SELECT x::text FROM m") == [("happy",)]


def test_the_first_statement_may_set_the_isolation_level(runs: Runs) -> None:
    """Nothing of ours has taken a snapshot before it."""
    level = "AS SELECT current_setting('transaction_isolation') AS x;"
    runs.write("001_a", f"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nCREATE TABLE a {level}")
    runs.write("002_b", f"CREATE TABLE b {level}")
    runs.apply()
    assert runs.database.rows("SELECT x FROM a UNION ALL SELECT x FROM b") == [("serializable",), ("read committed",)]


def test_a_dry_run_is_the_plan(runs: Runs) -> None:
    """Nothing is created, not even the history."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    result = runs.apply(dry_run=True)
    assert result.dry_run
    assert outcomes(result) == ["planned"]
    assert runs.exists("a", "sqlmig.migration") == [False, False]


def test_batches_count_runs(runs: Runs) -> None:
    """One number for each run that applied something."""
    runs.write("001_a", "SELECT 1")
    runs.write("002_b", "SELECT 1")
    assert runs.apply().batch == 1
    runs.apply()
    runs.write("003_c", "SELECT 1")
    assert runs.apply().batch == 2
    assert runs.database.rows("SELECT batch FROM sqlmig.migration ORDER BY version") == [(1,), (1,), (2,)]
    assert steps(runs.events, StepDone) == ["001_a", "002_b", "003_c"]
