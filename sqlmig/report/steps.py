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
from sqlmig.script import Direction, Script
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


def readable_statements(script: Script) -> Iterator[Statement]:
    """The statements of a script, up to where it cannot be read: what is wrong there is told as a finding."""
    with suppress(FileError):
        for piece in script.pieces():
            if isinstance(piece, Statement) and not piece.is_empty:
                yield piece


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
