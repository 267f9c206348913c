"""Migrations without a transaction: a statement a message, continued where they stopped."""

from __future__ import annotations

import pytest

from sqlmig.errors import CheckFailed, ConnectionLost, StatementFailed, Undecided, UsageError
from sqlmig.events import StatementDone
from sqlmig.plan import Rollback
from tests.support.project import Project
from tests.support.runner import Runs, outcomes, place

HEADER = "-- sqlmig: no-transaction\n"


@pytest.fixture
def runs(project: Project) -> Runs:
    runs = Runs(project)
    runs.database.execute("CREATE TABLE t (x int, y int); INSERT INTO t VALUES (1, 1), (1, 2)")
    return runs


def record(runs: Runs) -> tuple[object, ...]:
    """Progress, direction, statement, number of statements of the only record."""
    (row,) = runs.database.rows("SELECT progress, direction, statement, statements FROM sqlmig.migration")
    return row


def test_statements_travel_alone(runs: Runs) -> None:
    """Those that refuse company and those that do not, in one file."""
    runs.write(
        "001_a",
        f"{HEADER}CREATE INDEX CONCURRENTLY i1 ON t (x);\nCREATE UNIQUE INDEX CONCURRENTLY i2 ON t (y);\n"
        "ANALYZE t;\nVACUUM t;\nREINDEX INDEX CONCURRENTLY i1;\nDO $$BEGIN COMMIT; END$$;\nINSERT INTO t VALUES (2, 3)",
        f"{HEADER}DROP INDEX CONCURRENTLY i1;\nDROP INDEX CONCURRENTLY IF EXISTS i2;",
    )
    result = runs.apply()
    assert outcomes(result) == ["applied"]
    assert runs.applied() == ["001_a"]
    assert [event.number for event in runs.told(StatementDone)] == list(range(1, 8))
    assert record(runs) == ("done", "up", None, 7)
    runs.rollback()
    assert runs.exists("i1", "i2") == [False, False]
    assert runs.logged() == [("apply", "001_a"), ("rollback", "001_a")]


def test_a_failure_is_recorded_and_continued_where_it_was(runs: Runs) -> None:
    """What completed stays and is not run again; status says how far it is."""
    runs.write("001_a", f"{HEADER}INSERT INTO t VALUES (7, 7);\nINSERT INTO t VALUES (8, 8), (1/0, 1);\nSELECT 1;")
    runs.write("002_b", "CREATE TABLE b (x int)")
    error = runs.fails(StatementFailed)
    assert place(error) == ("001_a.up.sql", 3, 1)
    assert (error.statement, error.statements) == (2, 3)
    assert "statement 2" in (error.left_behind or "")
    assert outcomes(error) == ["failed", "not_run"]
    assert record(runs) == ("failed", "up", 2, 3)
    assert runs.states() == {"001_a": "failed", "002_b": "pending"}
    problem = runs.status().migrations[0].problem
    assert problem is not None
    assert "2/3" in problem.message
    assert "22012" in problem.message
    runs.events.clear()
    runs.write("001_a", f"{HEADER}INSERT INTO t VALUES (7, 7);\nINSERT INTO t VALUES (8, 8);\nSELECT 1; SELECT 2")
    runs.apply()
    assert [event.number for event in runs.told(StatementDone)][:3] == [2, 3, 4]
    assert runs.database.rows("SELECT x, count(*) FROM t WHERE x > 1 GROUP BY 1 ORDER BY 1") == [(7, 1), (8, 1)]
    assert runs.applied() == ["001_a", "002_b"]
    assert runs.states() == {"001_a": "applied", "002_b": "applied"}


def test_an_edit_before_the_failure_is_refused(runs: Runs) -> None:
    """Whoever changed what ran already has to decide; an edit of comments there is none."""
    runs.write("001_a", f"{HEADER}INSERT INTO t VALUES (7, 7);\nSELECT 1/0;")
    runs.fails(StatementFailed)
    runs.write("001_a", f"{HEADER}INSERT INTO t VALUES (9, 9);\nSELECT 1;")
    error = runs.fails(CheckFailed)
    assert "before it was changed" in error.message
    assert runs.database.value("SELECT count(*) FROM t WHERE x > 1") == 1
    runs.write("001_a", f"{HEADER}-- a comment\r\nINSERT INTO t VALUES (7, 7);\n\n\n/* so */ SELECT 1;")
    runs.apply()
    assert runs.database.value("SELECT count(*) FROM t WHERE x > 1") == 1


