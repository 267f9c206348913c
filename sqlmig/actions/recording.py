"""Commands that change what is recorded, and run no SQL of a migration: ``repair`` and ``baseline``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlmig import mending, sums
from sqlmig.actions.keeping import keep_snapshot
from sqlmig.actions.workplace import Workplace
from sqlmig.errors import UsageError
from sqlmig.files import show
from sqlmig.results import BaselineResult, RepairResult
from sqlmig.standing import find, standings


def repair(
    place: Workplace, names: Sequence[str], *, mark: str | None, resume_at: int | None, yes: bool
) -> RepairResult:
    """Accept what the files say now, or decide about a migration that stopped half way. What is accepted is logged.

    Raises UsageError where a name or a decision does not fit; then nothing is written.
    """
    migrations = place.migrations()
    deciding = mark is not None or resume_at is not None
    if deciding and len(names) != 1:
        raise UsageError("a decision is about one migration", next_step="name it: sqlmig repair 003 --mark-applied")
    if place.origin is None and not deciding:
        sums.require_readable(place.folders)
    with place.access.desk() as desk:
        known = standings(migrations, desk.applied())
        chosen = [find(known, name) for name in names] if names else mending.repairable(known)
        if deciding:
            repairs = [mending.decide(standing, mark, resume_at, desk.history) for standing in chosen]
        else:
            stored = desk.history.stored(desk.session, [standing.version for standing in chosen])
            repairs = [mending.accept(standing, stored, desk.history) for standing in chosen]
        result = RepairResult(desk.where, tuple(change for change, _ in repairs))
        if repairs:
            place.require_confirmation(yes, result)
            desk.require_writable()
            with desk.locked(None):
                desk.history.write(desk.session, [text for _, texts in repairs for text in texts])
    if place.origin is not None or deciding:
        return result
    written = sums.keep(place.folders, {str(standing) for standing in chosen} if names else None)
    return replace(result, sums=tuple(map(show, written)))


def baseline(place: Workplace, version: int, *, yes: bool) -> BaselineResult:
    """Record everything up to a version as applied. Raises UsageError without that version."""
    migrations = place.migrations()
    with place.access.desk() as desk:
        known = standings(migrations, desk.applied())
        find(known, str(version))
        chosen = [s for s in known if s.version <= version and s.applied is None and s.migration is not None]
        result = BaselineResult(desk.where, tuple(chosen))
        if chosen:
            place.require_confirmation(yes, result)
            desk.require_writable()
            with desk.locked(None):
                desk.record_baseline([s.migration for s in chosen if s.migration is not None])
                keep_snapshot(place, desk, "baseline")
        return result
