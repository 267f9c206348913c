"""Lines and columns of pieces, and the directives among them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sqlmig.statements import CopyData, Directive, Gap, Statement, scan, split
from tests.support.cutting import WAYS, cut_by


@pytest.fixture(params=WAYS, autouse=True)
def way_to_cut(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long scripts are cut by one pattern, short ones by code: both must do the same."""
    cut_by(request.param, monkeypatch)


def places(script: str) -> list[tuple[int, int]]:
    return [(statement.line, statement.column) for statement in split(script)]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("SELECT 1;", [(1, 1)]),
        ("  SELECT 1; SELECT 2;\nSELECT 3;", [(1, 3), (1, 13), (2, 1)]),
        ("\tSELECT 1;\n\t\tSELECT 2;", [(1, 2), (2, 3)]),
        ("SELECT\n1;\n\n\n SELECT 2;", [(1, 1), (5, 2)]),
        ("SELECT\r\n1;\r\n\r\n SELECT 2;", [(1, 1), (4, 2)]),
        ("SELECT\r1;\r\r SELECT 2;", [(1, 1), (4, 2)]),
        ("SELECT 1;\r\n\r\rSELECT 2;\n\rSELECT 3;", [(1, 1), (4, 1), (6, 1)]),
        ("\ufeffSELECT 1; SELECT 2;", [(1, 1), (1, 11)]),
        ("\ufeff\nSELECT 1;", [(2, 1)]),
        ("SELECT 'é😀'; SELECT '\n😀'; SELECT 3;", [(1, 1), (1, 14), (2, 5)]),
        ("SELECT 1;\f\v SELECT 2;\u2028SELECT 3;", [(1, 1), (1, 13), (1, 22)]),
        ("/* \n */ SELECT 1; -- \n;;", [(2, 5), (3, 1), (3, 2)]),
        ("DO $$\nBEGIN\nEND $$; SELECT 2;", [(1, 1), (3, 9)]),
        ("COPY t FROM stdin;\n1\n\\.\nSELECT 2; SELECT 3;", [(1, 1), (4, 1), (4, 11)]),
    ],
)
def test_places_count_characters_and_lines(script: str, expected: list[tuple[int, int]]) -> None:
    """From 1; a tab is one column; LF, CRLF and CR end lines and nothing else does; a byte order mark has no column."""
    assert places(script) == expected
    assert [(p.line, p.column) for p in scan(list(script)) if isinstance(p, Statement)] == expected


def test_spans_are_in_the_source() -> None:
    """Each piece is a slice of the script, the byte order mark included."""
    script = "\ufeff-- a\r\nSELECT '😀';\r\nCOPY t FROM stdin;\r\n1\r\n\\.\r\n/* b */ SELECT 2 -- c"
    pieces = list(scan(script))
    assert all(script[piece.start : piece.end] == piece.text for piece in pieces)
    assert pieces[0].start == 0
    assert all(one.end == two.start for one, two in pairwise(pieces))
    assert [type(piece) for piece in pieces] == [
        *(Gap, Statement, Gap, Statement, Gap, CopyData, CopyData, Gap, Statement, Gap)
    ]


def test_directives_in_front() -> None:
    """Each line comment that begins with sqlmig: is one, in the order in which they stand."""
    script = "-- licence\n-- sqlmig: lock_timeout = 2s \n\n  --sqlmig:no-transaction\r\n-- SqlMig :  x\nSELECT 1;"
    (gap, statement) = scan(script)
    assert isinstance(gap, Gap)
    assert gap.directives == (
        Directive("lock_timeout = 2s", 2, 1),
        Directive("no-transaction", 4, 3),
        Directive("x", 5, 1),
    )
    assert isinstance(statement, Statement)
    assert statement.directives == ()


def test_directives_wherever_they_stand() -> None:
    """Behind a statement and inside one they are told as well: somebody has to refuse them."""
    script = "SELECT 1; -- sqlmig: a\nSELECT -- sqlmig: b\n  2;\nCOPY t FROM stdin; -- sqlmig: c\n\\.\n-- sqlmig: d"
    found = [(type(piece), piece.directives) for piece in scan(script) if not isinstance(piece, CopyData)]
    assert [(kind, directive.text, directive.line, directive.column) for kind, all_ in found for directive in all_] == [
        (Gap, "a", 1, 11),
        (Statement, "b", 2, 8),
        (Gap, "c", 4, 20),
        (Gap, "d", 6, 1),
    ]


@pytest.mark.parametrize(
    "script",
    [
        "SELECT '-- sqlmig: a';",
        'SELECT "-- sqlmig: a";',
        "DO $$\n-- sqlmig: a\n$$;",
        "/* -- sqlmig: a */ SELECT 1;",
        "SELECT /*\n-- sqlmig: a\n*/ 1;",
        "-- see sqlmig: a\nSELECT 1;",
        "--- sqlmig: a\nSELECT 1;",
        "-- sqlmig a\nSELECT 1;",
        "COPY t FROM stdin;\n-- sqlmig: a\n\\.\n",
    ],
)
def test_what_is_no_directive(script: str) -> None:
    """Text in literals, names, bodies, block comments and data, and prose in line comments."""
    assert not any(piece.directives for piece in scan(script) if not isinstance(piece, CopyData))


def test_statements_far_behind_a_directive() -> None:
    """A header at the top changes nothing for the rest of a long file."""
    script = "-- sqlmig: no-transaction\n" + "INSERT INTO t VALUES (1);\n" * 10_000
    statements = list(split(script))
    assert len(statements) == 10_000
    assert (statements[-1].line, statements[-1].start) == (10_001, len(script) - 26)


def test_pieces_are_values() -> None:
    """They cannot be changed, and equal ones are equal."""
    statement = next(split("SELECT 1;"))
    assert statement == next(split("SELECT 1;"))
    with pytest.raises(AttributeError):
        statement.text = "SELECT 2;"  # type: ignore[misc]