def test_a_failure_in_the_first_statement_leaves_nothing(runs: Runs) -> None:
    """It begins anew, also from a text that is another one altogether."""
    runs.write("001_a", f"{HEADER}SELECT 1/0;\nSELECT 1;")
    error = runs.fails(StatementFailed)
    assert "nothing of it stays" in (error.left_behind or "")
    runs.write("001_a", f"{HEADER}CREATE TABLE a (x int);\nSELECT 1;\nSELECT 2;")
    runs.apply()
    assert runs.applied() == ["001_a"]
    assert record(runs) == ("done", "up", None, 3)


def test_a_half_applied_migration_does_not_become_transactional(runs: Runs) -> None:
    """A file whose header was removed is not run from its beginning over what is there."""
    runs.write("001_a", f"{HEADER}CREATE TABLE a (x int);\nSELECT 1/0;")
    runs.fails(StatementFailed)
    runs.write("001_a", "CREATE TABLE a (x int);\nSELECT 1;")
    runs.fails(CheckFailed)
    assert record(runs)[:3] == ("failed", "up", 2)


@pytest.mark.parametrize("text", ["", "-- nothing", ";"])
def test_a_script_without_a_statement(runs: Runs, text: str) -> None:
    """It is recorded like any other."""
    runs.write("001_a", HEADER + text)
    runs.write("002_b", "SELECT 1")
    runs.apply()
    assert runs.applied() == ["001_a", "002_b"]
    assert runs.logged() == [("apply", "001_a"), ("apply", "002_b")]


@pytest.mark.parametrize(
    "setting",
    [
        "SET search_path = app",
        "SELECT pg_catalog.set_config('search_path', 'app', false)",
        "SET SESSION search_path TO app",
    ],
)
def test_what_was_set_before_holds_when_it_goes_on(runs: Runs, setting: str) -> None:
    """Settings of the statements before are made again: they ended with the session."""
    runs.database.execute("CREATE SCHEMA app; CREATE TABLE app.t (x int); INSERT INTO app.t VALUES (1), (1)")
    runs.write("001_a", f"{HEADER}{setting};\nCREATE UNIQUE INDEX CONCURRENTLY i ON t (x);\nINSERT INTO t VALUES (5);")
    runs.fails(StatementFailed)
    runs.database.execute("UPDATE app.t SET x = 2 WHERE ctid = '(0,1)'")
    runs.apply()
    assert runs.database.value("SELECT count(*) FROM app.t") == 3
    assert runs.database.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'app.i'::regclass") is True


def test_the_rest_waits_for_a_half_applied_one(runs: Runs) -> None:
    """Its file gone, nothing else is applied, and the way out is named."""
    runs.write("001_a", f"{HEADER}CREATE TABLE a (x int);\nSELECT 1/0;")
    runs.fails(StatementFailed)
    runs.remove("001_a")
    runs.write("002_b", "CREATE TABLE b (x int)")
    error = runs.fails(CheckFailed)
    assert "001_a" in error.message
    assert runs.exists("b") == [False]


def test_an_invalid_index_is_dropped_and_built_again(runs: Runs) -> None:
    """What a failed build left behind is named, and in nobody's way, with IF NOT EXISTS either."""
    for number, clause in ((1, ""), (2, "IF NOT EXISTS ")):
        runs.write(f"00{number}_a", f"{HEADER}CREATE UNIQUE INDEX CONCURRENTLY {clause}i{number} ON t (x);\nSELECT 1;")
        error = runs.fails(StatementFailed)
        assert error.server is not None
        assert error.server.sqlstate == "23505"
        assert runs.exists(f"i{number}") == [True]
        assert f"DROP INDEX CONCURRENTLY i{number};" in "".join(error.notes)
        assert f"i{number} is invalid" in (error.left_behind or "")
        runs.database.execute("UPDATE t SET x = y")
        runs.apply()
        valid = f"SELECT indisvalid FROM pg_index WHERE indexrelid = 'i{number}'::regclass"
        assert runs.database.value(valid) is True
        runs.database.execute(f"DROP INDEX i{number}; UPDATE t SET x = 1")
    assert runs.applied() == ["001_a", "002_a"]


