"""A statement that is run again and again, each time in a transaction of its own, until it affects no row."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlmig import stopping
from sqlmig.database import Session
from sqlmig.errors import DatabaseError, MissingPrivilege
from sqlmig.events import Listener, Repeated, Retrying
from sqlmig.frozen import dataclass
from sqlmig.plan import Step
from sqlmig.queries import query, quote_identifier
from sqlmig.runner.settings import retry_delay
from sqlmig.script import Repeat
from sqlmig.statements import Statement

TRANSIENT = ("55P03", "40P01", "40001")
"""lock_not_available, deadlock_detected, serialization_failure: a run that met one can be tried again."""

LOOK_SECONDS = 0.5
"""How often the replicas are looked at while one is behind."""


@dataclass
class Repeating:
    """One statement on its way to the run that finds nothing left to do.

    Every run is committed before the next begins. So whatever ends this, what is done stays done, and whoever begins
    again finds only what is left.
    """

    session: Session
    listener: Listener
    step: Step
    statement: Statement
    repeat: Repeat
    opening: Sequence[str]
    """How a transaction begins; its last statement fails where the runner's lock was lost."""
    explain: Callable[[DatabaseError], DatabaseError]
    """What a failure of the opening means."""
    check_lock: Callable[[], None]
    retries: int
    """How often a run that met a lock is tried again."""
    rows: int = 0
    runs: int = 0
    begun: float = 0.0

    def run(self) -> None:
        """Run it until it affects no row. Raises DatabaseError where a run fails, which leaves nothing of that run.

        Raises MissingPrivilege, before the first run, where replicas are to be waited for and cannot be looked at.
        """
        self.begun = time.monotonic()
        while True:
            self._await_replicas()
            affected = self._one_run()
            if not affected:
                return
            self.rows, self.runs = self.rows + affected, self.runs + 1
            self._tell()
            stopping.pause(self.repeat.pause)

    def _one_run(self) -> int:
        attempt = 0
        while True:
            try:
                self.check_lock()
                return self._in_transaction()
            except DatabaseError as error:
                self.session.roll_back()
                report = error.server
                attempt += 1
                if report is None or report.sqlstate not in TRANSIENT or attempt > self.retries:
                    raise
                delay = retry_delay(attempt)
                self.listener(Retrying(self.step, attempt, self.retries, delay, report, ()))
                stopping.pause(delay)

    def _in_transaction(self) -> int:
        """Run it once, commit that, and return how many rows it affected."""
        opening = "".join(f"{text};\n" for text in self.opening)
        ending = "" if self.statement.text.endswith(";") else "\n;"
        message = f"{opening}{self.statement.text}{ending}\nSET CONSTRAINTS ALL IMMEDIATE;\nCOMMIT"
        tags: list[str] = []
        try:
            tags.extend(reply.tag for reply in self.session.run(message))
        except DatabaseError as error:
            raise self._of_the_statement(error, len(opening), begun=len(tags) >= len(self.opening)) from error
        return int(tags[len(self.opening)].rpartition(" ")[2])

    def _of_the_statement(self, error: DatabaseError, offset: int, *, begun: bool) -> DatabaseError:
        """The same error with its position in the statement; explained, where it is one of the opening."""
        report = error.server
        position = report.position if report is not None else None
        if report is None or not (begun or (position or 0) > offset):
            return self.explain(error)
        within = position - offset if position is not None else None
        return DatabaseError(error.message, server=replace(report, position=within))

    def _await_replicas(self) -> None:
        if self.repeat.max_lag is None:
            return
        while (behind := self._lag()) > self.repeat.max_lag:
            self.check_lock()
            self._tell(behind)
            stopping.pause(LOOK_SECONDS)

    def _lag(self) -> float:
        for seconds, _, hidden in self.session.ask(query("replicas", "lag")):
            if hidden == "t":
                raise MissingPrivilege(
                    "max_lag is to be kept, and the role may not look at the replicas",
                    next_step=f"GRANT pg_monitor TO {quote_identifier(self.session.user)};",
                )
            return float(seconds or 0)
        return 0.0

    def _tell(self, behind: float | None = None) -> None:
        seconds = time.monotonic() - self.begun
        number, total = self.repeat.statement, self.step.script.survey.statements
        self.listener(Repeated(self.step, number, total, self.statement, self.rows, self.runs, seconds, behind))
