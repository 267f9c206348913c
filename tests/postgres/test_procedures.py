"""What ends a transaction from within: a procedure or a block that commits, noticed and told as it is."""

from __future__ import annotations

import pytest

from sqlmig.errors import CheckFailed, FilesInvalid, StatementFailed, Undecided
from tests.support.processes import until
from tests.support.project import Project
from tests.support.runner import Runs, place

HEADER = "-- sqlmig: no-transaction\n"

COMMITTING = """
CREATE PROCEDURE {name}() LANGUAGE plpgsql AS $$BEGIN
    INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2); {then} END$$;
"""


@pytest.fixture
def runs(project: Project) -> Runs:
    runs = Runs(project)
    runs.database.execute("CREATE TABLE t (x int)")
    runs.database.execute(COMMITTING.format(name="p", then=""))
    runs.database.execute(COMMITTING.format(name="broken", then="PERFORM 1/0;"))
    return runs


@pytest.mark.parametrize("ending", ["CALL p();", "DO $$BEGIN COMMIT; END$$;", "DO $$BEGIN CALL p(); END$$;"])
def test_a_commit_on_the_way_fails_in_a_transaction(runs: Runs, ending: str) -> None:
    """Nothing of it stays, the statement is named, and so is the header that lets it run."""
    runs.write("001_a", f"CREATE TABLE a (x int);\n{ending}\nCREATE TABLE b (x int);")
    error = runs.fails(StatementFailed)
    assert place(error)[:2] == ("001_a.up.sql", 2)
    assert error.server is not None
    assert error.server.sqlstate == "2D000"
    assert "-- sqlmig: no-transaction" in (error.next_step or "")
    assert runs.exists("a", "b") == [False, False]
    assert runs.database.rows("SELECT x FROM t") == []
    assert runs.applied() == []
    runs.write("001_a", f"{HEADER}CREATE TABLE a (x int);\n{ending}\nCREATE TABLE b (x int);")
    runs.apply()
    assert runs.exists("a", "b") == [True, True]
    assert runs.applied() == ["001_a"]


@pytest.mark.parametrize(
    ("ending", "command"),
    [
        ("CALL broken();", "CALL"),
        ("DO $$BEGIN CALL broken(); END$$;", "DO"),
        ("DO $$BEGIN COMMIT; PERFORM 1/0; END$$;", "DO"),
    ],
)
@pytest.mark.parametrize("before", ["", "SELECT 1;\n"])
def test_what_was_committed_before_a_failure_is_told(runs: Runs, ending: str, command: str, before: str) -> None:
    """The statement failed, and yet it is not true that it left nothing."""
    runs.write("001_a", f"{HEADER}{before}{ending}\nSELECT 2;")
    error = runs.fails(StatementFailed)
    assert f"what {command} committed on its way stays" in (error.left_behind or "")
    assert "nothing of it stays" not in (error.left_behind or "")
    assert runs.states() == {"001_a": "failed"}


def test_a_function_cannot_commit(runs: Runs) -> None:
    """Nor can the header change that: the server's refusal is what is told, in a transaction and without one."""
    runs.database.execute("CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$BEGIN COMMIT; END$$")
    for header, left in (("", "was rolled back"), (HEADER, "its statements before 2 stay")):
        runs.write("001_a", f"{header}CREATE TABLE IF NOT EXISTS a (x int);\nSELECT f();")
        error = runs.fails(StatementFailed)
        assert error.statement == 2
        assert left in (error.left_behind or "")
    assert runs.applied() == []


def test_what_no_transaction_can_hold_is_not_advised_within_a_function(runs: Runs) -> None:
    """VACUUM works neither in a transaction nor in a function: no header helps."""
    runs.write("001_a", "DO $$BEGIN EXECUTE 'VACUUM t'; END$$;")
    error = runs.fails(StatementFailed)
    assert error.server is not None
    assert error.server.sqlstate == "25001"
    assert "no-transaction" not in (error.next_step or "")


def test_a_transaction_that_was_made_read_only_is_its_own_fault(runs: Runs) -> None:
    """The server is none: nobody is sent to another one."""
    runs.write("001_a", "SET TRANSACTION READ ONLY;")
    error = runs.fails(StatementFailed)
    assert "could not be recorded" in error.message
    assert "primary" not in (error.next_step or "")
    assert runs.applied() == []


@pytest.mark.parametrize("word", ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s", "START TRANSACTION", "END", "ABORT"])
def test_transaction_control_without_a_transaction_is_refused(runs: Runs, word: str) -> None:
    """Before anything runs, with its place: it could not hold statements together there."""
    runs.write("001_a", f"{HEADER}CREATE TABLE a (x int);\n{word};\nCREATE TABLE b (x int);")
    error = runs.fails(FilesInvalid)
    assert place(error) == ("001_a.up.sql", 3, 1)
    assert runs.exists("a", "b", "sqlmig.migration") == [False, False, False]


@pytest.fixture
def interrupted(runs: Runs) -> Runs:
    """001 died within a procedure that had committed something: nobody can know how far it was."""
    runs.write(
        "001_a",
        f"{HEADER}INSERT INTO t VALUES (0);\nCALL hanging();\nINSERT INTO t VALUES (9);",
        "DELETE FROM t",
    )
    runs.database.execute(COMMITTING.format(name="hanging", then="PERFORM pg_sleep(600);"))
    asleep = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    with runs.process() as process:
        ((pid,),) = until(lambda: runs.database.rows(asleep), "the procedure")
        process.kill()
        process.wait()
    runs.database.rows(f"SELECT pg_terminate_backend({pid})")
    until(lambda: not runs.database.rows(asleep), "the end of its backend")
    error = runs.fails(Undecided)
    assert error.statement == 2
    assert runs.database.rows("SELECT x FROM t ORDER BY x") == [(0,), (1,)]
    return runs


@pytest.mark.parametrize(("at", "rows"), [(2, [0, 1, 1, 2, 9]), (3, [0, 1, 9])])
def test_a_person_decides_where_to_go_on(interrupted: Runs, at: int, rows: list[int]) -> None:
    """The statement again, or the one behind it."""
    interrupted.database.execute(COMMITTING.format(name="hanging", then="").replace("CREATE", "CREATE OR REPLACE"))
    interrupted.api.repair(["001"], resume_at=at)
    interrupted.apply()
    assert interrupted.applied() == ["001_a"]
    assert interrupted.database.rows("SELECT x FROM t ORDER BY x") == [(x,) for x in rows]


@pytest.mark.parametrize(("mark", "state"), [("applied", "applied"), ("rolled_back", "pending")])
def test_a_person_decides_what_it_counts_as(interrupted: Runs, mark: str, state: str) -> None:
    """Nothing of the file runs."""
    interrupted.api.repair(["001"], mark=mark)
    assert interrupted.states() == {"001_a": state}
    assert interrupted.database.rows("SELECT x FROM t ORDER BY x") == [(0,), (1,)]


def test_an_edit_is_refused_before_the_decision_is_asked_for(interrupted: Runs) -> None:
    """What ran already is not what the file says any more."""
    interrupted.write("001_a", f"{HEADER}INSERT INTO t VALUES (5);\nCALL hanging();\nINSERT INTO t VALUES (9);")
    interrupted.fails(CheckFailed)
    assert interrupted.database.rows("SELECT x FROM t ORDER BY x") == [(0,), (1,)]
