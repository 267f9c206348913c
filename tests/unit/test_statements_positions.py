"""From what the server says of a place to the place in the file."""

from __future__ import annotations

import pytest

from sqlmig.statements import Position, Statement, context_position, data_line, error_position, locate, split


def last(script: str) -> Statement:
    return list(split(script))[-1]


@pytest.mark.parametrize(
    ("text", "offset", "expected"),
    [
        ("abc", 0, Position(1, 1, "abc")),
        ("abc", 3, Position(1, 4, "abc")),
        ("abc", 99, Position(1, 4, "abc")),
        ("abc", -1, Position(1, 1, "abc")),
        ("a\nb\n", 2, Position(2, 1, "b")),
        ("a\nb\n", 4, Position(3, 1, "")),
        ("a\r\nbc\r\n", 4, Position(2, 2, "bc")),
        ("a\rbc", 3, Position(2, 2, "bc")),
        ("\ta\n\t\tb", 5, Position(2, 3, "\t\tb")),
        ("é😀x", 2, Position(1, 3, "é😀x")),
        ("\ufeffab", 2, Position(1, 2, "ab")),
        ("\ufeffab", 0, Position(1, 1, "ab")),
        ("\ufeffa\nb", 3, Position(2, 1, "b")),
        ("", 0, Position(1, 1, "")),
    ],
)
def test_a_character_of_a_text(text: str, offset: int, expected: Position) -> None:
    """Lines and columns from 1, in characters; a place beyond the text is its end."""
    assert locate(text, offset) == expected


def test_a_text_that_begins_in_the_middle() -> None:
    """What is given of the line is the excerpt; the columns are the file's."""
    assert locate("SELECT x;\n y", 7, line=3, column=11) == Position(3, 18, "SELECT x;")
    assert locate("SELECT x;\n y", 11, line=3, column=11) == Position(4, 2, " y")


@pytest.mark.parametrize(
    ("script", "position", "expected"),
    [
        ("SELECT 1; SELECT nope;", 8, Position(1, 18, "SELECT nope;")),
        ("\ufeff-- é€😀\r\nSELECT 1;\r\n  SELECT '😀',\r\n    nope;", 18, Position(4, 5, "    nope;")),
        ("\ufeffSELECT nope;", 8, Position(1, 8, "SELECT nope;")),
        ("SELECT 1;\rSELECT\rnope;", 8, Position(3, 1, "nope;")),
        ("SELECT (1", 10, Position(1, 10, "SELECT (1")),
        ("SELECT 1;\n\nSELECT", 0, Position(3, 1, "SELECT")),
    ],
)
def test_the_position_in_what_was_sent(script: str, position: int, expected: Position) -> None:
    """The server counts characters from 1; a byte order mark, CRLF and characters beyond the first plane are counted
    as the file has them."""
    assert error_position(last(script), position) == expected


