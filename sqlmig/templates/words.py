"""Words that PostgreSQL keeps for itself, and names written so that the server reads them as they are meant."""

from __future__ import annotations

import re

_RESERVED = """
    all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
    current_catalog current_date current_role current_time current_timestamp current_user default deferrable desc
    distinct do else end except false fetch for foreign from grant group having in initially intersect into lateral
    leading limit localtime localtimestamp not null offset on only or order placing primary references returning
    select session_user some symmetric system_user table then to trailing true union unique user using variadic when
    where window with
"""
RESERVED = frozenset(_RESERVED.split())
"""What can name neither a table, nor a column, nor a type (PostgreSQL documentation, Appendix C)."""

_KEPT_IN_PART = """
    authorization between bigint binary bit boolean char character coalesce collation concurrently cross
    current_schema dec decimal exists extract float freeze full greatest grouping ilike inner inout int integer
    interval is isnull join json json_array json_arrayagg json_exists json_object json_objectagg json_query
    json_scalar json_serialize json_table json_value least left like merge_action national natural nchar none
    normalize notnull nullif numeric out outer overlaps overlay position precision real right row setof similar
    smallint substring tablesample time timestamp treat trim values varchar verbose xmlattributes xmlconcat
    xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
QUOTED = RESERVED | frozenset(_KEPT_IN_PART.split())
"""What ``quote_ident`` puts into quotes beside what does not look like a name: every keyword that is kept in part."""

PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
LONGEST = 63
"""Bytes of a name (PostgreSQL documentation, 4.1.1): what is longer would be cut, and could meet another name."""

QUOTED_NAME = r'"(?:[^"]|"")+"'
NAME = re.compile(rf"\s*(?:({QUOTED_NAME})|([^.\"]+(?:\"[^.\"]*)*))\s*")


def identifier(name: str) -> str:
    """The name as SQL, in quotes where it needs them: upper case is kept, not folded."""
    return name if PLAIN.fullmatch(name) and name not in QUOTED else '"' + name.replace('"', '""') + '"'


def parts(text: str) -> tuple[str, ...]:
    """The names in a text such as ``app.Order`` or ``"a.b".c``, without their quotes.

    Raises ValueError where one is empty, too long, has an unclosed quote or a character that no line of SQL may hold.
    """
    found = []
    at = 0
    while True:
        match = NAME.match(text, at)
        if match is None:
            raise ValueError("a name is empty, or its quote is not closed")
        quoted, plain = match.groups()
        name = quoted[1:-1].replace('""', '"') if quoted else plain.strip()
        found.append(_checked(name))
        at = match.end()
        if at == len(text):
            return tuple(found)
        if text[at] != ".":
            raise ValueError("a name goes on behind its quotes")
        at += 1


def _checked(name: str) -> str:
    if not name:
        raise ValueError("a name is empty")
    if any(ord(character) < 32 or character in "\x7f\u2028\u2029\x85" for character in name):
        raise ValueError("a name holds a line break or another control character")
    if len(name.encode()) > LONGEST:
        raise ValueError(f"{name} is longer than {LONGEST} bytes, and PostgreSQL would cut it")
    return name


def shortened(pieces: list[tuple[str, bool]]) -> str:
    """The pieces as one name of at most 63 bytes; those that may be (True) are cut, the longest first."""
    texts = [text for text, _ in pieces]
    while len("".join(texts).encode()) > LONGEST:
        longest = max((index for index, (_, may) in enumerate(pieces) if may), key=lambda index: len(texts[index]))
        texts[longest] = texts[longest][:-1]
    return "".join(texts)
