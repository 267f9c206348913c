"""Where a non-transactional script goes on: its statements by number, and what a person decided about them."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from itertools import islice

from sqlmig import stopping
from sqlmig.database import Session, literal
from sqlmig.errors import LockHeld, Place, Problem, ServerReport, Undecided, UsageError
from sqlmig.events import Listener, Waiting
from sqlmig.frozen import dataclass
from sqlmig.history import History
from sqlmig.migration import Applied, Direction, Progress, Script
from sqlmig.plan import Step
from sqlmig.queries import query
from sqlmig.runner.failures import place
from sqlmig.standing import Standing
from sqlmig.statements import Statement

SET_CONFIG = re.compile(r"(?i)SELECT\s+(pg_catalog\s*\.\s*)?set_config\s*\([^()]*\)\s*;?\s*$")
"""How pg_dump sets the search_path."""

OF_THE_SESSION = ("SET", "RESET", "DISCARD ALL")
PASSING = ("SET LOCAL", "SET TRANSACTION", "SET CONSTRAINTS")
"""Commands that begin like those, and end with their transaction."""

POLL_SECONDS = 0.2
LINGERING = 5.0
"""Seconds for which a backend may be listed as at work that is at its end: it lets go of its locks before."""


@dataclass(frozen=True)
class Prefix:
    """A hash over the statements that came before one: an edit of any of them changes it."""

    digest: str = ""

    def then(self, statement: Statement) -> Prefix:
        text = statement.text.replace("\r\n", "\n").replace("\r", "\n")
        return Prefix(hashlib.sha256(f"{self.digest}\0{text}".encode()).hexdigest())


def statements_of(script: Script, limit: int | None = None) -> Iterator[Statement]:
    """The statements that are sent, in their order; at most ``limit``."""
    return islice((piece for piece in script.pieces() if isinstance(piece, Statement) and not piece.is_empty), limit)


def statement_at(script: Script, number: int) -> tuple[Statement | None, Prefix]:
    """One statement of a script, counted from 1, and the hash over those before it; None behind the last."""
    prefix = Prefix()
    for count, statement in enumerate(statements_of(script), start=1):
        if count == number:
            return statement, prefix
        prefix = prefix.then(statement)
    return None, prefix


def of_the_session(statement: Statement) -> bool:
    """Whether a statement changes nothing but its session: a resumed script needs it again."""
    command = statement.command
    if command.startswith(OF_THE_SESSION):
        return not command.startswith(PASSING)
    return SET_CONFIG.match(statement.text) is not None


def edited(step: Step) -> Problem:
    """That a script cannot go on, since what came before was changed."""
    return Problem(
        "edited",
        f"{step} stopped at statement {step.resume_at}, and a statement before it was changed since",
        Place(step.script.file),
        step.version,
        next_step=f"undo that edit, or decide: sqlmig repair {step.label} --resume-at K",
    )


def await_remains(session: Session, step: Step, statement: Statement, listener: Listener) -> None:
    """Wait some seconds for what a process that is gone has left running. Raises LockHeld while it still runs then."""
    deadline = time.monotonic() + LINGERING
    while rows := session.ask(query("trace", "working").format(statement=literal(statement.text))):
        pid, seconds = rows[0]
        reason = (
            f"statement {step.resume_at} of {step} still runs on the server since {seconds} s, in backend {pid}, "
            "though the process that began it is gone"
        )
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise LockHeld(
                reason, next_step=f"wait for it, or end it: SELECT pg_cancel_backend({pid}); then: sqlmig apply"
            )
        listener(Waiting(reason, remaining))
        stopping.pause(min(POLL_SECONDS, remaining))


def undecided(step: Step, statement: Statement) -> Undecided:
    """That only a person can tell whether the statement at which a script stopped took effect."""
    return Undecided(
        f"{step} was interrupted in statement {step.resume_at}, and it cannot be known whether it took effect",
        place=place(step, statement, ServerReport(""), None),
        statement=step.resume_at,
        statements=step.script.survey.statements,
        next_step=(
            f"look at the database; where it took effect: sqlmig repair {step.label} "
            f"--resume-at {(step.resume_at or 0) + 1}; where not: --resume-at {step.resume_at}"
        ),
    )


def decision(
    standing: Standing, record: Applied, mark: str | None, resume_at: int | None, history: History
) -> tuple[str, list[str]]:
    """What a person decided about a migration that stopped half way, in words and as SQL for its history.

    Raises UsageError where the decision cannot be carried out.
    """
    migration = standing.migration
    if resume_at is not None:
        script = migration.up if migration is not None and record.direction is Direction.UP else None
        script = script or (migration.down if migration is not None else record.stored_down)
        total = script.survey.statements if script is not None else 0
        if script is None or not 1 <= resume_at <= total + 1:
            raise UsageError(f"{standing} has statements 1 to {total}: it cannot continue at {resume_at}")
        _, prefix = statement_at(script, resume_at)
        facts = {"statements": total, "prefix": prefix.digest}
        text = history.reached(record.version, Progress.FAILED, record.direction, resume_at, **facts)
        return f"continues at statement {resume_at}", [text]
    if mark == "rolled_back":
        return "marked as rolled back", [history.forget(record, event="repair", detail="marked as rolled back")]
    if migration is None:
        raise UsageError(f"the file of {standing} is gone: it cannot be marked as applied")
    return "marked as applied", [history.finished(migration, "NULL")]
