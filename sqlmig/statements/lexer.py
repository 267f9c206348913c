"""The lexical rules of PostgreSQL, as patterns: what is one token, and what is only a gap between tokens.

The rules are those of PostgreSQL 18's ``src/backend/parser/scan.l`` and of psql's ``src/fe_utils/psqlscan.l``.
"""

from __future__ import annotations

import re
from functools import cache

WORD_START = r"[A-Za-z_\x80-\U0010ffff]"
WORD_REST = r"[A-Za-z0-9_$\x80-\U0010ffff]"
WORD = rf"{WORD_START}{WORD_REST}*+"
SPACE = r"[ \t\n\r\f\v]"
LINE_COMMENT = r"--[^\n\r]*+"
FLAT_COMMENT = r"/\*[^*/]*+(?:\*(?!/)[^*/]*+|/(?!\*)[^*/]*+)*+\*/"
DOLLAR_QUOTE = rf"\$(?:{WORD_START}[A-Za-z0-9_\x80-\U0010ffff]*+)?\$"
QUOTED_NAME = r'"[^"]*+(?:""[^"]*+)*+"'

PLAIN_BODY = r"'[^']*+(?:''[^']*+)*+'"
ESCAPE_BODY = r"'[^'\\]*+(?:(?:''|\\[\s\S])[^'\\]*+)*+'"
BIT_BODY = r"'[^']*+'"
CONTINUED = rf"(?:[ \t\f\v]++|{LINE_COMMENT})*+[\n\r](?:{SPACE}++|{LINE_COMMENT}[\n\r])*+"
"""What stands between the parts of one literal: white space with a line break, and line comments."""


def continued(body: str) -> str:
    """A literal that may go on after a line break: ``'a'`` newline ``'b'`` is one literal."""
    return rf"{body}(?:{CONTINUED}{body})*+"


_INTEGER = r"[0-9]++(?:_[0-9]++)*+"
NUMBER = rf"(?:{_INTEGER}(?:\.(?!\.)(?:{_INTEGER})?)?|\.{_INTEGER})(?:[eE][+-](?:{_INTEGER}(?:{WORD})?)?|{WORD})?"
"""A number with what directly follows it: letters after a number belong to it (and are an error of the server's)."""

_STANDARD = r"(?!--|/\*)[+\-*/<>=]"
_SPECIAL = r"[~!@#^&|`?%]"
OPERATOR = (
    rf"(?:{_STANDARD})*+{_SPECIAL}(?:{_STANDARD}|{_SPECIAL})*+"
    rf"|(?:{_STANDARD})*(?!/\*)[*/<>=]"
    r"|[+\-]"
)
"""``+`` and ``-`` end an operator only if it has a character that is in no operator of the SQL standard."""


@cache
def token_pattern(standard_conforming_strings: bool) -> re.Pattern[str]:
    """One token or one piece of a gap at a place outside literals and comments; ``lastgroup`` says which.

    ``comment`` and ``dollar`` are only openings: their end is found by ``comment_end`` and by a plain search.
    ``broken`` is the opening of a literal or quoted identifier that never ends in this text.
    """
    plain = PLAIN_BODY if standard_conforming_strings else ESCAPE_BODY
    return re.compile(
        rf"(?P<space>{SPACE}++)"
        rf"|(?P<line>{LINE_COMMENT})"
        rf"|(?P<comment>/\*)"
        rf"|(?P<literal>[eE]{continued(ESCAPE_BODY)}|[bBxX]{continued(BIT_BODY)}|[uU]&{continued(PLAIN_BODY)}"
        rf"|[nN]?{continued(plain)})"
        rf"|(?P<name>(?:[uU]&)?{QUOTED_NAME})"
        rf"|(?P<broken>[eEbBxXnN]?'|[uU]&['\"]|\")"
        rf"|(?P<word>{WORD})"
        rf"|(?P<number>{NUMBER}|\$[0-9]++(?:{WORD})?)"
        rf"|(?P<dollar>{DOLLAR_QUOTE})"
        rf"|(?P<operator>{OPERATOR}|::|:=|\.\.)"
        rf"|(?P<other>[\s\S])"
    )


_COMMENT_MARK = re.compile(r"/\*|\*/")


def comment_end(text: str, start: int) -> int:
    """Where the block comment that begins at ``start`` ends, nested ones included; -1 if it does not."""
    depth = 0
    for mark in _COMMENT_MARK.finditer(text, start):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return -1


def dollar_end(text: str, start: int, tag: str) -> int:
    """Where the dollar-quoted literal that begins with ``tag`` at ``start`` ends; -1 if it does not."""
    found = text.find(tag, start + len(tag))
    return -1 if found < 0 else found + len(tag)
