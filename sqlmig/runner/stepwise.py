"""Non-transactional steps: a statement a message, and after each the record says how far the step is.

A statement that can be in a transaction commits together with the record that it is done. Of one that cannot, the
intent is recorded before it, with what there is to see beforehand, and its completion after it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import field, replace
from typing import TypeVar

from sqlmig import stopping
from sqlmig.database import Session, literal
from sqlmig.errors import (
    AssertionFailed,
    CheckFailed,
    ConfigError,
    DatabaseError,
    MissingPrivilege,
    Place,
    Problem,
    ServerReport,
    SqlmigError,
    StatementFailed,
    TransactionEnded,
)
from sqlmig.events import Listener, Progressed, StatementDone, StepDone, StepStarted, Warned
from sqlmig.frozen import dataclass
from sqlmig.history import History
from sqlmig.lock import RunnerLock
from sqlmig.migration import Direction, Progress
from sqlmig.plan import Step
from sqlmig.plan.steps import AFTER_EACH, BEFORE_EACH
from sqlmig.runner import indexes
from sqlmig.runner.assertions import check_assertions
from sqlmig.runner.failures import again, place, statement_failed
from sqlmig.runner.messages import copy_data
from sqlmig.runner.repeating import Repeating
from sqlmig.runner.resuming import (
    Prefix,
    await_remains,
    edited,
    of_the_session,
    statement_at,
    statements_of,
    undecided,
)
from sqlmig.runner.settings import END_OF_SCRIPT, Settings
from sqlmig.runner.traces import Facts, Trace
from sqlmig.runner.tracing import commits_with_its_record, trace_of
from sqlmig.script import Repeat
from sqlmig.statements import Statement

T = TypeVar("T")

POLL_SECONDS = 0.2

REFUSED_INSIDE = ("25001", "2D000")
"""active_sql_transaction, invalid_transaction_termination: the statement did nothing, and works alone."""


@dataclass
class Stepwise:
    """Runs one non-transactional step, or continues it where it stopped."""

    session: Session
    history: History
    settings: Settings
    listener: Listener
    batch: int
    lock: RunnerLock
    durations: dict[int, float] = field(default_factory=dict)
    completed: int = 0
    """How many statements of the step are complete; ``prefix`` is the hash over them."""
    prefix: Prefix = field(default_factory=Prefix)
    before: Facts | None = None
    """What an earlier attempt at the first statement noted."""
    run_hook: Callable[[Step, Sequence[str]], None] = lambda hook, records: None
    """Runs a hook in a transaction, with these records."""
    alone: tuple[Step, int] | None = None
    """The statement, by its number, that the server is at without a transaction."""

    def run(self, step: Step) -> None:
        """Run the step from its first statement, or from the one that did not complete.

        Raises StatementFailed where a statement fails: those before it stay, the history names it. Raises Undecided
        where it cannot be known whether the interrupted statement took effect, CheckFailed where a statement before
        it was edited, ConfigError where a pooler would lose the session's settings; these run nothing.
        """
        self.lock.check()
        begun = time.perf_counter()
        self.listener(StepStarted(step))
        hooks = {part.name: part for part in step.parts if part is not step}
        if BEFORE_EACH in hooks:
            self.run_hook(hooks[BEFORE_EACH], ())
        if self.session.pooled:
            self._refuse_to_share_the_session(step)
        else:
            self._to_baseline(step)
        self.completed, self.prefix, self.before = 0, Prefix(), None
        first = self._first_statement(step)
        try:
            if first == 1:
                requires, undone = step.script.header.requires, f"nothing of {step} was run"
                check_assertions(self.session, self.settings, step, requires, undone)
            self._run_statements(step, first)
            self._refuse_invalid_indexes(step)
            self._assert_ensured(step)
            if not self.session.pooled:
                self.session.ask("DISCARD ALL")
            self.durations[step.version] = (time.perf_counter() - begun) * 1000
            self._complete(step, hooks.get(AFTER_EACH))
        except KeyboardInterrupt:
            self._stopped(step, ServerReport("canceled by the user", "57014"))
            raise
        self.listener(StepDone(step, self.durations[step.version]))

    def _complete(self, step: Step, hook: Step | None) -> None:
        """Record that the step is done; together with the hook behind it, where there is one."""
        if hook is None:
            self.history.write(self.session, self._finish(step))
            return
        try:
            self.run_hook(hook, self._finish(step))
        except StatementFailed as error:
            self._stopped(step, error.server or ServerReport(error.message))
            raise

    def _refuse_to_share_the_session(self, step: Step) -> None:
        """A pooler hands the next statement to another session: nothing may depend on what was set in this one."""
        needs = next(replace(self.settings, watched=False).baseline(step.script.header, local=False), None)
        for number, statement in enumerate(statements_of(step.script), start=1):
            if of_the_session(statement) or (needs and not commits_with_its_record(statement)):
                why = needs or statement.kind
                raise ConfigError(
                    f"{step} runs without a transaction, and a pooler would lose what it sets for its session: {why}",
                    place=place(step, statement, ServerReport(""), None),
                    statement=number,
                    statements=step.script.survey.statements,
                    next_step="give the URL of the server itself, not of the pooler",
                )

    def _to_baseline(self, step: Step) -> None:
        strings = () if self.session.standard_conforming_strings else ("SET standard_conforming_strings = on",)
        baseline = self.settings.baseline(step.script.header, local=False)
        try:
            self.session.ask(";\n".join((*END_OF_SCRIPT, *strings, *baseline)))
        except DatabaseError as error:
            report = error.server or ServerReport(error.message)
            left_behind = f"nothing of {step} was run"
            raise statement_failed(step, None, 0, report, note="begin", left_behind=left_behind) from error

    def _first_statement(self, step: Step) -> int:
        """Where to begin; everything before it is complete, and what it set for the session is set again."""
        applied = step.applied
        if step.resume_at is None or applied is None:
            return 1
        statement, prefix = statement_at(step.script, step.resume_at)
        if applied.prefix is not None and prefix.digest != applied.prefix:
            raise CheckFailed([edited(step)])
        for earlier in statements_of(step.script, step.resume_at - 1):
            if of_the_session(earlier):
                self.session.ask(earlier.text)
        if statement is None or applied.evidence is None:
            return step.resume_at
        await_remains(self.session, step, statement, self.listener)
        self.before = json.loads(applied.evidence)
        completed = trace_of(self.session, statement).completed(self.before or {})
        if completed is None and applied.progress is Progress.RUNNING:
            raise undecided(step, statement)
        return step.resume_at + bool(completed)

    def _assert_ensured(self, step: Step) -> None:
        """Raise AssertionFailed for the first thing that is not true. The next run asks for it again."""
        done = f"all statements of {step} are complete, and it is not recorded as applied"
        try:
            check_assertions(self.session, self.settings, step, step.script.survey.ensures, done)
        except AssertionFailed as error:
            self._stopped(step, ServerReport(error.message))
            raise

    def _run_statements(self, step: Step, first: int) -> None:
        pieces = step.script.verified_pieces()
        repeats = {repeat.statement: repeat for repeat in step.script.survey.repeats}
        if step.resume_at is None:
            self.history.write(self.session, [*self._new_record(step), self._reached(step)])
        for piece in pieces:
            if not isinstance(piece, Statement) or piece.is_empty:
                continue
            if self.completed + 1 < first:
                self._count(piece)
                continue
            self.lock.check()
            if repeat := repeats.get(self.completed + 1):
                self._run_repeatedly(step, piece, repeat)
            elif commits_with_its_record(piece):
                self._run_with_record(step, piece, pieces)
            else:
                self._run_alone(step, piece)
            self.listener(StatementDone(step, self.completed, step.script.survey.statements, piece))

    def _new_record(self, step: Step) -> list[str]:
        if step.direction is not Direction.UP or step.migration is None:
            return []
        return [self.history.record(step.migration, self.batch, progress=Progress.RUNNING)]

    def _count(self, statement: Statement) -> None:
        self.completed, self.prefix = self.completed + 1, self.prefix.then(statement)

    def _run_with_record(self, step: Step, statement: Statement, rest: Iterator[object]) -> None:
        """Run a statement in a transaction that also records that it is done."""
        try:
            self._begin(step)
            self._send(statement, rest)
            if not self.session.in_transaction:
                raise self._ended(step, statement)
            self.session.ask("SET CONSTRAINTS ALL IMMEDIATE")
            self.history.write(self.session, [self._reached(step, behind=statement)], within=True)
        except DatabaseError as error:
            self.session.roll_back()
            if isinstance(error, TransactionEnded):
                raise
            if error.server is None or error.server.sqlstate not in REFUSED_INSIDE:
                raise self._failed(step, statement, error) from error
            self._run_alone(step, statement)
            return
        self._count(statement)

    def _run_repeatedly(self, step: Step, statement: Statement, repeat: Repeat) -> None:
        """Run a statement until it affects no row, and record then that it is done."""
        repeating = Repeating(
            self.session,
            self.listener,
            step,
            statement,
            repeat,
            opening=self._opening(step),
            explain=lambda error: self.history.explain(error, self.session),
            check_lock=self.lock.check,
            retries=self.settings.lock_retries,
        )
        try:
            self.history.write(self.session, [self._reached(step)])
            self._alone(step, repeating.run)
            self.history.write(self.session, [self._reached(step, behind=statement)])
        except MissingPrivilege as error:
            self._stopped(step, ServerReport(error.message))
            raise
        except DatabaseError as error:
            left = (f"the {repeating.rows} rows of {repeating.runs} runs stay",) if repeating.runs else ()
            raise self._failed(step, statement, error, left) from error
        self._count(statement)

    def _run_alone(self, step: Step, statement: Statement) -> None:
        """Run a statement that can share no transaction, between two records."""
        trace = trace_of(self.session, statement)
        known, self.before = self.before, None
        facts: Facts = {}
        try:
            self._await(step, trace)
            for told in self._alone(step, lambda: trace.clear(known)):
                self.listener(
                    Warned(Problem("invalid_index", told, Place(step.script.file), step.version, warning=True))
                )
            facts = trace.note()
            hold = [] if self.session.pooled else [self.lock.hold]
            self.history.write(self.session, [*hold, self._reached(step, facts=facts)])
            self._alone(step, lambda: self._send(statement, iter(())))
            report = trace.trouble(facts)
            if report is not None:
                raise DatabaseError(report.message, server=report)
        except DatabaseError as error:
            self.session.roll_back()
            left: tuple[str, ...] = ()
            with suppress(SqlmigError):
                left = trace.left(facts)
            raise self._failed(step, statement, error, left) from error
        except KeyboardInterrupt:
            if self.session.completed_uncancelled:
                self.history.write(self.session, [self._reached(step, behind=statement)])
                self._count(statement)
            raise
        self.history.write(self.session, [self._reached(step, behind=statement)])
        self._count(statement)

    def _await(self, step: Step, trace: Trace) -> None:
        while others := trace.awaited():
            self.lock.check()
            total = step.script.survey.statements
            self.listener(Progressed(step, self.completed + 1, total, "waiting for another build", None, others))
            stopping.pause(POLL_SECONDS)

    def _alone(self, step: Step, act: Callable[[], T]) -> T:
        self.alone = step, self.completed + 1
        try:
            return act()
        finally:
            self.alone = None

    def _send(self, statement: Statement, rest: Iterator[object]) -> None:
        if statement.copy == "in":
            self.session.copy_in(statement.text, copy_data(rest))
            return
        for _ in self.session.run(statement.text):
            pass

    def _opening(self, step: Step) -> tuple[str, ...]:
        """How each transaction of the step begins."""
        local = self.settings.baseline(step.script.header, local=True) if self.session.pooled else ()
        return ("BEGIN READ WRITE", *local, self.lock.claim)

    def _begin(self, step: Step) -> None:
        try:
            self.session.ask("; ".join(self._opening(step)))
        except DatabaseError as error:
            raise self.history.explain(error, self.session) from error

    def _reached(self, step: Step, *, behind: Statement | None = None, facts: Facts | None = None) -> str:
        """That the next statement is under way, with what was noted before it; or the one ``behind`` it is complete."""
        number, prefix = self.completed + 1, self.prefix
        if behind is not None:
            number, prefix = number + 1, prefix.then(behind)
        return self.history.reached(
            step.version,
            Progress.RUNNING,
            step.direction,
            number,
            statements=step.script.survey.statements,
            prefix=prefix.digest,
            evidence=None if facts is None else json.dumps(facts),
        )

    def _failed(
        self, step: Step, statement: Statement, error: DatabaseError, left: tuple[str, ...] = ()
    ) -> StatementFailed:
        report = error.server or ServerReport(error.message)
        number = self.completed + 1
        self._stopped(step, report)
        parts = [f"its statements before {number} stay"] if number > 1 else []
        parts += [told.partition(";")[0] for told in left]
        stays = ", ".join(parts) or "nothing of it stays"
        continued = f"{again(step)} continues at statement {number}"
        return statement_failed(
            step,
            statement,
            number,
            report,
            position=report.position,
            left_behind=f"{step} runs without a transaction: {stays}, and {continued}",
            notes=left,
        )

    def _stopped(self, step: Step, report: ServerReport) -> None:
        """Record why it stopped; where is in the record already. The first cause counts, should that fail."""
        self.session.roll_back()
        told = f"{report.sqlstate}: {report.message}" if report.sqlstate else report.message
        with suppress(SqlmigError):
            self.history.write(self.session, [self.history.stopped(step.version, told)])

    def _ended(self, step: Step, statement: Statement) -> TransactionEnded:
        return TransactionEnded(
            f"{step}: statement {self.completed + 1} ended its own transaction",
            place=place(step, statement, ServerReport(""), None),
            statement=self.completed + 1,
            statements=step.script.survey.statements,
            left_behind="what it did may be committed, and is not recorded",
            next_step=f"look at the database, then: sqlmig repair {step.label} --resume-at K",
        )

    def _refuse_invalid_indexes(self, step: Step) -> None:
        """Raise StatementFailed where a statement of the script names a new index that is invalid by now."""
        for number, statement in enumerate(statements_of(step.script), start=1):
            report = indexes.trouble(self.session, statement)
            if report is not None:
                self._stopped(step, report)
                name = report.message.split()[2]
                raise statement_failed(
                    step,
                    statement,
                    number,
                    report,
                    left_behind=f"all statements of {step} are complete, and it is not recorded as applied",
                    notes=(f"to build it: REINDEX INDEX CONCURRENTLY {name};",),
                )

    def _finish(self, step: Step) -> list[str]:
        duration = literal(self.durations[step.version])
        if step.direction is Direction.UP and step.migration is not None:
            return [
                self.history.finished(step.migration, duration),
                self.history.log("apply", step.migration, batch=self.batch, duration=duration),
            ]
        return [self.history.forget(step.applied, duration=duration)] if step.applied is not None else []
