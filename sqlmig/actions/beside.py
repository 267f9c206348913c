"""What runs beside migrations, as the configuration and the files have it: hooks and seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sqlmig.actions.workplace import Workplace
from sqlmig.errors import FileError, Problem
from sqlmig.migration import Script
from sqlmig.plan import Goal, Rollback, Seed, hook_problems


class Beside(NamedTuple):
    """Hooks by name, and the seeds that are asked for in their order."""

    hooks: Mapping[str, Script]
    seeds: tuple[tuple[str, Script], ...]


def beside(place: Workplace, goal: Goal, *, seed: bool) -> Beside:
    """What runs with a goal. Looks for files only where there can be any.

    Raises FileError where a folder is missing or a hook has a wrong name, UsageError for a seed that is not there.
    """
    environment = place.environment
    found: Mapping[str, Script] = {}
    if environment.hooks is not None and not isinstance(goal, Rollback | Seed):
        from sqlmig import hooks

        found = hooks.discover(environment.hooks)
    if not seed and not isinstance(goal, Seed):
        return Beside(found, ())
    from sqlmig import seeds

    known = seeds.discover(environment.seeds, environment.name)
    chosen = seeds.chosen(known, goal.names if isinstance(goal, Seed) else ())
    return Beside(found, tuple((one.name, one.script) for one in chosen))


def findings(place: Workplace) -> Iterator[Problem]:
    """Everything wrong with the hooks; nothing where none are configured."""
    if place.environment.hooks is None:
        return
    from sqlmig import hooks

    try:
        for script in hooks.discover(place.environment.hooks).values():
            yield from hook_problems(script)
    except FileError as error:
        yield Problem(error.code, error.message, error.place, next_step=error.next_step)
