"""A plan: the scripts to run, in their order, and everything found on the way there."""

from __future__ import annotations

from enum import StrEnum

from sqlmig.errors import CheckFailed, FilesInvalid, Problem
from sqlmig.frozen import dataclass
from sqlmig.migration import Applied, Direction, Migration, Script
from sqlmig.plan.goals import Goal

BEFORE_APPLY, AFTER_APPLY, BEFORE_EACH, AFTER_EACH = "before_apply", "after_apply", "before_each", "after_each"


class StepKind(StrEnum):
    """What a step runs: a migration; or what is run beside them and leaves no record of its own."""

    MIGRATION = "migration"
    SEED = "seed"
    HOOK = "hook"


@dataclass(frozen=True)
class Step:
    """One script to run. ``plan`` prints it, ``apply`` executes it: the same object."""

    version: int
    label: str
    name: str
    direction: Direction
    script: Script
    migration: Migration | None
    """The files, where they are there; a rollback may go without."""
    applied: Applied | None = None
    """The record that a rollback removes or a resumption continues."""
    from_history: bool = False
    """The script is the one stored when the migration was applied, since the file differs or is gone."""
    resume_at: int | None = None
    """The statement at which an interrupted non-transactional script continues."""
    kind: StepKind = StepKind.MIGRATION
    before: Script | None = None
    """The hook that runs before the script; in its transaction, where it has one."""
    after: Script | None = None
    """The hook that runs behind it."""
    around: Step | None = None
    """Of a hook before or behind a step: that step."""

    def __str__(self) -> str:
        if self.around is not None:
            return f"{self.around} ({self.name})"
        return f"{self.label}_{self.name}" if self.kind is StepKind.MIGRATION else self.name

    @property
    def parts(self) -> tuple[Step, ...]:
        """The step between the hooks around it."""
        return (*self._hook(BEFORE_EACH, self.before), self, *self._hook(AFTER_EACH, self.after))

    def _hook(self, name: str, script: Script | None) -> tuple[Step, ...]:
        if script is None:
            return ()
        hook = Step(self.version, self.label, name, self.direction, script, None, kind=StepKind.HOOK, around=self)
        return (hook,)

    @property
    def transaction(self) -> bool:
        """Whether the whole script runs in one transaction. Reads the head of the script."""
        return self.script.header.transaction


@dataclass(frozen=True)
class Plan:
    """What will run, in this order, and everything found on the way there."""

    goal: Goal
    steps: tuple[Step, ...]
    problems: tuple[Problem, ...]

    @property
    def refusals(self) -> tuple[Problem, ...]:
        """The findings that keep the steps from running."""
        return tuple(problem for problem in self.problems if not problem.warning)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.warning)

    def raise_for_refusals(self) -> None:
        """Raise FilesInvalid where a script must not run, else CheckFailed where history forbids a step; with all."""
        scripts = [problem for problem in self.refusals if problem.code in SCRIPT_PROBLEMS]
        history = [problem for problem in self.refusals if problem.code not in SCRIPT_PROBLEMS]
        if scripts:
            raise FilesInvalid([*scripts, *history])
        if history:
            raise CheckFailed(history)


SCRIPT_PROBLEMS = frozenset(
    {
        "transaction_control",
        "needs_no_transaction",
        "needs_transaction",
        "misplaced_directive",
        "empty_down",
        "script",
        "file_format",
        "repeat",
    }
)
"""Findings about the text of a script: a file-format error, not a matter of history."""
