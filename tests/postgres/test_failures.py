"""A failing statement is named exactly, wherever it stands, and what stays is what would stay one by one."""

from __future__ import annotations

import pytest

from sqlmig.errors import StatementFailed
from tests.support.project import Project
from tests.support.runner import Runs, outcomes, place

RUNTIME = "SELECT 1/0"
MISSING_COLUMN = "SELECT nowhere FROM good"
SYNTAX = "CREATE TABEL bad (x int)"

GOOD = ["CREATE TABLE good (x int)", "INSERT INTO good VALUES (1)", "INSERT INTO good VALUES (2)", "SELECT 1"]


@pytest.fixture
def runs(project: Project) -> Runs:
    return Runs(project)


def script(statements: list[str], line_break: str = "\n") -> str:
    return line_break.join(f"{statement};" for statement in statements)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("start", ["", "\ufeff", "-- é€😀\n/* 😀\n*/ "], ids=["plain", "bom", "astral"])
@pytest.mark.parametrize("number", [1, 3, 5])
@pytest.mark.parametrize(
    ("bad", "sqlstate", "column"),
    [(RUNTIME, "22012", 1), ("SELECT '😀é', nowhere", "42703", 14), ("SELECT '😀é' TABEL 'x'", "42601", 19)],
    ids=["runtime", "analysis", "syntax"],
)
def test_the_place_of_a_failure(
    runs: Runs, bad: str, sqlstate: str, column: int, number: int, start: str, line_break: str
) -> None:
    """File, line, column, number and SQLSTATE, for an error with and without a position, and one of syntax."""
    statements = [*GOOD[: number - 1], bad, *GOOD[number - 1 :]]
    runs.write("001_a", (start + script(statements)).replace("\n", line_break))
    error = runs.fails(StatementFailed)
    lines_before = start.count("\n")
    before = len(start.lstrip("\ufeff").rpartition("\n")[2]) if number == 1 else 0
    assert place(error) == ("001_a.up.sql", lines_before + number, before + column)
    assert (error.statement, error.statements) == (number, 5)
    assert error.server is not None
    assert error.server.sqlstate == sqlstate
    assert error.place is not None
    assert (error.place.excerpt or "").strip().endswith(f"{bad};")
    assert runs.exists("good") == [False]
    assert runs.applied() == []


@pytest.mark.parametrize("statement", [1, 2, 3], ids=["first", "middle", "last"])
@pytest.mark.parametrize("bad", [RUNTIME, MISSING_COLUMN, SYNTAX], ids=["runtime", "analysis", "syntax"])
def test_the_third_of_five_in_flight(runs: Runs, bad: str, statement: int) -> None:
    """The two before it stay applied, of itself nothing stays, the two behind it do not run."""
    for number in range(1, 6):
        runs.write(f"00{number}_m", f"CREATE TABLE t{number} (x int);\nSELECT 1;\nSELECT 2;")
    runs.write("001_m", "CREATE TABLE good (x int);")
    bodies = ["CREATE TABLE t3 (x int);", "SELECT 1;", "SELECT 2;"]
    bodies[statement - 1] = bad + ";"
    runs.write("003_m", "\n".join(bodies))
    error = runs.fails(StatementFailed)
    assert place(error)[:2] == ("003_m.up.sql", statement)
    assert error.statement == statement
    assert outcomes(error) == ["applied", "applied", "failed", "not_run", "not_run"]
    assert runs.applied() == ["001_m", "002_m"]
    assert runs.exists("good", "t2", "t3", "t4", "t5") == [True, True, False, False, False]
    assert "003_m" in (error.left_behind or "")
    runs.write("003_m", "CREATE TABLE t3 (x int);")
    runs.apply()
    assert runs.applied() == [f"00{number}_m" for number in range(1, 6)]


