"""The first tokens of a statement, for those who ask what it is."""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

from sqlmig.statements.lexer import keyword, tokens


class Token(NamedTuple):
    key: str
    """A word in capitals; anything else as it is written."""
    raw: str
    is_name: bool
    """A word or a quoted name: what can be part of an object's name."""


def head(text: str, limit: int = 40) -> list[Token]:
    """At most ``limit`` tokens from the beginning of a statement, without its ``;``."""
    found = []
    for group, start, end in islice(tokens(text), limit):
        raw = text[start:end]
        found.append(Token(keyword(raw) if group == "word" else raw, raw, group in ("word", "name")))
    if found and found[-1].raw == ";":
        found.pop()
    return found


def keys(found: list[Token]) -> list[str]:
    """The tokens as they compare: words in capitals, everything else as it is written."""
    return [token.key for token in found]


def name_at(found: list[Token], at: int) -> str:
    """The possibly qualified name that begins at a token, as it is written; empty if none does."""
    parts = []
    while at < len(found) and found[at].is_name:
        parts.append(found[at].raw)
        if at + 1 >= len(found) or found[at + 1].raw != ".":
            break
        at += 2
    return ".".join(parts)


def name_end(found: list[Token], at: int) -> int:
    """The number of the token after the name that begins at a token."""
    while at + 2 < len(found) and found[at + 1].raw == "." and found[at].is_name:
        at += 2
    return at + 1


def options(found: list[Token], at: int) -> tuple[dict[str, str], int]:
    """The options in the parentheses that open at a token, values as written, and the token after them."""
    chosen: dict[str, str] = {}
    depth = 0
    name = ""
    for number in range(at, len(found)):
        token = found[number]
        if token.raw == "(":
            depth += 1
        elif token.raw == ")":
            depth -= 1
            if depth == 0:
                return chosen, number + 1
        elif token.raw == ",":
            name = ""
        elif not name:
            name = token.key.strip('"').upper()
            chosen[name] = ""
        elif token.raw != "=":
            chosen[name] += token.raw.strip("'").lower()
    return chosen, len(found)


def is_on(value: str) -> bool:
    """Whether an option is switched on, as ``defGetBoolean`` reads it: on if no value is given."""
    return value.lower() not in ("off", "false", "0")
