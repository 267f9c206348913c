"""Definitions in a form that stays the same when PostgreSQL reads them again."""

from __future__ import annotations

import re
from collections.abc import Iterator

CAST_ARRAY = "(ARRAY["

PIECE = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\(ARRAY\[|[(\[]|[)\]]|,|[^'"()\[\],]+""")
"""Literals and quoted names as wholes, brackets and commas alone. Servers write neither comments nor dollar quotes."""

ARRAY_TYPE = re.compile(r"""\)::((?:"(?:[^"]|"")*"|[\w.]|\(\d+(?:,\d+)?\)| (?=\w))+)\[\]""")


CAST_WITH_NAME = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|"""
    r"""::(?P<type>(?:"(?:[^"]|"")*"|[\w.]|\(\d+(?:,\d+)?\)| (?=\w)(?!AS ))+)(?P<array>(?:\[\])*)"""
    r""" AS (?P<name>"(?:[^"]|"")*"|\w+)(?=[,\n;)]|$)"""
)

INTERNAL_NAMES = {
    "bigint": "int8",
    "bit varying": "varbit",
    "boolean": "bool",
    "character": "bpchar",
    "character varying": "varchar",
    "double precision": "float8",
    "integer": "int4",
    "real": "float4",
    "smallint": "int2",
    "time with time zone": "timetz",
    "time without time zone": "time",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
}
"""What the grammar makes of the types that the SQL standard names (gram.y), for a column that is called by its cast."""


def settled(text: str) -> str:
    """The text as it is once PostgreSQL has read it again. It means the same."""
    return _without_names_of_casts(_with_casts_handed_down(text))


def _without_names_of_casts(text: str) -> str:
    """The text without names of columns that only repeat the type of a cast.

    A column that nobody named, where its name is not seen, as in the second branch of a UNION, is shown without one:
    ``NULL::integer``. Read again, it is called by its cast (FigureColname in PostgreSQL's parse_target.c), and shown
    as ``NULL::integer AS int4``.
    """
    return CAST_WITH_NAME.sub(_without_name, text) if " AS " in text else text


def _without_name(found: re.Match[str]) -> str:
    if found["name"] is None:
        return found.group()
    bare = re.sub(r"\(\d+(?:,\d+)?\)", "", found["type"])
    called = INTERNAL_NAMES.get(bare, bare.rpartition(".")[2]).strip('"')
    return f"::{found['type']}{found['array']}" if found["name"].strip('"') == called else found.group()


def _with_casts_handed_down(text: str) -> str:
    """The text with every cast of an ARRAY[...] handed down to its elements.

    The parser does so when it reads such a cast (transformTypeCast in PostgreSQL's parse_expr.c), so that
    ``b IN ('x', 'y')`` over varchar, shown as ``(b)::text = ANY ((ARRAY['x'::character varying, ...])::text[])``,
    comes back from pg_dump and restore as ``ANY (ARRAY[('x'::character varying)::text, ...])``.
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
