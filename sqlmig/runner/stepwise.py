"""Non-transactional steps: a statement a message, each intent recorded before it and each completion after it."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import field

from sqlmig.database import Row, Session, literal
from sqlmig.errors import (
    CheckFailed,
    ConnectionLost,
    DatabaseError,
    LockHeld,
    Place,
    Problem,
    ServerReport,
    StatementFailed,
    Undecided,
    UsageError,
)
from sqlmig.events import Listener, StatementDone, StepDone, StepStarted
from sqlmig.frozen import dataclass
from sqlmig.history import History
from sqlmig.migration import Applied, Direction, Progress, Script
from sqlmig.plan import Step
from sqlmig.queries import query
from sqlmig.runner.failures import place, statement_failed
from sqlmig.runner.settings import END_OF_SCRIPT, Settings
from sqlmig.standing import Standing
from sqlmig.statements import CopyData, Statement

REPEATABLE = ("VACUUM", "ANALYZE", "REINDEX")
"""Commands that may simply run again where it is not known whether they took effect."""

SET_CONFIG = re.compile(r"(?i)\s*SELECT\s+(pg_catalog\s*\.\s*)?set_config\s*\(")
"""How pg_dump sets the search_path."""


@dataclass(frozen=True)
class Prefix:
    """A hash over the statements that came before one: an edit of any of them changes it."""

    digest: str = ""

    def then(self, statement: Statement) -> Prefix:
        text = statement.text.replace("\r\n", "\n").replace("\r", "\n")
        return Prefix(hashlib.sha256(f"{self.digest}\0{text}".encode()).hexdigest())


def statement_at(script: Script, number: int) -> tuple[Statement | None, Prefix]:
    """One statement of a script, counted from 1, and the hash over those before it; None behind the last."""
    prefix = Prefix()
    sent = (piece for piece in script.pieces() if isinstance(piece, Statement) and not piece.is_empty)
    for count, statement in enumerate(sent, start=1):
        if count == number:
            return statement, prefix
        prefix = prefix.then(statement)
    return None, prefix


@dataclass
class Stepwise:
    """Runs one non-transactional step, or continues it where it stopped."""

    session: Session
    history: History
    settings: Settings
    listener: Listener
    batch: int
    check_lock: Callable[[], None]
    durations: dict[int, float] = field(default_factory=dict)
    completed: int = 0
    """How many statements of the step are known to be complete; ``prefix`` is the hash over them."""
    prefix: Prefix = field(default_factory=Prefix)

    def run(self, step: Step) -> None:
        """Run the step from its first statement, or from the one that did not complete.

        Raises StatementFailed where a statement fails: those before it stay, the history names it. Raises Undecided
        where it cannot be known whether the interrupted statement took effect, CheckFailed where a statement before
        it was edited; neither runs anything.
        """
        self.check_lock()
        begun = time.perf_counter()
        self.listener(StepStarted(step))
        self._to_baseline(step)
        first = self._first_statement(step)
        self.completed, self.prefix = 0, Prefix()
        try:
            self._run_statements(step, first)
        except KeyboardInterrupt:
            self._interrupted(step)
            raise
        self.session.ask("DISCARD ALL")
        self.durations[step.version] = (time.perf_counter() - begun) * 1000
        self._finish(step)
        self.listener(StepDone(step, self.durations[step.version]))

    def _run_statements(self, step: Step, first: int) -> None:
        pieces = step.script.verified_pieces()
        for piece in pieces:
            if not isinstance(piece, Statement) or piece.is_empty:
                continue
            number, prefix = self.completed + 1, self.prefix
            if number >= first:
                self.check_lock()
                self._intend(step, number, prefix, new=number == first and step.resume_at is None)
                self._run_statement(step, piece, number, prefix, pieces)
            self._complete(piece)
            self._refuse_invalid(step, piece, prefix, first)
            if number >= first:
                self.listener(StatementDone(step, number, step.script.survey.statements, piece))

    def _complete(self, statement: Statement) -> None:
        self.completed, self.prefix = self.completed + 1, self.prefix.then(statement)

    def _interrupted(self, step: Step) -> None:
        """Record where to continue: behind a statement that completed before it could be cancelled."""
        self.session.roll_back()
        report = ServerReport("canceled by the user", "57014")
        self._record_failure(step, self.completed + 1, self.prefix, report)

    def _to_baseline(self, step: Step) -> None:
        strings = () if self.session.standard_conforming_strings else ("SET standard_conforming_strings = on",)
        baseline = self.settings.baseline(step.script.header, local=False)
        self.session.ask(";\n".join((*END_OF_SCRIPT, *strings, *baseline)))

    def _first_statement(self, step: Step) -> int:
        if step.resume_at is None or step.applied is None:
            return 1
        statement, prefix = statement_at(step.script, step.resume_at)
        if step.applied.prefix is not None and prefix.digest != step.applied.prefix:
            raise CheckFailed([self._edited(step)])
        self._restore_session(step, step.resume_at)
        if statement is None:
            return step.resume_at
        completed = self._look(step, statement)
        return step.resume_at + 1 if completed else step.resume_at

    def _restore_session(self, step: Step, before: int) -> None:
        """Run again what the statements before this one set for the session, which ended with the run that set it."""
        sent = (piece for piece in step.script.pieces() if isinstance(piece, Statement) and not piece.is_empty)
        for _, statement in zip(range(1, before), sent, strict=False):
            if statement.command.startswith(("SET", "RESET")) or SET_CONFIG.match(statement.text):
                self.session.ask(statement.text)

    def _edited(self, step: Step) -> Problem:
        return Problem(
            "edited",
            f"{step} stopped at statement {step.resume_at}, and a statement before it was changed since",
            Place(step.script.file),
            step.version,
            next_step=f"undo that edit, or decide: sqlmig repair {step.label} --resume-at K",
        )

    def _look(self, step: Step, statement: Statement) -> bool:
        """Whether the statement that was begun last completed, as far as the database can tell."""
        failed = step.applied is not None and step.applied.progress is Progress.FAILED
        if not failed:
            self._refuse_while_running(step, statement)
        if statement.index is not None:
            return self._index_completed(statement) and not failed
        if failed or statement.command.startswith(REPEATABLE):
            return False
        raise Undecided(
            f"{step} was interrupted in statement {step.resume_at}, and it cannot be known whether it took effect",
            place=place(step, statement, ServerReport(""), None),
            statement=step.resume_at,
            statements=step.script.survey.statements,
            next_step=(
                f"look at the database; where it took effect: sqlmig repair {step.label} "
                f"--resume-at {(step.resume_at or 0) + 1}; where not: --resume-at {step.resume_at}"
            ),
        )

    def _refuse_while_running(self, step: Step, statement: Statement) -> None:
        rows = self.session.ask(query("index", "working").format(statement=literal(statement.text)))
        for pid, seconds in rows:
            raise LockHeld(
                f"statement {step.resume_at} of {step} still runs on the server since {seconds} s, in backend {pid}, "
                "though the process that began it is gone",
                next_step=f"wait for it, or end it: SELECT pg_cancel_backend({pid}); then: sqlmig apply",
            )

    def _index_completed(self, statement: Statement) -> bool:
        rows = self._index(statement)
        if statement.command.startswith("DROP"):
            return not rows
        if not rows or statement.command.startswith("REINDEX"):
            return False
        valid, quoted = rows[0]
        if valid != "t":
            self.session.ask(f"DROP INDEX CONCURRENTLY {quoted}")
        return valid == "t"

    def _index(self, statement: Statement) -> list[Row]:
        """Whether the index that a statement names is valid, and its name; nothing where there is none."""
        table = statement.index_table if statement.command.startswith("CREATE") else None
        text = query("index", "validity").format(name=literal(statement.index), table=literal(table))
        return self.session.ask(text)

    def _intend(self, step: Step, number: int, prefix: Prefix, *, new: bool) -> None:
        texts = []
        if new and step.direction is Direction.UP and step.migration is not None:
            texts.append(self.history.record(step.migration, self.batch, progress=Progress.RUNNING))
        texts.append(self._reached(step, Progress.RUNNING, number, prefix))
        self.history.write(self.session, texts)

    def _reached(self, step: Step, progress: Progress, number: int, prefix: Prefix, error: str | None = None) -> str:
        total = step.script.survey.statements
        return self.history.reached(
            step.version, progress, step.direction, number, statements=total, prefix=prefix.digest, error=error
        )

    def _run_statement(
        self, step: Step, statement: Statement, number: int, prefix: Prefix, rest: Iterator[object]
    ) -> None:
        try:
            if statement.copy == "in":
                self.session.copy_in(statement.text, _copy_data(rest))
            else:
                for _ in self.session.run(statement.text):
                    pass
        except ConnectionLost:
            raise
        except DatabaseError as error:
            report = error.server or ServerReport(error.message)
            raise self._failed(step, statement, number, prefix, report) from error
        except KeyboardInterrupt:
            if self.session.completed_uncancelled:
                self._complete(statement)
            raise

    def _failed(
        self, step: Step, statement: Statement, number: int, prefix: Prefix, report: ServerReport
    ) -> StatementFailed:
        self.session.roll_back()
        invalid = self._invalid_indexes(statement)
        self._record_failure(step, number, prefix, report)
        stays = "nothing of it stays" if number == 1 else f"its statements before {number} stay"
        if invalid:
            stays += f" but {', '.join(invalid)}, which {'are' if invalid[1:] else 'is'} invalid"
        return statement_failed(
            step,
            statement,
            number,
            report,
            position=report.position,
            left_behind=f"{step} runs without a transaction: {stays}, and it will continue at statement {number}",
            notes=tuple(f"invalid index, to be removed with: DROP INDEX CONCURRENTLY {name};" for name in invalid),
        )

    def _record_failure(self, step: Step, number: int, prefix: Prefix, report: ServerReport) -> None:
        if not self.session.reads_plainly:
            self.session.ask("RESET client_encoding")
        told = f"{report.sqlstate}: {report.message}" if report.sqlstate else report.message
        self.history.write(self.session, [self._reached(step, Progress.FAILED, number, prefix, told)])

    def _invalid_indexes(self, statement: Statement) -> list[str]:
        """What a failed concurrent build leaves on its table, and REINDEX under a name of its own (``_ccnew``)."""
        if not statement.command.startswith(("CREATE INDEX CONC", "DROP INDEX CONC", "REINDEX")):
            return []
        text = query("index", "invalid").format(table=literal(statement.index_table), name=literal(statement.index))
        return [row[0] or "" for row in self.session.ask(text)]

    def _refuse_invalid(self, step: Step, statement: Statement, prefix: Prefix, first: int) -> None:
        """Raise StatementFailed where a statement, just run or long completed, names a new index that is invalid."""
        if statement.index is None or not statement.command.startswith("CREATE"):
            return
        rows = self._index(statement)
        if not rows or rows[0][0] == "t":
            return
        number, name = self.completed, rows[0][1]
        message = f"the index {name} is invalid: an earlier build of it did not complete"
        if number >= first:
            report = ServerReport(message, hint=f"DROP INDEX CONCURRENTLY {name};")
            raise self._failed(step, statement, number, prefix, report)
        report = ServerReport(message, hint=f"REINDEX INDEX CONCURRENTLY {name};")
        stays = f"{step} will continue at statement {first}"
        raise statement_failed(step, statement, number, report, left_behind=stays)

    def _finish(self, step: Step) -> None:
        duration = literal(self.durations[step.version])
        if step.direction is Direction.UP and step.migration is not None:
            texts = [
                *([self.history.record(step.migration, self.batch)] if not self.completed else []),
                self.history.finished(step.migration, duration),
                self.history.log("apply", step.migration, batch=self.batch, duration=duration),
            ]
        elif step.applied is not None:
            texts = [self.history.forget(step.applied, duration=duration)]
        else:
            texts = []
        self.history.write(self.session, texts)


def _copy_data(rest: Iterator[object]) -> Iterator[str]:
    for piece in rest:
        if isinstance(piece, CopyData):
            if piece.data:
                yield piece.data
            if piece.last:
                return


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
