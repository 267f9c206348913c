"""What ``repair`` may do: accept what files say, and decide about a migration that stopped half way. Metadata only."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmig import audit
from sqlmig.errors import CheckFailed, Problem, UsageError
from sqlmig.history import History
from sqlmig.migration import Progress
from sqlmig.results import RepairChange
from sqlmig.runner.stepwise import decision
from sqlmig.standing import Standing


def repairable(known: Sequence[Standing]) -> list[Standing]:
    """Those whose files differ from their record in a way that can be accepted."""
    return [s for s in known if s.problem is not None and s.problem.code in ("drift", "comments_changed", "missing")]


def accept(standing: Standing, stored: audit.Stored, history: History) -> tuple[RepairChange, list[str]]:
    record, migration = standing.applied, standing.migration
    if record is None:
        raise UsageError(f"{standing} is not applied: there is nothing to repair", next_step="sqlmig apply")
    if record.progress is not Progress.DONE:
        raise CheckFailed([standing.problem or Problem("failed", f"{standing} stopped half way")])
    if migration is None:
        what, texts, diff = "its file is gone", [history.retire(record.version)], ""
    else:
        what = standing.problem.message if standing.problem is not None else "nothing changed"
        texts, diff = [history.accept(migration)], audit.diff(standing, stored)
    change = RepairChange(standing.version, standing.label, standing.name, what, diff)
    return change, [*texts, history.log("repair", record, batch=record.batch, detail=what)]


def decide(
    standing: Standing, mark: str | None, resume_at: int | None, history: History
) -> tuple[RepairChange, list[str]]:
    record = standing.applied
    if record is None or record.progress is Progress.DONE:
        raise UsageError(f"{standing} did not stop half way: there is nothing to decide", next_step="sqlmig status")
    what, texts = decision(standing, record, mark, resume_at, history)
    change = RepairChange(standing.version, standing.label, standing.name, what, "")
    return change, [*texts, history.log("repair", record, batch=record.batch, detail=what)]
