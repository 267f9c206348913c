"""Down and up again."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmig.errors import Problem
from sqlmig.plan.down import rollback_steps
from sqlmig.plan.goals import Redo, Refresh, Rollback
from sqlmig.plan.steps import Step
from sqlmig.plan.up import up_step
from sqlmig.standing import Standing


def renewal_steps(known: Sequence[Standing], goal: Redo | Refresh) -> tuple[list[Step], list[Problem]]:
    """Down, and up again: the last batch (Redo), or whatever there is (Refresh)."""
    everything = isinstance(goal, Refresh)
    steps, problems = rollback_steps(known, Rollback(everything=everything))
    undone = {step.version for step in steps}
    for standing in known:
        waits = standing.version in undone or (everything and standing.applied is None)
        accepted = everything and standing.applied is not None and standing.applied.retired
        if waits and standing.migration is not None:
            steps.append(up_step(standing, standing.migration, None))
        elif waits and not accepted:
            told = f"{standing} cannot be applied again: its file is gone"
            problems.append(Problem("lost", told, None, standing.version, next_step="restore the file"))
    return steps, problems
