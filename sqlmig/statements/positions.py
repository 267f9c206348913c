"""From what the server says of a place to the place in the file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlmig.statements.pieces import Statement

_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Position:
    line: int
    column: int
    excerpt: str


def locate(source_text: str, offset: int, line: int = 1, column: int = 1) -> Position:
    begin = 0
    for found in _BREAK.finditer(source_text, 0, offset):
        line, column, begin = line + 1, 1, found.end()
    end = _BREAK.search(source_text, offset)
    excerpt = source_text[begin : end.start() if end else len(source_text)]
    return Position(line, column + offset - begin, excerpt)


def error_position(statement: Statement, server_position: int) -> Position:
    return locate(statement.text, server_position - 1, statement.line, statement.column)


def context_position(statement: Statement, context: str) -> Position | None:
    found = re.findall(r"inline_code_block\D*(\d+)", context)
    body = re.search(r"\$\w*\$", statement.text)
    if not found or body is None:
        return None
    offset = body.end()
    for _ in range(int(found[-1]) - 1):
        offset = statement.text.find("\n", offset) + 1
    return locate(statement.text, offset, statement.line, statement.column)
