"""``require`` and ``ensure``: nothing runs, or nothing stays, unless they are true."""

from __future__ import annotations

import pytest

from sqlmig.errors import AssertionFailed, SqlmigError, StatementFailed
from sqlmig.events import Retrying
from tests.support.project import Project
from tests.support.runner import Runs, limit_messages, outcomes, place

NO_TRANSACTION = "-- sqlmig: no-transaction\n"


@pytest.fixture(params=["together", "singly"])
def runs(request: pytest.FixtureRequest, project: Project, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """A table with one row; statements travel together, or each alone."""
    if request.param == "singly":
        limit_messages(monkeypatch, 0)
    runs = Runs(project)
    runs.database.execute("CREATE TABLE t (x int); INSERT INTO t VALUES (1)")
    return runs


def refused(runs: Runs) -> AssertionFailed:
    error = runs.fails(AssertionFailed)
    assert (error.code, error.exit_code) == ("assertion_failed", 1)
    return error


def test_what_is_true_changes_nothing(runs: Runs) -> None:
    runs.write(
        "001_a",
        "-- sqlmig: require SELECT count(*) = 1 FROM t\n-- sqlmig: require SELECT x = 1 FROM t\n"
        "INSERT INTO t VALUES (2);\n"
        "-- sqlmig: ensure SELECT count(*) = 2 FROM t\n-- sqlmig: ensure SELECT max(x) = 2 FROM t\n",
    )
    assert outcomes(runs.apply()) == ["applied"]
    assert [event.number for event in runs.events if hasattr(event, "number")] == [1]


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ("SELECT count(*) = 0 FROM t", "it gave false"),
        ("SELECT false", "it gave false"),
        ("SELECT NULL::bool", "it gave null, or no row"),
        ("SELECT true FROM t WHERE x = 7", "it gave null, or no row"),
    ],
)
@pytest.mark.parametrize("head", ["", NO_TRANSACTION], ids=["transaction", "no transaction"])
def test_a_requirement_that_is_not_true_runs_nothing(runs: Runs, head: str, query: str, note: str) -> None:
    """Its text is told with its place; what came before stays, what comes behind does not run."""
    runs.write("001_before", "CREATE TABLE before ()")
    runs.write("002_a", f"{head}-- sqlmig: require SELECT true\n--  sqlmig: require {query}\nCREATE TABLE a ();")
    runs.write("003_behind", "CREATE TABLE behind ()")
    error = refused(runs)
    assert error.message == f"002_a: require is not true: {query}"
    line = 2 + bool(head)
    assert place(error) == ("002_a.up.sql", line, 21)
    assert error.place is not None
    assert error.place.excerpt == f"--  sqlmig: require {query}"
    assert error.notes == (note,)
    assert error.next_step == "see to it that it is true, then: sqlmig apply"
    assert "nothing of" in (error.left_behind or "")
    assert outcomes(error) == ["applied", "failed", "not_run"]
    assert runs.exists("before", "a", "behind") == [True, False, False]
    assert runs.states() == {"001_before": "applied", "002_a": "pending", "003_behind": "pending"}
    assert runs.logged()[-1] == ("failure", "002_a")


def test_what_is_not_ensured_undoes_all_of_it(runs: Runs) -> None:
    runs.write("001_a", "CREATE TABLE a ();\nINSERT INTO t VALUES (2);\n-- sqlmig: ensure SELECT count(*) = 3 FROM t")
    error = refused(runs)
    assert error.message == "001_a: ensure is not true: SELECT count(*) = 3 FROM t"
    assert place(error) == ("001_a.up.sql", 3, 19)
    assert error.left_behind == "001_a was rolled back: nothing of it stays"
    assert runs.exists("a") == [False]
    assert runs.applied() == []
    runs.write("001_a", "CREATE TABLE a ();\nINSERT INTO t VALUES (2);\n-- sqlmig: ensure SELECT count(*) = 2 FROM t")
    runs.apply()


def test_without_a_transaction_the_statements_stay_and_what_is_ensured_is_asked_again(runs: Runs) -> None:
    """Nothing is run twice, and it is not called applied before it is true."""
    runs.write("001_a", f"{NO_TRANSACTION}INSERT INTO t VALUES (2);\n-- sqlmig: ensure SELECT count(*) = 3 FROM t")
    error = refused(runs)
    assert error.left_behind == "all statements of 001_a are complete, and it is not recorded as applied"
    assert runs.states() == {"001_a": "failed"}
    (problem,) = runs.status().problems
    assert "ensure is not true: SELECT count(*) = 3 FROM t" in problem.message
    refused(runs)
    runs.database.execute("INSERT INTO t VALUES (3)")
    runs.apply()
    assert runs.states() == {"001_a": "applied"}
    assert runs.database.value("SELECT array_agg(x ORDER BY x) FROM t") == [1, 2, 3]


