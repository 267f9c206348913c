"""Plain statements in a row travel as one piece: what is told of each is what would be told of it alone."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from sqlmig.errors import StatementFailed
from sqlmig.events import StatementDone, StepDone
from sqlmig.runner import transactional
from tests.support.cutting import WAYS, cut_by
from tests.support.project import Project
from tests.support.runner import Runs, outcomes, place, steps


class Failing(NamedTuple):
    text: str
    sqlstate: str
    column: int


RUNTIME = Failing("INSERT INTO good VALUES (1/0);", "22012", 1)
CONSTRAINT = Failing("INSERT INTO good VALUES (NULL);", "23502", 1)
ANALYSIS = Failing("INSERT INTO good VALUES (nowhere);", "42703", 26)
SYNTAX = Failing("INSERT INTO good VALUES (1) 'é';", "42601", 29)

GOOD = [
    "CREATE TABLE good (x int NOT NULL);",
    "INSERT INTO good\nVALUES (1);",
    "COMMENT ON TABLE good\n  IS '😀; --';",
    "CREATE INDEX good_x ON good (x);",
]


@pytest.fixture(params=WAYS, autouse=True)
def way_to_cut(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_by(request.param, monkeypatch)


@pytest.fixture(params=[True, False], ids=["told", "passed over"])
def runs(request: pytest.FixtureRequest, project: Project, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Whether somebody wants to know of each statement or not."""
    if not request.param:
        monkeypatch.setattr(transactional, "wants", lambda listener, kind: False)
    return Runs(project)


@pytest.mark.parametrize("number", [1, 2, 3, 5])
@pytest.mark.parametrize(
    "bad", [RUNTIME, CONSTRAINT, ANALYSIS, SYNTAX], ids=["runtime", "constraint", "analysis", "syntax"]
)
def test_the_place_of_a_failure(runs: Runs, bad: Failing, number: int) -> None:
    """File, line, column, number and SQLSTATE, with and without a position."""
    runs.write("001_good", "CREATE TABLE good (x int NOT NULL);")
    statements = [*GOOD[1:], "DELETE FROM good;"]
    statements.insert(number - 1, bad.text)
    runs.write("002_bad", "-- why\n" + "\n".join(statements))
    error = runs.fails(StatementFailed)
    line = 2 + sum(statement.count("\n") + 1 for statement in statements[: number - 1])
    assert place(error) == ("002_bad.up.sql", line, bad.column)
    assert (error.statement, error.statements) == (number, 5)
    assert error.server is not None
    assert error.server.sqlstate == bad.sqlstate
    assert error.place is not None
    assert (error.place.excerpt or "").strip() == bad.text
    assert runs.applied() == ["001_good"]
    assert runs.exists("good", "good_x") == [True, False]


@pytest.mark.parametrize("statement", [1, 2, 3])
@pytest.mark.parametrize("bad", [RUNTIME, ANALYSIS, SYNTAX], ids=["runtime", "analysis", "syntax"])
def test_the_third_of_five_in_flight(runs: Runs, bad: Failing, statement: int) -> None:
    """The two before it stay applied, of itself nothing stays, the two behind it do not run."""
    for number in range(1, 6):
        runs.write(f"00{number}_m", f"CREATE TABLE t{number} (x int);\nDELETE FROM t{number};\nDELETE FROM t{number};")
    runs.write("001_m", GOOD[0])
    bodies = ["CREATE TABLE t3 (x int);", "DELETE FROM good;", "DELETE FROM good;"]
    bodies[statement - 1] = bad.text
    runs.write("003_m", "\n".join(bodies))
    error = runs.fails(StatementFailed)
    assert place(error) == ("003_m.up.sql", statement, bad.column)
    assert error.statement == statement
    assert outcomes(error) == ["applied", "applied", "failed", "not_run", "not_run"]
    assert runs.exists("good", "t2", "t3", "t4", "t5") == [True, True, False, False, False]
    runs.write("003_m", "CREATE TABLE t3 (x int);")
    runs.apply()
    assert runs.applied() == steps(runs.events, StepDone) == [f"00{number}_m" for number in range(1, 6)]


def test_each_statement_is_told_once(runs: Runs) -> None:
    """With its number and its place, in order; where nobody wants to know, those at least do not come twice."""
    runs.write("001_a", "\n".join(GOOD))
    runs.write("002_b", "-- first\nDELETE FROM good; SELECT 1;\nDELETE FROM good;DELETE FROM good;")
    runs.apply()
    places = [
        (event.step.version, event.number, event.total, event.statement.line, event.statement.column)
        for event in runs.events
        if isinstance(event, StatementDone)
    ]
    first = [(1, 1, 4, 1, 1), (1, 2, 4, 2, 1), (1, 3, 4, 4, 1), (1, 4, 4, 6, 1)]
    second = [(2, 1, 4, 2, 1), (2, 2, 4, 2, 19), (2, 3, 4, 3, 1), (2, 4, 4, 3, 18)]
    wanted = transactional.wants(print, StatementDone)
    assert places == [*first, *second] if wanted else sorted(set(places) & {*first, *second}) == places
    assert runs.applied() == steps(runs.events, StepDone) == ["001_a", "002_b"]


def test_notices_among_them_belong_to_their_migration(runs: Runs) -> None:
    """Also where the replies around them are passed over."""
    for number in (1, 2, 3):
        runs.write(f"00{number}_t", "\n".join(["CREATE TABLE IF NOT EXISTS t (x int);"] * number))
    runs.apply()
    assert [name for name, _, _ in runs.notices()] == ["002_t"] * 2 + ["003_t"] * 3


def test_the_rows_that_a_rule_adds_are_no_statement_of_their_own(runs: Runs) -> None:
    """The server gives two results for one INSERT; what follows is still counted right."""
    rule = "CREATE RULE more AS ON INSERT TO good DO ALSO SELECT 1 FROM generate_series(1, 3);"
    runs.write("001_a", f"{GOOD[0]}\n{rule}")
    runs.write("002_b", "INSERT INTO good VALUES (1);\n" * 5 + RUNTIME.text)
    error = runs.fails(StatementFailed)
    assert place(error) == ("002_b.up.sql", 6, 1)
    assert error.statement == 6


def test_a_run_that_is_longer_than_a_message(runs: Runs) -> None:
    """Is sent statement by statement."""
    runs.configure(message_size="1kB")
    runs.write("001_a", f"{GOOD[0]}\n" + "INSERT INTO good VALUES (1);\n" * 500 + RUNTIME.text)
    error = runs.fails(StatementFailed)
    assert (error.statement, place(error)) == (502, ("001_a.up.sql", 502, 1))


def test_long_runs_of_many_migrations(runs: Runs) -> None:
    """More than one message can hold, with a failure near the end of the last."""
    for number in (1, 2, 3):
        up = f"CREATE TABLE t{number} (x int);\n" + f"INSERT INTO t{number} VALUES (1);\n" * 10_000
        runs.write(f"00{number}_t", up + (RUNTIME.text if number == 3 else ""))
    runs.write("000_good", GOOD[0])
    error = runs.fails(StatementFailed)
    assert (error.statement, place(error)) == (10_002, ("003_t.up.sql", 10_002, 1))
    assert runs.applied() == ["000_good", "001_t", "002_t"]
    assert runs.database.rows("SELECT count(*) FROM t1, (SELECT count(*) FROM t2) AS other") == [(10_000,)]
    assert runs.exists("t3") == [False]
