"""Commands that try migrations out on a shadow, and compare the schema with what is known of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict, Unpack

from sqlmig.access import Desk
from sqlmig.actions.workplace import Workplace
from sqlmig.errors import FilesInvalid, Problem
from sqlmig.migration import Migration
from sqlmig.plan import Plan
from sqlmig.rehearsal import Course, Filling, Rehearsal, course
from sqlmig.results import Locks
from sqlmig.schema.ignore import Ignore
from sqlmig.standing import standings
from sqlmig.verdicts import RehearsalResult, Rehearsed, Verdict

TOLD = 10
"""Differences that a finding names."""


class ShadowOptions(TypedDict, total=False):
    """Where migrations are tried out, and on top of what."""

    shadow_url: str | None
    """An empty database to use; ``embedded`` is a server of our own."""
    from_schema: bool
    """Begin with the target's schema instead of running what is applied."""


class RehearsalOptions(ShadowOptions, total=False):
    """How a rehearsal is done."""

    everything: bool
    """All migrations, from an empty database."""
    sample: int | None
    """Rows of each table to copy from the target."""
    ignore_column_order: bool
    wait: float
    """How long to wait for a server that is starting."""


def rehearse(place: Workplace, names: Sequence[str] = (), **options: Unpack[RehearsalOptions]) -> RehearsalResult:
    """Prove each pending, or named, migration on a shadow. Nothing is written to the target.

    Raises FilesInvalid where a file must not run; UsageError for a name that fits none, or a shadow that must not be
    used; NoServer where there is no place for a shadow; what running a migration raises that is not rehearsed.
    """
    migrations = place.migrations()
    with place.access.desk(options.get("wait", 0)) as desk:
        return rehearse_at(place, desk, migrations, names, **options)


def rehearse_at(
    place: Workplace,
    desk: Desk,
    migrations: Sequence[Migration],
    names: Sequence[str],
    **options: Unpack[RehearsalOptions],
) -> RehearsalResult:
    """The same for a session that is open."""
    begun = time.perf_counter()
    run = planned_course(desk, migrations, names, **options)
    if not run.chosen:
        return RehearsalResult(desk.where, "none", "", (), (), (), 0.0)
    filling = Filling(desk, run, options.get("from_schema", False), options.get("sample"))
    ignore = Ignore.parse(place.environment.ignore)
    with filling.stage(options.get("shadow_url"), ignore, place.listener) as stage:
        ignoring = options.get("ignore_column_order", False)
        rehearsal = Rehearsal(stage, filling, ignore_column_order=ignoring, listener=place.listener)
        found = tuple(rehearsal.run())
        server = " ".join(stage.desk.facts.version.split()[:2])
    done = {migration.version for migration in found}
    skipped = [str(m) for m in run.migrations if m.version in run.chosen and m.version not in done]
    elapsed = (time.perf_counter() - begun) * 1000
    shadow = stage.shadow
    return RehearsalResult(desk.where, shadow.kind, server, found, tuple(skipped), shadow.warnings, elapsed)


def planned_course(
    desk: Desk, migrations: Sequence[Migration], names: Sequence[str], **options: Unpack[RehearsalOptions]
) -> Course:
    """What a rehearsal would run. Raises FilesInvalid where one of the scripts must not."""
    known = standings(migrations, desk.applied())
    versions = [standing.version for standing in known if standing.applied is not None]
    everything = options.get("everything", False)
    stored = {} if everything else desk.history.stored(desk.session, versions)
    run = course(known, stored, names, everything=everything, from_schema=options.get("from_schema", False))
    problems = [problem for migration in run.everything for problem in migration.problems]
    if problems:
        raise FilesInvalid(problems)
    return run


def locks_of(
    place: Workplace, desk: Desk, migrations: Sequence[Migration], prepared: Plan, **options: Unpack[ShadowOptions]
) -> dict[int, Locks]:
    """What each step of a plan locks, rewrites and builds, by version: as seen where all of them ran on a shadow.

    Raises what running a step raises, and what ``rehearse`` raises.
    """
    steps = [step.migration for step in prepared.steps if step.migration is not None]
    before = planned_course(desk, migrations, (), **options)
    done = replace(before, migrations=tuple(steps), chosen=frozenset())
    filling = Filling(desk, done, options.get("from_schema", False))
    with filling.stage(options.get("shadow_url"), Ignore(), place.listener) as stage:
        return dict(Rehearsal(stage, filling, listener=place.listener).locks())


def problems_of(result: RehearsalResult) -> list[Problem]:
    """What a rehearsal found, as findings of a check."""
    return [
        Problem(
            migration.verdict.value,
            f"{migration}: {_told(migration)}",
            migration.error.place if migration.error is not None else None,
            migration.version,
            next_step=f"correct it, and: sqlmig rehearse {migration.label}",
        )
        for migration in result.unproven
    ]


def _told(migration: Rehearsed) -> str:
    """All that is wrong with it, in a sentence that does not run on for ever."""
    what = [str(difference) for difference in (*migration.differences, *migration.rows)]
    if migration.error is not None:
        direction = {Verdict.UP_FAILS: "up", Verdict.DOWN_FAILS: "down"}.get(migration.verdict, "second up")
        what.insert(0, f"its {direction} fails: {migration.error.message}")
    more = f" (and {len(what) - TOLD} more)" if len(what) > TOLD else ""
    return "; ".join(what[:TOLD]) + more