def test_a_requirement_is_not_asked_for_again_half_way(runs: Runs) -> None:
    """It was true at the beginning, and what it asked for may have been changed by the first statement."""
    text = f"{NO_TRANSACTION}-- sqlmig: require SELECT count(*) = 1 FROM t\nINSERT INTO t VALUES (2);\nSELECT %s"
    runs.write("001_a", text % "1/0")
    runs.fails(StatementFailed)
    runs.write("001_a", text % "1")
    runs.apply()
    assert runs.states() == {"001_a": "applied"}


def test_where_the_first_statement_failed_it_is(runs: Runs) -> None:
    runs.write("001_a", f"{NO_TRANSACTION}-- sqlmig: require SELECT count(*) = 1 FROM t\nSELECT 1/0")
    runs.fails(StatementFailed)
    runs.database.execute("TRUNCATE t")
    refused(runs)


def test_downs_have_them_too(runs: Runs) -> None:
    """A rollback that would lose something stops."""
    runs.write("001_a", "CREATE TABLE a (x int)", "-- sqlmig: require SELECT count(*) = 0 FROM a\nDROP TABLE a;")
    runs.apply()
    runs.database.execute("INSERT INTO a VALUES (1)")
    error = runs.fails(AssertionFailed, runs.rollback)
    assert error.next_step == "see to it that it is true, then: sqlmig rollback"
    assert runs.exists("a") == [True]
    runs.remove("001_a")
    error = runs.fails(AssertionFailed, runs.rollback)
    assert place(error)[1:] == (1, 20)
    runs.database.execute("TRUNCATE a")
    runs.rollback()
    assert runs.exists("a") == [False]


@pytest.mark.parametrize(
    ("query", "message", "column"),
    [
        ("SELECT nothing FROM t", 'column "nothing" does not exist', 28),
        ("SELECT count(*) FROM t", "must be type boolean", 21),
        ("SELECT true FROM t, (VALUES (1), (2)) v", "more than one row", 21),
        ("SELECT true, true", "subquery must return only one column", None),
        ("SELECT true FORM t WHERE", "syntax error", None),
        ("SELECT (true", "", None),
        ("SELECT 1/0 = 1", "division by zero", 21),
        ("SELECT 'sqlmig 00 false'::int = 1", "sqlmig 00 false", None),
    ],
)
def test_a_query_that_fails_is_no_assertion_that_is_not_true(
    runs: Runs, query: str, message: str, column: int | None
) -> None:
    """The server's own words and SQLSTATE; also where it fails in the way in which ours do."""
    for text in (
        f"CREATE TABLE a ();\n--  sqlmig: ensure  {query}",
        f"--  sqlmig: require {query}\nCREATE TABLE a ();",
        f"--  sqlmig: require {query}\n{NO_TRANSACTION}CREATE TABLE a ();",
    ):
        runs.write("001_a", text)
        error = refused(runs)
        assert message in error.message
        assert "is not true" not in error.message
        assert error.server is not None
        assert error.server.sqlstate
        assert error.next_step is not None
        assert error.next_step.startswith("correct ")
        at = place(error)
        assert at[1] == (2 if text.startswith("CREATE") else 1)
        assert column is None or at[2] == column
        assert runs.exists("a") == [False]


def test_it_runs_once_and_with_the_role_and_the_path_of_its_script(runs: Runs) -> None:
    """And sees what the script did: its own schema, its own settings."""
    role = runs.database.role("owner")
    runs.database.execute(f'GRANT ALL ON SCHEMA public TO "{role}"; CREATE SEQUENCE s; GRANT ALL ON s TO "{role}"')
    runs.write(
        "001_a",
        f"-- sqlmig: role = {role}\n-- sqlmig: require SELECT current_user = '{role}' AND nextval('s') = 1\n"
        "CREATE SCHEMA app;\nCREATE TABLE app.here ();\nSET search_path = app;\n"
        "-- sqlmig: ensure SELECT to_regclass('here') IS NOT NULL AND nextval('public.s') = 2",
    )
    runs.database.execute(f'GRANT CREATE ON DATABASE "{runs.database.name}" TO "{role}"')
    runs.apply()
    assert runs.database.value("SELECT last_value FROM s") == 2


def test_isolation_levels_and_locks_come_first(runs: Runs) -> None:
    """PostgreSQL takes the one only before any query, and the other is there to hold what is required."""
    runs.write(
        "001_a",
        "-- sqlmig: require SELECT current_setting('transaction_isolation') = 'serializable'\n"
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nLOCK TABLE t;\nCREATE TABLE a ();",
    )
    runs.write(
        "002_b",
        "-- sqlmig: require SELECT count(*) = 1 FROM pg_locks WHERE relation = 't'::regclass AND granted"
        " AND mode = 'AccessExclusiveLock'\nLOCK TABLE t;\nCREATE TABLE b ();",
    )
    runs.apply()
    assert runs.exists("a", "b") == [True, True]