def test_detail_hint_and_constraint_are_kept(runs: Runs) -> None:
    """What the server said beside its message reaches the reader."""
    runs.write("001_a", "CREATE TABLE a (x int PRIMARY KEY);\nINSERT INTO a VALUES (1), (1);")
    error = runs.fails(StatementFailed)
    assert error.server is not None
    assert error.server.sqlstate == "23505"
    assert error.server.detail == "Key (x)=(1) already exists."
    assert error.server.constraint == "a_pkey"
    assert place(error) == ("001_a.up.sql", 2, 1)
    runs.write("001_a", "DO $$BEGIN RAISE 'so' USING HINT = 'do this', DETAIL = 'that', ERRCODE = 'AB123'; END$$")
    error = runs.fails(StatementFailed)
    assert error.server is not None
    assert (error.server.sqlstate, error.server.hint, error.server.detail) == ("AB123", "do this", "that")


def test_an_error_in_a_body_points_into_it(runs: Runs) -> None:
    """PL/pgSQL tells a line of its body alone; that line of the file is named."""
    runs.write("001_a", "SELECT 1;\n\nDO $$\nBEGIN\n  PERFORM 1;\n  PERFORM 1/0;\nEND\n$$;\nSELECT 2;")
    error = runs.fails(StatementFailed)
    assert place(error)[:2] == ("001_a.up.sql", 6)
    assert error.server is not None
    assert "PL/pgSQL" in (error.server.context or "")
    assert error.statement == 2


def test_an_error_in_a_called_function_points_at_the_call(runs: Runs) -> None:
    """The body is elsewhere, so its line is none of the calling statement's; CONTEXT is handed on."""
    runs.write("001_a", "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n RETURN 1/0;\nEND $$;")
    runs.write("002_b", "SELECT 1;\n  SELECT\n  f();")
    error = runs.fails(StatementFailed)
    assert place(error) == ("002_b.up.sql", 2, 3)
    assert error.server is not None
    assert "function f()" in (error.server.context or "")


FUNCTIONS = """\ufeff-- é😀\r
CREATE FUNCTION inner_(a int) RETURNS int LANGUAGE plpgsql AS $$\r
BEGIN\r
  RETURN 1 / a;\r
END $$;\r
CREATE OR REPLACE FUNCTION inner_(a int) RETURNS int LANGUAGE plpgsql AS $$\r
DECLARE b int;\r
BEGIN\r
  b := 2 / a;\r
  INSERT INTO good SELECT b, nowhere;\r
  RETURN b;\r
END $$;\r
CREATE FUNCTION outer_(a int) RETURNS int LANGUAGE plpgsql AS $$\r
BEGIN\r
  RETURN inner_(a);\r
END $$;\r
CREATE TABLE good (x int);\r
"""


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("SELECT inner_(0);", (9, 3)),
        ("SELECT outer_(0);", (9, 3)),
        ("SELECT outer_(1);", (10, 30)),
        ("INSERT INTO good SELECT inner_(0);", (9, 3)),
    ],
)
@pytest.mark.parametrize("header", ["", "-- sqlmig: no-transaction\r\n"])
def test_an_error_in_a_function_of_the_same_file_points_into_it(
    runs: Runs, header: str, call: str, expected: tuple[int, int]
) -> None:
    """The innermost function that the file created is named, as it was last defined; and where it was called."""
    lines = header.count("\n")
    text = FUNCTIONS.replace("\ufeff", f"\ufeff{header}")
    runs.write("001_a", f"{text}\t{call}\r\nSELECT 1;")
    error = runs.fails(StatementFailed)
    assert place(error) == ("001_a.up.sql", lines + expected[0], expected[1])
    assert f"called in line {lines + 18}, column 2" in error.notes
    assert error.statement == 5


def test_an_error_inside_an_sql_function_body(runs: Runs) -> None:
    """A query that a function runs has positions of its own, which are none of the file's."""
    runs.write(
        "001_a", "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$BEGIN EXECUTE 'SELECT a FROM b'; END$$;"
    )
    runs.write("002_b", "SELECT 1;\nSELECT 2, f();")
    error = runs.fails(StatementFailed)
    assert place(error)[:2] == ("002_b.up.sql", 2)
    assert error.server is not None
    assert error.server.sqlstate == "42P01"


