"""Commands that read files and history, and write nothing: ``status``, ``check``, ``history``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from sqlmig.actions.workplace import Workplace
from sqlmig.errors import FileError
from sqlmig.results import CheckResult, HistoryResult, StatusResult, Where
from sqlmig.standing import standings

if TYPE_CHECKING:
    from sqlmig.actions.proving import ShadowOptions


def status(place: Workplace) -> StatusResult:
    """How every migration stands. Needs no more than to connect."""
    discovery = place.discover()
    with place.access.desk() as desk:
        known = standings(discovery.migrations, desk.applied())
        problems = [standing.problem for standing in known if standing.problem is not None]
        found = [problem for problem in discovery.problems if not problem.warning]
        return StatusResult(desk.where, known, (*found, *problems))


def check(
    place: Workplace,
    *,
    offline: bool,
    pending_ok: bool,
    strict: bool,
    rehearse: bool = False,
    **options: Unpack[ShadowOptions],
) -> CheckResult:
    """Every finding about files and, unless offline, history; with ``rehearse`` about what is pending as well.

    Raises what a rehearsal raises. Files that cannot be used are not rehearsed.
    """
    from sqlmig import audit, sums
    from sqlmig.actions.beside import findings

    discovery = place.discover()
    problems = audit.audit_files(discovery)
    if place.origin is None:
        problems += sums.audit(place.folders)
    problems += findings(place)
    where: Where | None = None
    if not offline:
        with place.access.desk() as desk:
            where = desk.where
            known = standings(discovery.migrations, desk.applied())
            stored = desk.history.stored(desk.session, [standing.version for standing in audit.drifted(known)])
            problems += audit.with_diffs(audit.audit_history(known, pending_ok=pending_ok), known, stored)
            if rehearse and audit.exit_code(problems, strict=False) != FileError.exit_code:
                from sqlmig.actions import proving

                rehearsal = proving.rehearse_at(place, desk, discovery.migrations, (), **options)
                problems += proving.problems_of(rehearsal)
    code = audit.exit_code(problems, strict=strict)
    return CheckResult(where, tuple(problems), len(discovery.migrations), strict, code)


def history(place: Workplace, limit: int | None) -> HistoryResult:
    """The log, oldest first; empty where there is no history."""
    with place.access.desk() as desk:
        entries = desk.history.events(desk.session, limit) if desk.facts.tables_exist else ()
        return HistoryResult(desk.where, entries)
