"""Commands for those who work on several branches: ``switch``, ``renumber``."""

from __future__ import annotations

from typing import Annotated

import typer

from sqlmig.cli.commands import command
from sqlmig.cli.invocation import Invocation
from sqlmig.cli.names import migration_names
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


@command()
def renumber(
    invocation: Invocation,
    migrations: Annotated[
        list[str] | None,
        typer.Argument(metavar="MIGRATION", autocompletion=migration_names, help="Those alone."),
    ] = None,
    onto: Annotated[
        str | None, typer.Option("--onto", metavar="REF", help="What git says this branch has and REF has not.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no database whether they are applied.")] = False,
    dry_run: DryRun = False,
) -> int:
    """Move migrations behind those that they met.

    Their files get the next numbers, in the order they had. Without MIGRATION and --onto it is about those that share
    a version with one that is applied, and those that are out of order. What is applied is never renumbered.
    """
    project = invocation.project(offline=offline)
    return invocation.show(project.renumber(migrations or (), onto=onto, offline=offline, dry_run=dry_run))
