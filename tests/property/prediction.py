"""What psql must send for a script, if sqlmig cuts it rightly.

psql drops what stands before a statement up to the first block comment, and empty lines outside of quotes. At the end
of the file it sends what is left, comments after the last statement included.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlmig.errors import ScriptError
from sqlmig.statements import CopyData, Statement, scan
from sqlmig.statements.boundaries import UNKNOWN, statement_end
from sqlmig.statements.lexer import token_end, token_pattern, tokens
from tests.property.recording_server import SET_STANDARD_STRINGS, Sent

FIRST_BLOCK_COMMENT = re.compile(r"(?:[^/\-]++|--[^\n\r]*+)*+(/\*.*)", re.DOTALL)
QUOTES = ("plain", "escaped", "bits", "name", "dollar", "comment")
END_OF_DATA = re.compile(r"(?:^|(?<=\n))\\\.\r?\n?\Z")


@dataclass(frozen=True)
class Prediction:
    messages: list[Sent]
    error: ScriptError | None = None
    error_at: int = 0
    """Where in the script the error is."""


def predict(script: str) -> Prediction:
    """What psql must send, as far as the script can be read."""
    messages: list[Sent] = []
    pending = ""
    data = ""
    standard = True
    ended = True
    try:
        for piece in scan(script):
            if isinstance(piece, Statement):
                ended = statement_end(piece.text, 0, standard, final=True) != UNKNOWN
                pending += piece.text
                if ended:
                    messages.append(Sent("query", without_empty_lines(pending, standard)))
                    pending = ""
                changed = SET_STANDARD_STRINGS.match(piece.text)
                standard = changed[1].lower() == "on" if changed else standard
            elif isinstance(piece, CopyData):
                data += piece.data
                if piece.last:
                    messages.append(Sent("data", data))
                    data = ""
            elif not ended:
                pending += piece.text
            else:
                comment = FIRST_BLOCK_COMMENT.fullmatch(piece.text)
                pending = comment[1] if comment else ""
    except ScriptError as error:
        return Prediction(messages, error, offset(script, error))
    if pending:
        messages.append(Sent("query", without_empty_lines(pending, standard)))
    return Prediction(messages)


def without_empty_lines(text: str, standard: bool) -> str:
    """A text as psql puts it together from its lines: those that are empty are left out, unless they are quoted."""
    quoted = list(quotes(text, standard))
    kept = []
    at = 0
    for line in text.split("\n"):
        if line or any(start < at < end for start, end in quoted):
            kept.append(line)
        at += len(line) + 1
    return "\n".join(kept)


def quotes(text: str, standard: bool) -> list[tuple[int, int]]:
    """Where quotes and block comments begin and end. A literal that goes on after a line break counts in parts."""
    found = []
    at = 0
    while at < len(text) and (match := token_pattern(standard).match(text, at)):
        parts = match.lastgroup in ("plain", "escaped", "bits")
        end = match.end() if parts else token_end(text, match)
        if match.lastgroup in QUOTES:
            found.append((at, end))
        at = end
    return found


def offset(script: str, error: ScriptError) -> int:
    """Where in a script the place of an error is."""
    assert error.place is not None
    assert error.place.line is not None
    assert error.place.column is not None
    starts = [int(script.startswith("\ufeff")), *(found.end() for found in re.finditer(r"\r\n|\r|\n", script))]
    return starts[error.place.line - 1] + error.place.column - 1


def as_sent(messages: list[Sent]) -> list[Sent]:
    """psql before 18 sends the line that ends the data of a COPY as well, which the server then ignores."""
    return [Sent(m.kind, END_OF_DATA.sub("", m.text)) if m.kind == "data" else m for m in messages]


def continues_with_backslash(script: str) -> bool:
    """Whether a literal with backslashes, or of bits, goes on after a line break.

    psql reads line by line and takes the second part for a literal of its own; the server, which sees the whole, does
    not, and sqlmig follows the server.
    """
    try:
        texts = [piece.text for piece in scan(script) if isinstance(piece, Statement)]
    except ScriptError:
        texts = [script]
    for text in texts:
        for standard in (True, False):
            at = 0
            while at < len(text) and (match := token_pattern(standard).match(text, at)):
                end = token_end(text, match)
                if end != match.end() and match.lastgroup in ("escaped", "bits"):
                    return True
                at = end if end > 0 else len(text)
    return False


ROUTINE = re.compile(r"CREATE (OR REPLACE )?(FUNCTION|PROCEDURE)\b")


def is_routine_for_some(script: str) -> bool:
    """Whether a statement is a routine for older psqls, which count words in parentheses, or for newer ones alone."""
    pieces = scan(script)
    return any(is_routine(p.text, True) != is_routine(p.text, False) for p in pieces if isinstance(p, Statement))


def is_routine(text: str, inside: bool) -> bool:
    """Whether the first words are those of a routine; those in parentheses count, or do not."""
    words = []
    depth = 0
    for group, start, end in tokens(text):
        depth += (text[start] == "(") - (text[start] == ")" and depth > 0)
        if group == "word" and (inside or not depth):
            words.append(text[start:end].upper())
    return ROUTINE.match(" ".join(words[:4])) is not None
