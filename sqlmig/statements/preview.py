"""Statements as people read them, through sqlparse. What these functions return is never sent to a server.

sqlparse is right about most SQL and wrong about some of PostgreSQL's: ``42 # 24`` is no comment, and it gives up on
statements with very many tokens. So what it returns is shown only if PostgreSQL's own rules find the same tokens in it.
It is imported when it is first needed, because that takes a tenth of a second.
"""

from __future__ import annotations

from sqlmig.statements.lexer import token_texts
from sqlmig.statements.rules import first_word

_QUERIES = frozenset(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "VALUES", "MERGE"))
_LONGEST_LINE = 100
_LONGEST_QUERY = 3000
_LOOK_AHEAD = 4
"""How many times the width of a preview is looked at: comments and indentation take some of it."""


def preview(text: str, width: int = 80) -> str:
    """The statement on one line without its comments, cut to a width. Never fails; looks at the beginning alone."""
    head = text[: width * _LOOK_AHEAD]
    line = " ".join(_without_comments(head).split())
    if len(line) <= width and len(head) == len(text):
        return line
    return line[: width - 1].rstrip() + "…"


def pretty(text: str) -> str:
    """The statement for reading at leisure: a long query on one line is broken up, all else is shown as written."""
    if "\n" in text or not _LONGEST_LINE < len(text) < _LONGEST_QUERY or first_word(text) not in _QUERIES:
        return text
    import sqlparse
    from sqlparse.exceptions import SQLParseError

    try:
        formatted = sqlparse.format(text, reindent=True)
    except (SQLParseError, RecursionError):
        return text
    return formatted if _same(formatted, text) else text


def _without_comments(text: str) -> str:
    from sqlparse.lexer import tokenize
    from sqlparse.tokens import Comment

    found = tokenize(text)  # type: ignore[no-untyped-call]  # sqlparse has no types here
    shown = "".join(" " if kind in Comment else value for kind, value in found)
    return shown if _same(shown, text) else text


def _same(shown: str, text: str) -> bool:
    return token_texts(shown, True) == token_texts(text, True)
