"""Commands that change the history and nothing else: ``repair``, ``baseline``."""

from __future__ import annotations

from typing import Annotated

import typer

from sqlmig.cli.commands import command
from sqlmig.cli.invocation import Invocation, at_most_one
from sqlmig.cli.names import migration_names
from sqlmig.cli.options import natural_number, version_number
from sqlmig.errors import UsageError


@command(changes=True)
def repair(
    invocation: Invocation,
    migrations: Annotated[
        list[str] | None,
        typer.Argument(metavar="MIGRATION", autocompletion=migration_names, help="Those alone; else all."),
    ] = None,
    resume_at: Annotated[
        int | None,
        typer.Option("--resume-at", metavar="K", callback=natural_number, help="Continue it at statement K."),
    ] = None,
    mark_applied: Annotated[
        bool, typer.Option("--mark-applied", help="It did its work: record it as applied.")
    ] = False,
    mark_rolled_back: Annotated[
        bool, typer.Option("--mark-rolled-back", help="Its work was undone: record it as pending.")
    ] = False,
    sums: Annotated[bool, typer.Option("--sum", help="Write sqlmig.sum beside the files; needs no database.")] = False,
) -> int:
    """Show what changed, and accept it.

    Runs no migration: the history alone is changed. A migration that stopped half way is decided with one of the
    options, by name.
    """
    at_most_one(resume_at=resume_at, mark_applied=mark_applied, mark_rolled_back=mark_rolled_back, sum=sums)
    if sums and migrations:
        raise UsageError("--sum is about all migrations; give it alone", next_step="sqlmig repair --sum")
    if sums:
        return invocation.show(invocation.project(offline=True).write_sums())
    mark = "applied" if mark_applied else "rolled_back" if mark_rolled_back else None
    if (mark or resume_at) and len(migrations or ()) != 1:
        raise UsageError("name the one migration that this is about", next_step="sqlmig status")
    project = invocation.project()
    return invocation.confirmed(lambda yes: project.repair(migrations or (), mark=mark, resume_at=resume_at, yes=yes))


@command(changes=True)
def baseline(
    invocation: Invocation,
    version: Annotated[
        int, typer.Argument(metavar="VERSION", callback=version_number, help="The last one that is recorded.")
    ],
) -> int:
    """Record migrations as applied without running them.

    For a database that has what they make: everything up to the version, and the version itself.
    """
    project = invocation.project()
    return invocation.confirmed(lambda yes: project.baseline(version, yes=yes))
