"""What ``check`` looks for: every finding about files and history, never only the first. Pure but for reading files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlmig.errors import FileError, Place, Problem
from sqlmig.files import Discovery
from sqlmig.migration import Checksum, Script
from sqlmig.plan import SCRIPT_PROBLEMS
from sqlmig.standing import Standing, State

FILE_PROBLEMS = SCRIPT_PROBLEMS | {
    "file_name",
    "duplicate_version",
    "down_without_up",
    "unreadable",
    "name_mismatch",
    "ignored_file",
    "sum_unreadable",
}
"""Findings that make an exit code of 2: something is wrong with the files, whatever the history says."""

Stored = Mapping[int, tuple[str | None, str | None]]
"""Up and down SQL as the history stores it, by version."""


def audit_files(discovery: Discovery) -> list[Problem]:
    """Everything wrong with names and texts. Reads every script whole; needs no database."""
    problems = list(discovery.problems)
    for migration in discovery.migrations:
        problems.extend(migration.problems)
    return problems


def audit_history(known: Sequence[Standing], *, pending_ok: bool) -> list[Problem]:
    """Everything in which files and history differ."""
    problems = [standing.problem for standing in known if standing.problem is not None]
    if not pending_ok:
        problems.extend(_pending(standing) for standing in known if standing.state is State.PENDING)
    return problems


def _pending(standing: Standing) -> Problem:
    place = Place(standing.migration.up.file) if standing.migration else None
    return Problem("pending", f"{standing} is pending", place, standing.version, next_step="sqlmig apply")


def exit_code(problems: Sequence[Problem], *, strict: bool) -> int:
    """2 where the files cannot be used, 3 where something was found, 0 else; strict counts warnings too."""
    counted = [problem for problem in problems if strict or not problem.warning]
    if any(problem.code in FILE_PROBLEMS for problem in counted):
        return 2
    return 3 if counted else 0


def drifted(known: Sequence[Standing]) -> list[Standing]:
    """Those whose files differ from what was applied, if only in comments."""
    return [s for s in known if s.problem is not None and s.problem.code in ("drift", "comments_changed")]


def with_diffs(problems: Sequence[Problem], known: Sequence[Standing], stored: Stored) -> list[Problem]:
    """The same problems, those about drift with a diff from what was applied to what the files say."""
    diffs = {standing.version: diff(standing, stored) for standing in drifted(known)}
    return [
        replace(problem, diff=diffs[problem.version])
        if problem.version in diffs and problem.code in ("drift", "comments_changed")
        else problem
        for problem in problems
    ]


def diff(standing: Standing, stored: Stored) -> str:
    """A unified diff from the stored SQL to the files; says so where a text was too long to be stored."""
    up, down = stored.get(standing.version, (None, None))
    migration, applied = standing.migration, standing.applied
    if migration is None or applied is None:
        return ""
    return _diff_of(up, migration.up, applied.up, f"{standing}.up.sql") + _diff_of(
        down, migration.down, applied.down, f"{standing}.down.sql"
    )


def _diff_of(before: str | None, script: Script | None, recorded: Checksum | None, name: str) -> str:
    """From what was applied (nothing, where ``recorded`` is None) to what the file says (nothing without one)."""
    try:
        if (script.checksum.raw if script else None) == (recorded.raw if recorded else None):
            return ""
        after = script.text() if script else ""
    except FileError as error:
        return f"{name}: {error.message}\n"
    if before is None and recorded is not None:
        return f"{name}: the applied text is not stored (it was longer than store_up_limit)\n"
    file = script.file if script is not None else "(no file)"
    import difflib

    lines = difflib.unified_diff(_lines(before or ""), _lines(after), f"{name} (applied)", file)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text.replace("\r\n", "\n").replace("\r", "\n"))
