"""From files, records and a goal to a plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlmig.errors import Problem
from sqlmig.migration import Applied, Direction, Migration
from sqlmig.plan.down import rollback_steps
from sqlmig.plan.goals import Apply, Goal, Rollback, Seed, Switch
from sqlmig.plan.renewal import renewal_steps
from sqlmig.plan.steps import Plan, Step
from sqlmig.plan.switching import switch_steps
from sqlmig.plan.up import apply_steps
from sqlmig.standing import standings


def plan(
    migrations: Sequence[Migration],
    applied: Sequence[Applied],
    goal: Goal,
    *,
    strict: bool = False,
    drift_is_error: bool = False,
) -> Plan:
    """The steps that reach the goal from here, and all findings.

    ``strict`` turns every warning about history into a refusal; ``drift_is_error`` those about changed SQL.
    Reads the scripts of the steps, so that nothing that must not run is found only after something ran.
    For seeds no migration runs, and no finding about one forbids them: their plan is empty.
    Raises UsageError where the goal contradicts itself, or names a version, batch or migration that is not there.
    """
    if isinstance(goal, Seed):
        return Plan(goal, (), ())
    known = standings(migrations, applied)
    if isinstance(goal, Apply):
        steps, problems = apply_steps(known, goal)
    elif isinstance(goal, Rollback):
        steps, problems = rollback_steps(known, goal)
    elif isinstance(goal, Switch):
        steps, problems = switch_steps(known)
    else:
        steps, problems = renewal_steps(known, goal)
    differences = [standing.problem for standing in known if standing.problem is not None]
    settled = {step.version for step in steps} if isinstance(goal, Switch) else set()
    notes = [found for found in differences if found.code in NOTES and found.version not in settled]
    history = [_weighed(problem, strict=strict, drift_is_error=drift_is_error) for problem in (*notes, *problems)]
    return Plan(goal, tuple(steps), (*history, *_script_problems(steps)))


NOTES = ("drift", "comments_changed", "missing", "baseline")
"""Findings that are told beside a plan, and forbid it only where that is asked for."""


def _weighed(problem: Problem, *, strict: bool, drift_is_error: bool) -> Problem:
    if problem.code not in NOTES:
        return problem
    return replace(problem, warning=not (strict or (drift_is_error and problem.code == "drift")))


def _script_problems(steps: Iterable[Step]) -> list[Problem]:
    found: dict[Problem, None] = {}
    for step in steps:
        if step.direction is Direction.UP and step.migration is not None:
            found.update(dict.fromkeys(step.migration.problems))
        else:
            found.update(dict.fromkeys(replace(problem, version=step.version) for problem in step.script.problems))
    return list(found)
