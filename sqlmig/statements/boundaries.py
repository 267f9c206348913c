"""Where statements end: ``;`` outside literals, names, comments, parentheses and the bodies of SQL routines.

All functions are pure and work on a text that may be the beginning of a longer one: then ``final`` is false, and
``UNKNOWN`` says that the answer lies beyond its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlmig.patterns import pattern
from sqlmig.statements.lexer import (
    GAP,
    WORD_END,
    comment_end,
    inside_parentheses_pattern,
    keyword,
    last_token_pattern,
    outside_parentheses_pattern,
    routine_head_pattern,
    token_at,
    token_end,
    tokens,
)
from sqlmig.statements.lines import LINE_BREAK, line_around
from sqlmig.statements.psql import advice

UNKNOWN = -1


class Unreadable(Exception):
    """What cannot be sent, with the place where the trouble begins."""

    def __init__(self, at: int, message: str, next_step: str | None = None) -> None:
        super().__init__(message)
        self.at = at
        self.message = message
        self.next_step = next_step


_OPENINGS = {
    "comment": "a comment",
    "dollar": "a dollar-quoted literal",
    "name": "a quoted name",
    "literal": "a quoted literal",
}


def _unclosed(text: str, at: int, match: re.Match[str]) -> Unreadable:
    group = match.lastgroup or ""
    if group not in _OPENINGS:
        group = "name" if match[0].endswith('"') else "literal"
    closing = {"comment": "*/", "dollar": match[0]}.get(group, match[0][-1])
    return Unreadable(at, f"{_OPENINGS[group]} begins here and is never closed", f"close it with {closing}")


_GAP = pattern(GAP)


def gap_end(text: str, at: int, *, final: bool) -> int:
    """Where the white space and the comments that begin at ``at`` end.

    Raises Unreadable for a comment that is never closed.
    """
    while True:
        match = _GAP.match(text, at)
        at = match.end() if match else at
        if not text.startswith("/*", at):
            return at
        end = comment_end(text, at)
        if end < 0:
            if final:
                raise Unreadable(at, "a comment begins here and is never closed", "close it with */")
            return UNKNOWN
        at = end


def statement_end(text: str, start: int, standard: bool, *, final: bool) -> int:
    """Where the statement that begins at ``start`` ends, just after its ``;``.

    UNKNOWN if no ``;`` ends it in this text; of a final text that says that the end of the text ends it.
    Raises Unreadable for what is never closed and for psql's own commands.
    """
    if not _is_routine(text, start, standard):
        return _next_stop(text, start, outside_parentheses_pattern(standard), standard, final=final)
    at = start
    while True:
        at = _next_stop(text, at, routine_head_pattern(standard), standard, final=final)
        if at < 0 or text[at - 1] == ";":
            return at
        at += len("BEGIN")
        after = gap_end(text, at, final=final)
        if after < 0:
            return UNKNOWN
        if atomic := _ATOMIC.match(text, after):
            return _body_end(text, atomic.end(), standard, final=final)


def last_token_end(text: str, start: int, standard: bool) -> int:
    """Where the last token of a statement without ``;`` ends, which is everything from ``start`` on."""
    stripped = len(text)
    while text[stripped - 1] in " \t\n\r\f\v":
        stripped -= 1
    last_line = line_around(text, stripped - 1)[0]
    if "--" not in text[last_line:stripped] and not text.endswith("*/", start, stripped):
        return stripped
    if _NUMBER_OR_COMMENT.search(text, start):
        return max(end for _, _, end in tokens(text, standard, start))
    pattern = last_token_pattern(standard)
    at = start
    while True:
        known = at
        match = pattern.match(text, at)
        at = match.end() if match else at
        after = gap_end(text, at, final=True)
        if after == len(text):
            return at
        at = _after_token(text, after, known, standard, final=True)


_NUMBER_OR_COMMENT = pattern(r"[0-9.][eE]--")
"""``1e--`` is a number with a sign, ``size--`` a word and a comment."""


def _next_stop(text: str, at: int, outside: re.Pattern[str], standard: bool, *, final: bool) -> int:
    """The end of the next ``;`` outside parentheses, or the place of a BEGIN where ``outside`` stops at one."""
    inside = inside_parentheses_pattern(standard)
    depth = 0
    while True:
        known = at
        match = (inside if depth else outside).match(text, at)
        at = match.end() if match else at
        if match and not depth and match[1]:
            return at
        character = text[at : at + 1]
        if character == "(":
            depth, at = depth + 1, at + 1
        elif character == ")":
            depth, at = max(depth - 1, 0), at + 1
        elif character == "\\":
            if not final and not LINE_BREAK.search(text, at):
                return UNKNOWN
            raise Unreadable(at, *advice(text, at))
        elif character in ("b", "B"):
            return at
        else:
            at = _after_token(text, at, known, standard, final=final) if character else UNKNOWN
            if at < 0:
                return UNKNOWN


def _after_token(text: str, at: int, known: int, standard: bool, *, final: bool) -> int:
    """Where the token ends that covers ``at``; ``known`` is a place before it where one certainly begins."""
    begin = _word_start(text, at, known)
    while True:
        match = token_at(text, begin, standard)
        end = token_end(text, match)
        if end < 0 and not final:
            return UNKNOWN
        if end < 0:
            raise _unclosed(text, begin, match)
        if end > at and not (match.lastgroup in ("dollar", "other") and _WORD_CHARACTER.match(text, end)):
            return end
        begin = end


_WORD_CHARACTER = pattern(r"[^\x00-#%-/:-@\[-\^`{-\x7f]")


def _word_start(text: str, at: int, known: int) -> int:
    """The start of the run of letters, digits and dots before ``at``, with ``U&`` and with the sign of an exponent."""
    if at - 1 > known and text[at - 2 : at] in ("u&", "U&"):
        at -= 1
    while at > known:
        before = text[at - 1]
        if before in "+-" and at - 1 > known and text[at - 2] in "eE":
            at -= 2
        elif before == "." or _WORD_CHARACTER.match(before):
            at -= 1
        else:
            break
    return at


def _words(text: str, start: int, standard: bool) -> Iterator[tuple[str, int, int]]:
    """The words and semicolons outside parentheses, in capitals, with their places."""
    depth = 0
    for group, begin, end in tokens(text, standard, start):
        if group == "word" and not depth:
            yield keyword(text[begin:end]), begin, end
        elif group == "other":
            character = text[begin]
            if character == ";" and not depth:
                yield ";", begin, end
            depth = max(depth + (character == "(") - (character == ")"), 0)


_ROUTINE = pattern(rf"(?ai:create{GAP}(?:or{GAP}replace{GAP})?(?:function|procedure){WORD_END})")
_NO_ROUTINE = pattern(rf"(?ai:(?!create)[a-z](?!&?['\"])|create{GAP}(?!or|function|procedure)[a-z](?!&?['\"]))")
_ROUTINES = (
    ("CREATE", "FUNCTION"),
    ("CREATE", "PROCEDURE"),
    ("CREATE", "OR", "REPLACE", "FUNCTION"),
    ("CREATE", "OR", "REPLACE", "PROCEDURE"),
)


def _is_routine(text: str, start: int, standard: bool) -> bool:
    """Whether the first words outside parentheses are CREATE [OR REPLACE] FUNCTION | PROCEDURE, as psql asks.

    psql 18.6 does; psql 15.18 counts the words in parentheses, too. No statement that a server accepts has any there.
    """
    if _ROUTINE.match(text, start):
        return True
    if _NO_ROUTINE.match(text, start):
        return False
    words: tuple[str, ...] = ()
    for word, _, _ in _words(text, start, standard):
        words += (word,)
        if not any(routine[: len(words)] == words for routine in _ROUTINES):
            return False
        if words in _ROUTINES:
            return True
    return False


_ATOMIC = pattern(rf"(?ai:atomic){WORD_END}")
_WORD = pattern(rf"[A-Za-z]++{WORD_END}|[(;]|\Z")
_BODY_STATEMENTS = frozenset(
    ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE", "WITH", "RETURN", "(", ";")
)
"""How a statement in the body of a routine begins; the server refuses all others there."""


def _body_end(text: str, body: int, standard: bool, *, final: bool) -> int:
    """Where the ``;`` after the END of a BEGIN ATOMIC body ends.

    The END that closes the body stands where a statement would begin. Anywhere else the server reads END as the end of
    a CASE, as a label or as the name of a column, so nothing is counted, as long as the server could accept the body.
    """
    at = body
    while True:
        at = gap_end(text, at, final=final)
        if at < 0:
            return UNKNOWN
        match = _WORD.match(text, at)
        if match and match.end() == len(text) and not final:
            return UNKNOWN
        word = match[0].upper() if match else ""
        end = _next_stop(text, at, outside_parentheses_pattern(standard), standard, final=final)
        if word == "END":
            return end
        if word not in _BODY_STATEMENTS or (end < 0 and final):
            return _end_by_counting(text, body, standard)
        if end < 0:
            return UNKNOWN
        at = end


def _end_by_counting(text: str, body: int, standard: bool) -> int:
    """Where psql ends a body that the server cannot accept: psql counts every BEGIN, CASE and END."""
    depth = 1
    for word, _, end in _words(text, body, standard):
        if word == "BEGIN" or (word == "CASE" and depth):
            depth += 1
        elif word == "END":
            depth = max(depth - 1, 0)
        elif word == ";" and not depth:
            return end
    return UNKNOWN