CONTEXTS = [
    (
        "DO $$\nBEGIN\n  RAISE 'x';\nEND $$;",
        "PL/pgSQL function inline_code_block line 3 at RAISE",
        Position(3, 3, "  RAISE 'x';"),
    ),
    (
        "SELECT 1;\r\nDO $do$ BEGIN\r\n\tRAISE 'x';\r\nEND $do$;",
        "PL/pgSQL function inline_code_block line 2 at RAISE",
        Position(3, 2, "\tRAISE 'x';"),
    ),
    (
        "  DO $$ BEGIN RAISE 'x'; END $$;",
        "inline_code_block line 1 at RAISE",
        Position(1, 9, "DO $$ BEGIN RAISE 'x'; END $$;"),
    ),
    ("DO 'BEGIN\n RAISE ''x'';\nEND';", "inline_code_block line 2 at RAISE", Position(2, 2, " RAISE ''x'';")),
    (
        "DO E'BEGIN\\n RAISE \\'x\\';\\nEND';",
        "inline_code_block line 2 at RAISE",
        Position(1, 14, "DO E'BEGIN\\n RAISE \\'x\\';\\nEND';"),
    ),
    ("DO E'\\101\\x42\\u0043\\t\nx';", "inline_code_block line 2 at x", Position(2, 1, "x';")),
    ("DO 'BEGIN\n'\n  ' RAISE x;\n END';", "inline_code_block line 2 at RAISE", Position(3, 5, "  ' RAISE x;")),
    ("DO LANGUAGE 'plpgsql' 'BEGIN\n x';", "inline_code_block line 2 at x", Position(2, 2, " x';")),
    ("DO $$x$$ LANGUAGE plpgsql;", "inline_code_block line 1 at x", Position(1, 6, "DO $$x$$ LANGUAGE plpgsql;")),
    (
        "DO $$\nBEGIN\n  EXECUTE 'DO ...';\nEND $$;",
        "PL/pgSQL function inline_code_block line 7 at RAISE\n"
        'SQL statement "DO ..."\n'
        "PL/pgSQL function inline_code_block line 3 at EXECUTE",
        Position(3, 3, "  EXECUTE 'DO ...';"),
    ),
    (
        "DO $$\n\n x $$;",
        "PL/pgSQL-Funktion inline_code_block Zeile 3 bei RAISE",
        Position(3, 2, " x $$;"),
    ),
    ("DO $$\n\n x $$;", 'compilation of PL/pgSQL function "inline_code_block" near line 3', Position(3, 2, " x $$;")),
    ("DO $$\n\n x $$;", "PL/pgSQL function inline_code_block line 99 at x", Position(3, 2, " x $$;")),
    ("DO $$\n\n x $$;", "PL/pgSQL function inline_code_block line 2 at x", Position(2, 1, "")),
    ("DO '';", "PL/pgSQL function inline_code_block line 1 at x", None),
    ("DO $$ x $$;", "PL/pgSQL function f() line 1 at x", None),
    ("SELECT f();", "PL/pgSQL function inline_code_block line 1 at x", None),
    (
        "CREATE FUNCTION f(a text DEFAULT 'x', b int = 1) RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n x; END $$;",
        "PL/pgSQL function f(text,integer) line 3 at RETURN",
        Position(3, 2, " x; END $$;"),
    ),
    (
        'CREATE OR REPLACE PROCEDURE app."P ""1"() AS \'\nx\' LANGUAGE plpgsql;',
        'PL/pgSQL function app."P ""1"(t2) line 2 at x\nSQL statement "x"',
        Position(2, 1, "x' LANGUAGE plpgsql;"),
    ),
    (
        "CREATE OR REPLACE PROCEDURE App.P() AS '\nx' LANGUAGE plpgsql;",
        "PL/pgSQL function other() line 9 at x\nPL/pgSQL function app.p() line 2 at x",
        Position(2, 1, "x' LANGUAGE plpgsql;"),
    ),
    ("CREATE FUNCTION f() RETURNS int AS $$x$$;", "PL/pgSQL function ff() line 1 at x", None),
    (
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\n SELECT 1;\n\n SELECT 2 $$;",
        'SQL function "f" statement 2',
        Position(4, 2, " SELECT 2 $$;"),
    ),
    (
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC\n SELECT 1;\n SELECT 2;\nEND;",
        'SQL function "f" statement 2',
        Position(3, 2, " SELECT 2;"),
    ),
    (
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\n\nx $$;",
        'compilation of PL/pgSQL function "f" near line 3',
        Position(3, 1, "x $$;"),
    ),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'f';", 'SQL function "g" statement 1', None),
    ("CREATE TABLE f (a text DEFAULT 'x');", "PL/pgSQL function f() line 1 at x", None),
]


@pytest.mark.parametrize(("script", "context", "expected"), CONTEXTS)
def test_a_line_of_a_body(script: str, context: str, expected: Position | None) -> None:
    """CONTEXT counts lines from the opening quote; the position is where that line's code begins."""
    assert context_position(last(script), context) == expected


def test_the_query_inside_a_body() -> None:
    """Where the server names the query and the place in it, the position is exact."""
    statement = last("DO $$\nBEGIN\n  PERFORM 1;\n  INSERT INTO t\n    SELECT nope;\nEND $$;")
    context = "PL/pgSQL function inline_code_block line 4 at SQL statement"
    query = "INSERT INTO t\n    SELECT nope"
    assert context_position(statement, context, query, 26) == Position(5, 12, "    SELECT nope;")
    assert context_position(statement, context, "SELECT other", 8) == Position(4, 3, "  INSERT INTO t")
    assert context_position(statement, context, None, None) == Position(4, 3, "  INSERT INTO t")
    assert context_position(statement, context, "SELECT INSERT INTO t", 15) == Position(4, 10, "  INSERT INTO t")


def test_a_body_that_is_no_sql() -> None:
    """An SQL body that cannot be read begins where it begins."""
    statement = last("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $x$\\q$x$;")
    assert context_position(statement, 'SQL function "f" statement 2') == Position(1, 52, statement.text)


@pytest.mark.parametrize(
    ("script", "context", "line"),
    [
        ("COPY t FROM stdin;", 'COPY t, line 2, column a: "x"', 3),
        ("SELECT 1;\r\nCOPY app.t\r\n(a)\rFROM stdin;", "COPY t, line 1", 5),
        ('COPY "T, 7" FROM stdin;', 'COPY T, 7, Zeile 3, Spalte a: "9"', 4),
        ("COPY t FROM stdin;", 'PL/pgSQL function f() line 9 at RAISE\nCOPY t, line 2: "x"', 3),
        ("COPY t FROM stdin;", 'COPY u, line 2, column a: "x"', None),
        ("COPY t FROM '/file';", 'COPY t, line 2, column a: "x"', None),
        ("SELECT 1;", 'COPY t, line 2, column a: "x"', None),
    ],
)
def test_a_line_of_the_data(script: str, context: str, line: int | None) -> None:
    """CONTEXT counts the lines of the data, which begin below the statement."""
    assert data_line(last(script), context) == line
