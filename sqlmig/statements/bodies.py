"""The bodies of functions and DO blocks: literals in which the server counts lines and statements of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import NamedTuple

from sqlmig.errors import ScriptError
from sqlmig.statements.lexer import CONTINUED, keyword, tokens
from sqlmig.statements.scanner import split

_LITERALS = ("plain", "escaped", "dollar")


class Body(NamedTuple):
    """What the literal of a body stands for, and where in the statement each of its characters is."""

    text: str
    places: Sequence[int]

    def place(self, at: int) -> int | None:
        """Where in the statement a character of the body is; just behind the last one too."""
        if at < len(self.places):
            return self.places[at]
        return self.places[-1] + 1 if self.places and at == len(self.places) else None

    def line_start(self, line: int) -> int:
        """Where in the body a line begins, its indentation left out. The server counts ``\\n`` alone, from 1."""
        lines = self.text.split("\n")
        number = min(max(line, 1), len(lines)) - 1
        stripped = lines[number].lstrip()
        indentation = len(lines[number]) - len(stripped) if stripped else 0
        return sum(len(before) + 1 for before in lines[:number]) + indentation

    def statement_start(self, number: int) -> int:
        """Where in the body of an SQL function a statement begins, counted from 1."""
        starts = [0]
        with suppress(ScriptError):
            starts = [statement.start for statement in split(self.text)] or starts
        return starts[min(max(number, 1), len(starts)) - 1]


def body_of(text: str) -> Body | None:
    """The body of a DO, CREATE FUNCTION or CREATE PROCEDURE; None if it has none that can be read here."""
    before = ""
    first: list[str] = []
    depth = 0
    for group, start, end in tokens(text):
        written = keyword(text[start:end]) if group == "word" else text[start:end] if group == "other" else ""
        if group in _LITERALS and not depth and _begins_body(first, before):
            return _literal_body(text, group, start, end)
        if (before, written) == ("BEGIN", "ATOMIC"):
            return Body(text[end:], range(end, len(text)))
        depth += (written == "(") - (written == ")")
        before = written
        if len(first) < len(_ROUTINE_WORDS):
            first.append(written)
    return None


_ROUTINE_WORDS = ("CREATE", "OR", "REPLACE", "FUNCTION")


def _begins_body(first: list[str], before: str) -> bool:
    """Whether a literal is the body: in DO any but the name of the language, in CREATE FUNCTION the one after AS."""
    if first[:1] == ["DO"]:
        return before != "LANGUAGE"
    return before == "AS" and not {"FUNCTION", "PROCEDURE"}.isdisjoint(first)


def _literal_body(text: str, group: str, start: int, end: int) -> Body:
    if group == "dollar":
        tag = text.index("$", start + 1) + 1 - start
        return Body(text[start + tag : end - tag], range(start + tag, end - tag))
    characters: list[str] = []
    places: list[int] = []
    for match in _character_pattern(group).finditer(text, text.index("'", start) + 1, end - 1):
        if not match["between"]:
            characters.append(_character(match[0]))
            places.append(match.start())
    return Body("".join(characters), places)


@cache
def _character_pattern(group: str) -> re.Pattern[str]:
    """One character of a literal as it is written, or what stands between its parts."""
    escape = r"|\\(?:[0-7]{1,3}|x[0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[\s\S])" if group == "escaped" else ""
    return re.compile(rf"''{escape}|(?P<between>'{CONTINUED}')|[\s\S]")


_NAMED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def _character(written: str) -> str:
    if len(written) == 1 or written == "''":
        return written[0]
    code = written[1:]
    if code[0] in "01234567":
        return chr(int(code, 8) & 0xFF)
    if len(code) > 1:
        return chr(min(int(code[1:], 16), 0x10FFFF))
    return _NAMED.get(code, code)
