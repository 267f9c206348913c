"""Rows of the history tables as values, and scripts as the bytes that are stored."""

from __future__ import annotations

import base64
import zlib
from datetime import UTC, datetime

from sqlmig.database import Row
from sqlmig.migration import DIRECTIONS, Applied, Checksum, Direction, Progress, Script
from sqlmig.results import LogEntry
from sqlmig.script import TextSource

PROGRESS = {progress.value: progress for progress in Progress}


def packed(script: Script | None, limit: int | None = None) -> str:
    """A script as compressed bytes, in SQL; NULL where there is none, or where it is longer than the limit."""
    if script is None or (limit is not None and script.survey.size > limit):
        return "NULL"
    packed = base64.b64encode(zlib.compress("".join(script.verified_chunks()).encode(), 6)).decode()
    return f"pg_catalog.decode('{packed}', 'base64')"


def unpacked(text: str | None) -> str | None:
    """The text of a script from its compressed bytes, which came in base64."""
    return None if text is None else zlib.decompress(base64.b64decode(text)).decode()


def applied_in(row: Row) -> Applied:
    """One row of the block ``read``."""
    stored = unpacked(row[26])
    label, name = row[1] or "", row[2] or ""
    return Applied(
        version=int(row[0] or 0),
        label=label,
        name=name,
        up=Checksum(row[3] or "", row[4], int(row[7] or 0)),
        down=Checksum(row[5], row[6], int(row[7] or 0)) if row[5] is not None else None,
        reversible=row[8] == "t",
        batch=int(row[9] or 0),
        sequence=int(row[10] or 0),
        baseline=row[11] == "t",
        retired=row[12] == "t",
        stored_down=Script(Direction.DOWN, TextSource(stored, f"{label}_{name}.down.sql (as stored in the history)"))
        if stored is not None
        else None,
        progress=PROGRESS[row[13] or ""],
        direction=DIRECTIONS[row[14] or ""],
        statement=_int(row[15]),
        statements=_int(row[16]),
        prefix=row[17],
        error=row[18],
        applied_at=_time(row[19]),
        applied_by=row[20],
        role=row[21],
        host=row[22],
        duration_ms=_float(row[23]),
        sqlmig_version=row[24],
        git_commit=row[25],
        evidence=row[27],
    )


def event_in(row: Row) -> LogEntry:
    """One row of the block ``events``."""
    return LogEntry(
        at=_time(row[0]) or datetime.fromtimestamp(0, UTC),
        event=row[1] or "",
        version=_int(row[2]),
        label=row[3],
        name=row[4],
        batch=_int(row[5]),
        user=row[6] or "",
        role=row[7] or "",
        host=row[8],
        duration_ms=_float(row[9]),
        sqlmig_version=row[10],
        git_commit=row[11],
        detail=row[12],
    )


def _int(text: str | None) -> int | None:
    return None if text is None else int(text)


def _float(text: str | None) -> float | None:
    return None if text is None else float(text)


def _time(epoch: str | None) -> datetime | None:
    return None if epoch is None else datetime.fromtimestamp(float(epoch), UTC)
