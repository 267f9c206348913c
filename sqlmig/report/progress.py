"""Events, told to a person while a run goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlmig import events
from sqlmig.errors import Problem
from sqlmig.patterns import pattern
from sqlmig.plan import Plan, Switch
from sqlmig.report.failures import notice_lines, problem_lines
from sqlmig.report.output import Output
from sqlmig.report.steps import Steps, switch_lines
from sqlmig.report.text import count
from sqlmig.results import outcome_of
from sqlmig.script import Direction

REDRAW = 0.1
"""Seconds between two drawings of the progress line at least."""

SECONDS = pattern(r"\d+ s\b")
"""What makes the same reason another text each second."""

Key = tuple[int, Direction]


class Progress:
    """A listener. A line on stdout for each step when it is done, what the server says on stderr, and on a terminal a
    line that shows where a long step is. ``results`` is off where stdout belongs to a document.
    """

    def __init__(self, output: Output, *, results: bool, verbose: bool) -> None:
        self.output = output
        self.results = results
        self.verbose = verbose
        self.told: set[Key] = set()
        self.warned: set[Problem] = set()
        self._table: Steps | None = None
        self._drawn = 0.0
        self._waiting_for = ""
        self._repetition: events.Repeated | None = None
        """The last that was told of a statement that is being repeated."""
        self.takes: dict[type, Callable[[Any], None]] = {
            events.RunStarted: self._run_started,
            events.StepStarted: self._step_started,
            events.StatementDone: self._statement_done,
            events.Progressed: self._progressed,
            events.Repeated: self._repeated,
            events.StepDone: self._step_done,
            events.Noticed: self._noticed,
            events.Warned: self._warned,
            events.Waiting: self._waiting,
            events.Retrying: self._retrying,
            events.Rehearsing: self._rehearsing,
        }
        """What is done with each kind of event; a look-up, since a file may have a million statements."""
        self.passes_over = () if verbose or output.shows_progress else (events.StatementDone,)

    def __call__(self, event: events.Event) -> None:
        self.takes[type(event)](event)

    def _run_started(self, event: events.RunStarted) -> None:
        self._table = table_of(event.plan, self.output.width)
        if self.results and isinstance(event.plan.goal, Switch):
            self.output.lines(switch_lines(event.plan))

    def _step_started(self, event: events.StepStarted) -> None:
        self.output.progress(f"{event.step} ...")
        if self.verbose:
            self.output.asides([f"running {event.step} ({event.step.direction})"])

    def _statement_done(self, event: events.StatementDone) -> None:
        if self._due():
            self.output.progress(f"{event.step} {event.number}/{event.total}  {event.kind}")
        if self.verbose:
            again, self._repetition = self._repetition, None
            told = f": {again.rows:,} rows in {count(again.runs, 'run')}" if again is not None else ""
            self.output.asides([f"  {event.number}/{event.total} {event.kind}{told}"])

    def _progressed(self, event: events.Progressed) -> None:
        part = f" {event.part:.0%}" if event.part is not None else ""
        waits = f", waits for {event.blockers[0]}" if event.blockers else ""
        self.output.progress(f"{event.step} {event.number}/{event.total}  {event.phase or 'working'}{part}{waits}")

    def _repeated(self, event: events.Repeated) -> None:
        self._repetition = event
        if not self._due():
            return
        waits = f"waits, a replica is {event.behind:.0f} s behind" if event.behind is not None else ""
        told = f"{event.statement.kind}: {event.rows:,} rows, {waits or f'{event.rate:,.0f} rows/s'}"
        self.output.progress(f"{event.step} {event.number}/{event.total}  {told}")

    def _step_done(self, event: events.StepDone) -> None:
        if not self.results or self._table is None:
            return
        step = event.step
        self.told.add((step.version, step.direction))
        self.output.lines(
            self._table.row(
                outcome_of(step),
                str(step),
                event.duration_ms,
                from_history=step.from_history,
                resumed_at=step.resume_at,
            )
        )

    def _noticed(self, event: events.Noticed) -> None:
        about = str(event.step) if event.step is not None else None
        self.output.asides(notice_lines(event.report, about))

    def _warned(self, event: events.Warned) -> None:
        self.warn([event.problem])

    def _waiting(self, event: events.Waiting) -> None:
        reason = SECONDS.sub("", event.reason)
        if reason != self._waiting_for:
            self._waiting_for = reason
            self.output.asides([f"waiting: {event.reason}"])
        if self._due():
            self.output.progress(f"waiting, for {event.remaining:.0f} s more")

    def _retrying(self, event: events.Retrying) -> None:
        report = event.report
        code = f" ({report.sqlstate})" if report.sqlstate else ""
        self.output.asides(
            [
                f"{event.step}: {report.message}{code}; rolled back, "
                f"attempt {event.attempt + 1} of {event.attempts} in {event.delay:.1f} s",
                *(f"  {blocker}" for blocker in event.blockers),
            ]
        )

    def _rehearsing(self, event: events.Rehearsing) -> None:
        if self._due():
            self.output.progress(f"rehearsing {event.migration}, {event.number} of {event.total}")

    def warn(self, problems: list[Problem]) -> None:
        """Tell each warning once."""
        new = [problem for problem in problems if problem not in self.warned]
        self.warned.update(new)
        if new:
            self.output.asides(problem_lines(new, self.output.secrets, self.output.width))

    def _due(self) -> bool:
        """Whether the progress line was drawn long enough ago."""
        now = time.monotonic()
        if now - self._drawn < REDRAW:
            return False
        self._drawn = now
        return True


def table_of(plan: Plan, limit: int | None) -> Steps:
    """Columns wide enough for every step of a plan, before the first one is told."""
    return Steps.fit(map(str, plan.steps), {step.direction for step in plan.steps}, limit)
