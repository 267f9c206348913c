"""The steps that apply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlmig.errors import Problem
from sqlmig.migration import Applied, Direction, Migration
from sqlmig.plan.goals import Apply, require_natural, require_one
from sqlmig.plan.resuming import refusal_to_resume, stopped_at
from sqlmig.plan.steps import Step
from sqlmig.standing import Standing, State, find, no_version


def apply_steps(known: Sequence[Standing], goal: Apply) -> tuple[list[Step], list[Problem]]:
    """What the goal means of what is pending, by version, and why some of it must not run."""
    require_one(migration=goal.only, to=goal.to)
    require_one(migration=goal.only, steps=goal.steps)
    require_natural(goal.steps)
    if goal.to is not None and goal.to not in {standing.version for standing in known}:
        raise no_version(goal.to, known)
    waiting = [s for s in known if s.state in (State.PENDING, State.OUT_OF_ORDER, State.FAILED)]
    if goal.only is not None:
        named = find(known, goal.only)
        waiting = [standing for standing in waiting if standing.version == named.version]
    if goal.to is not None:
        waiting = [standing for standing in waiting if standing.version <= goal.to]
    steps, problems = [], []
    for standing in waiting[: goal.steps]:
        refusal = refusal_to_apply(standing, goal)
        if refusal is not None:
            problems.append(refusal)
        if standing.migration is not None and (refusal is None or standing.state is State.OUT_OF_ORDER):
            steps.append(up_step(standing, standing.migration, standing.applied))
    return steps, problems


def refusal_to_apply(standing: Standing, goal: Apply) -> Problem | None:
    """What keeps a migration from being applied, or continued; None where nothing does."""
    if standing.state is State.OUT_OF_ORDER:
        return None if goal.allow_out_of_order else standing.problem
    record, problem = standing.applied, standing.problem
    if standing.state is not State.FAILED or record is None or problem is None:
        return None
    if record.direction is Direction.DOWN:
        return problem
    if standing.migration is None:
        told = f"{problem.message}; its file is gone"
        advice = f"restore the file, or undo it by hand, then: sqlmig repair {record.label} --mark-rolled-back"
        return replace(problem, message=told, next_step=advice)
    return refusal_to_resume(record, standing.migration.up)


def up_step(standing: Standing, migration: Migration, record: Applied | None) -> Step:
    """The way forward of one migration; with its record, it goes on where it stopped."""
    return Step(
        standing.version,
        standing.label,
        standing.name,
        Direction.UP,
        migration.up,
        migration,
        record,
        resume_at=stopped_at(record),
    )
