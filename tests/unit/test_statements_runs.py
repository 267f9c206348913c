"""Statements in runs: the same cut as one by one."""

from __future__ import annotations

import pytest

from sqlmig.script import Script
from sqlmig.script.text import CHUNK
from sqlmig.statements import Gap, Piece, Run, Statement, scan, scan_in_runs
from tests.unit.making import up

PARTS = [
    "INSERT INTO t VALUES (1, 'a;b');\n",
    "\n\n  -- a comment; really\nUPDATE t\n   SET x = 'é',\n       y = 2;;",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$;\r\n",
    "/* a /* nested; */ comment */ SELECT 1;\r",
    "COPY t FROM stdin;\n1\t2;\n\\.\n",
    "SET standard_conforming_strings = off;\nSELECT 'a\\';b';\nSET standard_conforming_strings = on;\n",
    "CREATE PROCEDURE p() BEGIN ATOMIC SELECT 1; SELECT 2; END;\n",
    "GRANT SELECT ON t TO x;DELETE FROM t;",
    "-- sqlmig: require SELECT true\nSELECT 2;\n",
]


def expanded(text: str, size: int) -> list[Piece]:
    found: list[Piece] = []
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    for piece in scan_in_runs(parts):
        found.extend(piece.pieces if isinstance(piece, Run) else [piece])
    return found


@pytest.mark.parametrize("size", [100, 5_000, 1 << 20])
@pytest.mark.parametrize("part", PARTS, ids=range(len(PARTS)))
def test_runs_are_the_pieces(part: str, size: int) -> None:
    """Texts, places, lines and columns, wherever reads end, alone and among the others."""
    for text in (part * 100, PARTS[0] * 60 + part + PARTS[0] * 60, "".join(PARTS) * 20):
        assert expanded(text, size) == list(scan(text))


def test_most_statements_are_in_runs() -> None:
    """Else they would save nothing."""
    pieces = list(scan_in_runs([PARTS[0] * 1000]))
    assert sum(len(piece.found) for piece in pieces if isinstance(piece, Run)) > 900


def long(text: str) -> Script:
    """A script that is longer than what is read at once, with something else around."""
    filling = PARTS[0] * (CHUNK // len(PARTS[0]))
    return up(f"{filling}{text}\n{filling}")


def test_a_long_script_is_surveyed_like_a_short_one() -> None:
    """What must not run is found in a run as well, with its place; empty statements do not count."""
    lines = CHUNK // len(PARTS[0])
    script = long("SELECT 1;;SELECT 2;\n  COMMIT;")
    assert script.survey.statements == 2 * lines + 3
    assert script.survey.size == len(script.text())
    (problem,) = script.problems
    assert problem.code == "transaction_control"
    assert problem.place is not None
    assert (problem.place.line, problem.place.column) == (lines + 2, 3)


def test_a_directive_before_a_run_is_about_its_first_statement() -> None:
    """It is found behind thousands of others."""
    script = long("-- sqlmig: ensure SELECT true")
    (problem,) = script.problems
    assert "before the last statement" in problem.message


def test_runs_hold_gaps_and_statements_alone() -> None:
    kinds = {type(piece) for run in scan_in_runs([PARTS[0] * 1000]) if isinstance(run, Run) for piece in run.pieces}
    assert kinds == {Gap, Statement}
