"""The way back: in reverse order of application, with the down as it was when the migration was applied."""

from __future__ import annotations

import pytest

from sqlmig.errors import CheckFailed, StatementFailed, UsageError
from sqlmig.plan import Rollback
from tests.support.project import Project
from tests.support.runner import Runs, outcomes, place


@pytest.fixture
def runs(project: Project) -> Runs:
    runs = Runs(project)
    for number in (1, 2, 3):
        runs.write(f"00{number}_m", f"CREATE TABLE t{number} (x int)", f"DROP TABLE t{number};")
    return runs


def test_rows_and_tables_go_together(runs: Runs) -> None:
    """The last batch goes, the record with it, and the log keeps both events."""
    runs.remove("003_m")
    runs.apply()
    runs.write("003_m", "CREATE TABLE t3 (x int)", "DROP TABLE t3;")
    runs.apply()
    result = runs.rollback()
    assert outcomes(result) == ["rolled_back"]
    assert runs.applied() == ["001_m", "002_m"]
    assert runs.exists("t2", "t3") == [True, False]
    assert runs.logged()[-1] == ("rollback", "003_m")
    result = runs.rollback()
    assert [str(step) for step in result.steps] == ["002_m", "001_m"]
    assert runs.applied() == []
    assert runs.rollback().steps == ()


def test_the_order_is_that_of_application(runs: Runs) -> None:
    """Not that of versions: what came last goes first."""
    from sqlmig.plan import Apply

    runs.remove("002_m")
    runs.apply()
    runs.write("002_m", "CREATE TABLE t2 (x int)", "DROP TABLE t2;")
    runs.apply(Apply(allow_out_of_order=True))
    result = runs.rollback(Rollback(steps=2))
    assert [str(step) for step in result.steps] == ["002_m", "003_m"]
    assert runs.applied() == ["001_m"]


def test_how_far(runs: Runs) -> None:
    """``to`` keeps the version named, 0 and all keep nothing, a batch is undone by its number."""
    runs.apply()
    runs.rollback(Rollback(to=1))
    assert runs.applied() == ["001_m"]
    assert runs.apply().batch == 2
    runs.rollback(Rollback(batch=1))
    assert runs.applied() == ["002_m", "003_m"]
    runs.rollback(Rollback(to=0))
    assert runs.applied() == []
    runs.apply()
    runs.api.reset()
    assert runs.applied() == []
    with pytest.raises(UsageError):
        runs.rollback(Rollback(batch=9))


def test_the_stored_down_runs_where_the_file_is_gone(runs: Runs) -> None:
    """Another branch is checked out: the way back is still there, and the log says where it came from."""
    runs.apply()
    runs.remove("003_m")
    result = runs.rollback(Rollback(steps=1))
    assert result.steps[0].from_history
    assert runs.exists("t3") == [False]
    assert "stored in the history" in (runs.log()[-1].detail or "")


def test_the_stored_down_runs_where_the_file_was_edited(runs: Runs) -> None:
    """What was applied is undone by what belonged to it."""
    runs.apply()
    runs.project.write("003_m.down.sql", "SELECT 1/0")
    result = runs.rollback(Rollback(steps=1))
    assert result.steps[0].from_history
    assert runs.exists("t3") == [False]
    runs.write("003_m", "CREATE TABLE t3 (x int)", "DROP TABLE t3;\r\n")
    runs.apply()
    runs.write("003_m", "CREATE TABLE t3 (x int)", "DROP TABLE t3;\n")
    assert not runs.rollback(Rollback(steps=1)).steps[0].from_history


def test_an_error_in_a_stored_down_is_placed(runs: Runs) -> None:
    """In the text that was stored, and with the way to correct it."""
    runs.write("003_m", "CREATE TABLE t3 (x int)", "SELECT 1;\nDROP TABLE t3;\nSELECT 1/0;")
    runs.apply()
    runs.remove("003_m")
    error = runs.fails(StatementFailed, runs.rollback)
    assert place(error)[1:] == (3, 1)
    assert "stored" in place(error)[0]
    assert "repair" in (error.next_step or "")
    assert runs.exists("t3") == [True]
    runs.write("003_m", "CREATE TABLE t3 (x int)", "DROP TABLE t3;")
    runs.api.repair(["003"])
    runs.rollback()
    assert runs.applied() == []


