"""What is refused, where it is, and what to write instead."""

from __future__ import annotations

import pytest

from sqlmig.errors import Place, ScriptError
from sqlmig.statements import scan, scanner, split
from tests.support.cutting import WAYS, cut_by


@pytest.fixture(params=WAYS, autouse=True)
def way_to_cut(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long scripts are cut by one pattern, short ones by code: both must do the same."""
    cut_by(request.param, monkeypatch)


UNCLOSED = {
    "SELECT 1;\n  SELECT 'a;\nb": (2, 10, "quoted literal"),
    "SELECT E'it\\'s;": (1, 8, "quoted literal"),
    "SELECT E'a\\": (1, 8, "quoted literal"),
    "SELECT 'a' -- x\n 'b;": (2, 2, "quoted literal"),
    "SELECT E'a'\n 'b\\';": (1, 8, "quoted literal"),
    "SELECT x'1;": (1, 8, "quoted literal"),
    "SELECT U&'1;": (1, 8, "quoted literal"),
    'SELECT\t"a;\n': (1, 8, "quoted name"),
    'SELECT U&"a;': (1, 8, "quoted name"),
    "SELECT 1;\r\n\r\nDO $a$ BEGIN; $b$; $$": (3, 4, "dollar-quoted literal"),
    "SELECT a$b$, $$;": (1, 14, "dollar-quoted literal"),
    "\ufeffSELECT 1; /* /* */": (1, 11, "comment"),
    "SELECT (1, /* ;": (1, 12, "comment"),
    "/*": (1, 1, "comment"),
    "CREATE FUNCTION f() BEGIN ATOMIC SELECT '; END;": (1, 41, "quoted literal"),
    "COPY t FROM stdin;\n1\n\\.\nSELECT '": (4, 8, "quoted literal"),
    "SELECT 'é😀', 'x": (1, 14, "quoted literal"),
}


@pytest.mark.parametrize(("script", "expected"), UNCLOSED.items())
def test_what_is_never_closed_is_named_where_it_begins(script: str, expected: tuple[int, int, str]) -> None:
    """Not at the end of the file, where one notices it, but at its opening."""
    line, column, what = expected
    with pytest.raises(ScriptError, match=f"a {what} begins here and is never closed") as caught:
        list(scan(script))
    excerpt = script.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")[line - 1]
    assert caught.value.place == Place("", line, column, excerpt)
    assert caught.value.next_step


COMMANDS = {
    "\\i other.sql": "statements of that file",
    "\\ir other.sql": "statements of that file",
    "\\copy t from 'file'": "COPY ... FROM STDIN",
    "\\connect other": "--env",
    "\\c other": "--env",
    "\\set x 1": "write the value itself",
    "SELECT 1 \\gset": "write the value itself",
    "SELECT 'x' \\gexec": "EXECUTE format",
    "SELECT 1 \\g": ";",
    "SELECT 1\\; SELECT 2;": "write ; alone",
    "SELECT \\:x;": "write : alone",
    "\\if true": "condition in SQL",
    "\\echo hello": "comment",
    "\\encoding LATIN1": "UTF-8",
    "\\! ls": "outside of the migration",
    "\\q": "to its end",
    "\\.": "COPY ... FROM STDIN",
    "\\dt+": "only shows",
    "\\timing": "remove it",
    "\\unknown": "remove it",
    "SELECT \\": "quote it",
    "SELECT \\é": "quote it",
    "\\restrict": "line of its own",
    "SELECT 1 \\restrict abc\n;": "line of its own",
    "\\restrict abc def\n": "line of its own",
}


@pytest.mark.parametrize(("command", "advice"), COMMANDS.items())
def test_commands_of_psql_are_refused(command: str, advice: str) -> None:
    """Each with its place and with what to write instead."""
    with pytest.raises(ScriptError) as caught:
        list(scan(f"SELECT 1;\n  {command}"))
    assert caught.value.place is not None
    assert (caught.value.place.line, caught.value.place.column) == (2, 3 + command.index("\\"))
    assert caught.value.place.excerpt == f"  {command}".split("\n")[0]
    assert advice in (caught.value.next_step or "")


def test_the_command_is_named() -> None:
    """The message says which command it is."""
    with pytest.raises(ScriptError, match=r"^\\dt\+ is a command of psql, not SQL$"):
        list(scan("\\dt+ app.*"))


@pytest.mark.parametrize(
    "script", ["SELECT '\\i x', \"\\q\", $$\\d$$, E'\\\\' -- \\q\n /* \\i */;", "-- \\i x\n/* \\q */ SELECT 1;"]
)
def test_backslashes_inside_literals_and_comments_are_none(script: str) -> None:
    """Only what psql would read as a command is refused."""
    assert len(list(split(script))) == 1


@pytest.mark.parametrize(
    ("script", "place"),
    [
        ("SELECT 1;\n-- a\0b", Place("", 2, 5, "-- a\0b")),
        ("SELECT 'a\n\0';", Place("", 2, 1, "\0';")),
        ("COPY t FROM stdin;\n1\n2\0\n\\.\n", Place("", 3, 2, "2\0")),
        ("\ufeff\0", Place("", 1, 1, "\0")),
    ],
)
def test_a_nul_character_is_refused_wherever_it_is(script: str, place: Place) -> None:
    """No text in PostgreSQL can hold it, so it is named before anything is sent."""
    for source in (script, list(script)):
        with pytest.raises(ScriptError, match="NUL") as caught:
            list(scan(source))
        assert caught.value.place == place


def test_statements_before_the_trouble_are_handed_over() -> None:
    """The error comes where the scanner meets it."""
    statements = split("SELECT 1; SELECT 2; SELECT '")
    assert [next(statements).text, next(statements).text] == ["SELECT 1;", "SELECT 2;"]
    with pytest.raises(ScriptError):
        next(statements)


def test_the_line_of_an_error_is_whole_in_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shown of the file is the line, although its beginning was cut long before."""
    monkeypatch.setattr(scanner, "_WINDOW", 1)
    script = "SELECT 0;\nSELECT 1; SELECT 2; SELECT 'x"
    with pytest.raises(ScriptError) as caught:
        list(scan(list(script)))
    assert caught.value.place == Place("", 2, 28, "SELECT 1; SELECT 2; SELECT 'x")
    for line in ("COPY t FROM stdin BINARY; -- rest", "\0 rest"):
        with pytest.raises(ScriptError) as caught:
            list(scan([*f"SELECT 0;\n{line}\nSELECT 1;"]))
        assert caught.value.place == Place("", 2, 1, line)


def test_a_very_long_line_is_not_kept_for_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a stream the place is exact, and there is no excerpt, if the line began too far back."""
    monkeypatch.setattr(scanner, "_WINDOW", 1)
    statements = ["SELECT 1;"] * 1000
    with pytest.raises(ScriptError) as caught:
        list(scan([*statements, "SELECT '"]))
    assert caught.value.place == Place("", 1, 9008)
