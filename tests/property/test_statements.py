"""What holds for every script, whatever is in it."""

from __future__ import annotations

import hashlib
import re
from itertools import pairwise

import sqlparse
from hypothesis import assume, example, given
from hypothesis import strategies as st

from sqlmig.errors import ScriptError
from sqlmig.statements import (
    CopyData,
    Piece,
    Statement,
    TransactionRule,
    context_position,
    error_position,
    locate,
    pretty,
    preview,
    scan,
    scanner,
    split,
    token_digest,
)
from sqlmig.statements.lexer import token_texts
from tests.property.prediction import offset
from tests.property.scripts import character_soups, scripts, soups, unclosed

LINE_BREAK = re.compile(r"\r\n|\r|\n")
anything = st.one_of(scripts, character_soups, unclosed, st.text(max_size=40))
sizes = st.integers(1, 20)


def pieces_of(source: object) -> tuple[list[Piece], ScriptError | None]:
    """The pieces up to the first error, and the error."""
    found: list[Piece] = []
    try:
        for piece in scan(source):  # type: ignore[arg-type]
            found.append(piece)
    except ScriptError as error:
        return found, error
    return found, None


@given(script=anything)
def test_nothing_is_lost(script: str) -> None:
    """Joined, the pieces are the script, and each knows where it is."""
    pieces, error = pieces_of(script)
    read = "".join(piece.text for piece in pieces)
    assert script.startswith(read)
    assert error or read == script
    assert all(script[piece.start : piece.end] == piece.text for piece in pieces)
    assert all(one.end == two.start for one, two in pairwise(pieces))


@given(script=anything)
def test_places_are_those_that_an_editor_shows(script: str) -> None:
    """Lines and columns are counted in characters of the script, without its byte order mark."""
    pieces, error = pieces_of(script)
    for piece in pieces:
        before = script[: piece.start].removeprefix("\ufeff")
        breaks = list(LINE_BREAK.finditer(before))
        assert piece.line == len(breaks) + 1
        assert piece.column == len(before) - (breaks[-1].end() if breaks else 0) + 1
    if error:
        assert error.place is not None
        assert 0 <= offset(script, error) <= len(script)
        assert error.place.excerpt == LINE_BREAK.split(script.removeprefix("\ufeff"))[(error.place.line or 0) - 1]


@given(script=anything, size=sizes)
def test_how_the_text_arrives_does_not_matter(script: str, size: int) -> None:
    """A stream has the statements, gaps and data of the whole text, and fails where it fails."""
    window = scanner._WINDOW
    scanner._WINDOW = size
    try:
        parts, part_error = pieces_of(script[at : at + size] for at in range(0, len(script), size))
    finally:
        scanner._WINDOW = window
    pieces, error = pieces_of(script)
    if error and "NUL" in error.message:
        assert part_error is not None
        return
    assert [p for p in parts if not isinstance(p, CopyData)] == [p for p in pieces if not isinstance(p, CopyData)]
    assert data_of(parts) == data_of(pieces)
    assert str(part_error) == str(error)
    assert not error or (part_error and part_error.place == error.place)


def data_of(pieces: list[Piece]) -> str:
    return "".join(piece.data for piece in pieces if isinstance(piece, CopyData))


@given(script=anything)
def test_what_is_said_about_a_statement_is_always_said(script: str) -> None:
    """No text makes a name, a rule or a preview fail, and what is shown has one line of the width that was asked."""
    pieces, _ = pieces_of(script)
    statements = [piece for piece in pieces if isinstance(piece, Statement)]
    for statement in (*statements, Statement(script, 0, len(script), 1, 1)):
        assert statement.kind.startswith(statement.command)
        assert statement.transaction in TransactionRule
        assert (statement.outside_reason is not None) == (statement.transaction is TransactionRule.OUTSIDE)
        assert statement.copy in (None, "in", "out")
        assert statement.changes_session in (True, False)
        assert not statement.index or statement.index in script
        assert len(preview(statement.text, 30)) <= 30
        assert len(preview(statement.text).splitlines()) <= 1
        assert "".join(pretty(statement.text).split()) == "".join(statement.text.split())


