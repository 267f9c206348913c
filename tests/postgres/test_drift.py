"""Files are evidence: what was applied and differs, or is gone, is named, and classed by what it changes."""

from __future__ import annotations

import pytest

from sqlmig.errors import CheckFailed, FilesInvalid
from sqlmig.events import Warned
from sqlmig.plan import Apply
from tests.support.project import Project
from tests.support.runner import Runs

UP = "CREATE TABLE a (x text DEFAULT 'a b');\n-- a comment\nSELECT 1;\n"
DOWN = "DROP TABLE a;\n"


@pytest.fixture
def runs(project: Project) -> Runs:
    runs = Runs(project)
    runs.write("001_a", UP, DOWN)
    runs.apply()
    return runs


def problems(runs: Runs) -> list[tuple[str, bool]]:
    """Code, and whether it is but a warning, of each finding."""
    return [(problem.code, problem.warning) for problem in runs.check().problems]


@pytest.mark.parametrize(
    ("up", "down"),
    [
        (UP.replace("\n", "\r\n"), DOWN.replace("\n", "\r\n")),
        (UP.replace("\n", "\r"), DOWN),
        ("\ufeff" + UP, "\ufeff" + DOWN),
        ("\ufeff" + UP.replace("\n", "\r\n"), DOWN),
    ],
    ids=["crlf", "cr", "bom", "both"],
)
def test_line_breaks_and_a_bom_are_no_change(runs: Runs, up: str, down: str) -> None:
    """A checkout on another system is the same file."""
    runs.write("001_a", up, down)
    assert problems(runs) == []
    assert runs.check(strict=True).exit_code == 0
    assert runs.states() == {"001_a": "applied"}


@pytest.mark.parametrize(
    ("up", "down"),
    [
        ("-- licence\n" + UP, DOWN),
        (UP.replace("-- a comment", "-- another"), DOWN),
        (UP.replace("-- a comment\n", ""), DOWN),
        (UP.rstrip("\n"), DOWN),
        (UP.replace("TABLE a", "TABLE   a"), DOWN),
        (UP, "/* so */ " + DOWN),
    ],
)
def test_comments_are_a_warning(runs: Runs, up: str, down: str) -> None:
    """Told, and no reason to stop, unless strictness is asked for."""
    runs.write("001_a", up, down)
    assert problems(runs) == [("comments_changed", True)]
    assert runs.check().exit_code == 0
    assert runs.check(strict=True).exit_code == 3
    assert runs.states() == {"001_a": "applied"}


@pytest.mark.parametrize(
    ("up", "down"),
    [
        (UP.replace("'a b'", "'a  b'"), DOWN),
        (UP + "SELECT 2;", DOWN),
        (UP.replace("SELECT 1;", ""), DOWN),
        (UP, DOWN + "SELECT 1;"),
        (UP, "DROP TABLE IF EXISTS a;"),
        (UP, None),
    ],
)
def test_sql_is_drift(runs: Runs, up: str, down: str | None) -> None:
    """In either file, and where a down is gone; a literal counts to the last space."""
    runs.remove("001_a")
    runs.write("001_a", up, down)
    assert problems(runs) == [("drift", False)]
    assert runs.check().exit_code == 3
    assert runs.states() == {"001_a": "drifted"}


def test_the_change_is_shown(runs: Runs) -> None:
    """As a diff from what was applied to what the file says."""
    runs.write("001_a", UP.replace("'a b'", "'c'"), DOWN)
    (problem,) = runs.check().problems
    assert problem.diff is not None
    assert "-CREATE TABLE a (x text DEFAULT 'a b');" in problem.diff
    assert "+CREATE TABLE a (x text DEFAULT 'c');" in problem.diff
    assert " SELECT 1;" in problem.diff
    assert "001_a" in problem.message
    assert problem.next_step is not None


def test_apply_warns_and_goes_on(runs: Runs) -> None:
    """Unless it is told to be strict, or the configuration says so; then nothing runs."""
    runs.write("001_a", UP + "SELECT 2;", DOWN)
    runs.write("002_b", "CREATE TABLE b (x int)")
    error = runs.fails(CheckFailed, lambda: runs.apply(strict=True))
    assert error.exit_code == 3
    runs.configure(on_drift="error")
    runs.fails(CheckFailed)
    assert runs.exists("b") == [False]
    runs.configure()
    result = runs.apply()
    assert [event.problem.code for event in runs.told(Warned)] == ["drift"]
    assert [problem.code for problem in result.warnings] == ["drift"]
    assert runs.applied() == ["001_a", "002_b"]
    runs.events.clear()
    runs.apply()
    assert [event.problem.code for event in runs.told(Warned)] == ["drift"]


def test_on_drift_spares_comments(runs: Runs) -> None:
    """The configuration refuses changed SQL; a comment stays a warning."""
    runs.configure(on_drift="error")
    runs.write("001_a", "-- licence\n" + UP, DOWN)
    runs.write("002_b", "SELECT 1")
    runs.apply()
    assert runs.applied() == ["001_a", "002_b"]
    runs.write("003_c", "SELECT 1")
    runs.fails(CheckFailed, lambda: runs.apply(strict=True))


def test_a_missing_file_is_named(runs: Runs) -> None:
    """With who applied it and when; it keeps nothing from running unless strict."""
    runs.remove("001_a")
    runs.write("002_b", "CREATE TABLE b (x int)")
    assert runs.states() == {"001_a": "missing", "002_b": "pending"}
    missing, _ = runs.check().problems
    assert missing.code == "missing"
    assert "001_a" in missing.message
    assert str(runs.database.value("SELECT session_user::text")) in missing.message
    assert runs.check(pending_ok=True).exit_code == 3
    runs.fails(CheckFailed, lambda: runs.apply(strict=True))
    assert runs.exists("b") == [False]
    runs.apply()
    assert [event.problem.code for event in runs.told(Warned)] == ["missing"]
    assert runs.applied() == ["001_a", "002_b"]


def test_a_renamed_file_is_no_other_migration(runs: Runs) -> None:
    """The version is what counts."""
    runs.remove("001_a")
    runs.write("001_renamed", UP, DOWN)
    assert list(runs.states()) == ["001_renamed"]
    assert runs.apply().steps == ()
    assert runs.check().problems == ()


def test_a_file_that_cannot_be_read_any_more(runs: Runs) -> None:
    """It was applied, so its text is no reason to stop; it differs."""
    runs.write("001_a", "SELECT 'unterminated", DOWN)
    assert runs.states() == {"001_a": "drifted"}
    runs.write("002_b", "SELECT 1")
    runs.apply()
    assert runs.applied() == ["001_a", "002_b"]
    runs.write("003_c", "SELECT 'unterminated")
    error = runs.fails(FilesInvalid)
    assert error.exit_code == 2


def test_one_check_names_everything(runs: Runs) -> None:
    """Drifted, missing, out of order and pending together."""
    runs.write("003_c", "SELECT 1")
    runs.write("005_e", "SELECT 1")
    runs.apply()
    runs.write("001_a", UP + "SELECT 2;", DOWN)
    runs.remove("003_c")
    runs.write("004_d", "SELECT 1")
    runs.write("006_f", "SELECT 1")
    codes = {problem.version: problem.code for problem in runs.check().problems}
    assert codes == {1: "drift", 3: "missing", 4: "out_of_order", 6: "pending"}
    assert runs.states() == {
        "001_a": "drifted",
        "003_c": "missing",
        "004_d": "out_of_order",
        "005_e": "applied",
        "006_f": "pending",
    }
    assert [step.version for step in runs.api.plan(Apply(allow_out_of_order=True)).steps] == [4, 6]
