"""How each migration stands: its files compared with its record. Pure, but for reading checksums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlmig.errors import FileError, Place, Problem, UsageError
from sqlmig.migration import Applied, Checksum, Direction, Migration, Progress, Script


class State(StrEnum):
    """How one migration stands: its file compared with its history."""

    PENDING = "pending"
    APPLIED = "applied"
    DRIFTED = "drifted"
    MISSING = "missing"
    OUT_OF_ORDER = "out_of_order"
    FAILED = "failed"


@dataclass(frozen=True)
class Standing:
    """One migration with its state; at least one of ``migration`` (its files) and ``applied`` (its record) is there."""

    version: int
    label: str
    name: str
    state: State
    migration: Migration | None
    applied: Applied | None
    problem: Problem | None = None
    """What there is to say about it, where its state or its files call for it."""

    def __str__(self) -> str:
        return f"{self.label}_{self.name}"


def standings(migrations: Sequence[Migration], applied: Sequence[Applied]) -> tuple[Standing, ...]:
    """How every known migration stands, by version. Compares sets: no high-water mark hides anything.

    Reads the files of applied migrations for their checksums, and nothing of those that are pending.
    """
    files = {migration.version: migration for migration in migrations}
    records = {record.version: record for record in applied}
    highest = max((record.version for record in applied), default=-1)
    return tuple(
        _standing(version, files.get(version), records.get(version), highest)
        for version in sorted(files.keys() | records.keys())
    )


def _standing(version: int, migration: Migration | None, applied: Applied | None, highest: int) -> Standing:
    state, problem = _compare(version, migration, applied, highest)
    label, name = (
        (migration.label, migration.name) if migration else (applied.label, applied.name) if applied else ("", "")
    )
    return Standing(version, label, name, state, migration, applied, problem)


def _compare(
    version: int, migration: Migration | None, applied: Applied | None, highest: int
) -> tuple[State, Problem | None]:
    if applied is None:
        return (
            (State.OUT_OF_ORDER, _out_of_order(migration, version, highest))
            if version < highest
            else (State.PENDING, None)
        )
    if applied.progress is not Progress.DONE:
        return State.FAILED, unfinished(applied)
    if migration is None:
        return (State.APPLIED, None) if applied.retired else (State.MISSING, _missing(applied))
    change = drift(migration, applied)
    return (State.APPLIED if change is None or change.warning else State.DRIFTED), change


COMMENTS = "comments or white space only"
SQL = "SQL"


def drift(migration: Migration, applied: Applied) -> Problem | None:
    """What differs between the files and what was applied: None, a warning (comments or white space), or a finding."""
    changes = [*_edit(migration.up, applied.up), *_edit(migration.down, applied.down)]
    told = [f"{script.file} changed: {what}" for script, what in changes]
    if migration.down is None and applied.down is not None:
        told.append("its down file is gone")
    if migration.down is not None and applied.down is None:
        told.append(f"{migration.down.file} was added later")
    if not told:
        return None
    comments_only = len(told) == len(changes) and all(what == COMMENTS for _, what in changes)
    return Problem(
        "comments_changed" if comments_only else "drift",
        f"{migration} is not what was applied: " + "; ".join(told),
        Place(changes[0][0].file if changes else migration.up.file),
        migration.version,
        warning=comments_only,
        next_step=f"undo the edit, or accept it: sqlmig repair {migration.label}",
    )


def _edit(script: Script | None, recorded: Checksum | None) -> list[tuple[Script, str]]:
    if script is None or recorded is None or script.checksum.raw == recorded.raw:
        return []
    try:
        same_tokens = recorded.sql is not None and script.full_checksum.sql == recorded.sql
    except FileError:
        same_tokens = False
    return [(script, COMMENTS if same_tokens else SQL)]


def _out_of_order(migration: Migration | None, version: int, highest: int) -> Problem:
    return Problem(
        "out_of_order",
        f"{migration} is pending below version {highest}, which is applied",
        Place(migration.up.file) if migration else None,
        version,
        next_step="sqlmig apply --allow-out-of-order, or give it a higher version",
    )


def _missing(applied: Applied) -> Problem:
    when = f" on {applied.applied_at:%Y-%m-%d}" if applied.applied_at else ""
    who = f" by {applied.applied_by}" if applied.applied_by else ""
    return Problem(
        "missing",
        f"{applied} was applied{when}{who}, and its file is gone",
        None,
        applied.version,
        next_step=f"restore it, or undo it: sqlmig rollback {applied.label}, or accept it: sqlmig repair {applied.label}",
    )


def unfinished(applied: Applied) -> Problem:
    verb = "failed" if applied.progress is Progress.FAILED else "was interrupted"
    doing = "" if applied.direction is Direction.UP else "its rollback "
    why = f": {applied.error}" if applied.error else ""
    again = "apply" if applied.direction is Direction.UP else "rollback"
    return Problem(
        "failed",
        f"{applied}: {doing}{verb} at statement {applied.statement}/{applied.statements}{why}",
        None,
        applied.version,
        next_step=f"correct that statement and continue: sqlmig {again}",
    )


def find(known: Sequence[Standing], text: str) -> Standing:
    """The migration that a person means by ``003``, ``3``, ``create_users`` or ``003_create_users``.

    Raises UsageError where there is none, or more than one.
    """
    fits: list[Callable[[Standing], bool]] = [
        lambda standing: text.isdecimal() and standing.version == int(text),
        lambda standing: text in (str(standing), f"{standing}.up.sql", f"{standing}.down.sql"),
        lambda standing: standing.name == text,
    ]
    for fit in fits:
        found = [standing for standing in known if fit(standing)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(
                f"{text!r} could be " + " or ".join(map(str, found)), next_step="name the migration by its version"
            )
    raise UsageError(f"there is no migration {text!r}", next_step="sqlmig status")


def no_version(version: int, known: Sequence[Standing]) -> UsageError:
    near = sorted(known, key=lambda standing: abs(standing.version - version))[:3]
    names = ", ".join(str(standing) for standing in sorted(near, key=lambda standing: standing.version))
    return UsageError(
        f"there is no version {version}" + (f"; near it: {names}" if names else ""), next_step="sqlmig status"
    )
