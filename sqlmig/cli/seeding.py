"""Seeds: ``seed new``, ``seed run``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import typer

from sqlmig.cli.commands import Commands, command, family
from sqlmig.cli.invocation import Invocation
from sqlmig.cli.names import seed_names
from sqlmig.cli.options import DryRun, LockWait, Wait


class SeedCommands(Commands):
    """What stands behind ``sqlmig seed``."""

    table: ClassVar[Mapping[str, str]] = {
        "new": "sqlmig.cli.seeding:new",
        "run": "sqlmig.cli.seeding:run",
    }
    aliases: ClassVar[Mapping[str, str]] = {"make": "new"}
    prefix: ClassVar[str] = "seed "


app = family(SeedCommands)


@app.callback()
def _family() -> None:
    """Rows to begin with: new, run."""


@command()
def new(
    invocation: Invocation,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the seed is about: 010_people.")],
    only: Annotated[
        str | None, typer.Option("--for", metavar="ENV", help="For this environment alone, in a folder of its name.")
    ] = None,
) -> int:
    """Write the next seed file."""
    return invocation.show(invocation.project(offline=True).seed_new(name, only=only))


@command(changes=True)
def run(
    invocation: Invocation,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", autocompletion=seed_names, help="These alone.")
    ] = None,
    dry_run: DryRun = False,
    wait: Wait = None,
    lock_wait: LockWait = None,
) -> int:
    """Run seeds in order of name, each in one transaction.

    They run each time. Those of the environment's own folder are among them.
    """
    project = invocation.project()
    return invocation.confirmed(
        lambda yes: project.seed_run(names or (), dry_run=dry_run, wait=wait or 0, lock_wait=lock_wait, yes=yes)
    )