def test_a_function_whose_body_does_not_parse(runs: Runs) -> None:
    """The server gives a position inside the body: it is the place in the file."""
    runs.write("001_a", "SELECT 1;\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\n  SELECT 1;\n  SELEC 2\n$$;")
    error = runs.fails(StatementFailed)
    assert place(error) == ("001_a.up.sql", 4, 3)


def test_a_deferred_constraint_fails_at_the_end(runs: Runs) -> None:
    """Nothing stays, the migration is named, and those before it stay; the message says what kind of failure it is."""
    runs.write(
        "001_a", "CREATE TABLE p (x int PRIMARY KEY); CREATE TABLE c (x int REFERENCES p DEFERRABLE INITIALLY DEFERRED)"
    )
    runs.write("002_b", "INSERT INTO c VALUES (1);\nSELECT 1;")
    runs.write("003_c", "CREATE TABLE later (x int)")
    error = runs.fails(StatementFailed)
    assert place(error)[0] == "002_b.up.sql"
    assert error.server is not None
    assert error.server.sqlstate == "23503"
    assert error.server.detail == 'Key (x)=(1) is not present in table "p".'
    assert outcomes(error) == ["applied", "failed", "not_run"]
    assert runs.database.rows("SELECT x FROM c") == []
    assert runs.exists("later") == [False]


def test_notices_belong_to_their_migration_and_come_before_a_failure(runs: Runs) -> None:
    """A NOTICE and a WARNING are delivered although a later statement fails, under the name of who caused them."""
    runs.write("001_a", "DO $$BEGIN RAISE NOTICE 'one'; RAISE WARNING 'two'; END$$")
    runs.write("002_b", "DO $$BEGIN RAISE NOTICE 'three'; END$$;\nSELECT 1/0;")
    runs.fails(StatementFailed)
    assert runs.notices() == [("001_a", "NOTICE", "one"), ("001_a", "WARNING", "two"), ("002_b", "NOTICE", "three")]


def test_notices_of_non_transactional_migrations(runs: Runs) -> None:
    """They are attributed as well."""
    runs.write(
        "001_a", "-- sqlmig: no-transaction\nDO $$BEGIN RAISE NOTICE 'one'; END$$;\nDROP TABLE IF EXISTS nowhere;"
    )
    runs.apply()
    assert runs.notices() == [
        ("001_a", "NOTICE", "one"),
        ("001_a", "NOTICE", 'table "nowhere" does not exist, skipping'),
    ]


def test_a_notice_about_a_temporary_table_is_told(runs: Runs) -> None:
    """Only our own notices are kept back."""
    runs.write("001_a", 'DROP TABLE IF EXISTS pg_temp.mine;\nDROP TABLE IF EXISTS pg_temp."sqlmig data";')
    runs.write("002_b", "SELECT 1")
    runs.apply()
    assert [(step, severity) for step, severity, _ in runs.notices()] == [("001_a", "NOTICE"), ("001_a", "NOTICE")]


def test_a_secret_in_a_statement_never_reaches_the_history(runs: Runs) -> None:
    """The log of failures holds message and SQLSTATE; the text of the statement is not in it."""
    runs.write("001_a", "CREATE ROLE \"postgres\" PASSWORD 'hunter2hunter2'")
    error = runs.fails(StatementFailed)
    entry = runs.log()[-1]
    assert entry.event == "failure"
    assert entry.label == "001"
    assert error.server is not None
    assert entry.detail is not None
    assert (error.server.sqlstate or "?") in entry.detail
    assert "hunter2" not in runs.database.dump(data=True)


def test_each_failure_is_a_line_of_the_log(runs: Runs) -> None:
    """Who, when and why, of the migration that failed, beside what was applied before."""
    runs.write("001_a", "SELECT 1")
    runs.write("002_b", "SELECT 1/0")
    runs.fails(StatementFailed)
    runs.fails(StatementFailed)
    assert runs.logged() == [("apply", "001_a"), ("failure", "002_b"), ("failure", "002_b")]
    entry = runs.log()[-1]
    assert "22012" in (entry.detail or "")
    assert entry.user == runs.database.value("SELECT session_user")
