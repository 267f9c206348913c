"""Commands that write files: ``init``, ``new``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sqlmig.cli.commands import command
from sqlmig.cli.invocation import Invocation


@command()
def init(invocation: Invocation) -> int:
    """Write sqlmig.toml and the folder sql.

    What is there already is kept.
    """
    from sqlmig import api

    return invocation.show(api.init(Path.cwd()))


@command()
def new(
    invocation: Invocation,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the migration does: create_users.")],
    timestamp: Annotated[bool, typer.Option("--timestamp", help="The time in UTC as the version.")] = False,
    no_transaction: Annotated[
        bool, typer.Option("--no-transaction", help="Begin the files with -- sqlmig: no-transaction.")
    ] = False,
) -> int:
    """Write the next pair of migration files."""
    project = invocation.project(offline=True)
    return invocation.show(project.new(name, timestamp=timestamp, transaction=not no_transaction))
