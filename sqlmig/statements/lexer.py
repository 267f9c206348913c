"""The lexical rules of PostgreSQL as patterns: what is a token, and what is only a gap between tokens.

The rules are those of PostgreSQL 18's ``src/backend/parser/scan.l``, which psql's ``src/fe_utils/psqlscan.l``
repeats. Patterns are compiled when they are first needed: most commands never need them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import cast

from sqlmig.patterns import pattern


def _repeat(*alternatives: str) -> str:
    """Any number of the alternatives, never given back.

    The alternative that never matches costs little, and Python before 3.11.5 needs it: without it the round that fails
    leaves the place where it failed as the end of the match, if it looked around or repeated something.
    """
    return "(?:" + "|".join((*alternatives, "(?!)")) + ")*+"


_LETTER = r"[^\x00-@\[-\^`{-\x7f]"
_TAG_CHARACTER = r"[^\x00-/:-@\[-\^`{-\x7f]"
_WORD_CHARACTER = r"[^\x00-#%-/:-@\[-\^`{-\x7f]"
"""Said by what is left out, because every character beyond ASCII is a letter to PostgreSQL."""
_WORD = rf"{_LETTER}{_WORD_CHARACTER}*+"
WORD_END = rf"(?!{_WORD_CHARACTER})"

_SPACE = r"[ \t\n\r\f\v]"
_LINE_COMMENT = r"--[^\n\r]*+"
_FLAT_COMMENT = r"/\*" + _repeat(r"[^*/]++", r"\*(?!/)", r"/(?!\*)") + r"\*/"
GAP = _repeat(rf"{_SPACE}++", _LINE_COMMENT, _FLAT_COMMENT)
"""White space and comments, up to a block comment that has another one inside."""

_DOLLAR_QUOTE = rf"\$(?:{_LETTER}{_TAG_CHARACTER}*+)?\$"
_QUOTED_NAME = r'"[^"]*+(?:""[^"]*+)*+"'

_INTEGER = "[0-9]++" + _repeat(r"_(?![0-9_]*\$)[0-9]++")
_NUMBER = rf"(?:{_INTEGER}(?:\.(?!\.)(?:{_INTEGER})?)?|\.{_INTEGER})(?:[eE][+-](?:{_INTEGER}(?:{_WORD})?)?|{_WORD})?"
"""Letters directly after a number belong to it, although the server then refuses it."""
_PARAMETER = rf"\$[0-9]++(?:{_WORD})?"

_STANDARD = r"(?!--|/\*)[+\-*/<>=]"
_SPECIAL = r"[~!@#^&|`?%]"
_OPERATOR = (
    rf"{_repeat(_STANDARD)}{_SPECIAL}{_repeat(_STANDARD, _SPECIAL)}"
    rf"|(?:{_STANDARD})*(?!/\*)[*/<>=]"
    r"|[+\-]"
)
"""``+`` and ``-`` end an operator only if it has a character that is in no operator of the SQL standard."""

_PLAIN = r"'[^']*+(?:''[^']*+)*+'"
_ESCAPED = r"'[^'\\]*+(?:(?:''|\\[\s\S])[^'\\]*+)*+'"
_BITS = r"'[^']*+'"
_NEW_LINE = _repeat(r"[ \t\f\v]++", _LINE_COMMENT) + r"[\n\r]"
CONTINUED = _NEW_LINE + _repeat(rf"{_SPACE}++", rf"{_LINE_COMMENT}[\n\r]")
"""What stands between the parts of one literal: white space with a line break, and line comments."""


def _continued(body: str) -> str:
    """A literal in one or more parts, none of which is left open."""
    return body + _repeat(CONTINUED + body) + rf"(?!{CONTINUED}')"


_MAY_GO_ON = r"[ \t\f\v]*+(?:--|[\n\r][ \t\n\r\f\v]*+(?:--|'))"
"""What may stand behind a literal that goes on. It is short because patterns hold it many times."""


@cache
def token_pattern(standard_conforming_strings: bool) -> re.Pattern[str]:
    """One token, or one piece of a gap, at any place where a token begins; ``lastgroup`` names it. Always matches.

    A literal is matched up to its first closing quote, a block comment and a dollar-quoted literal only by their
    opening: ``token_end`` finds the rest. ``open`` is a quote that is never closed in this text.
    """
    plain, escaped = (_PLAIN, "") if standard_conforming_strings else (r"(?!)", rf"|[nN]?{_ESCAPED}")
    return re.compile(
        rf"(?P<space>{_SPACE}++)"
        rf"|(?P<line>{_LINE_COMMENT})"
        r"|(?P<comment>/\*)"
        rf"|(?P<plain>[uU]&{_PLAIN}|[nN]?{plain})"
        rf"|(?P<escaped>[eE]{_ESCAPED}{escaped})"
        rf"|(?P<bits>[bBxX]{_BITS})"
        rf"|(?P<name>(?:[uU]&)?{_QUOTED_NAME})"
        r"|(?P<open>[eEbBxXnN]?'|[uU]&['\"]|\")"
        rf"|(?P<word>{_WORD})"
        rf"|(?P<number>{_NUMBER}|{_PARAMETER})"
        rf"|(?P<dollar>{_DOLLAR_QUOTE})"
        rf"|(?P<operator>{_OPERATOR}|::|:=|\.\.)"
        r"|(?P<other>[\s\S])"
    )


def keyword(word: str) -> str:
    """A word in capitals, as the server compares it with its keywords: only the letters of ASCII have another case."""
    return word.upper() if word.isascii() else word


def token_at(text: str, at: int, standard_conforming_strings: bool) -> re.Match[str]:
    """The beginning of the token at a place before the end of a text, as ``token_pattern`` matches it."""
    return cast("re.Match[str]", token_pattern(standard_conforming_strings).match(text, at))


@cache
def _continuation(group: str) -> re.Pattern[str]:
    body = {"plain": _PLAIN, "escaped": _ESCAPED, "bits": _BITS}[group]
    return re.compile(rf"{CONTINUED}({body})")


_ORDINARY = r"[^;'\"$()\\/\-]++"
_ORDINARY_IN_PARENTHESES = r"[^'\"$()\\/\-]++"
_NOT_IN_A_WORD = r"(?<![^\x00-#%-\-/:-@\[-\^`{-\x7f]"

_QUOTED_WITH_STANDARD_STRINGS = (
    rf"(?<![eE]){_PLAIN}"
    rf"|(?<={_WORD_CHARACTER}[eE]){_PLAIN}"
    rf"|(?<=[eE]){_NOT_IN_A_WORD}[eE]){_ESCAPED}(?!{_MAY_GO_ON})"
)
_QUOTED_WITH_BACKSLASHES = (
    rf"(?<![bBxX&]){_continued(_ESCAPED)}"
    rf"|(?<={_WORD_CHARACTER}[bBxX]){_continued(_ESCAPED)}"
    rf"|(?<=[bBxX]){_NOT_IN_A_WORD}[bBxX]){_continued(_BITS)}"
    rf"|(?<=&)(?:(?<![uU]&)|(?<={_WORD_CHARACTER}[uU]&)){_continued(_ESCAPED)}"
    rf"|(?<=[uU]&)(?<!{_WORD_CHARACTER}[uU]&){_continued(_PLAIN)}"
)


def _run(ordinary: str, quoted: str, *more: str) -> str:
    """Everything up to a character that only code can judge.

    Such are ``;``, parentheses nested too deep, ``$``, backslashes, comments inside comments, whatever is not closed,
    and the two places where a number may end inside what looks like a prefix or a comment: ``1.e'`` and ``1e--``.
    """
    minus = rf"-(?!-)|(?<![eE]){_LINE_COMMENT}"
    return _repeat(ordinary, quoted, _QUOTED_NAME, minus, r"/(?!\*)", _FLAT_COMMENT, *more)


_MAY_HOLD_STATEMENTS = rf"[cC](?ai:opy|reate{GAP}(?:or|function|procedure|[^a-z]))|[^a-zA-Z;]|[a-zA-Z]&?['\"]"
_MAY_CHANGE_SETTINGS = (
    r"[sS](?ai:et|elect|tart|avepoint)|[rR](?ai:eset|elease|ollback)|[dD](?ai:iscard)|[wW](?ai:ith)|[vV](?ai:alues)"
    r"|[bB](?ai:egin)|[cC](?ai:ommit)|[eE](?ai:nd)|[aA](?ai:bort)|[pP](?ai:repare)"
)


def _quoted(standard_conforming_strings: bool) -> str:
    return _QUOTED_WITH_STANDARD_STRINGS if standard_conforming_strings else _QUOTED_WITH_BACKSLASHES


def _inside_parentheses(quoted: str, levels: int = 2) -> str:
    """With parentheses inside parentheses to so many levels: more are found by code."""
    inner = rf"\({_inside_parentheses(quoted, levels - 1)}\)" if levels else r"(?!)"
    return _run(_ORDINARY_IN_PARENTHESES, quoted, inner)


def _outside_parentheses(quoted: str, ordinary: str = _ORDINARY) -> str:
    return _run(ordinary, quoted, rf"\({_inside_parentheses(quoted)}\)")


ROUTINE = rf"[cC](?ai:reate{GAP}(?:or{GAP}replace{GAP})?(?:function|procedure)){WORD_END}"
"""CREATE [OR REPLACE] FUNCTION | PROCEDURE."""
_BODY_STATEMENT = rf"(?ai:select|insert|update|delete|merge|values|table|with|return){WORD_END}|[(;]"
"""How a statement in the body of a routine begins; the server refuses all others there."""


def _dollar_quoted(group: int) -> str:
    """A dollar-quoted literal whose opening is a group of the pattern."""
    return rf"({_DOLLAR_QUOTE})[^$]*+" + _repeat(rf"(?!\{group})\$[^$]*+") + rf"\{group}"


_BEGIN_ATOMIC = rf"(?<!{_WORD_CHARACTER})[bB](?ai:egin){GAP}(?:(?ai:atomic){WORD_END}|/\*)"
_ORDINARY_BUT_BEGIN_ATOMIC = rf"[^;'\"$()\\/\-bB]++|(?!{_BEGIN_ATOMIC})[bB]"


@cache
def simple_statement_pattern(
    standard_conforming_strings: bool, follows_settings: bool, has_bodies: bool
) -> re.Pattern[str]:
    """A gap (group 1) and the statement after it with its ``;`` (group 2). Always matches.

    Group 2 is missing where only code can judge: COPY, what may change settings that somebody follows, a second
    dollar-quoted literal, and whatever ``_run`` stops at. Then the match swallows the rest of the text, so that
    ``findall`` stops there. Without ``has_bodies`` code judges dollar-quoted literals and CREATE FUNCTION as well, and
    the pattern is compiled in a third of the time. (Group 3 is the opening of a dollar-quoted literal.)
    """
    quoted = _quoted(standard_conforming_strings)
    care = rf"{_MAY_HOLD_STATEMENTS}|{_MAY_CHANGE_SETTINGS}" if follows_settings else _MAY_HOLD_STATEMENTS
    statement = rf"(?!{care}){_outside_parentheses(quoted)}"
    if has_bodies:
        literal = rf"(?<!{_WORD_CHARACTER}){_dollar_quoted(3)}(?!{_WORD_CHARACTER})"
        statement = rf"(?:{_routine(quoted)}|{statement})(?:{literal}{_repeat(_ORDINARY_BUT_BEGIN_ATOMIC)})?"
    else:
        statement += "()"
    return re.compile(rf"({GAP})(?:({statement};)|(?s:.)*+)")


def _routine(quoted: str) -> str:
    """CREATE FUNCTION up to its first dollar-quoted literal or, with BEGIN ATOMIC, up to the END of its body."""
    head = _outside_parentheses(quoted, _ORDINARY_BUT_BEGIN_ATOMIC)
    statements = _repeat(rf"{GAP}(?={_BODY_STATEMENT}){_outside_parentheses(quoted)};")
    body = rf"(?ai:begin){GAP}(?ai:atomic){statements}{GAP}(?ai:end){WORD_END}{GAP}"
    return rf"{ROUTINE}{head}(?:{body})?"


@cache
def outside_parentheses_pattern(standard_conforming_strings: bool) -> re.Pattern[str]:
    """What stands outside parentheses up to a ``;`` (group 1), or to something that only code can judge."""
    return re.compile(rf"{_outside_parentheses(_quoted(standard_conforming_strings))}(;)?")


@cache
def routine_head_pattern(standard_conforming_strings: bool) -> re.Pattern[str]:
    """As ``outside_parentheses_pattern``, but stops before BEGIN ATOMIC too."""
    head = _outside_parentheses(_quoted(standard_conforming_strings), _ORDINARY_BUT_BEGIN_ATOMIC)
    return re.compile(rf"{head}(;)?")


@cache
def inside_parentheses_pattern(standard_conforming_strings: bool) -> re.Pattern[str]:
    """What stands inside parentheses up to the next one, or to something that only code can judge."""
    return re.compile(_inside_parentheses(_quoted(standard_conforming_strings)))


@cache
def last_token_pattern(standard_conforming_strings: bool) -> re.Pattern[str]:
    """Tokens and the gaps between them, but not the gap after the last, up to what only code can judge."""
    quoted = _quoted(standard_conforming_strings)
    token = "|".join((r"[^ \t\n\r\f\v'\"$\\/\-]++", quoted, _QUOTED_NAME, r"-(?!-)", r"/(?!\*)"))
    return re.compile(_repeat(rf"{GAP}(?:{token})"))


_NEXT_PART = pattern(rf"{CONTINUED}'")
_COMMENT_MARK = pattern(r"/\*|\*/")


def comment_end(text: str, start: int) -> int:
    """Where the block comment that begins at ``start`` ends, the ones inside it counted; -1 if it does not."""
    depth = 0
    for mark in _COMMENT_MARK.finditer(text, start):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return -1


def token_end(text: str, match: re.Match[str]) -> int:
    """Where the token ends of which ``token_pattern`` matched the beginning; -1 if it has no end in this text."""
    group, end = match.lastgroup or "", match.end()
    if group in ("plain", "escaped", "bits"):
        pattern = _continuation(group)
        while more := pattern.match(text, end):
            end = more.end()
        end = -1 if group != "plain" and _NEXT_PART.match(text, end) else end
    elif group == "comment":
        end = comment_end(text, match.start())
    elif group == "dollar":
        tag = match[0]
        closing = text.find(tag, end)
        end = -1 if closing < 0 else closing + len(tag)
    elif group == "open":
        end = -1
    return end


def tokens(text: str, standard_conforming_strings: bool = True, start: int = 0) -> Iterator[tuple[str, int, int]]:
    """The tokens of a text without its gaps: group of ``token_pattern``, start, end. What is not closed ends it."""
    at, length = start, len(text)
    match_at = token_pattern(standard_conforming_strings).match
    while match := match_at(text, at) if at < length else None:
        group, end = match.lastgroup or "", match.end()
        if group not in _MATCHED_WHOLE:
            end = token_end(text, match)
            end = length if end < 0 else end
        if group not in _IN_GAPS:
            yield group, at, end
        at = end


_MATCHED_WHOLE = frozenset(("space", "line", "name", "word", "number", "operator", "other"))
_IN_GAPS = frozenset(("space", "line", "comment"))


def tokens_of_all(statements: list[str], standard_conforming_strings: bool) -> list[str]:
    """The tokens of some statements, of which all but the last end with ``;``, as ``token_texts`` gives them."""
    text = "".join(statements)
    if standard_conforming_strings and _is_flat(text):
        return _flat_tokens(text)
    return [token for statement in statements for token in token_texts(statement, standard_conforming_strings)]


def token_texts(text: str, standard_conforming_strings: bool) -> list[str]:
    """The tokens of a whole statement as they are written.

    A literal that goes on has ``\\n`` alone between its parts. On one line ``'a' 'b'`` are two literals and two tokens.
    """
    if standard_conforming_strings and _is_flat(text):
        return _flat_tokens(text)
    found = []
    for group, start, end in tokens(text, standard_conforming_strings):
        in_parts = group in ("plain", "escaped", "bits")
        at = token_at(text, start, standard_conforming_strings).end() if in_parts else end
        parts = [text[start:at]]
        while at < end and (part := _continuation(group).match(text, at)):
            parts.append(part[1])
            at = part.end()
        found.append("\n".join(parts))
    return found


_LETTER_OR_DIGIT = pattern(_TAG_CHARACTER)


def _is_flat(text: str) -> bool:
    """Whether there is certainly no block comment, no prefix ``e``, and no literal that goes on."""
    return not ("/*" in text or _has_prefix(text, "E'") or _has_prefix(text, "e'") or _may_go_on(text))


def _has_prefix(text: str, opening: str) -> bool:
    """Whether a literal may open like this; behind a letter or digit it is the end of a word, and a plain literal.

    Behind a ``$`` it may be either: words hold it, and dollar-quoted literals end with it.
    """
    at = text.find(opening)
    while at > 0 and _LETTER_OR_DIGIT.match(text, at - 1):
        at = text.find(opening, at + 1)
    return at >= 0


def _flat_tokens(text: str) -> list[str]:
    if "$" in text:
        return [token for token, _ in _flat_token_pattern(dollars=True).findall(text)]
    return _flat_token_pattern(dollars=False).findall(text)


_BEGINS_LINE = pattern(r"\n[ \t\n\r\f\v]*+'")
_BEGINS_LINE_AFTER_RETURN = pattern(r"\r[ \t\n\r\f\v]*+'")
_GOES_ON = pattern(rf"'{_MAY_GO_ON}")


def _may_go_on(text: str) -> bool:
    """Whether a literal may go on on another line; said of some that do not, and never said of a text on one line."""
    begins_line = _BEGINS_LINE.search(text) or ("\r" in text and _BEGINS_LINE_AFTER_RETURN.search(text))
    return bool(begins_line) and _GOES_ON.search(text) is not None


@cache
def _flat_token_pattern(*, dollars: bool) -> re.Pattern[str]:
    """A gap and a token (group 1), in statements without block comments, prefixes ``e`` and literals that go on."""
    quoted = f"{_dollar_quoted(2)}|" if dollars else ""
    return re.compile(
        rf"{_SPACE}*+(?:{_LINE_COMMENT}{_SPACE}*+)*+"
        rf"({_WORD}(?!['\"&])|[(),;]|{_PLAIN}|[0-9]++(?!\.|{_WORD_CHARACTER})"
        rf"|(?:[nN]|[uU]&){_PLAIN}|[bBxX]{_BITS}|(?:[uU]&)?{_QUOTED_NAME}|{_WORD}|{_NUMBER}|{_PARAMETER}"
        rf"|{quoted}{_OPERATOR}|::|:=|\.\.|[\s\S])"
    )
