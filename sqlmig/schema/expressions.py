"""Definitions in a form that stays the same when PostgreSQL reads them again."""

from __future__ import annotations

import re
from collections.abc import Iterator

CAST_ARRAY = "(ARRAY["

PIECE = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\(ARRAY\[|[(\[]|[)\]]|,|[^'"()\[\],]+""")
"""Literals and quoted names as wholes, brackets and commas alone. Servers write neither comments nor dollar quotes."""

ARRAY_TYPE = re.compile(r"""\)::((?:"(?:[^"]|"")*"|[\w.]|\(\d+(?:,\d+)?\)| (?=\w))+)\[\]""")


def settled(text: str) -> str:
    """The text with every cast of an ARRAY[...] handed down to its elements.

    The parser does so when it reads such a cast (transformTypeCast in PostgreSQL's parse_expr.c), so that
    ``b IN ('x', 'y')`` over varchar, shown as ``(b)::text = ANY ((ARRAY['x'::character varying, ...])::text[])``,
    comes back from pg_dump and restore as ``ANY (ARRAY[('x'::character varying)::text, ...])``. Both mean the same.
    """
    if CAST_ARRAY not in text:
        return text
    start = next(_outside_quotes(text), None)
    while start is not None:
        text, resume = _handed_down(text, start)
        start = next((place for place in _outside_quotes(text) if place >= resume), None)
    return text


def _outside_quotes(text: str) -> Iterator[int]:
    return (piece.start() for piece in PIECE.finditer(text) if piece.group() == CAST_ARRAY)


def _handed_down(text: str, start: int) -> tuple[str, int]:
    """The text with the cast at this place handed down, and where to look for the next one."""
    inner = start + len(CAST_ARRAY)
    elements, end = _elements(text, inner)
    type_ = ARRAY_TYPE.match(text, end + 1)
    if type_ is None:
        return text, inner
    array = f"ARRAY[{', '.join(_cast(element, type_.group(1)) for element in elements)}]"
    return text[:start] + array + text[type_.end() :], start


def _cast(element: str, type_: str) -> str:
    if element.startswith("ARRAY["):
        return f"ARRAY[{', '.join(_cast(inner, type_) for inner in _elements(element, len('ARRAY['))[0])}]"
    return f"({element})::{type_}"


def _elements(text: str, start: int) -> tuple[list[str], int]:
    """The elements of an array whose bracket opened just before, and where it closes."""
    elements: list[str] = []
    depth, first = 0, start
    for piece in PIECE.finditer(text, start):
        word = piece.group()
        if word == CAST_ARRAY:
            depth += 2
        elif word in "([":
            depth += 1
        elif word in ")]":
            if not depth:
                return [*elements, text[first : piece.start()]], piece.start()
            depth -= 1
        elif word == "," and not depth:
            elements.append(text[first : piece.start()])
            first = piece.end() + 1
    return elements, len(text)
