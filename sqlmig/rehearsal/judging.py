"""From what was seen of a migration to its verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmig.errors import SqlmigError
from sqlmig.frozen import dataclass
from sqlmig.rehearsal.rows import Rows, counts_changed, rows_lost
from sqlmig.schema.diff import diff
from sqlmig.schema.snapshot import Snapshot
from sqlmig.verdicts import Difference, RowDifference, Verdict


@dataclass(frozen=True)
class Scene:
    """The shadow at one moment."""

    snapshot: Snapshot
    rows: Rows


@dataclass(frozen=True)
class Findings:
    """What differs where nothing should: after the down, or after the second up."""

    differences: tuple[Difference, ...] = ()
    rows: tuple[RowDifference, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.differences or self.rows)


def after_down(before: Scene, back: Scene, *, ignore_column_order: bool) -> Findings:
    """In what the shadow after the down is not as it was before the up."""
    differences = _differences("down", before.snapshot, back.snapshot, ignore_column_order)
    return Findings(tuple(differences), rows_lost(before.rows, back.rows))


def after_second_up(first: Scene, second: Scene, *, ignore_column_order: bool) -> Findings:
    """In what the second up gave something else than the first."""
    differences = _differences("up", first.snapshot, second.snapshot, ignore_column_order)
    return Findings(tuple(differences), counts_changed(first.rows, second.rows))


def _differences(
    direction: str, expected: Snapshot, found: Snapshot, ignore_column_order: bool
) -> Iterator[Difference]:
    if expected.objects == found.objects:
        return
    for change in diff(expected, found, ignore_column_order=ignore_column_order):
        yield Difference(direction, change)


def verdict_on(down: Findings, second_error: SqlmigError | None, second: Findings) -> Verdict:
    """The verdict where up and down both ran: the first thing that is wrong, schema before rows, down before up.

    Only the order of columns comes behind the rows: a column that is made again is the last, whatever is in it.
    """
    changes = [difference.change for difference in down.differences]
    if any(change.kind == "removed" for change in changes):
        return Verdict.DOWN_REMOVES
    if any(change.category != "column_order" for change in changes):
        return Verdict.DOWN_LEAVES
    if down.rows:
        return Verdict.DATA_NOT_RESTORED
    if changes:
        return Verdict.DOWN_LEAVES
    if second_error is not None or second:
        return Verdict.NOT_REPEATABLE
    return Verdict.REVERSIBLE
