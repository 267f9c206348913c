"""Transactional steps: each commits with its history row, and as many as fit travel in one message."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from typing import NoReturn

from sqlmig import stopping
from sqlmig.database import Reply, Session, literal
from sqlmig.errors import ConnectionLost, DatabaseError, FileError, ServerReport, SqlmigError, TransactionEnded
from sqlmig.events import Listener, Retrying, StatementDone, StepDone, StepStarted, wants
from sqlmig.frozen import dataclass
from sqlmig.history import History
from sqlmig.lock import LOCK_LOST
from sqlmig.migration import Direction
from sqlmig.plan import Step, StepKind
from sqlmig.runner.assertions import assertion_failed, assertion_sql, comes_before
from sqlmig.runner.failures import place, rolled_back, statement_failed
from sqlmig.runner.messages import ParsedTooEarly, Piece, PieceFailed, Sender, copy_data
from sqlmig.runner.settings import END_OF_SCRIPT, Settings, retry_delay
from sqlmig.script import Assertion
from sqlmig.statements import Part, Run, Statement, TransactionRule

LOCKED = ("55P03", "40P01")
"""lock_not_available and deadlock_detected: the whole migration can be tried again."""

READ_ONLY = "25006"
"""read_only_sql_transaction: at the end of a migration that made its own transaction so, since others do not begin."""

BEFORE_SNAPSHOT = ("SET", "LOCK")
"""Commands that may have to come before the first snapshot of a transaction: SET TRANSACTION, LOCK TABLE."""

ENDING_TAGS = ("COMMIT", "ROLLBACK", "PREPARE TRANSACTION", "BEGIN", "START TRANSACTION")

GUARD = (
    "SELECT pg_catalog.int4div(1, (pg_catalog.texteq("
    "COALESCE(pg_catalog.current_setting('sqlmig.transaction', true), ''), {token}))::int4)"
)
"""Fails (division by zero) unless the transaction is the one that was begun: a SET LOCAL ends with its transaction."""

LONG_RUN = 1 << 17
"""Characters: no run of statements that are cut together is longer, unless a single one is."""

PROGRESS_MARK = "sqlmig: "
"""What the notices begin with that only bring out progress."""

Unit = tuple[Step, ...]
"""What commits together: one step, or all of them with --single-transaction."""


@dataclass
class Transactions:
    """Runs transactional units in order. ``committed`` tells how many of them are done, whatever happens."""

    session: Session
    history: History
    settings: Settings
    listener: Listener
    batch: int
    blockers: Callable[[], tuple[str, ...]]
    check_lock: Callable[[], None]
    claim: str
    durations: dict[int, float] = field(default_factory=dict)
    """Milliseconds by version, as the server measured them: of the steps whose statements completed."""
    committed: int = 0
    units: Sequence[Unit] = ()
    token: str = field(default_factory=lambda: os.urandom(8).hex())
    started: set[int] = field(default_factory=set)
    attempts: dict[int, int] = field(default_factory=dict)
    alone: set[tuple[int, int]] = field(default_factory=set)
    """Statements, by version and number, that must stand first in their message."""
    singly: set[int] = field(default_factory=set)
    """Versions whose statements travel one by one."""
    telling: tuple[Piece | None, Iterator[tuple[int, Statement]]] = (None, iter(()))
    """A run of statements whose replies arrive, and those that are still to be told."""
    ended_by: Piece | None = None
    with_hook: Sequence[str] = ()
    """What a hook that runs behind a non-transactional step records of it."""
    plain_strings: bool = True
    """Whether backslashes in plain literals stand for themselves in a session at the baseline."""

    def __post_init__(self) -> None:
        self.plain_strings = self.session.standard_conforming_strings
        self.sender = Sender(self.session, self.settings.message_size, self._replied)
        self.sender.before_send = self._sending
        self.sender.tells_each = wants(self.listener, StatementDone)

    def run(self, units: Sequence[Unit]) -> None:
        """Run all units; each commits by itself.

        Raises StatementFailed for the first that cannot be completed, with nothing of it left behind and nothing
        behind it run. Lock time-outs and deadlocks are tried again, from the start of the unit.
        """
        self.units, self.committed = units, 0
        while self.committed < len(units):
            try:
                for index in range(self.committed, len(units)):
                    self._queue_unit(units[index], last=index == len(units) - 1)
                self.sender.flush()
            except ParsedTooEarly as early:
                self._undo()
                self._send_apart(early)
            except PieceFailed as failure:
                self._undo()
                self._retry_or_raise(failure)
            except FileError as error:
                self._finish(error)
            except BaseException:
                self.sender.drop()
                raise

    def _undo(self) -> None:
        self.sender.drop()
        self.started.clear()
        self.session.roll_back()

    def _finish(self, error: FileError) -> NoReturn:
        """Raise it once the message under way has ended; or, where that fails, what came first."""
        try:
            self.sender.finish()
        except PieceFailed as failure:
            raise self._error(failure, ()) from error
        except ParsedTooEarly:
            pass
        raise error

    def _send_apart(self, early: ParsedTooEarly) -> None:
        piece = early.piece
        if piece is not None and piece.statement is not None:
            self.alone.add((piece.step.version, piece.number))
        else:
            self.singly.update(queued.step.version for queued in early.pieces)

    def _retry_or_raise(self, failure: PieceFailed) -> None:
        step, report = failure.piece.step, failure.report
        if failure.piece.note == "guard" and self.ended_by is None and step.version not in self.singly:
            self.singly.add(step.version)
            return
        attempt = self.attempts.get(step.version, 0) + 1
        self.attempts[step.version] = attempt
        blockers = self.blockers() if report.sqlstate in LOCKED else ()
        if report.sqlstate not in LOCKED or attempt > self.settings.lock_retries:
            raise self._error(failure, blockers)
        delay = retry_delay(attempt)
        self.listener(Retrying(step.around or step, attempt, self.settings.lock_retries, delay, report, blockers))
        stopping.pause(delay)

    def _error(self, failure: PieceFailed, blockers: tuple[str, ...]) -> SqlmigError:
        piece = failure.piece
        if piece.note == "guard":
            return self._transaction_ended(piece.step)
        if piece.note == "claim":
            return ConnectionLost(LOCK_LOST)
        if piece.assertion is not None:
            undone = rolled_back(piece.step)
            return assertion_failed(piece.step, piece.assertion, self.token, failure.report, failure.position, undone)
        error: DatabaseError = statement_failed(
            piece.step,
            piece.statement,
            piece.number,
            failure.report,
            position=failure.position,
            note=piece.note,
            left_behind=rolled_back(piece.step),
            notes=tuple(f"blocked by {blocker}" for blocker in blockers),
        )
        of_the_history = piece.note == "record" and failure.report.sqlstate != READ_ONLY
        return self.history.explain(error, self.session) if of_the_history else error

    def _transaction_ended(self, step: Step) -> TransactionEnded:
        culprit = self.ended_by
        statement = culprit.statement if culprit is not None else None
        return TransactionEnded(
            f"{step} ended its own transaction" + (f" with {statement.command}" if statement else ""),
            place=place(step, statement, ServerReport(""), None),
            statement=culprit.number if culprit is not None else None,
            statements=step.script.survey.statements,
            left_behind="what ran before the end of the transaction may be committed; the migration is not recorded",
            next_step="look at the database, undo by hand what stayed, and remove the statement",
        )

    def _queue_unit(self, unit: Unit, *, last: bool) -> None:
        self._ours(unit[0], ["BEGIN"], "begin")
        for step in unit:
            self._queue_step(step)
        self._ours(unit[-1], ["COMMIT"], "commit")
        if not last:
            self._show_progress(unit[-1])

    def _queue_step(self, step: Step) -> None:
        before: Step | None = None
        for part in step.parts:
            if before is not None:
                self._leave(before)
                self._ours(part, [self._mark], "part")
            self._begin_step(part)
            self._queue_script(part)
            before = part
        self._end_step(step, before or step)

    def _queue_script(self, step: Step) -> None:
        parts = step.script.verified_parts()
        requires = step.script.header.requires
        number = 0
        claimed = False
        for part in self._together(step, parts):
            if not isinstance(part, Run) and (not isinstance(part, Statement) or part.is_empty):
                continue
            number += 1
            asked = bool(requires) and (isinstance(part, Run) or comes_before(part))
            if not claimed and (asked or _may_follow_a_snapshot(part)):
                claimed = True
                self._ours(step, [self.claim], "claim")
            if asked:
                self._queue_assertions(step, requires)
                requires = ()
            if isinstance(part, Run):
                self.sender.add(Piece.of_run(part, step, number))
                number += len(part.found) - 1
            else:
                self._queue_statement(step, part, number, parts)
        self._queue_assertions(step, requires)
        if ensures := step.script.survey.ensures:
            self._ours(step, ["SET CONSTRAINTS ALL IMMEDIATE"], "constraints")
            self._queue_assertions(step, ensures)

    def _together(self, step: Step, parts: Iterator[Part]) -> Iterator[Part]:
        """The parts of a script, and of them in runs what may travel as one piece."""
        apart = step.version in self.singly or any(version == step.version for version, _ in self.alone)
        for part in parts:
            if isinstance(part, Run) and (apart or self.settings.message_size < LONG_RUN or not part.is_plain):
                yield from part.pieces
            else:
                yield part

    def _queue_assertions(self, step: Step, assertions: Sequence[Assertion]) -> None:
        for assertion in assertions:
            if step.version in self.singly:
                self._settle(step)
            text = assertion_sql(assertion, self.token)
            self.sender.add(Piece(text, step, note=assertion.kind, assertion=assertion))
            if step.version in self.singly:
                self._settle(step)

    def _begin_step(self, step: Step) -> None:
        if not self.plain_strings:
            self._ours(step, ["SET LOCAL standard_conforming_strings = on"], "begin")
            self.sender.flush()
        self._ours(step, [*self.settings.baseline(step.script.header, local=True), self._mark], "begin")

    @property
    def _mark(self) -> str:
        return f"SET LOCAL sqlmig.transaction = {literal(self.token)}"

    def _queue_statement(self, step: Step, statement: Statement, number: int, rest: Iterator[object]) -> None:
        piece = Piece(statement.text, step, statement, number)
        apart = step.version in self.singly or bool(self.alone and (step.version, number) in self.alone)
        if statement.is_plain and not apart:
            self.sender.add(piece)
            return
        if statement.copy == "in":
            self.sender.copy(piece, copy_data(rest))
            self._check_transaction(step)
            return
        if apart:
            self._settle(step)
        self.sender.add(piece)
        if apart or statement.changes_session or statement.copy == "out":
            self._settle(step)
        if apart or statement.changes_session:
            self._ours(step, [self._mark], "begin")

    def _settle(self, step: Step) -> None:
        self.sender.flush()
        self._check_transaction(step)

    def _check_transaction(self, step: Step) -> None:
        if step.version in self.started and (not self.session.in_transaction or self.ended_by is not None):
            raise self._transaction_ended(step)

    def _end_step(self, step: Step, last: Step) -> None:
        self._ours(step, ["SET CONSTRAINTS ALL IMMEDIATE"], "constraints")
        self._leave(last)
        if self.history.set_role:
            self._ours(step, [self.history.set_role], "record")
        for text in self._records(step):
            self._ours(step, [text], "record")

    def _leave(self, step: Step) -> None:
        """Bring the session back from what a script made of it."""
        self._ours(step, ["SET LOCAL statement_timeout = 0"], "cleanup")
        self._ours(step, [GUARD.format(token=literal(self.token))], "guard")
        self._ours(step, END_OF_SCRIPT, "cleanup")

    def _records(self, step: Step) -> Iterator[str]:
        if step.kind is not StepKind.MIGRATION:
            yield from self.with_hook
            if step.kind is StepKind.SEED:
                log = self.history.log("seed", name=step.name, duration=self.history.elapsed)
                yield f"{log}\nRETURNING duration_ms"
        elif step.direction is Direction.UP and step.migration is not None:
            if step.applied is not None:
                yield self.history.unrecord(step.version)
            yield self.history.record(step.migration, self.batch, duration=self.history.elapsed)
            duration = self.history.recorded_duration(step.version)
            yield self.history.log("apply", step.migration, batch=self.batch, duration=duration)
        elif step.applied is not None:
            detail = "with the down stored in the history" if step.from_history else None
            yield self.history.forget(step.applied, duration=self.history.elapsed, detail=detail)

    def _show_progress(self, step: Step) -> None:
        """The server keeps its answers until a message ends, but for a NOTICE: this one brings them out.

        Dropping an event trigger that is not there needs no privilege, and no other event trigger sees it.
        """
        marker = f"{PROGRESS_MARK}{step} is committed"[:63].replace('"', "")
        self._ours(step, ["BEGIN", f'DROP EVENT TRIGGER IF EXISTS "{marker}"', "COMMIT"], "progress")

    def _ours(self, step: Step, texts: Sequence[str], note: str) -> None:
        """Queue statements of ours; they are answered as one."""
        self.sender.add(Piece("\n;".join(texts), step, note=note, replies=len(texts)))

    def _sending(self, first: Piece) -> None:
        self.check_lock()
        if first.note == "begin":
            self._start(first.step)
        elif first.note != "progress":
            self._check_transaction(first.step)

    def _start(self, step: Step) -> None:
        if step.version not in self.started:
            self.started.add(step.version)
            self.ended_by = None
            self.listener(StepStarted(step.around or step))

    def _replied(self, piece: Piece, reply: Reply) -> None:
        if piece.run is not None:
            if self.sender.tells_each:
                self._tell(piece, piece.run)
        elif piece.statement is not None:
            if reply.tag in ENDING_TAGS and piece.statement.transaction is not TransactionRule.SAVEPOINT:
                self.ended_by = self.ended_by or piece
            total = piece.step.script.survey.statements
            self.listener(StatementDone(piece.step, piece.number, total, piece.statement))
        elif piece.note == "begin":
            self._start(piece.step)
        elif piece.note == "record":
            self._recorded(piece.step, reply)
        elif piece.note == "commit":
            self._committed()

    def _tell(self, piece: Piece, run: Run) -> None:
        """Tell that one more statement of a run is done."""
        if self.telling[0] is not piece:
            self.telling = piece, enumerate(run.statements, piece.number)
        number, statement = next(self.telling[1])
        self.listener(StatementDone(piece.step, number, piece.step.script.survey.statements, statement))

    def _recorded(self, step: Step, reply: Reply) -> None:
        for (milliseconds,) in reply.rows:
            self.durations[step.version] = float(milliseconds or 0)

    def _committed(self) -> None:
        unit = self.units[self.committed]
        self.committed += 1
        self.started.clear()
        for step in unit:
            if step.around is None:
                self.listener(StepDone(step, self.durations.get(step.version, 0.0)))


def _may_follow_a_snapshot(part: Statement | Run) -> bool:
    return isinstance(part, Run) or part.is_plain or not part.command.startswith(BEFORE_SNAPSHOT)