def test_deferred_constraints_are_checked_before(runs: Runs) -> None:
    """What is ensured is what will be committed."""
    runs.database.execute("""
        CREATE FUNCTION add_one() RETURNS trigger LANGUAGE plpgsql
            AS 'BEGIN INSERT INTO t VALUES (9); RETURN NULL; END';
        CREATE TABLE c (x int);
        CREATE CONSTRAINT TRIGGER late AFTER INSERT ON c DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION add_one()""")
    runs.write("001_a", "INSERT INTO c VALUES (1);\n-- sqlmig: ensure SELECT count(*) = 2 FROM t")
    runs.apply()


def test_a_lock_that_is_not_granted_is_tried_again(runs: Runs) -> None:
    """As for a statement: the whole migration starts again."""
    runs.configure(lock_timeout="100ms", lock_retries=3)
    runs.write("001_a", "-- sqlmig: require SELECT count(*) = 1 FROM t\nCREATE TABLE a ();")
    with runs.database.connect() as blocker:
        blocker.execute("BEGIN; LOCK TABLE t")

        def give_way(event: object) -> None:
            if isinstance(event, Retrying):
                blocker.execute("ROLLBACK")

        runs.listener = give_way
        runs.apply()
    assert len(runs.told(Retrying)) == 1


def test_a_file_without_statements_can_assert(runs: Runs) -> None:
    runs.write("001_a", "-- sqlmig: require SELECT count(*) = 1 FROM t\n-- sqlmig: ensure SELECT true")
    runs.write("002_b", "-- sqlmig: ensure SELECT count(*) = 0 FROM t")
    error = refused(runs)
    assert str(error.message).startswith("002_b")
    assert runs.applied() == ["001_a"]


def test_with_one_transaction_for_all_of_them_nothing_stays(runs: Runs) -> None:
    runs.write("001_a", "CREATE TABLE a ()")
    runs.write("002_b", "CREATE TABLE b ();\n-- sqlmig: ensure SELECT to_regclass('a') IS NULL")
    error = runs.fails(AssertionFailed, lambda: runs.apply(single_transaction=True))
    assert outcomes(error) == ["not_run", "failed"]
    assert runs.exists("a", "b") == [False, False]


def test_an_edit_of_one_is_drift(runs: Runs) -> None:
    runs.write("001_a", "SELECT 1;\n-- sqlmig: ensure SELECT true")
    runs.apply()
    runs.write("001_a", "SELECT 1;\n-- sqlmig: ensure SELECT  true -- a comment")
    assert runs.check().exit_code == 0
    runs.write("001_a", "SELECT 1;\n-- sqlmig: ensure SELECT 1 = 1")
    assert runs.check().exit_code == 3


def test_seeds_and_hooks_have_them_too(runs: Runs) -> None:
    seeds = runs.project.folder / "seeds"
    seeds.mkdir()
    (seeds / "fill.sql").write_text("-- sqlmig: require SELECT count(*) = 0 FROM t\nINSERT INTO t VALUES (5);\n")
    outcome = runs.project.invoke("seed", "run")
    assert outcome.exit_code == 1
    assert "require is not true: SELECT count(*) = 0 FROM t" in outcome.stderr
    assert "see to it that it is true, then: sqlmig seed run fill" in outcome.stderr
    assert runs.database.value("SELECT count(*) FROM t") == 1
    runs.database.execute("TRUNCATE t")
    assert runs.project.invoke("seed", "run").exit_code == 0
    assert runs.database.value("SELECT count(*) FROM t") == 1


def test_the_command_line_shows_it_with_its_place(runs: Runs) -> None:
    """And --json has the code that scripts rely on."""
    runs.write("001_a", "-- sqlmig: require SELECT count(*) = 0 FROM t\nCREATE TABLE a ();")
    outcome = runs.project.invoke("apply")
    assert outcome.exit_code == 1
    assert (
        outcome.stderr
        == """\
error: 001_a: require is not true: SELECT count(*) = 0 FROM t
  at sql/001_a.up.sql:1:20

  1 | -- sqlmig: require SELECT count(*) = 0 FROM t
    |                    ^

  it gave false
  001_a was rolled back: nothing of it stays
  next: see to it that it is true, then: sqlmig apply
"""
    )
    error = runs.project.invoke("apply", "--json").json["error"]
    assert (error["code"], error["line"], error["column"], error["sqlstate"]) == ("assertion_failed", 1, 20, None)


def test_no_token_and_nothing_of_ours_is_shown(runs: Runs) -> None:
    runs.write("001_a", "-- sqlmig: require SELECT false\nSELECT 1")
    error: SqlmigError = refused(runs)
    assert error.server is None
    assert [entry.detail for entry in runs.log()][-1] == "001_a: require is not true: SELECT false"
