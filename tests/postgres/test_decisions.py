"""What a person decides about a way back that stopped half way."""

from __future__ import annotations

import pytest

from sqlmig.errors import CheckFailed, StatementFailed, UsageError
from tests.support.project import Project
from tests.support.runner import Runs

DOWN = "-- sqlmig: no-transaction\nINSERT INTO t VALUES (1);\nSELECT 1/0;\nINSERT INTO t VALUES (3);\nDROP TABLE a;"


@pytest.fixture
def stopped(project: Project) -> Runs:
    """001 whose down stopped at statement 2 of 4, and 000 below it."""
    runs = Runs(project)
    runs.database.execute("CREATE TABLE t (x int)")
    runs.write("000_z", "SELECT 1", "SELECT 1")
    runs.write("001_a", "CREATE TABLE a (x int)", DOWN)
    runs.apply()
    runs.fails(StatementFailed, runs.rollback)
    assert runs.states() == {"000_z": "applied", "001_a": "failed"}
    return runs


def rows(runs: Runs) -> list[object]:
    return [x for (x,) in runs.database.rows("SELECT x FROM t ORDER BY x")]


def test_it_goes_on_where_it_is_told_to(stopped: Runs) -> None:
    """Forward and back, behind the statement that fails."""
    stopped.api.repair(["001"], resume_at=3)
    stopped.rollback()
    assert rows(stopped) == [1, 3]
    assert stopped.exists("a") == [False]
    assert stopped.states()["001_a"] == "pending"


def test_it_begins_again(stopped: Runs) -> None:
    """With its first statement, where it was undone by hand; then the file may be another one."""
    stopped.database.execute("DELETE FROM t")
    stopped.api.repair(["001"], resume_at=1)
    stopped.project.write("001_a.down.sql", "-- sqlmig: no-transaction\nINSERT INTO t VALUES (5);\nDROP TABLE a;")
    stopped.rollback()
    assert rows(stopped) == [5]
    assert stopped.exists("a") == [False]


@pytest.mark.parametrize(("mark", "state"), [("applied", "applied"), ("rolled_back", "pending")])
def test_it_counts_as_either(stopped: Runs, mark: str, state: str) -> None:
    """Nothing of it runs, and what comes next is what follows from that."""
    stopped.api.repair(["001"], mark=mark)
    assert stopped.states() == {"000_z": "applied", "001_a": state}
    assert rows(stopped) == [1]
    assert stopped.exists("a") == [True]


def test_it_cannot_go_on_behind_its_end(stopped: Runs) -> None:
    """Behind the last statement is the furthest: there is only its record left to remove."""
    with pytest.raises(UsageError):
        stopped.api.repair(["001"], resume_at=6)
    stopped.api.repair(["001"], resume_at=5)
    stopped.rollback()
    assert rows(stopped) == [1]
    assert stopped.states()["001_a"] == "pending"


def test_an_edit_of_what_ran_is_refused(stopped: Runs) -> None:
    """On the way back as on the way there."""
    stopped.project.write("001_a.down.sql", DOWN.replace("(1)", "(7)").replace("1/0", "1"))
    error = stopped.fails(CheckFailed, stopped.rollback)
    assert "001_a" in error.message
    assert rows(stopped) == [1]
    stopped.project.write("001_a.down.sql", DOWN.replace("1/0", "1"))
    stopped.rollback()
    assert rows(stopped) == [1, 3]
