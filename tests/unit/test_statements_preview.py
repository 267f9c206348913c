"""Statements as people read them."""

from __future__ import annotations

import subprocess
import sys

import pytest
import sqlparse

from sqlmig.statements import pretty, preview


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("SELECT 1;", "SELECT 1;"),
        ("SELECT\n  a, -- first\n  b /* second */\nFROM\tt;", "SELECT a, b FROM t;"),
        ("select 42 # 24, 'a -- b';", "select 42 # 24, 'a -- b';"),
        ("DO $$\nBEGIN\n  NULL;\nEND $$;", "DO $$ BEGIN NULL; END $$;"),
        ("SELECT 'a\n  b';", "SELECT 'a b';"),
        ("", ""),
        (";", ";"),
        ("SELECT 'never closed", "SELECT 'never closed"),
    ],
)
def test_a_preview_is_one_line_without_comments(text: str, shown: str) -> None:
    """What sqlparse takes for a comment and PostgreSQL does not stays."""
    assert preview(text) == shown


@pytest.mark.parametrize("width", [10, 40, 80])
def test_a_preview_is_no_wider_than_asked(width: int) -> None:
    """What is cut off is shown by an ellipsis."""
    text = "INSERT INTO t VALUES " + ", ".join(f"({number}, 'text')" for number in range(100_000))
    shown = preview(text, width)
    assert len(shown) <= width
    assert shown.endswith("…")
    assert text.startswith(shown[:-1])


def test_a_preview_of_comments_says_that_there_is_more() -> None:
    """Where the beginning is all comments, the ellipsis is what is left."""
    assert preview(f"/* {'x' * 1000} */ SELECT 1;", 20).endswith("…")


def test_a_long_query_is_broken_up() -> None:
    """A query that stands on one line is laid out for reading."""
    text = "select a, b, count(*) from first_table join second_table using (id) where a = 1 and b = 2 group by 1, 2;"
    shown = pretty(text)
    assert shown.split("\n")[:3] == ["select a,", "       b,", "       count(*)"]
    assert "".join(shown.split()) == "".join(text.split())


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1;",
        "SELECT a,\n       b\nFROM t" + " WHERE a = 1" * 10 + ";",
        "CREATE TABLE t (" + "a int, " * 30 + "b int);",
        "INSERT INTO t VALUES " + "(1)," * 100_000 + "(2);",
        "SELECT " + "(" * 1000 + "1" + ")" * 1000 + ";",
    ],
)
def test_all_else_is_shown_as_it_is_written(text: str) -> None:
    """Its author's layout is better, and sqlparse's is only for queries of a bearable size."""
    assert pretty(text) == text


@pytest.mark.parametrize("outcome", [sqlparse.exceptions.SQLParseError("too many tokens"), "SELECT 1"])
def test_sqlparse_never_has_the_last_word(monkeypatch: pytest.MonkeyPatch, outcome: object) -> None:
    """If it gives up or changes a token, the statement is shown as it is written."""

    def format_badly(*_: object, **__: object) -> object:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(sqlparse, "format", format_badly)
    text = "SELECT " + "a, " * 50 + "b FROM t;"
    assert pretty(text) == text


def test_sqlparse_is_imported_when_it_is_needed() -> None:
    """Cutting, naming and hashing a script do without it, so most commands start without it."""
    program = (
        "import sys; from sqlmig.statements import *\n"
        "for statement in split('SELECT 1; CREATE FUNCTION f() RETURNS int RETURN 1;'):\n"
        "    statement.kind, statement.transaction, token_digest(statement.text)\n"
        "assert 'sqlparse' not in sys.modules; preview('SELECT 1'); assert 'sqlparse' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
