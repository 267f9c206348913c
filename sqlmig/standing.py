"""How each migration stands: its files compared with its record. Pure, but for reading checksums."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import StrEnum

from sqlmig.errors import FileError, Place, Problem, ScriptError, UsageError
from sqlmig.frozen import dataclass
from sqlmig.migration import Applied, Checksum, Direction, Migration, Progress, Script
from sqlmig.script import CHECKSUM_ALGORITHM

LONGEST_FILE_NAME = 256


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


def sequence_of(standing: Standing) -> int:
    """Its place in the order of application; 0 where it is not applied."""
    return standing.applied.sequence if standing.applied is not None else 0


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


COMMENTS = "changed: comments or white space only"
SQL = "changed: SQL"


def drift(migration: Migration, applied: Applied) -> Problem | None:
    """What differs between the files and what was applied: None, a warning (comments or white space), or a finding.

    A file that cannot be read any more differs.
    """
    edits = [edit for edit in (_edit(migration.up, applied.up), _edit(migration.down, applied.down)) if edit]
    told = [f"{script.file} {what}" for script, what in edits]
    if migration.down is None and applied.down is not None:
        told.append("its down file is gone")
    if migration.down is not None and applied.down is None:
        told.append(f"{migration.down.file} was added later")
    if not told:
        return None
    comments_only = len(told) == len(edits) and all(what == COMMENTS for _, what in edits)
    replaced = migration.name != applied.name
    undo = "undo what was applied, and apply this: sqlmig switch" if replaced else "undo the edit"
    return Problem(
        "comments_changed" if comments_only else "drift",
        f"{migration} is not what was applied{f', {applied}' if replaced else ''}: " + "; ".join(told),
        Place(edits[0][0].file if edits else migration.up.file),
        migration.version,
        warning=comments_only,
        next_step=f"{undo}, or accept it: sqlmig repair {migration.label}",
    )


def says_other_sql(migration: Migration, applied: Applied) -> bool:
    """Whether the up file says another SQL than the one that was applied, or cannot be read.

    One that was recorded with checksums of another kind counts as the same.
    """
    edit = _edit(migration.up, applied.up) if applied.up.algorithm == CHECKSUM_ALGORITHM else None
    return edit is not None and edit[1] != COMMENTS


def is_recorded(script: Script, recorded: Checksum | None) -> bool:
    """Whether its text is the one that was recorded; it is not where it cannot be read."""
    try:
        return recorded is not None and script.checksum == recorded._replace(sql=None)
    except FileError:
        return False


def _edit(script: Script | None, recorded: Checksum | None) -> tuple[Script, str] | None:
    if script is None or recorded is None:
        return None
    if recorded.algorithm != CHECKSUM_ALGORITHM:
        return script, f"was recorded by another sqlmig, with checksums of kind {recorded.algorithm}"
    try:
        if script.checksum.raw == recorded.raw:
            return None
        same_tokens = recorded.sql is not None and script.full_checksum.sql == recorded.sql
    except ScriptError:
        same_tokens = False
    except FileError as error:
        return script, f"changed: {error.message.removeprefix(script.file).strip()}"
    return script, COMMENTS if same_tokens else SQL


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
    undo = f", or undo it: sqlmig rollback {applied.label}" if applied.reversible else ""
    return Problem(
        "missing",
        f"{applied} was applied{when}{who}, and its file is gone",
        None,
        applied.version,
        next_step=f"restore it{undo}, or accept it: sqlmig repair {applied.label}",
    )


def stop(applied: Applied) -> str:
    """Where a non-transactional script stopped, in words."""
    if applied.statement is not None and applied.statements is not None and applied.statement > applied.statements:
        return "behind its last statement"
    return f"at statement {applied.statement}/{applied.statements}"


def unfinished(applied: Applied) -> Problem:
    """That a non-transactional script stopped half way: where, why, and how it goes on."""
    verb = "failed" if applied.progress is Progress.FAILED else "was interrupted"
    undoing = applied.direction is Direction.DOWN
    why = f": {applied.error}" if applied.error else ""
    again = f"sqlmig rollback {applied.label}" if undoing else "sqlmig apply"
    correct = "correct that statement and " if applied.progress is Progress.FAILED else ""
    return Problem(
        "failed",
        f"{applied}: {'its rollback ' if undoing else ''}{verb} {stop(applied)}{why}",
        None,
        applied.version,
        next_step=f"{correct}continue: {again}",
    )


def find(known: Sequence[Standing], text: str) -> Standing:
    """The migration meant by ``003``, ``3``, ``create_users``, ``003_create_users`` or the path of one of its files.

    Raises UsageError where there is none, or more than one.
    """
    name = re.split(r"[/\\]", text)[-1]
    fits: list[Callable[[Standing], bool]] = [
        lambda standing: _is_version(name) and standing.version == int(name),
        lambda standing: name in (str(standing), f"{standing}.up.sql", f"{standing}.down.sql"),
        lambda standing: name == standing.name,
    ]
    for fit in fits:
        found = [standing for standing in known if fit(standing)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(
                f"{text!r} could be " + " or ".join(map(str, found)), next_step="name the migration by its version"
            )
    if _is_version(name):
        raise no_version(int(name), known)
    import difflib

    near = difflib.get_close_matches(name, [word for standing in known for word in (str(standing), standing.name)], 3)
    raise UsageError(
        f"there is no migration {text!r}" + (f"; near it: {', '.join(near)}" if near else ""), next_step="sqlmig status"
    )


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) < LONGEST_FILE_NAME


def no_version(version: int, known: Sequence[Standing]) -> UsageError:
    """The error for a version that neither a file nor the history has; names those next to it."""
    near = sorted(known, key=lambda standing: abs(standing.version - version))[:3]
    names = ", ".join(str(standing) for standing in sorted(near, key=lambda standing: standing.version))
    return UsageError(
        f"there is no version {version}" + (f"; near it: {names}" if names else ""), next_step="sqlmig status"
    )