@given(script=anything, place=st.integers(-5, 100), line=st.integers(-5, 20))
def test_every_place_of_the_server_is_somewhere_in_the_file(script: str, place: int, line: int) -> None:
    """Even if the server names one that does not exist."""
    pieces, _ = pieces_of(script)
    lines = LINE_BREAK.split(script.removeprefix("\ufeff"))
    contexts = (f"PL/pgSQL function inline_code_block line {line} at x", f'SQL function "f" statement {line}')
    for statement in (piece for piece in pieces if isinstance(piece, Statement)):
        found = [error_position(statement, place), locate(script, statement.start + place)]
        found += [p for context in contexts if (p := context_position(statement, context, script[:place], place))]
        for position in found:
            assert 1 <= position.line <= len(lines)
            assert 1 <= position.column <= len(lines[position.line - 1]) + 1
            assert position.excerpt in lines[position.line - 1]


_WHOLE_TOKENS = r"""
    select a b e x n u é a$b 1 1.5 .5 1e5 0x1F $1 'a' 'it''s' '' e'\'' E'' x'1F' b'01' n'a' u&'a' "a" "a""b" U&"a"
    $$a;$$ $é$;$$;$é$ ( ) [ ] , . : :: := .. + - * / < > = <> <= || ->> # @> <-> !~~* ~ ? ?| &
"""
WHOLE_TOKENS = _WHOLE_TOKENS.split()
BETWEEN = (" ", "\n", "\r\n", "\t\f", " -- ;'\n", "/**/", " /* /* ' */ */ ", "\n\n")
between = st.sampled_from(BETWEEN)


@given(
    pairs=st.lists(st.tuples(st.sampled_from(WHOLE_TOKENS), between, between), max_size=12),
    changed=st.integers(0, 11),
    other=st.sampled_from(WHOLE_TOKENS),
)
def test_only_tokens_count_for_the_digest(pairs: list[tuple[str, str, str]], changed: int, other: str) -> None:
    """What stands between tokens does not change the digest; any other token does.

    Between two literals a line break counts: it makes one of them.
    """
    tokens = [token for token, _, _ in pairs]
    assume(not any(one[0] in "xb" and two == "'it''s'" for one, two in pairwise(tokens)))
    for gaps in ([gap for _, gap, _ in pairs], [gap for _, _, gap in pairs]):
        joined = "".join(
            token + ("\n" if goes_on(token, gap, following) else "\0")
            for (token, following), gap in zip(pairwise((*tokens, ";")), gaps, strict=True)
        )
        script = "".join(f"{token}{gap}" for token, gap in zip(tokens, gaps, strict=True))
        assert token_digest(f"{script};") == hashlib.sha256(f"{joined};\0".encode()).hexdigest()
    if changed < len(pairs) and pairs[changed][0] != other:
        different = " ".join((*tokens[:changed], other, *tokens[changed + 1 :], ";"))
        assert token_digest(different) != token_digest(" ".join((*tokens, ";")))


def goes_on(literal: str, gap: str, following: str) -> bool:
    """Whether PostgreSQL makes one literal of two: white space and line comments with a line break are between them."""
    return literal.endswith("'") and following.startswith("'") and "\n" in gap and "/*" not in gap


@given(script=st.one_of(soups, scripts))
@example(script="$$$$e'\\''")
@example(script="a$e'\\'")
def test_both_ways_to_take_tokens_agree(script: str) -> None:
    """Statements with block comments are taken apart by code, the others by one pattern."""
    pieces, _ = pieces_of(script)
    for text in (piece.text for piece in pieces if isinstance(piece, Statement)):
        assert token_texts(text, True) == token_texts(f"/**/{text}", True)


SIMPLE = (
    "SELECT a, 'it''s; fine' FROM t;",
    "INSERT INTO \"T;\" (a, b) VALUES (1, ';'), (2, NULL);",
    "UPDATE t SET a = a + 1 WHERE b IN (SELECT c FROM d);",
    "CREATE TABLE t (id integer PRIMARY KEY, name text DEFAULT ';');",
    "DO $$ BEGIN NULL; END $$;",
    "CREATE INDEX i ON t (a);",
)


@given(texts=st.lists(st.sampled_from(SIMPLE), max_size=8), gap=st.sampled_from(("\n", " ", "\n\n", "\t")))
def test_sqlparse_agrees_where_it_is_easy(texts: list[str], gap: str) -> None:
    """A second opinion: on everyday statements sqlparse cuts at the same places."""
    script = gap.join(texts)
    assert [statement.text for statement in split(script)] == texts == sqlparse.split(script)
