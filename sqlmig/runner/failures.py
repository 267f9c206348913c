"""From what the server said to what a person needs: file, line, column, what stays, what to type next."""

from __future__ import annotations

import io
from contextlib import suppress
from itertools import islice, takewhile

from sqlmig import statements
from sqlmig.errors import FileError, Place, ServerReport, StatementFailed
from sqlmig.plan import Step, StepKind
from sqlmig.plan.steps import AFTER_APPLY, AFTER_EACH
from sqlmig.script import Direction, Script
from sqlmig.statements import Position, Statement

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
    at, about = _place(step, statement, report, position)
    return StatementFailed(
        f"{where}: {report.message}" if not statement else f"{step}: {report.message}",
        place=at,
        server=report,
        statement=number if statement else None,
        statements=step.script.survey.statements,
        left_behind=left_behind,
        notes=(*about, *notes),
        next_step=next_step(step, report),
    )


def place(step: Step, statement: Statement | None, report: ServerReport, position: int | None) -> Place:
    """Where in the file the error is: the server's position, the line of a body that CONTEXT names, the statement.

    The body is that of the statement, or of a function that the same file created before it.
    """
    return _place(step, statement, report, position)[0]


def _place(
    step: Step, statement: Statement | None, report: ServerReport, position: int | None
) -> tuple[Place, tuple[str, ...]]:
    """The place, and which other line of the file has to do with it."""
    if statement is None:
        return Place(step.script.file), ()
    context = report.context or ""
    notes: tuple[str, ...] = ()
    found = statements.error_position(statement, position) if position else _in_body(statement, report, context)
    if found is None and (found := _in_function(step.script, statement, report)):
        notes = (f"called in line {statement.line}, column {statement.column}",)
    if found is None:
        found = statements.error_position(statement, 1)
        line = statements.data_line(statement, context)
        notes = (f"these data are in line {line} of the file",) if line else ()
    return Place(step.script.file, found.line, found.column, whole_line(step.script, found.line, found.excerpt)), notes


def _in_body(statement: Statement, report: ServerReport, context: str) -> Position | None:
    return statements.context_position(statement, context, report.internal_query, report.internal_position)


def _in_function(script: Script, caller: Statement, report: ServerReport) -> Position | None:
    """Where the error is in a function of the same file: the innermost of those that CONTEXT names."""
    if not report.context:
        return None
    functions = []
    with suppress(FileError):
        for piece in takewhile(lambda piece: piece.start < caller.start, script.pieces()):
            if isinstance(piece, Statement) and not piece.is_plain and piece.command in _FUNCTIONS:
                functions.append(piece)
    places = (_in_body(function, report, line) for line in report.context.split("\n") for function in functions[::-1])
    return next(filter(None, places), None)


_FUNCTIONS = ("CREATE FUNCTION", "CREATE PROCEDURE")


def whole_line(script: Script, number: int, part: str) -> str:
    """The line of the file around a part of it: a statement may begin or end within a line."""
    with suppress(FileError), script.source.open() as file:
        lines = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace")
        line = next(islice(lines, number - 1, None), "").rstrip("\n")
        return line if part in line else part
    return part


def rolled_back(step: Step) -> str:
    whole = step.around or step
    if whole.transaction:
        return f"{whole} was rolled back: nothing of it stays"
    stays = "its statements stay, " if step.name == AFTER_EACH else ""
    return f"{whole} runs without a transaction: {stays}{step.name} was rolled back, and sqlmig apply goes on with it"


def next_step(step: Step, report: ServerReport) -> str:
    """What to correct where the server refused something of a script, and the command to type then."""
    if step.kind is StepKind.SEED:
        return f"correct {step.script.file}, then: {again(step)}"
    if step.name == AFTER_APPLY and step.kind is StepKind.HOOK:
        return f"correct {step.script.file}; it runs again when a migration is applied, or by hand with psql"
    if step.before is not None and report.sqlstate == NEEDS_NONE and "before any query" in report.message:
        return f"{step.before.file} runs before it, and has queries: take one of the two out"
    if step.transaction and (report.sqlstate == COMMITS or (report.sqlstate == NEEDS_NONE and not report.context)):
        return "what commits by itself needs this line at the top of its file: -- sqlmig: no-transaction"
    if step.direction is Direction.UP:
        return f"correct {step.script.file}, then: {again(step)}"
    if step.transaction:
        return f"correct the down file and accept it with: sqlmig repair {step.label}; then: {again(step)}"
    return f"correct the down file, then: {again(step)}"


def again(step: Step) -> str:
    """The command that runs the step once more."""
    if step.kind is StepKind.SEED:
        return f"sqlmig seed run {step.name}"
    return "sqlmig apply" if step.direction is Direction.UP else "sqlmig rollback"
