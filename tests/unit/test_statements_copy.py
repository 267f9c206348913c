"""The data of COPY ... FROM STDIN."""

from __future__ import annotations

import pytest

from sqlmig.errors import ScriptError
from sqlmig.statements import CopyData, Gap, Statement, scan, scanner, split
from tests.support.cutting import WAYS, cut_by


@pytest.fixture(params=WAYS, autouse=True)
def way_to_cut(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long scripts are cut by one pattern, short ones by code: both must do the same."""
    cut_by(request.param, monkeypatch)


def data_of(script: str) -> list[str]:
    """The data of each COPY in a script."""
    found: list[str] = []
    complete = True
    for piece in scan(script):
        if isinstance(piece, CopyData):
            found = [*found, piece.data] if complete else [*found[:-1], found[-1] + piece.data]
            complete = piece.last
    assert complete
    return found


def test_the_block_belongs_to_its_statement() -> None:
    """The rest of the line, the data, and the line that ends them follow the statement; then the script goes on."""
    pieces = list(scan("COPY t (a, b) FROM STDIN;\n1\tx;\n2\t'y\n\\.\nSELECT 1;"))
    assert [(type(piece), piece.text) for piece in pieces] == [
        (Statement, "COPY t (a, b) FROM STDIN;"),
        (Gap, "\n"),
        (CopyData, "1\tx;\n2\t'y\n"),
        (CopyData, "\\.\n"),
        (Statement, "SELECT 1;"),
    ]
    assert [(p.data, p.last) for p in pieces if isinstance(p, CopyData)] == [("1\tx;\n2\t'y\n", False), ("", True)]


@pytest.mark.parametrize(
    "statement",
    [
        "copy t from stdin;",
        'COPY app."T;" (a, "b;") FROM STDIN WITH (FORMAT csv, HEADER, NULL \'\') WHERE a > 1;',
        "COPY t FROM STDOUT;",
        "COPY t\n  FROM -- where from?\n  STDIN\n;",
        "COPY /* FROM 'file' */ t FROM/**/STDIN CSV;",
        "COPY stdin FROM stdin;",
        "COPY t FROM stdin DELIMITER ';';",
        "COPY t FROM stdin (NULL 'binary', FORMAT 'csv');",
        "COPY t FROM stdin WITH (FORCE_NOT_NULL (binary), FORMAT csv);",
        "COPY t FROM stdin NULL 'binary' WHERE a = 'binary';",
        'COPY "binary" ("binary", "from") FROM stdin;',
        "COPY t () FROM stdin;",
        'COPY app."T (x" (a, "b) FROM", c) FROM stdin;',
        'COPY "a""b" (a) FROM stdin;',
        "COPY  größe (maß) FROM stdin;",
    ],
)
def test_whatever_the_options_are(statement: str) -> None:
    """Data follow every COPY FROM STDIN; the server reads STDOUT in its place, too."""
    assert data_of(f"{statement}\n1\n\\.\nSELECT 1;") == ["1\n"]
    assert next(split(statement)).copy == "in"


@pytest.mark.parametrize(
    ("statement", "direction"),
    [
        ("COPY t TO STDOUT;", "out"),
        ("COPY (SELECT a FROM t) TO STDOUT;", "out"),
        ("COPY (SELECT 1 FROM stdin) TO STDIN;", "out"),
        ("COPY t FROM '/file';", None),
        ("COPY t FROM PROGRAM 'cat stdin';", None),
        ("COPY t;", None),
        ('COPY t FROM "stdin";', None),
        ("COPY t FROM \u017ftdin;", None),
        ("CREATE TABLE copy (a text DEFAULT 'COPY t FROM stdin');", None),
    ],
)
def test_no_data_follow_any_other(statement: str, direction: str | None) -> None:
    """COPY TO, and COPY from files and programs of the server, are statements like all others."""
    found = list(split(f"{statement}\nSELECT 1;"))
    assert [piece.text for piece in found] == [statement, "SELECT 1;"]
    assert found[0].copy == direction


@pytest.mark.parametrize(
    ("block", "data"),
    [
        ("\\.\n", ""),
        ("\\.", ""),
        ("\\.\r\n", ""),
        ("1\r\n2\r\n\\.\r\n", "1\r\n2\r\n"),
        ("1\n\\.x\n \\.\n\\\\.\nx\\.\n\\.\n", "1\n\\.x\n \\.\n\\\\.\nx\\.\n"),
        ("", ""),
        ("1\n2", "1\n2"),
        ("1\n2\n", "1\n2\n"),
        ("1\n\n\n\\.\n", "1\n\n\n"),
        ("1\r\\.\r2\n\\.\n", "1\r\\.\r2\n"),
    ],
)
def test_the_data_end_with_a_line_of_its_own_or_with_the_file(block: str, data: str) -> None:
    r"""Only a line that is ``\.`` and nothing else ends the data; without one they go on to the end of the file."""
    assert data_of(f"COPY t FROM stdin;\n{block}") == [data]


def test_returns_end_the_lines_of_data_where_they_end_all_lines() -> None:
    """In a file whose lines end with carriage returns alone, they end the data's too."""
    script = "COPY t FROM stdin;\r1\r2\r\\.\rSELECT 1;\rCOPY t FROM stdin;\r\\.\r\rSELECT 2;"
    assert data_of(script) == ["1\r2\r", ""]
    assert [statement.line for statement in split(script)] == [1, 5, 6, 9]


def test_a_copy_without_a_semicolon_has_no_data() -> None:
    """At the end of a file psql sends the statement, and there is nothing left to read."""
    assert data_of("COPY t FROM stdin -- rows\n") == [""]
    assert data_of("COPY t FROM stdin;") == [""]
    assert data_of("COPY t FROM stdin") == [""]


@pytest.mark.parametrize("rest", ["", " ", " -- rows; of t", "\t/* rows */ -- x", " /* /* */ */"])
def test_comments_may_stand_behind_it_on_its_line(rest: str) -> None:
    """psql drops them, and the data begin on the next line."""
    script = f"COPY t FROM stdin;{rest}\n1\n\\.\n"
    assert data_of(script) == ["1\n"]
    assert "".join(piece.text for piece in scan(script)) == script


@pytest.mark.parametrize(
    ("rest", "column"),
    [(" SELECT 1;", 20), ("1", 19), (" /* c */ ;", 28), (" /* over\n two lines */", 20), ("\\.", 19)],
)
def test_text_behind_it_on_its_line_is_refused(rest: str, column: int) -> None:
    """psql would run it after the data, where nobody expects it."""
    with pytest.raises(ScriptError, match="behind COPY") as caught:
        list(scan(f"COPY t FROM stdin;{rest}\n1\n\\.\n"))
    assert caught.value.place is not None
    assert (caught.value.place.line, caught.value.place.column) == (1, column)


@pytest.mark.parametrize(
    "statement",
    [
        "COPY t FROM stdin WITH (FORMAT binary);",
        "COPY t FROM stdin (FORMAT 'Binary');",
        "COPY BINARY t FROM stdin;",
        "COPY t FROM stdin BINARY;",
    ],
)
def test_binary_data_are_refused(statement: str) -> None:
    """A script is text, so binary data cannot stand in it."""
    with pytest.raises(ScriptError, match="binary") as caught:
        list(scan(f"\n {statement}\n"))
    assert str(caught.value.place) == ":2:2"


def test_a_column_may_be_called_binary() -> None:
    """The word alone is no format."""
    script = 'COPY t ("binary") FROM stdin (FORMAT csv) WHERE "binary" = \'binary\';\n1\n\\.\n'
    assert data_of(script) == ["1\n"]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 100])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_stream_has_the_same_data(monkeypatch: pytest.MonkeyPatch, size: int, line_end: str) -> None:
    """However little of the text is read at a time, and without a part that splits a line end."""
    monkeypatch.setattr(scanner, "_WINDOW", 1)
    rows = line_end.join(("1\t\\\\.", "\\.x", "", "\\", "2", ""))
    script = f"SELECT 1;{line_end}COPY t FROM stdin;{line_end}{rows}\\.{line_end}SELECT 2;"
    pieces = list(scan(script[at : at + size] for at in range(0, len(script), size)))
    assert "".join(piece.data for piece in pieces if isinstance(piece, CopyData)) == rows
    assert "".join(piece.text for piece in pieces) == script
    assert line_end == "\r" or not any(piece.text.endswith("\r") for piece in pieces)
    assert [(p.line, p.column) for p in pieces if isinstance(p, Statement)] == [(1, 1), (2, 1), (9, 1)]


def test_large_data_come_in_parts() -> None:
    """A block is never held whole: its parts end with lines, and have places of their own."""
    rows = "".join(f"{number}\tsome text\n" for number in range(100_000))
    script = f"COPY t FROM stdin;\n{rows}\\.\n"
    for source in (script, (script[at : at + 10_000] for at in range(0, len(script), 10_000))):
        parts = [piece for piece in scan(source) if isinstance(piece, CopyData)]
        assert "".join(part.data for part in parts) == rows
        assert max(len(part.text) for part in parts) <= 1 << 18
        assert all(part.text.endswith("\n") and part.column == 1 for part in parts)
        assert parts[-1].line == 100_002


def test_a_long_line_of_data_comes_in_parts_too() -> None:
    """Even one line is not held whole, and its end is still found."""
    line = "x" * 1_000_000
    script = f"COPY t FROM stdin;\n{line}\\.\n\\.\n"
    for source in (script, (script[at : at + 10_000] for at in range(0, len(script), 10_000))):
        parts = [piece for piece in scan(source) if isinstance(piece, CopyData)]
        assert "".join(part.data for part in parts) == f"{line}\\.\n"
        assert max(len(part.text) for part in parts) <= 1 << 18
