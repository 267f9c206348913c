"""``require`` and ``ensure`` as SQL that fails where they are not true, and the error that tells it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from sqlmig.database import Session
from sqlmig.errors import AssertionFailed, DatabaseError, Place, ServerReport
from sqlmig.plan import Step
from sqlmig.runner.failures import again, next_step, whole_line
from sqlmig.runner.settings import Settings
from sqlmig.script import Assertion
from sqlmig.statements import Statement

HEAD = (
    "SELECT CASE WHEN assertion.holds THEN 1 ELSE CAST(pg_catalog.concat('sqlmig {token} ', "
    "COALESCE(CAST(assertion.holds AS pg_catalog.text), 'null')) AS pg_catalog.int4) END FROM (SELECT (\n"
)
TAIL = "\n) AS holds OFFSET 0) AS assertion"
"""OFFSET 0 keeps the query from being written into both places where its value is used, and run for each."""

FALSE = "it gave false"
NULL = "it gave null, or no row"


def assertion_sql(assertion: Assertion, token: str) -> str:
    """A statement that fails where the query does not give one row with the value true.

    The failure is a text that is no number (22P02) and holds the token, which no query can know.
    """
    return HEAD.format(token=token) + assertion.query + TAIL


def check_assertions(
    session: Session, settings: Settings, step: Step, assertions: Sequence[Assertion], left_behind: str
) -> None:
    """Ask for each, outside any transaction of the step's. Raises AssertionFailed for the first that is not true."""
    token = os.urandom(8).hex()
    for assertion in assertions:
        local = settings.baseline(step.script.header, local=True) if session.pooled else ()
        try:
            session.ask(";\n".join(("BEGIN", *local)))
            session.ask(assertion_sql(assertion, token))
            session.ask("COMMIT")
        except DatabaseError as error:
            report = error.server or ServerReport(error.message)
            raise assertion_failed(step, assertion, token, report, report.position, left_behind) from error


def assertion_failed(
    step: Step, assertion: Assertion, token: str, report: ServerReport, position: int | None, left_behind: str
) -> AssertionFailed:
    """That an assertion is not true, or that its query cannot be run; ``position`` counts in what was sent, from 1."""
    line = whole_line(step.script, assertion.line, assertion.query)
    column = max(line.find(assertion.query), assertion.column - 1)
    found = re.search(rf"{token} (false|null)", report.message)
    if found:
        message = f"{step}: {assertion.kind} is not true: {assertion.query}"
        notes: tuple[str, ...] = (FALSE if found[1] == "false" else NULL,)
    else:
        message, notes = f"{step}: {assertion.kind}: {report.message}", ()
        within = (position or 0) - len(HEAD.format(token=token)) - 1
        column += within if 0 <= within < len(assertion.query) else 0
    return AssertionFailed(
        message,
        place=Place(step.script.file, assertion.line, column + 1, line),
        server=None if found else report,
        statements=step.script.survey.statements,
        left_behind=left_behind,
        notes=notes,
        next_step=f"see to it that it is true, then: {again(step)}" if found else next_step(step, report),
    )


def comes_before(statement: Statement) -> bool:
    """Whether what is required is asked for before a statement.

    It takes a snapshot, as no SET TRANSACTION may find one, and as LOCK TABLE is there to come before.
    """
    if statement.is_plain:
        return True
    command = statement.command
    return not (command.startswith("LOCK") or (command.startswith("SET") and "transaction" in statement.text.lower()))
