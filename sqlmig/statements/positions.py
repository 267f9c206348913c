"""From the place that the server names to the place in the file."""

from __future__ import annotations

import re
from typing import NamedTuple

from sqlmig.patterns import pattern
from sqlmig.statements.bodies import Body, body_of
from sqlmig.statements.kinds import kind_of
from sqlmig.statements.lines import after, line_around
from sqlmig.statements.pieces import Statement


class Position(NamedTuple):
    """A line and a column from 1, and the line as far as the text that was looked at has it."""

    line: int
    column: int
    excerpt: str


def locate(source_text: str, offset: int, line: int = 1, column: int = 1) -> Position:
    """The position of a character of a text that begins at a line and a column. A byte order mark takes no column."""
    offset = min(max(offset, 0), len(source_text))
    marked = source_text.startswith("\ufeff")
    begin, end = line_around(source_text, offset)
    line, column = after(source_text, 0, offset, line, column - marked)
    return Position(line, max(column, 1), source_text[begin:end].removeprefix("\ufeff"))


def error_position(statement: Statement, server_position: int) -> Position:
    """The position in the file that the server means by a position in the statement: characters from 1.

    One just behind the statement is meant where the server missed something at its end.
    """
    return locate(statement.text, server_position - 1, statement.line, statement.column)


def context_position(
    statement: Statement, context: str, internal_query: str | None = None, internal_position: int | None = None
) -> Position | None:
    """The position in the file of what an error's CONTEXT names in the body of a DO or a function.

    The function may be one that this statement created and another one called. ``internal_query`` and
    ``internal_position`` are the fields of those names of the server's message; where the query stands in the body,
    the position is exact, otherwise it is the beginning of the line, or of the statement of an SQL function. None if
    CONTEXT does not speak of this statement.
    """
    body = body_of(statement.text)
    start = _start_in_body(statement, body, context) if body else None
    if body is None or start is None:
        return None
    if internal_query and internal_position:
        start = _start_of_query(body, start, internal_query, internal_position)
    place = body.place(start)
    return None if place is None else locate(statement.text, place, statement.line, statement.column)


def data_line(statement: Statement, context: str) -> int | None:
    """The line of the file that CONTEXT means by a line of a COPY's data; None if it speaks of none."""
    if statement.copy != "in":
        return None
    name = re.escape(_bare(kind_of(statement.text).name))
    found = re.search(rf"(?m)^COPY {name}, \D*(\d+)", context)
    last = locate(statement.text, len(statement.text), statement.line).line
    return last + int(found[1]) if found else None


def _start_of_query(body: Body, start: int, query: str, position: int) -> int:
    """The place in the body that a position in a query means; PostgreSQL 13 makes a SELECT of every expression."""
    for added in ("", "SELECT "):
        found = body.text.find(query.removeprefix(added), start)
        if found >= 0:
            return max(found + position - 1 - len(added) * query.startswith(added), found)
    return start


_BLOCK = pattern(r"inline_code_block\D*(\d+)")


def _start_in_body(statement: Statement, body: Body, context: str) -> int | None:
    """Where in the body the line or statement begins that CONTEXT names, in whatever language it is written."""
    if statement.command == "DO":
        # The last line is the outermost: what this block runs may run blocks of its own.
        lines = _BLOCK.findall(context)
        return body.line_start(int(lines[-1])) if lines else None
    name = _bare(kind_of(statement.text).name)
    quoted = re.escape(name.replace('"', '""'))
    line = re.search(rf'(?:^|[\s".]){quoted}"?\([^)\n]*\)\D*(\d+)', context)
    if line:
        return body.line_start(int(line[1]))
    number = re.search(rf'"{re.escape(name)}"\D*(\d+)', context)
    if number:
        in_sql = re.search(r"(?ai)\blanguage\s+'?sql\b|\batomic\b", statement.text)
        return body.statement_start(int(number[1])) if in_sql else body.line_start(int(number[1]))
    return None


def _bare(name: str) -> str:
    """The last part of a name as the server knows it."""
    quoted = re.search(r'"((?:[^"]|"")*)"\Z', name)
    return quoted[1].replace('""', '"') if quoted else name.rpartition(".")[2].lower()