def test_a_failing_down_leaves_everything(runs: Runs) -> None:
    """What was undone before it stays undone; it stays applied; the file is corrected and accepted."""
    runs.write("002_m", "CREATE TABLE t2 (x int)", "DROP TABLE t2;\nSELECT 1/0;")
    runs.apply()
    error = runs.fails(StatementFailed, runs.rollback)
    assert outcomes(error) == ["rolled_back", "failed", "not_run"]
    assert place(error) == ("002_m.down.sql", 2, 1)
    assert runs.applied() == ["001_m", "002_m"]
    assert runs.exists("t1", "t2", "t3") == [True, True, False]
    assert "sqlmig repair 002" in (error.next_step or "")
    runs.project.write("002_m.down.sql", "DROP TABLE t2;")
    runs.api.repair(["002"])
    runs.rollback()
    assert runs.applied() == []


@pytest.mark.parametrize("how", ["no down file", "header in up", "header in down"])
def test_an_irreversible_one_keeps_all_from_going(runs: Runs, how: str) -> None:
    """Refused before anything runs."""
    header = "-- sqlmig: irreversible\n"
    if how == "no down file":
        runs.remove("001_m")
        runs.write("001_m", "CREATE TABLE t1 (x int)")
    elif how == "header in up":
        runs.write("001_m", header + "CREATE TABLE t1 (x int)")
    else:
        runs.project.write("001_m.down.sql", header)
    runs.apply()
    error = runs.fails(CheckFailed, lambda: runs.rollback(Rollback(everything=True)))
    assert "001_m" in error.message
    assert runs.applied() == ["001_m", "002_m", "003_m"]
    assert outcomes(error) == ["not_run", "not_run"]
    runs.rollback(Rollback(to=1))
    assert runs.applied() == ["001_m"]


def test_redo_and_refresh(runs: Runs) -> None:
    """Down and up again: the last batch, or all; the log has every step."""
    runs.remove("003_m")
    runs.apply()
    runs.write("003_m", "CREATE TABLE t3 (x int)", "DROP TABLE t3;")
    runs.apply()
    runs.database.execute("INSERT INTO t1 VALUES (1); INSERT INTO t3 VALUES (1)")
    result = runs.api.redo()
    assert outcomes(result) == ["rolled_back", "applied"]
    assert runs.database.rows("SELECT (SELECT count(*) FROM t1), (SELECT count(*) FROM t3)") == [(1, 0)]
    result = runs.api.refresh()
    assert outcomes(result) == ["rolled_back"] * 3 + ["applied"] * 3
    assert runs.database.value("SELECT count(*) FROM t1") == 0
    assert runs.applied() == ["001_m", "002_m", "003_m"]
    assert [event for event, _ in runs.logged()] == ["apply"] * 3 + ["rollback", "apply"] + ["rollback"] * 3 + [
        "apply"
    ] * 3


def test_redo_takes_the_files_as_they_are_now(runs: Runs) -> None:
    """The usual way to work on a migration: edit it, and do it again."""
    runs.apply()
    runs.write("003_m", "CREATE TABLE t3 (x int, y int)", "DROP TABLE t3; SELECT 'new';")
    runs.api.redo()
    assert runs.database.rows("SELECT y FROM t3") == []
    assert runs.states()["003_m"] == "applied"


def test_a_record_that_vanished_is_no_rollback(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the row is not there to remove, nothing is undone either."""
    from sqlmig.events import RunStarted

    runs.apply()

    def remove(event: object) -> None:
        if isinstance(event, RunStarted):
            runs.database.execute("DELETE FROM sqlmig.migration WHERE version = 3")

    runs.listener = remove
    error = runs.fails(StatementFailed, lambda: runs.rollback(Rollback(steps=1)))
    assert "recorded" in error.message
    assert runs.exists("t3") == [True]
