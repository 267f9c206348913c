"""From what another checkout applied to what this one has."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlmig.errors import Problem
from sqlmig.migration import Applied, Direction, Progress
from sqlmig.plan.down import down_step
from sqlmig.plan.goals import Apply
from sqlmig.plan.steps import Step
from sqlmig.plan.up import refusal_to_apply, up_step
from sqlmig.standing import Standing, says_other_sql, sequence_of


def switch_steps(known: Sequence[Standing]) -> tuple[list[Step], list[Problem]]:
    """Down, the last applied first, for what these files lack or say differently; then up for all that is not applied.

    Where the files say another SQL under the same name, what was applied after it and has a higher version was built
    on the former one, and makes the way with it. What a baseline recorded, and what is accepted as gone, stays.
    """
    foreign = [standing for standing in known if _is_foreign(standing)]
    edited = [standing.applied for standing in foreign if standing.applied is not None and _keeps_its_name(standing)]
    undone = [*foreign, *_built_on(edited, {standing.version for standing in foreign}, known)]
    steps: list[Step] = []
    problems: list[Problem] = []
    for standing in sorted(undone, key=sequence_of, reverse=True):
        found = _down(standing, edited)
        if isinstance(found, Step):
            steps.append(found)
        else:
            problems.append(found)
    away = {standing.version for standing in undone}
    for standing in known:
        if standing.migration is None:
            continue
        if standing.applied is None or standing.version in away:
            steps.append(up_step(standing, standing.migration, None))
        elif standing.applied.progress is not Progress.DONE:
            refusal = refusal_to_apply(standing, Apply())
            if refusal is not None:
                problems.append(refusal)
            else:
                steps.append(up_step(standing, standing.migration, standing.applied))
    return steps, problems


def _is_foreign(standing: Standing) -> bool:
    record, migration = standing.applied, standing.migration
    if record is None or record.baseline or (record.retired and migration is None):
        return False
    if record.progress is Progress.DONE:
        return migration is None or says_other_sql(migration, record)
    if record.direction is Direction.DOWN:
        return True
    return migration is None or migration.name != record.name


def _keeps_its_name(standing: Standing) -> bool:
    record, migration = standing.applied, standing.migration
    return record is not None and migration is not None and migration.name == record.name


def _built_on(edited: Sequence[Applied], foreign: Collection[int], known: Sequence[Standing]) -> list[Standing]:
    return [
        standing
        for standing in known
        if standing.version not in foreign
        and standing.applied is not None
        and standing.migration is not None
        and not standing.applied.baseline
        and any(_came_after(standing.applied, earlier) for earlier in edited)
    ]


def _came_after(record: Applied, earlier: Applied) -> bool:
    return record.sequence > earlier.sequence and record.version > earlier.version


def _down(standing: Standing, edited: Sequence[Applied]) -> Step | Problem:
    """The way back with the stored down; a file of the same version may belong to another migration."""
    record, migration = standing.applied, standing.migration
    if record is None:
        raise ValueError(f"{standing} is not applied")
    same = migration is not None and not says_other_sql(migration, record)
    found = down_step(record, migration if same else None)
    below = next((earlier for earlier in edited if _came_after(record, earlier)), None)
    if isinstance(found, Step) or found.code != "irreversible" or (same and below is None):
        return found
    if migration is None:
        told = f"{found.message}; and its file is not in this checkout"
        advice = f"to keep what it did, accept that its file is gone: sqlmig repair {record.label}"
    elif same and below is not None:
        told = f"{found.message}; and it was applied on top of {below}, which was edited"
        advice = f"undo that edit, or accept it: sqlmig repair {below.label}"
    else:
        told = f"{found.message}; and what it did is not what {migration.up.file} says"
        advice = f"undo the edit, or accept it: sqlmig repair {record.label}"
    return replace(found, message=told, next_step=advice)
