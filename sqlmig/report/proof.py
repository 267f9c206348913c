"""Results about proof: ``rehearse``, ``drift`` and ``dump``, and what ``plan --locks`` adds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator

from sqlmig.report.console import Redact, result_lines, where_line
from sqlmig.report.documents import Json, body, failure, findings, milliseconds
from sqlmig.report.failures import diff_lines, error_lines
from sqlmig.report.locks import lock_lines, locks_document
from sqlmig.report.style import Style, styled
from sqlmig.report.text import Fixed, Table, count, duration, harmless
from sqlmig.schema.diff import Change
from sqlmig.verdicts import Difference, DriftResult, DumpResult, RehearsalResult, Rehearsed, RowDifference, Verdict

SHADOWS = {
    "beside": "a database beside the target",
    "named": "the database that was named",
    "embedded": "a server of its own",
    "none": "no database",
}

KINDS = {"added": "leaves", "removed": "removes", "changed": "changes"}
"""What the script that ran last did with an object that should be as it was."""

VERDICT_STYLES = {Verdict.REVERSIBLE: Style.GOOD, Verdict.IRREVERSIBLE: Style.CAREFUL}


@result_lines.register
def _(result: RehearsalResult, secrets: Redact, limit: int | None, verbose: bool) -> Iterator[str]:
    yield where_line(result.where, verbose)
    if not result.migrations:
        yield "nothing to rehearse"
        return
    rows = [(str(found), found.verdict.replace("_", " "), duration(found.duration_ms)) for found in result.migrations]
    table = Table.fit(rows, limit, shrink=0, right=[2])
    for found, (name, verdict, took) in zip(result.migrations, rows, strict=True):
        yield from table.row((name, styled(VERDICT_STYLES.get(found.verdict, Style.BAD), verdict), took))
        yield from _found_lines(found, secrets, limit)
    for name in result.skipped:
        yield f"{name}: not rehearsed, since one before it does not run"
    yield ""
    unproven = len(result.unproven) + len(result.skipped)
    told = f"{count(unproven, 'migration')} not proven" if unproven else styled(Style.GOOD, "all proven")
    shadow = f"{SHADOWS[result.shadow]}, {result.shadow_server}"
    rehearsed = f"{count(len(result.migrations), 'migration')} rehearsed in {duration(result.duration_ms)}"
    yield f"{rehearsed} on {shadow}: {told}"


def _found_lines(found: Rehearsed, secrets: Redact, limit: int | None) -> Iterator[str]:
    if found.error is not None:
        yield from ("    " + line if line else line for line in error_lines(found.error, secrets, limit))
    for difference in found.differences:
        yield f"    {difference}"
        yield from _parts_and_diff(difference.change, secrets, indent="        ")
    for rows in found.rows:
        yield f"    {rows}"
    yield from lock_lines(found.locks)


@body.register
def _(result: RehearsalResult) -> Json:
    return {
        "migrations": [_rehearsed(found) for found in result.migrations],
        "skipped": list(result.skipped),
        "shadow": {"kind": result.shadow, "server": result.shadow_server},
        "duration_ms": milliseconds(result.duration_ms),
        **findings(result.warnings),
    }


def _rehearsed(found: Rehearsed) -> Json:
    return {
        "version": found.version,
        "label": found.label,
        "name": found.name,
        "verdict": str(found.verdict),
        "proven": found.verdict.proven,
        "differences": [_difference(difference) for difference in found.differences],
        "rows": [_rows(rows) for rows in found.rows],
        "locks": locks_document(found.locks),
        "error": failure(found.error) if found.error is not None else None,
        "duration_ms": milliseconds(found.duration_ms),
    }


def _difference(difference: Difference) -> Json:
    return {"direction": difference.direction, "message": str(difference), **_change(difference.change)}


def _change(change: Change) -> Json:
    return {
        "object": change.identity,
        "change": change.kind,
        "category": change.category,
        "sentence": change.sentence,
        "parts": list(change.parts),
        "diff": change.diff,
    }


def _rows(rows: RowDifference) -> Json:
    return {
        "direction": rows.direction,
        "table": rows.table,
        "rows": rows.rows,
        "lost": rows.lost,
        "new": rows.gained,
        "message": str(rows),
    }


@result_lines.register
def _(result: DriftResult, secrets: Redact, limit: int | None, verbose: bool) -> Iterator[str]:
    yield where_line(result.where, verbose)
    yield from _change_lines(result.changes, secrets)
    if result.accepted:
        told = f", with {_counted(result.changes)}" if result.changes else ""
        yield f"the schema is known as it is now{told} ({result.fingerprint[:12]})"
    elif result.changes:
        yield f"{_counted(result.changes)} since {result.basis}"
    else:
        yield styled(Style.GOOD, "no drift") + f" since {result.basis}"


def _change_lines(changes: Iterable[Change], secrets: Redact) -> Iterator[str]:
    for change in changes:
        yield "  " + change.sentence.replace(": only before", ": is gone").replace(": only after", ": was added")
        yield from _parts_and_diff(change, secrets, indent="      ")


def _parts_and_diff(change: Change, secrets: Redact, indent: str) -> Iterator[str]:
    yield from (f"{indent}with {part}" for part in change.parts)
    if change.diff:
        yield from diff_lines(secrets(change.diff))


def _counted(changes: Iterable[Change]) -> str:
    kinds = Counter(change.kind for change in changes)
    told = [f"{kinds[kind]} {kind}" for kind in ("added", "removed", "changed") if kinds[kind]]
    return ", ".join(told)


@body.register
def _(result: DriftResult) -> Json:
    return {
        "differences": [_change(change) for change in result.changes],
        "fingerprint": result.fingerprint,
        "known": result.known,
        "basis": result.basis,
        "accepted": result.accepted,
        **findings(result.warnings),
    }


@result_lines.register
def _(result: DumpResult, secrets: Redact, limit: int | None, verbose: bool) -> Iterator[str]:
    if result.file is None:
        yield from (Fixed(line) for line in result.text.rstrip("\n").split("\n"))
    elif result.difference:
        yield from (Fixed(harmless(line)) for line in result.difference.rstrip("\n").split("\n"))
        yield f"{result.file} is not what the database has"
    else:
        yield f"{result.file} is what the database has"


@body.register
def _(result: DumpResult) -> Json:
    return {
        "schema": None if result.sql else json.loads(result.text),
        "sql": result.text if result.sql else None,
        "fingerprint": result.fingerprint,
        "file": result.file,
        "diff": result.difference,
        "differences": [_change(change) for change in result.changes],
    }
