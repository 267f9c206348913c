"""What runs beside migrations: seeds, and hooks around them. Each is a script in a transaction, without a record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from sqlmig.errors import FileError, Place, Problem
from sqlmig.migration import Direction, Script
from sqlmig.plan.steps import AFTER_APPLY, AFTER_EACH, BEFORE_APPLY, BEFORE_EACH, Plan, Step, StepKind
from sqlmig.statements import Gap

HOOKS = (BEFORE_APPLY, AFTER_APPLY, BEFORE_EACH, AFTER_EACH)

ADVICE = {
    StepKind.SEED: "a seed runs in one transaction; what cannot belongs into a migration",
    StepKind.HOOK: "a hook runs in a transaction; what cannot belongs into a migration",
}


def with_seeds(plan: Plan, seeds: Iterable[tuple[str, Script]]) -> Plan:
    """The plan, and these seeds behind it, by name and script."""
    steps = tuple(_step(StepKind.SEED, number, name, script) for number, (name, script) in enumerate(seeds, start=1))
    found = [problem for step in steps for problem in _problems(step.script, StepKind.SEED)]
    return replace(plan, steps=(*plan.steps, *steps), problems=(*plan.problems, *found))


def with_hooks(plan: Plan, hooks: Mapping[str, Script]) -> Plan:
    """The plan, and the hooks that are there around what it applies: those of HOOKS, by name.

    Where it applies nothing it stays as it is.
    """
    ups = [number for number, step in enumerate(plan.steps) if step.direction is Direction.UP]
    if not hooks or not ups:
        return plan
    before, after = hooks.get(BEFORE_EACH), hooks.get(AFTER_EACH)
    steps = [
        replace(step, before=before, after=after) if step.direction is Direction.UP else step for step in plan.steps
    ]
    if AFTER_APPLY in hooks:
        steps.insert(ups[-1] + 1, _step(StepKind.HOOK, 0, AFTER_APPLY, hooks[AFTER_APPLY]))
    if BEFORE_APPLY in hooks:
        steps.insert(ups[0], _step(StepKind.HOOK, -1, BEFORE_APPLY, hooks[BEFORE_APPLY]))
    found = [problem for script in hooks.values() for problem in _problems(script, StepKind.HOOK)]
    return replace(plan, steps=tuple(steps), problems=(*plan.problems, *found))


def hook_problems(script: Script) -> tuple[Problem, ...]:
    """Everything in a hook that must not run."""
    return tuple(_problems(script, StepKind.HOOK))


def _step(kind: StepKind, number: int, name: str, script: Script) -> Step:
    """Negative versions are nobody's, and tell the steps of one plan apart: hooks are -1 and -2, seeds come below."""
    return Step(-number - 2, "", name, Direction.UP, script, None, kind=kind)


def _problems(script: Script, kind: StepKind) -> Iterator[Problem]:
    for problem in script.problems:
        yield replace(problem, next_step=ADVICE[kind]) if problem.code == "needs_no_transaction" else problem
    with suppress(FileError):
        if not script.header.transaction:
            told = f"{script.file} says no-transaction, and runs in one"
            yield Problem("needs_transaction", told, _place(script), next_step=ADVICE[kind])


def _place(script: Script) -> Place:
    for piece in script.pieces():
        if not isinstance(piece, Gap):
            break
        for directive in piece.directives:
            if directive.text.strip() == "no-transaction":
                return Place(script.file, directive.line, directive.column)
    return Place(script.file)
