"""The steps that undo, the last applied first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlmig.errors import Place, Problem, UsageError
from sqlmig.migration import Applied, Direction, Migration, Progress
from sqlmig.plan.goals import Rollback, require_natural, require_one
from sqlmig.plan.resuming import refusal_to_resume, stopped_at
from sqlmig.plan.steps import Step
from sqlmig.standing import Standing, find, is_recorded, no_version, unfinished


def rollback_steps(known: Sequence[Standing], goal: Rollback) -> tuple[list[Step], list[Problem]]:
    """What the goal means of what is applied, the last applied first, and why some of it cannot be undone."""
    chosen = _chosen(known, goal)
    left_out = [] if goal.only is not None else [record for record in chosen if record.baseline]
    problems = [_never_run(left_out)] if left_out else []
    steps = []
    files = {standing.version: standing.migration for standing in known}
    for record in chosen:
        if record in left_out:
            continue
        found = down_step(record, files[record.version])
        if isinstance(found, Step):
            steps.append(found)
        else:
            problems.append(found)
    return steps, problems


def _chosen(known: Sequence[Standing], goal: Rollback) -> list[Applied]:
    """The records that the goal means, the last applied first."""
    everything = goal.everything or None
    require_one(migration=goal.only, steps=goal.steps, to=goal.to, batch=goal.batch, all=everything)
    require_natural(goal.steps)
    records = [standing.applied for standing in known if standing.applied is not None]
    done = sorted(records, key=lambda record: record.sequence, reverse=True)
    if goal.only is not None:
        named = find(known, goal.only)
        if named.applied is None:
            raise UsageError(f"{named} is not applied", next_step="sqlmig status")
        return [named.applied]
    if goal.everything:
        return done
    if goal.to is not None:
        if goal.to != 0 and goal.to not in {standing.version for standing in known}:
            raise no_version(goal.to, known)
        kept = goal.to if goal.to in {standing.version for standing in known} else -1
        return [record for record in done if record.version > kept]
    if goal.steps is not None:
        return done[: goal.steps]
    return _batch(done, goal.batch)


def _batch(done: Sequence[Applied], batch: int | None) -> list[Applied]:
    batches = {record.batch for record in done}
    wanted = max(batches, default=0) if batch is None else batch
    if batch is not None and batch not in batches:
        present = ", ".join(map(str, sorted(batches))) or "none"
        raise UsageError(f"no applied migration is of batch {batch} (batches: {present})", next_step="sqlmig status")
    return [record for record in done if record.batch == wanted]


def _never_run(records: Sequence[Applied]) -> Problem:
    names = sorted(map(str, records)) if len(records) < 4 else [f"{records[-1]} to {records[0]}"]
    return Problem(
        "baseline",
        f"{', '.join(names)}: recorded by a baseline and never run here, so not undone",
        version=records[0].version if len(records) == 1 else None,
        next_step=f"to run a down all the same, name the migration: sqlmig rollback {records[0].label}",
    )


def down_step(record: Applied, migration: Migration | None) -> Step | Problem:
    """The way back of one migration, or why there is none.

    The text that was stored when it was applied wins over a file that differs; but a rollback that stopped half way
    goes on with the file, which is where a person corrects it.
    """
    unfinished_down = record.progress is not Progress.DONE
    if unfinished_down and record.direction is Direction.UP:
        advice = f"finish it: sqlmig apply; or undo it by hand, then: sqlmig repair {record.label} --mark-rolled-back"
        return replace(unfinished(record), next_step=advice)
    down = migration.down if migration is not None else None
    use_file = down is not None and (unfinished_down or is_recorded(down, record.down))
    script = down if use_file else record.stored_down
    if script is None or not record.reversible:
        return _irreversible(record, migration)
    refusal = refusal_to_resume(record, script) if unfinished_down else None
    return refusal or Step(
        record.version,
        record.label,
        record.name,
        Direction.DOWN,
        script,
        migration,
        record,
        from_history=not use_file,
        resume_at=stopped_at(record),
    )


def _irreversible(record: Applied, migration: Migration | None) -> Problem:
    without = "its down is neither stored nor in the files" if record.reversible else "it was applied without a down"
    return Problem(
        "irreversible",
        f"{record} is irreversible: {without}",
        Place(migration.up.file) if migration is not None else None,
        record.version,
        next_step=f"write its down file and accept it: sqlmig repair {record.label}",
    )
