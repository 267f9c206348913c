"""``drift`` and ``dump``: the schema compared with what is known of it. And what ``apply`` does of that."""

from __future__ import annotations

import difflib
from pathlib import Path

from sqlmig.access import Desk
from sqlmig.actions.keeping import present_schema
from sqlmig.actions.workplace import Workplace
from sqlmig.errors import CheckFailed, FileError, Problem
from sqlmig.events import Warned
from sqlmig.rehearsal import Filling, course
from sqlmig.schema.diff import Change, diff
from sqlmig.schema.ignore import Ignore
from sqlmig.schema.snapshot import Snapshot
from sqlmig.snapshots import Known, Snapshots
from sqlmig.standing import standings
from sqlmig.verdicts import DriftResult, DumpResult

NOT_KEPT = "set schema_snapshots = true, or make the present state known: sqlmig drift --accept"


def drift(place: Workplace, *, shadow_url: str | None = None) -> DriftResult:
    """What differs between the database and what its migrations left.

    That is the newest snapshot in the history. Where there is none, or something was applied since without one, the
    migrations are run on a shadow for it. Writes nothing. Raises what filling a shadow raises.
    """
    with place.access.desk() as desk:
        present = present_schema(place, desk)
        known = Snapshots(desk.history).newest(desk.session) if desk.facts.tables_exist else None
        if known is not None and _comparable(known, present):
            changes = _changes_since(place, desk, known, present)
            basis = f"the snapshot of {known.at:%Y-%m-%d %H:%M} UTC ({known.reason})"
            return DriftResult(desk.where, present.fingerprint, known.fingerprint, basis, changes, accepted=False)
        return _drift_by_shadow(place, desk, present, known, shadow_url)


def _comparable(known: Known, present: Snapshot) -> bool:
    return known.current and known.major == present.major


def _changes_since(place: Workplace, desk: Desk, known: Known, present: Snapshot) -> tuple[Change, ...]:
    if known.fingerprint == present.fingerprint:
        return ()
    former = Snapshots(desk.history).schema(desk.session, known)
    return diff(Ignore.parse(place.environment.ignore).apply(former), present)


def _drift_by_shadow(
    place: Workplace, desk: Desk, present: Snapshot, known: Known | None, shadow_url: str | None
) -> DriftResult:
    """Compare with a database that the applied migrations build. Who owns an object is not compared: that depends on
    who applied them."""
    applied = [standing for standing in standings(place.migrations(), desk.applied()) if standing.applied is not None]
    stored = desk.history.stored(desk.session, [standing.version for standing in applied])
    run = course(applied, stored, (), everything=False, from_schema=False)
    filling = Filling(desk, run)
    with filling.stage(shadow_url, Ignore.parse(place.environment.ignore), place.listener) as stage:
        filling.fill(stage)
        expected = stage.look().snapshot
    no_snapshot = _not_kept(known, present, "compared with the migrations")
    place.listener(Warned(no_snapshot))
    warnings = (*stage.shadow.warnings, no_snapshot)
    changes = tuple(change for change in diff(expected, present) if change.category != "owner")
    basis = "the migrations, run on a shadow for comparison"
    where, fingerprint = desk.where, present.fingerprint
    return DriftResult(where, fingerprint, expected.fingerprint, basis, changes, accepted=False, warnings=warnings)


def _not_kept(known: Known | None, present: Snapshot, consequence: str) -> Problem:
    why = "no snapshot of the schema is kept"
    if known is not None and not known.current:
        why = f"something was applied or undone since the snapshot of {known.at:%Y-%m-%d %H:%M} UTC"
    elif known is not None:
        why = f"the server was upgraded from PostgreSQL {known.major} to {present.major} since the last snapshot"
    return Problem("no_snapshot", f"{why}: {consequence}", warning=True, next_step=NOT_KEPT)


def accept_drift(place: Workplace, *, yes: bool) -> DriftResult:
    """Make the present schema what is known, and log it. Raises ConfirmationRequired in a protected environment."""
    with place.access.desk() as desk:
        present = present_schema(place, desk)
        known = Snapshots(desk.history).newest(desk.session) if desk.facts.tables_exist else None
        changes: tuple[Change, ...] = ()
        if known is not None and known.major == present.major:
            changes = _changes_since(place, desk, known, present)
        fingerprint = present.fingerprint
        result = DriftResult(desk.where, fingerprint, fingerprint, "what is there now", changes, accepted=True)
        place.require_confirmation(yes, result)
        desk.require_writable()
        with desk.locked(None):
            detail = "; ".join(change.sentence for change in changes[:20]) or "the schema as it is"
            logged = desk.history.log("drift", detail=f"accepted {fingerprint[:12]}: {detail}")
            texts = Snapshots(desk.history).texts(desk.session, present, "accept")
            desk.history.write(desk.session, [*texts, logged])
        return result


def look_before(place: Workplace, desk: Desk) -> None:
    """Warn, or raise CheckFailed where that was asked for, where the schema is not what migrations left.

    Says nothing where no snapshot was ever kept, and warns where the last one does not fit any more.
    """
    known = Snapshots(desk.history).newest(desk.session)
    if known is None:
        return
    present = present_schema(place, desk)
    if not _comparable(known, present):
        place.listener(Warned(_not_kept(known, present, "whether the schema drifted cannot be told")))
        return
    changes = _changes_since(place, desk, known, present)
    if not changes:
        return
    more = f" (and {len(changes) - 1} more)" if len(changes) > 1 else ""
    problem = Problem(
        "schema_drift",
        f"the database is not what its migrations left: {changes[0].sentence}{more}",
        warning=place.environment.on_schema_drift == "warn",
        next_step="see: sqlmig drift; accept it: sqlmig drift --accept",
    )
    if not problem.warning:
        raise CheckFailed([problem])
    place.listener(Warned(problem))


def dump(place: Workplace, *, sql: bool, check: Path | None) -> DumpResult:
    """The schema as text, without the history; compared with a file where one is given.

    Raises NoServer without a pg_dump that fits the server, FileError for a file that is no dump.
    """
    sql = sql or (check is not None and check.suffix == ".sql")
    with place.access.desk() as desk:
        present = present_schema(place, desk)
        if sql:
            from sqlmig.dumping import dump_schema

            text = dump_schema(desk.session, desk.history.schema, place.environment.role)
        else:
            text = Snapshot(present.objects, present.major * 10000).to_json()
        where, fingerprint = desk.where, present.fingerprint
    if check is None:
        return DumpResult(where, text, fingerprint, sql)
    kept = _read(check)
    changes: tuple[Change, ...] = ()
    if not sql:
        former = _snapshot_in(check, kept)
        changes = diff(former, present)
        kept = former.to_json()
        text = Snapshot(present.objects, former.server_version).to_json()
    lines = difflib.unified_diff(
        kept.splitlines(keepends=True), text.splitlines(keepends=True), str(check), "the database"
    )
    return DumpResult(where, text, fingerprint, sql, str(check), "".join(lines), changes)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path} cannot be read: {error}") from None


def _snapshot_in(path: Path, text: str) -> Snapshot:
    try:
        return Snapshot.from_json(text)
    except ValueError as error:
        raise FileError(f"{path}: {error}", next_step=f"sqlmig dump > {path}") from None
