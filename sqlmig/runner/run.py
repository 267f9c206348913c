"""The order of a run, and the truth about it when it ends early."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import field
from itertools import groupby, takewhile
from typing import TYPE_CHECKING

from sqlmig.config import parse_duration
from sqlmig.database import IDLE_CHECK, Session
from sqlmig.errors import ConnectionLost, Interrupted, ServerReport, SqlmigError, UsageError
from sqlmig.events import Listener, Noticed, Progressed, RunStarted
from sqlmig.frozen import dataclass
from sqlmig.history import History
from sqlmig.lock import RunnerLock
from sqlmig.migration import Applied, Direction, Progress
from sqlmig.plan import Plan, Step, StepKind
from sqlmig.runner.settings import Settings
from sqlmig.runner.transactional import PROGRESS_MARK, Transactions, Unit

if TYPE_CHECKING:
    from sqlmig.runner.stepwise import Stepwise


@dataclass
class Runner:
    """Runs plans on one session. The runner's lock is held by the caller."""

    session: Session
    history: History
    settings: Settings
    listener: Listener
    reconnect: Callable[[], Session]
    """A new connection, to find out what became of a COMMIT whose answer was lost."""
    lock: RunnerLock
    redact: Callable[[str], str] = str
    durations: dict[int, float] = field(default_factory=dict)
    done: int = 0
    """How many steps, from the first, are committed: true whatever ``run`` raised."""
    blockers: tuple[str, ...] = ()
    transactions: Transactions | None = None
    stepwise: Stepwise | None = None
    current: Step | None = None
    """The non-transactional step that is running; after a failure, the step that the server was busy with."""

    def run(self, plan: Plan, batch: int, *, single_transaction: bool = False) -> None:
        """Execute the steps of a plan, in order; ``batch`` numbers what is applied.

        Stops at the first failure. Raises StatementFailed, TransactionEnded or Undecided (the failing step left what
        its message says, those before it are in ``done``, those behind it did not run), ConnectionLost or Interrupted
        (the history was asked what is applied, wherever the server could be reached).
        """
        if single_transaction:
            self._require_transactional(plan.steps)
        self.listener(RunStarted(plan))
        self.session.on_notice = self._noticed
        self.session.on_idle = self._idle
        self.session.idle_check = self._half_a_lock_timeout(plan.steps)
        try:
            for transactional, group in groupby(plan.steps, key=lambda step: step.transaction):
                steps = list(group)
                if transactional:
                    self._run_transactions(_units(steps, together=single_transaction), batch)
                else:
                    self._run_stepwise(steps, batch)
        except ConnectionLost as error:
            self.session.roll_back()
            if not self.begun:
                raise
            error.left_behind = self._ask_history(plan.steps, batch)
            error.next_step = "sqlmig status, then run the command again"
            raise
        except KeyboardInterrupt as error:
            self.session.roll_back()
            if not self.begun:
                raise
            code = getattr(error, "exit_code", 130)
            left_behind = self._ask_history(plan.steps, batch)
            raise Interrupted("interrupted", exit_code=code, left_behind=left_behind) from error
        except SqlmigError as error:
            self.session.roll_back()
            if self.begun:
                self._log_failure(plan.steps, error)
            raise
        finally:
            self.session.on_notice = lambda report: None
            self.session.on_idle = lambda: None

    @property
    def begun(self) -> bool:
        """Whether anything of the plan may have run: not where the history's tables could not be made."""
        return not self.session.refused

    def failed(self, steps: Sequence[Step]) -> int:
        """Which step a failure stopped: the first that is not done, or with --single-transaction a later one."""
        return max(self.done, steps.index(self.current) if self.current is not None else 0)

    def _require_transactional(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if not step.transaction:
                raise UsageError(
                    f"{step} runs without a transaction, which --single-transaction cannot do",
                    next_step="apply without --single-transaction",
                )

    def _run_transactions(self, units: Sequence[Unit], batch: int) -> None:
        self.transactions = self._transactions(batch)
        try:
            self.transactions.run(units)
        finally:
            self.done += sum(len(unit) for unit in units[: self.transactions.committed])
            current = self.transactions.sender.current
            self.current = (current.step.around or current.step) if current is not None else None
            self.transactions = None

    def _transactions(self, batch: int) -> Transactions:
        return Transactions(
            self.session,
            self.history,
            self.settings,
            self.listener,
            batch,
            self._take_blockers,
            self.lock.check,
            self.lock.claim,
            self.durations,
        )

    def _run_hook(self, hook: Step, records: Sequence[str], batch: int) -> None:
        """Run a hook before or behind a non-transactional step, in a transaction that also writes these records."""
        self.transactions = self._transactions(batch)
        self.transactions.with_hook = records
        self.transactions.started.add(hook.version)
        try:
            self.transactions.run([(hook,)])
        finally:
            self.transactions = None

    def _run_stepwise(self, steps: Sequence[Step], batch: int) -> None:
        from sqlmig.runner.stepwise import Stepwise

        self.session.settle()
        self.stepwise = Stepwise(
            self.session, self.history, self.settings, self.listener, batch, self.lock, self.durations
        )
        self.stepwise.run_hook = lambda hook, records: self._run_hook(hook, records, batch)
        for step in steps:
            self.current = step
            self.stepwise.run(step)
            self.done += 1
        self.current = self.stepwise = None

    def _noticed(self, report: ServerReport) -> None:
        if f'"{PROGRESS_MARK}' in report.message:
            return
        current = self.transactions.sender.current if self.transactions is not None else None
        self.listener(Noticed(current.step if current is not None else self.current, report))

    def _half_a_lock_timeout(self, steps: Sequence[Step]) -> float:
        """When to ask what blocks us: while the shortest of the waits for a lock still lasts."""
        timeouts = {step.script.header.lock_timeout or self.settings.lock_timeout for step in steps}
        halves = [parse_duration(timeout) / 2 for timeout in timeouts if timeout]
        return min([half for half in halves if half] + [IDLE_CHECK])

    def _idle(self) -> None:
        found = self.lock.blockers(self.session.backend_pid)
        self.blockers = found or self.blockers
        alone = self.stepwise.alone if self.stepwise is not None else None
        if alone is not None:
            phase, part = self.lock.progress(self.session.backend_pid) or ("", None)
            step, number = alone
            self.listener(Progressed(step, number, step.script.survey.statements, phase, part, found))

    def _take_blockers(self) -> tuple[str, ...]:
        blockers, self.blockers = self.blockers, ()
        return blockers

    def _ask_history(self, steps: Sequence[Step], batch: int) -> str:
        """Correct ``done`` by the history, and tell it in words; what is known without it where it cannot be asked."""
        try:
            found, settled = self._history_now()
        except SqlmigError:
            return f"{self._told(steps)}, as far as was heard; the server cannot be asked about the rest"
        records = {record.version: record for record in found}
        behind = takewhile(lambda step: _committed(step, records, batch), steps[self.done :])
        self.done += sum(1 for _ in behind)
        told = self._told(steps) + _half_way(steps[self.done :], records) + _unknown(steps[self.done :])
        return told if settled else f"{told}; but the server is still at it: look again with sqlmig status"

    def _history_now(self) -> tuple[tuple[Applied, ...], bool]:
        """What is applied, and whether that is final: nothing of ours is at work any more."""
        if self.session.still_connected():
            with suppress(ConnectionLost):
                return self.history.read(self.session), True
        self.session.close()
        with closing(self.reconnect()) as session:
            settled = self.lock.settle(session, self.session.backend_pid)
            return self.history.read(session), settled

    def _told(self, steps: Sequence[Step]) -> str:
        if not self.done:
            return "nothing was applied" if any(s.direction is Direction.UP for s in steps) else "nothing was undone"
        return (
            f"{self.done} of {len(steps)} steps are done, the last is {steps[self.done - 1]}; the rest did not happen"
        )

    def _log_failure(self, steps: Sequence[Step], error: SqlmigError) -> None:
        step = steps[self.failed(steps)]
        subject = step.migration or step.applied
        state = f"{error.server.sqlstate}: " if error.server is not None and error.server.sqlstate else ""
        name = step.name if subject is None else None
        text = self.history.log("failure", subject, name=name, detail=self.redact(f"{state}{error.message}"))
        with suppress(SqlmigError):  # the first cause is what counts; the log is only a copy of it
            self.history.write(self.session, [text])


def _committed(step: Step, records: Mapping[int, Applied], batch: int) -> bool:
    """Whether the history shows that a step of the run with this batch number took place."""
    record = records.get(step.version)
    if step.direction is Direction.UP:
        if record is None or record.progress is not Progress.DONE:
            return False
        return record.batch == batch or step.resume_at is not None
    return record is None or record.batch == batch


def _units(steps: Sequence[Step], *, together: bool) -> list[Unit]:
    """What commits together: each step, or all migrations among them."""
    if not together:
        return [(step,) for step in steps]
    return [
        unit
        for of_migrations, group in groupby(steps, key=lambda step: step.kind is StepKind.MIGRATION)
        for unit in ([tuple(group)] if of_migrations else [(step,) for step in group])
    ]


def _unknown(steps: Sequence[Step]) -> str:
    """What leaves no record may have run, and nobody can tell."""
    if not steps or steps[0].kind is StepKind.MIGRATION:
        return ""
    return f"; whether {steps[0]} ran is not known"


def _half_way(steps: Sequence[Step], records: Mapping[int, Applied]) -> str:
    record = records.get(steps[0].version) if steps else None
    if record is None or record.progress is Progress.DONE:
        return ""
    return f"; {record} stopped at statement {record.statement}/{record.statements}, those before it stay"
