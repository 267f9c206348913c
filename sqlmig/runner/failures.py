"""From what the server said to what a person needs: file, line, column, what stays, what to type next."""

from __future__ import annotations

import io
from contextlib import suppress
from itertools import islice

from sqlmig import statements
from sqlmig.errors import FileError, Place, ServerReport, StatementFailed
from sqlmig.plan import Step
from sqlmig.script import Direction, Script
from sqlmig.statements import Statement

ENDINGS = {
    "begin": "its transaction could not be set up",
    "constraints": "a deferred constraint fails at its end",
    "cleanup": "its session could not be brought back to the baseline",
    "record": "it could not be recorded in the history",
    "commit": "its transaction could not be committed",
}

NEEDS_NONE = "25001"
"""active_sql_transaction; within a function, where there is a CONTEXT, the statement never works."""

COMMITS = "2D000"
"""invalid_transaction_termination: a procedure or a DO block commits or rolls back on its way."""


def statement_failed(
    step: Step,
    statement: Statement | None,
    number: int,
    report: ServerReport,
    *,
    position: int | None = None,
    note: str = "",
    left_behind: str,
    notes: tuple[str, ...] = (),
) -> StatementFailed:
    """The error of one statement, or of one of ours around it (``note`` says which)."""
    where = f"{step}: " + (f"statement {number}" if statement else ENDINGS.get(note, note))
    return StatementFailed(
        f"{where}: {report.message}" if not statement else f"{step}: {report.message}",
        place=place(step, statement, report, position),
        server=report,
        statement=number if statement else None,
        statements=step.script.survey.statements,
        left_behind=left_behind,
        notes=notes,
        next_step=_next_step(step, report),
    )


def place(step: Step, statement: Statement | None, report: ServerReport, position: int | None) -> Place:
    """Where in the file the error is: the server's position, the line of a body that CONTEXT names, the statement."""
    if statement is None:
        return Place(step.script.file)
    found = None
    if position is not None:
        found = statements.error_position(statement, position)
    elif report.context:
        found = statements.context_position(statement, report.context)
    if found is None:
        found = statements.error_position(statement, 1)
    return Place(step.script.file, found.line, found.column, _whole_line(step.script, found.line, found.excerpt))


def _whole_line(script: Script, number: int, part: str) -> str:
    """The line of the file around a part of it: a statement may begin or end within a line."""
    with suppress(FileError), script.source.open() as file:
        lines = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace")
        line = next(islice(lines, number - 1, None), "").rstrip("\n")
        return line if part in line else part
    return part


def rolled_back(step: Step) -> str:
    return f"{step} was rolled back: nothing of it stays"


def _next_step(step: Step, report: ServerReport) -> str:
    if step.transaction and (report.sqlstate == COMMITS or (report.sqlstate == NEEDS_NONE and not report.context)):
        return "what commits by itself needs this line at the top of its file: -- sqlmig: no-transaction"
    if step.direction is Direction.UP:
        return f"correct {step.script.file}, then: sqlmig apply"
    if step.transaction:
        return f"correct the down file and accept it with: sqlmig repair {step.label}; then: sqlmig rollback"
    return "correct the down file, then: sqlmig rollback"
