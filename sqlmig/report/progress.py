"""Events, told to a person while a run goes on."""

from __future__ import annotations

import time
from functools import singledispatchmethod

from sqlmig import events
from sqlmig.errors import Problem
from sqlmig.plan import Plan
from sqlmig.report.failures import notice_lines, problem_lines
from sqlmig.report.output import Output
from sqlmig.report.steps import Steps
from sqlmig.results import Outcome
from sqlmig.script import Direction

REDRAW = 0.1
"""Seconds between two drawings of the progress line at least."""

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

    def __call__(self, event: events.Event) -> None:
        self._take(event)

    @singledispatchmethod
    def _take(self, event: events.Event) -> None:
        raise TypeError(f"no rendering for {type(event).__name__}")

    @_take.register
    def _(self, event: events.RunStarted) -> None:
        self._table = table_of(event.plan, self.output.width)

    @_take.register
    def _(self, event: events.StepStarted) -> None:
        self.output.progress(f"{event.step} ...")
        if self.verbose:
            self.output.asides([f"running {event.step} ({event.step.direction})"])

    @_take.register
    def _(self, event: events.StatementDone) -> None:
        if self._due():
            self.output.progress(f"{event.step} {event.number}/{event.total}  {event.kind}")
        if self.verbose:
            self.output.asides([f"  {event.number}/{event.total} {event.kind}"])

    @_take.register
    def _(self, event: events.StepDone) -> None:
        if not self.results or self._table is None:
            return
        step = event.step
        outcome = Outcome.APPLIED if step.direction is Direction.UP else Outcome.ROLLED_BACK
        self.told.add((step.version, step.direction))
        self.output.lines(
            self._table.row(
                outcome,
                str(step),
                event.duration_ms,
                from_history=step.from_history,
                resumed_at=step.resume_at,
            )
        )

    @_take.register
    def _(self, event: events.Noticed) -> None:
        about = str(event.step) if event.step is not None else None
        self.output.asides(notice_lines(event.report, about))

    @_take.register
    def _(self, event: events.Warned) -> None:
        self.warn([event.problem])

    @_take.register
    def _(self, event: events.Waiting) -> None:
        if event.reason != self._waiting_for:
            self._waiting_for = event.reason
            self.output.asides([f"waiting: {event.reason}"])
        if self._due():
            self.output.progress(f"waiting, for {event.remaining:.0f} s more")

    @_take.register
    def _(self, event: events.Retrying) -> None:
        report = event.report
        code = f" ({report.sqlstate})" if report.sqlstate else ""
        self.output.asides(
            [
                f"{event.step}: {report.message}{code}; rolled back, "
                f"attempt {event.attempt + 1} of {event.attempts} in {event.delay:.1f} s",
                *(f"  {blocker}" for blocker in event.blockers),
            ]
        )

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
    return Steps.fit(map(str, plan.steps), {step.direction for step in plan.steps}, limit)
