"""repair and baseline write into the history, and into nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sqlmig.errors import CheckFailed, ConfirmationRequired, FileError, UsageError
from sqlmig.plan import Rollback
from tests.support.database import Database
from tests.support.project import Project
from tests.support.runner import Runs, place


@pytest.fixture
def runs(project: Project) -> Runs:
    return Runs(project)


@pytest.fixture
def only_rows(database: Database) -> Iterator[None]:
    """Any DDL from now on is refused by the server."""
    database.execute(
        "CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql"
        " AS $$BEGIN RAISE 'DDL: %', tg_tag; END$$; CREATE EVENT TRIGGER refuse ON ddl_command_start"
        " EXECUTE FUNCTION public.refuse()"
    )
    yield
    database.execute("DROP EVENT TRIGGER refuse")


def test_repair_accepts_what_the_files_say(runs: Runs, request: pytest.FixtureRequest) -> None:
    """The diff is returned, no statement of theirs runs, and the log says what was accepted."""
    runs.write("001_a", "CREATE TABLE a (x int);", "DROP TABLE a;")
    runs.write("002_b", "CREATE TABLE b (x int);", "DROP TABLE b;")
    runs.apply()
    runs.write("001_a", "CREATE TABLE a (x int, y int);", "DROP TABLE a; SELECT 1;")
    request.getfixturevalue("only_rows")
    (change,) = runs.api.repair().changes
    assert str(change) == "001_a"
    assert "-CREATE TABLE a (x int);" in change.diff
    assert "+DROP TABLE a; SELECT 1;" in change.diff
    assert runs.states() == {"001_a": "applied", "002_b": "applied"}
    assert runs.check().exit_code == 0
    assert runs.logged()[-1] == ("repair", "001_a")
    assert "001_a" in (runs.log()[-1].detail or "")
    assert runs.database.rows("SELECT * FROM a") == []
    assert runs.api.repair().changes == ()
    assert len(runs.log()) == 3


def test_an_accepted_down_is_the_one_that_runs(runs: Runs) -> None:
    """Also when the file is gone afterwards."""
    runs.write("001_a", "CREATE TABLE a (x int);", "SELECT 1/0;")
    runs.apply()
    runs.project.write("001_a.down.sql", "DROP TABLE a;")
    runs.api.repair(["001"])
    runs.remove("001_a")
    runs.rollback()
    assert runs.exists("a") == [False]


def test_a_down_that_is_added_later(runs: Runs) -> None:
    """Makes an irreversible migration reversible once it is accepted."""
    runs.write("001_a", "CREATE TABLE a (x int);")
    runs.apply()
    runs.project.write("001_a.down.sql", "DROP TABLE a;")
    runs.fails(CheckFailed, runs.rollback)
    runs.api.repair(["001"])
    runs.rollback()
    assert runs.exists("a") == [False]


def test_a_missing_file_is_accepted(runs: Runs) -> None:
    """It is not named any more, and stays applied; back again, it is compared as before."""
    runs.write("001_a", "SELECT 1", "SELECT 1")
    runs.apply()
    runs.remove("001_a")
    runs.api.repair(["001"])
    assert runs.states() == {"001_a": "applied"}
    assert runs.check().exit_code == 0
    runs.write("001_a", "SELECT 2", "SELECT 1")
    assert runs.states() == {"001_a": "drifted"}
    runs.remove("001_a")
    runs.rollback()
    assert runs.applied() == []


def test_what_cannot_be_repaired(runs: Runs) -> None:
    """Unknown, pending, ambiguous, or two decisions at once: refused, and nothing is written."""
    runs.write("001_a", "SELECT 1")
    runs.apply()
    runs.write("002_b", "SELECT 1")
    before = runs.database.dump(data=True)
    for names, options in (
        (["009"], {}),
        (["002"], {}),
        (["001"], {"mark": "applied"}),
        ([], {"mark": "applied"}),
        (["001", "002"], {"resume_at": 1}),
        (["001"], {"resume_at": 1}),
    ):
        with pytest.raises(UsageError):
            runs.api.repair(names, **options)
    assert runs.database.dump(data=True) == before


def test_repair_in_a_protected_environment(runs: Runs) -> None:
    """Has to be confirmed; what would be accepted comes with the refusal."""
    runs.write("001_a", "SELECT 1")
    runs.apply()
    runs.write("001_a", "SELECT 2")
    runs.configure(protected=True)
    error = runs.fails(ConfirmationRequired, runs.api.repair)
    assert "+SELECT 2" in error.result.changes[0].diff  # type: ignore[attr-defined]
    assert runs.states() == {"001_a": "drifted"}
    runs.api.repair(yes=True)
    assert runs.states() == {"001_a": "applied"}


def test_a_baseline_runs_nothing(runs: Runs, request: pytest.FixtureRequest) -> None:
    """Everything up to it counts as applied; what comes behind it runs."""
    for number in (1, 2, 3):
        runs.write(f"00{number}_m", f"CREATE TABLE t{number} (x int);", f"DROP TABLE t{number};")
    runs.database.execute("CREATE TABLE t1 (x int); CREATE TABLE t2 (x int); INSERT INTO t1 VALUES (1)")
    result = runs.api.baseline(2)
    assert [str(standing) for standing in result.recorded] == ["001_m", "002_m"]
    assert runs.states() == {"001_m": "applied", "002_m": "applied", "003_m": "pending"}
    assert runs.logged() == [("baseline", "001_m"), ("baseline", "002_m")]
    assert runs.database.rows("SELECT x FROM t1") == [(1,)]
    runs.apply()
    assert runs.exists("t3") == [True]
    assert runs.check().exit_code == 0
    request.getfixturevalue("only_rows")
    assert runs.api.baseline(2).recorded == ()
    runs.write("004_m", "CREATE TABLE t4 (x int);")
    runs.api.baseline(4)
    assert runs.exists("t4") == [False]


def test_a_baseline_is_not_rolled_back_unasked(runs: Runs) -> None:
    """It was never run here."""
    runs.write("001_a", "CREATE TABLE a (x int)", "DROP TABLE a")
    runs.database.execute("CREATE TABLE a (x int)")
    runs.api.baseline(1)
    runs.rollback(Rollback(everything=True))
    assert runs.exists("a") == [True]
    assert runs.applied() == ["001_a"]
    runs.rollback(Rollback(only="001"))
    assert runs.exists("a") == [False]


def test_a_baseline_of_an_unknown_version(runs: Runs) -> None:
    """Refused, with nothing created."""
    runs.write("001_a", "SELECT 1")
    with pytest.raises(UsageError):
        runs.api.baseline(5)
    assert runs.exists("sqlmig.migration") == [False]


def test_a_baseline_records_nothing_that_could_not_run(runs: Runs) -> None:
    """Where one of the texts is no script, none of the versions is recorded."""
    runs.write("001_a", "SELECT 1")
    runs.write("002_b", "SELECT 'unterminated")
    error = runs.fails(FileError, lambda: runs.api.baseline(2))
    assert place(error) == ("002_b.up.sql", 1, 8)
    assert runs.applied() == []
