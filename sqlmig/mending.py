"""What ``repair`` may do: accept what files say, and decide about a migration that stopped half way. Metadata only."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmig import audit
from sqlmig.errors import CheckFailed, FilesInvalid, Problem, UsageError
from sqlmig.history import History
from sqlmig.migration import Progress
from sqlmig.results import RepairChange
from sqlmig.runner.resuming import decision
from sqlmig.standing import Standing


def repairable(known: Sequence[Standing]) -> list[Standing]:
    """Those whose files differ from their record in a way that can be accepted."""
    return [s for s in known if s.problem is not None and s.problem.code in ("drift", "comments_changed", "missing")]


def accept(standing: Standing, stored: audit.Stored, history: History) -> tuple[RepairChange, list[str]]:
    """What changes when the files become the record, and the SQL for it: none where nothing differs.

    Raises UsageError where the migration is not applied, CheckFailed where it stopped half way, FilesInvalid where
    its files are ones that could not be run.
    """
    record, migration = standing.applied, standing.migration
    if record is None:
        raise UsageError(f"{standing} is not applied: there is nothing to repair", next_step="sqlmig apply")
    if record.progress is not Progress.DONE:
        raise CheckFailed([standing.problem or Problem("failed", f"{standing} stopped half way")])
    if migration is None:
        what, texts, diff = "its file is gone", [history.retire(record.version)], ""
    elif standing.problem is None:
        return RepairChange(standing.version, standing.label, standing.name, "nothing changed", ""), []
    else:
        if migration.problems:
            raise FilesInvalid(migration.problems)
        what = standing.problem.message
        texts, diff = [history.accept(migration)], audit.diff(standing, stored)
    change = RepairChange(standing.version, standing.label, standing.name, what, diff)
    return change, [*texts, history.log("repair", record, batch=record.batch, detail=what)]


def decide(
    standing: Standing, mark: str | None, resume_at: int | None, history: History
) -> tuple[RepairChange, list[str]]:
    """What a person decided about a migration that stopped half way, and the SQL for it.

    Raises UsageError where it did not stop, or the decision cannot be carried out.
    """
    record = standing.applied
    if record is None or record.progress is Progress.DONE:
        raise UsageError(f"{standing} did not stop half way: there is nothing to decide", next_step="sqlmig status")
    what, texts = decision(standing, record, mark, resume_at, history)
    change = RepairChange(standing.version, standing.label, standing.name, what, "")
    return change, [*texts, history.log("repair", record, batch=record.batch, detail=what)]
