"""Commands for those who work on several branches: ``switch``."""

from __future__ import annotations

from sqlmig.cli.commands import command
from sqlmig.cli.invocation import Invocation
from sqlmig.cli.options import DryRun, LockWait, Strict, Wait


@command(changes=True)
def switch(
    invocation: Invocation,
    dry_run: DryRun = False,
    strict: Strict = False,
    wait: Wait = None,
    lock_wait: LockWait = None,
) -> int:
    """Fit the database to this checkout.

    What another branch applied, and these files lack or say differently, is undone with the down stored when it was
    applied; then what is pending is applied, also out of order. The plan is shown first. Refused in a protected
    environment.
    """
    project = invocation.project()
    return invocation.confirmed(
        lambda yes: project.switch(dry_run=dry_run, strict=strict, wait=wait or 0, lock_wait=lock_wait, yes=yes)
    )
