"""Cuts a script into pieces, exactly where psql and the server would."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sqlmig.errors import Place, ScriptError
from sqlmig.statements.lexer import comment_end, dollar_end, token_pattern
from sqlmig.statements.pieces import CopyData, Directive, Gap, Piece, Statement

_DIRECTIVE = re.compile(r"--[ \t]*sqlmig[ \t]*:(.*)", re.IGNORECASE)
_RESTRICT = re.compile(r"\\(?:un)?restrict[ \t]+[A-Za-z0-9]+[ \t]*(?=[\r\n]|\Z)")
_TERMINATOR = re.compile(r"^\\\.\r?(?:\n|\Z)", re.MULTILINE)
_BREAK = re.compile(r"\r\n|\r|\n")


class _Cursor:
    def __init__(self, text: str) -> None:
        self.text = text

    def place(self, at: int) -> tuple[int, int]:
        breaks = list(_BREAK.finditer(self.text, 0, at))
        last = breaks[-1].end() if breaks else int(self.text.startswith("\ufeff"))
        return len(breaks) + 1, max(at - last, 0) + 1

    def error(self, at: int, message: str, next_step: str | None = None) -> ScriptError:
        line, column = self.place(at)
        start = at - column + 1
        end = _BREAK.search(self.text, at)
        excerpt = self.text[start : end.start() if end else len(self.text)]
        return ScriptError(message, place=Place("", line, column, excerpt), next_step=next_step)


def scan(source: str | Iterable[str], *, standard_conforming_strings: bool = True) -> Iterator[Piece]:
    text = source if isinstance(source, str) else "".join(source)
    cursor = _Cursor(text)
    nul = text.find("\0")
    if nul >= 0:
        raise cursor.error(nul, "a NUL character: PostgreSQL's text cannot hold one")
    pattern = token_pattern(standard_conforming_strings)
    at = gap = int(text.startswith("\ufeff"))
    gap = 0
    start = -1
    last = 0
    depth = 0
    body = False
    words: list[str] = []
    directives: list[Directive] = []

    def make_gap(end: int) -> Iterator[Piece]:
        if end > gap:
            yield Gap(text[gap:end], gap, end, *cursor.place(gap), tuple(directives))
            directives.clear()

    while at < len(text):
        match = pattern.match(text, at)
        assert match is not None  # noqa: S101
        group, end = match.lastgroup, match.end()
        if group == "comment":
            end = comment_end(text, at)
            if end < 0:
                raise cursor.error(at, "a comment that begins here has no end")
        elif group == "dollar":
            end = dollar_end(text, at, match[0])
            if end < 0:
                raise cursor.error(at, f"a dollar-quoted literal {match[0]} that begins here has no end")
        elif group == "broken":
            raise cursor.error(at, "a literal or quoted name that begins here has no end")
        if group in ("space", "line", "comment"):
            if group == "line" and (found := _DIRECTIVE.match(match[0])):
                directives.append(Directive(found[1].strip(), *cursor.place(at)))
            at = end
            continue
        token = match[0]
        if token == "\\":  # noqa: S105
            restrict = _RESTRICT.match(text, at)
            if start < 0 and restrict:
                at = restrict.end()
                continue
            raise cursor.error(at, "a psql command in a migration", "write SQL instead")
        if start < 0:
            yield from make_gap(at)
            start, depth, body, words = at, 0, False, []
        last = end
        if token == "(":  # noqa: S105
            depth += 1
        elif token == ")":  # noqa: S105
            depth = max(depth - 1, 0)
        elif group == "word" and not depth:
            words.append(token.upper())
            if words[-2:] == ["BEGIN", "ATOMIC"] and words[0] == "CREATE":
                body = True
                words.append(";")
            elif body and words[-2:] == [";", "END"]:
                body = False
        elif token == ";" and not depth:
            words.append(";")
            if not body:
                statement = Statement(text[start:end], start, end, *cursor.place(start), tuple(directives))
                directives.clear()
                yield statement
                gap, start = end, -1
                if statement.text[:1] in "cC" and statement.copy == "in":
                    line = _BREAK.search(text, end)
                    line_end = line.end() if line else len(text)
                    yield from make_gap(line_end)
                    stop = _TERMINATOR.search(text, line_end)
                    data_end = stop.start() if stop else len(text)
                    yield CopyData(
                        text[line_end:data_end],
                        line_end,
                        data_end,
                        *cursor.place(line_end),
                        text[line_end:data_end],
                        stop is None,
                    )
                    if stop:
                        yield CopyData(stop[0], data_end, stop.end(), *cursor.place(data_end), "", True)
                    at = gap = stop.end() if stop else len(text)
                    continue
        at = end
    if start >= 0:
        yield Statement(text[start:last], start, last, *cursor.place(start), tuple(directives))
        directives.clear()
        gap = last
    yield from make_gap(len(text))


def split(source: str | Iterable[str], *, standard_conforming_strings: bool = True) -> Iterator[Statement]:
    for piece in scan(source, standard_conforming_strings=standard_conforming_strings):
        if isinstance(piece, Statement):
            yield piece