@pytest.mark.parametrize("name", ['"Odd Index"', 'app."I2"', "app.i3", "I4"])
def test_odd_names_of_indexes(runs: Runs, name: str) -> None:
    """Quoted, in another schema, in capitals."""
    runs.database.execute("CREATE SCHEMA app; CREATE TABLE app.t (x int); INSERT INTO app.t VALUES (1), (1)")
    plain = name.removeprefix("app.")
    runs.write("001_a", f"{HEADER}CREATE UNIQUE INDEX CONCURRENTLY {plain} ON {'app.' if '.' in name else ''}t (x);")
    runs.fails(StatementFailed)
    runs.database.execute("UPDATE app.t SET x = 2 WHERE ctid = '(0,1)'; UPDATE t SET x = y")
    runs.apply()
    assert runs.database.value(f"SELECT indisvalid FROM pg_index WHERE indexrelid = '{name}'::regclass") is True
    assert runs.database.value("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0


def test_a_migration_is_not_recorded_while_its_index_is_invalid(runs: Runs) -> None:
    """With an invalid index of before IF NOT EXISTS would be content: it is dropped, and built anew."""
    with pytest.raises(Exception, match="could not create unique index"):
        runs.database.execute("CREATE UNIQUE INDEX CONCURRENTLY i ON t (x)")
    runs.write("001_a", f"{HEADER}CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (x);\nSELECT 1;")
    error = runs.fails(StatementFailed)
    assert error.statement == 1
    assert error.server is not None
    assert error.server.sqlstate == "23505"
    assert "DROP INDEX CONCURRENTLY i" in "".join(error.notes)
    assert runs.states() == {"001_a": "failed"}
    runs.database.execute("UPDATE t SET x = y")
    runs.apply()
    assert runs.applied() == ["001_a"]
    assert runs.database.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass") is True


def test_a_rollback_is_continued_as_well(runs: Runs) -> None:
    """The record says that its way back is under way, and the next rollback goes on there."""
    down = f"{HEADER}INSERT INTO t VALUES (7, 7);\nSELECT 1/(SELECT count(*) FROM t WHERE x = 99);\nDROP TABLE a;"
    runs.write("001_a", "CREATE TABLE a (x int)", down)
    runs.apply()
    error = runs.fails(StatementFailed, runs.rollback)
    assert place(error) == ("001_a.down.sql", 3, 1)
    assert record(runs) == ("failed", "down", 2, 3)
    assert runs.states() == {"001_a": "failed"}
    runs.write("002_b", "CREATE TABLE b (x int)")
    assert "001_a" in runs.fails(CheckFailed).message
    assert runs.exists("b") == [False]
    runs.database.execute("INSERT INTO t VALUES (99, 0)")
    runs.rollback()
    assert runs.states() == {"001_a": "pending", "002_b": "pending"}
    assert runs.database.value("SELECT count(*) FROM t WHERE x = 7") == 1
    assert runs.exists("a") == [False]


def test_a_file_corrects_the_way_back(runs: Runs) -> None:
    """A rollback that stopped goes on with the file as it was corrected."""
    runs.write("001_a", "CREATE TABLE a (x int)", f"{HEADER}INSERT INTO t VALUES (7, 7);\nDROP TABEL a;")
    runs.apply()
    runs.fails(StatementFailed, runs.rollback)
    runs.project.write("001_a.down.sql", f"{HEADER}INSERT INTO t VALUES (7, 7);\nDROP TABLE a;")
    runs.rollback()
    assert runs.exists("a") == [False]
    assert runs.database.value("SELECT count(*) FROM t WHERE x = 7") == 1


def test_leftovers_of_a_reindex_are_named(runs: Runs) -> None:
    """REINDEX CONCURRENTLY builds under another name; what it leaves is for a person to drop."""
    runs.database.execute("CREATE UNIQUE INDEX i ON t (y)")
    runs.database.execute("UPDATE pg_index SET indisunique = false WHERE indexrelid = 'i'::regclass")
    runs.database.execute("INSERT INTO t VALUES (3, 1)")
    runs.database.execute("UPDATE pg_index SET indisunique = true WHERE indexrelid = 'i'::regclass")
    for command in ("REINDEX INDEX CONCURRENTLY i", "REINDEX (VERBOSE) TABLE CONCURRENTLY t"):
        runs.write("001_a", f"{HEADER}{command}")
        error = runs.fails(StatementFailed)
        (note,) = error.notes
        assert "i_ccnew" in note
        runs.database.execute("DROP INDEX i_ccnew")


def test_repair_decides_where_to_go_on(runs: Runs) -> None:
    """A person says which statement comes next; what stands before it may be edited by then."""
    runs.write("001_a", f"{HEADER}INSERT INTO t VALUES (7, 7);\nSELECT 1/0;\nINSERT INTO t VALUES (9, 9);")
    runs.fails(StatementFailed)
    for wrong in (0, 5, -1):
        with pytest.raises(UsageError):
            runs.api.repair(["001"], resume_at=wrong)
    runs.write("001_a", f"{HEADER}SELECT 'edited';\nSELECT 1/0;\nINSERT INTO t VALUES (9, 9);")
    change = runs.api.repair(["001"], resume_at=3).changes[0]
    assert "3" in change.what
    runs.apply()
    assert runs.database.rows("SELECT x FROM t WHERE x > 1 ORDER BY x") == [(7,), (9,)]
    assert runs.applied() == ["001_a"]
    assert [event for event, _ in runs.logged()] == ["failure", "repair", "apply"]


def test_repair_marks_as_applied_or_rolled_back(runs: Runs) -> None:
    """Nothing of the file runs."""
    runs.write("001_a", f"{HEADER}CREATE TABLE a (x int);\nSELECT 1/0;", "DROP TABLE a")
    runs.fails(StatementFailed)
    runs.api.repair(["001"], mark="rolled_back")
    assert runs.states() == {"001_a": "pending"}
    runs.database.execute("DROP TABLE a")
    runs.fails(StatementFailed)
    runs.api.repair(["001_a"], mark="applied")
    assert runs.states() == {"001_a": "applied"}
    assert runs.exists("a") == [True]
    runs.rollback()
    assert runs.exists("a") == [False]
    with pytest.raises(UsageError):
        runs.api.repair(["001"], mark="applied")


def test_a_half_applied_one_is_not_rolled_back(runs: Runs) -> None:
    """Its down expects all of it; refused before anything runs, with the ways out."""
    runs.write("001_a", "CREATE TABLE a (x int)", "DROP TABLE a")
    runs.write("002_b", f"{HEADER}CREATE TABLE b (x int);\nSELECT 1/0;", "DROP TABLE b")
    runs.fails(StatementFailed)
    error = runs.fails(CheckFailed, lambda: runs.rollback(Rollback(everything=True)))
    assert "002_b" in error.message
    assert "--mark-rolled-back" in (error.next_step or "")
    assert runs.exists("a", "b") == [True, True]


def test_a_statement_of_unknown_outcome_is_not_repeated(runs: Runs) -> None:
    """A procedure may commit on its way: where its connection ended within it, a person has to look."""
    runs.database.execute(
        "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$BEGIN INSERT INTO t VALUES (8, 8); COMMIT;"
        " PERFORM pg_terminate_backend(pg_backend_pid()); END$$"
    )
    runs.write("001_a", f"{HEADER}INSERT INTO t VALUES (7, 7);\nSELECT 1;\nCALL p();\nINSERT INTO t VALUES (9, 9);")
    runs.fails(ConnectionLost)
    error = runs.fails(Undecided)
    assert place(error) == ("001_a.up.sql", 4, 1)
    assert "--resume-at 3" in (error.next_step or "")
    assert "--resume-at 4" in (error.next_step or "")
    assert "sqlmig repair 001" in (error.next_step or "")
    problem = runs.status().migrations[0].problem
    assert problem is not None
    assert "interrupted at statement 3/4" in problem.message
    runs.api.repair(["001"], resume_at=4)
    runs.apply()
    assert runs.applied() == ["001_a"]
    assert runs.database.rows("SELECT x FROM t WHERE x > 6 ORDER BY x") == [(7,), (8,), (9,)]
