"""Where a script that stopped half way goes on, and what keeps it from that."""

from __future__ import annotations

from sqlmig.errors import Place, Problem
from sqlmig.migration import Applied, Progress, Script


def stopped_at(record: Applied | None) -> int | None:
    """The statement at which a script that stopped half way goes on."""
    return record.statement if record is not None and record.progress is not Progress.DONE else None


def refusal_to_resume(record: Applied, script: Script) -> Problem | None:
    """What keeps a script that stopped half way from going on: that it now wants to be all or nothing."""
    nothing_stays = record.progress is Progress.FAILED and record.statement == 1
    if nothing_stays or script.problems or not script.header.transaction:
        return None
    return Problem(
        "failed",
        f"{record} stopped at statement {record.statement}/{record.statements} without a transaction, "
        f"and {script.file} does not say no-transaction any more",
        Place(script.file),
        record.version,
        next_step=f"put the header back; or undo it by hand, then: sqlmig repair {record.label} --mark-rolled-back",
    )
