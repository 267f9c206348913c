"""The line of each step of a run, whether it is told while it happens or afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress

from sqlmig.errors import FileError
from sqlmig.frozen import dataclass
from sqlmig.plan import Plan, StepKind
from sqlmig.report.style import Style, styled
from sqlmig.report.text import Fixed, Table, count, duration, width
from sqlmig.results import Outcome, StepResult
from sqlmig.script import Assertion, Direction, Repeat, Script
from sqlmig.statements import Statement

TIME = len("59.9 min")

WORDS = {
    Outcome.PLANNED: "planned",
    Outcome.APPLIED: "applied",
    Outcome.ROLLED_BACK: "rolled back",
    Outcome.RAN: "ran",
    Outcome.FAILED: "failed",
    Outcome.NOT_RUN: "not run",
}
STYLES = {
    Outcome.APPLIED: Style.GOOD,
    Outcome.ROLLED_BACK: Style.GOOD,
    Outcome.RAN: Style.GOOD,
    Outcome.FAILED: Style.BAD,
    Outcome.NOT_RUN: Style.FAINT,
}


@dataclass(frozen=True)
class Steps:
    """Columns for the steps of one run: what became of it, its name, its time, a remark."""

    table: Table

    @classmethod
    def fit(cls, names: Iterable[str], directions: Collection[Direction], limit: int | None) -> Steps:
        verb = len("rolled back" if Direction.DOWN in directions else "applied")
        name = max(map(width, names), default=0)
        if limit is not None:
            name = min(name, max(8, limit - verb - TIME - 4))
        return cls(Table((verb, name, TIME, 0), frozenset([2])))

    def row(
        self,
        outcome: Outcome,
        name: str,
        duration_ms: float | None,
        *,
        from_history: bool = False,
        resumed_at: int | None = None,
    ) -> Iterator[Fixed]:
        word = styled(STYLES.get(outcome), WORDS[outcome])
        remarks = ["by the stored down"] if from_history else []
        remarks += [f"from statement {resumed_at} on"] if resumed_at is not None else []
        return self.table.row((word, name, duration(duration_ms), ", ".join(remarks)))

    def rows(self, steps: Iterable[StepResult]) -> Iterator[Fixed]:
        for step in steps:
            yield from self.row(
                step.outcome,
                str(step),
                step.duration_ms,
                from_history=step.from_history,
                resumed_at=step.resumed_at,
            )


@dataclass(frozen=True)
class ScriptLine:
    """One thing that a script does: a statement, or an assertion before or behind them."""

    line: int
    column: int
    what: str
    sql: str
    """Empty where there is no more to it than ``what`` says."""
    number: int
    """Of the statement, from 1; 0 for what is required first, and one more than the last for what is ensured."""
    repeat: Repeat | None = None

    def __str__(self) -> str:
        return self.what if self.repeat is None else f"{self.what}, {_told_repeat(self.repeat)}"


def script_lines(script: Script) -> Iterator[ScriptLine]:
    """What a script does, up to where it cannot be read: what is wrong there is told as a finding."""
    requires: tuple[Assertion, ...] = ()
    ensures: tuple[Assertion, ...] = ()
    repeats: dict[int, Repeat] = {}
    with suppress(FileError):
        requires, ensures = script.header.requires, script.survey.ensures
        repeats = {repeat.statement: repeat for repeat in script.survey.repeats}
    yield from (_asserted(assertion, 0) for assertion in requires)
    number = 0
    with suppress(FileError):
        for piece in script.pieces():
            if isinstance(piece, Statement) and not piece.is_empty:
                number += 1
                yield ScriptLine(piece.line, piece.column, piece.kind, piece.text, number, repeats.get(number))
    yield from (_asserted(assertion, number + 1) for assertion in ensures)


def _asserted(assertion: Assertion, number: int) -> ScriptLine:
    return ScriptLine(assertion.line, assertion.column, f"{assertion.kind} {assertion.query}", "", number)


def _told_repeat(repeat: Repeat) -> str:
    """How a statement is repeated, in words."""
    told = "until it affects no row"
    told += f", pause = {_short(repeat.pause)}" if repeat.pause else ""
    return told + (f", max_lag = {_short(repeat.max_lag)}" if repeat.max_lag is not None else "")


def _short(seconds: float) -> str:
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1000:g}ms"


def switch_lines(plan: Plan) -> Iterator[str]:
    """What a switch is about to do, before it does it."""
    for direction, verb in ((Direction.DOWN, "roll back"), (Direction.UP, "apply")):
        migrations = [step for step in plan.steps if step.kind is StepKind.MIGRATION]
        names = [str(step) for step in migrations if step.direction is direction]
        if names:
            yield f"to {verb}: {', '.join(names)}"


def outcome_counts(steps: Collection[StepResult]) -> str:
    """``3 steps: 2 applied, 1 failed``; seeds are counted by themselves, hooks not at all."""
    migrations = [step for step in steps if step.kind is StepKind.MIGRATION]
    seeds = [step for step in steps if step.kind is StepKind.SEED]
    told = [_counted(migrations, "migration", "step")] if migrations else []
    return ", ".join([*told, _counted(seeds, "seed", "seed")] if seeds else told)


def _counted(steps: Collection[StepResult], alike: str, unlike: str) -> str:
    outcomes = Counter(step.outcome for step in steps)
    if len(outcomes) == 1:
        (outcome,) = outcomes
        return f"{count(len(steps), alike)} {WORDS[outcome]}"
    told = ", ".join(f"{outcomes[outcome]} {WORDS[outcome]}" for outcome in Outcome if outcomes[outcome])
    return f"{count(len(steps), unlike)}: {told}"
