"""Values and names as SQL text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlmig import statements
from sqlmig.database import literal, quote_identifier
from sqlmig.migration import Progress

TEXTS = st.text(st.sampled_from("ab'\"\\$;-\n\r\t{}%:é😀 ") | st.characters(exclude_characters="\0", codec="utf-8"))


def meaning(sql: str) -> str:
    """What a server reads from a literal, by the rules of its documentation, "Lexical Structure"."""
    if sql.startswith("E'"):
        return sql[2:-1].replace("''", "'").replace("\\\\", "\\")
    return sql[1:-1].replace("''", "'")


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        (None, "NULL"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-7, "-7"),
        (12345678901234567890, "12345678901234567890"),
        (1.5, "1.5"),
        (1e-7, "1e-07"),
        ("", "''"),
        ("a", "'a'"),
        ("it's", "'it''s'"),
        ("'", "''''"),
        ("\\", "E'\\\\'"),
        ("\\'", "E'\\\\'''"),
        ("a\nb", "'a\nb'"),
        ("$$;--/*", "'$$;--/*'"),
        ("{schema}", "'{schema}'"),
        (Progress.FAILED, "'failed'"),
        ("NULL", "'NULL'"),
    ],
)
def test_literals(value: object, sql: str) -> None:
    """None is NULL, numbers and truth values are themselves, all else is text."""
    assert literal(value) == sql


@given(TEXTS)
@settings(max_examples=50, deadline=None)
def test_a_literal_is_one_token_and_means_its_text(text: str) -> None:
    """With standard_conforming_strings on and off: what stands behind it cannot be reached from inside it."""
    sql = literal(text)
    assert meaning(sql) == text
    for standard in (True, False):
        script = f"SELECT {sql}; SELECT 2"
        cut = [found.text for found in statements.split(script, standard_conforming_strings=standard)]
        assert cut == [f"SELECT {sql};", "SELECT 2"]


@pytest.mark.parametrize(
    ("name", "sql"),
    [("a", '"a"'), ("A b", '"A b"'), ('a"b', '"a""b"'), ('"', '""""'), ("a\\b", '"a\\b"'), ("select", '"select"')],
)
def test_identifiers(name: str, sql: str) -> None:
    """Always quoted, so that case, words and signs are the name's own."""
    assert quote_identifier(name) == sql


@given(TEXTS)
@settings(max_examples=50, deadline=None)
def test_an_identifier_is_one_token(name: str) -> None:
    """Nothing in a name ends it."""
    sql = quote_identifier(name)
    assert sql[1:-1].replace('""', '"') == name
    for standard in (True, False):
        script = f"SELECT {sql}; SELECT 2"
        cut = [found.text for found in statements.split(script, standard_conforming_strings=standard)]
        assert cut == [f"SELECT {sql};", "SELECT 2"]
