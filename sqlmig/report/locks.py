"""What a migration locks, rewrites and builds, as a rehearsal saw it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlmig.report.style import Style, styled
from sqlmig.results import Locks

STOPS_READING = "ACCESS EXCLUSIVE"


def lock_lines(locks: Locks) -> Iterator[str]:
    """``ACCESS EXCLUSIVE on orders, rewritten``: a line for each table, and for each index that is built."""
    for lock in locks.tables:
        style = Style.CAREFUL if lock.rewritten or lock.mode == STOPS_READING else Style.FAINT
        yield "    " + styled(style, f"{lock.mode} on {_short(lock.table)}" + (", rewritten" if lock.rewritten else ""))
    for build in locks.indexes:
        verb = "rebuilds" if build.rebuilt else "builds"
        yield "    " + styled(Style.FAINT, f"{verb} index {_short(build.index)} on {_short(build.table)}")


def locks_document(locks: Locks | None) -> dict[str, Any] | None:
    """The same for a JSON document; None where nobody looked."""
    if locks is None:
        return None
    return {
        "tables": [{"table": lock.table, "mode": lock.mode, "rewritten": lock.rewritten} for lock in locks.tables],
        "indexes": [{"index": build.index, "table": build.table, "rebuilt": build.rebuilt} for build in locks.indexes],
    }


def _short(name: str) -> str:
    return name.removeprefix("public.")
