"""The project's own PostgreSQL: ``db start``, ``db stop``, ``db url``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sqlmig.cli.commands import Commands, command, family
from sqlmig.cli.invocation import Invocation


class DatabaseCommands(Commands):
    """What stands behind ``sqlmig db``."""

    table: ClassVar[Mapping[str, str]] = {
        "start": "sqlmig.cli.serving:start",
        "stop": "sqlmig.cli.serving:stop",
        "url": "sqlmig.cli.serving:url",
    }
    prefix: ClassVar[str] = "db "


app = family(DatabaseCommands)


@app.callback()
def _family() -> None:
    """The PostgreSQL of this project: start, stop, url."""


@command()
def start(invocation: Invocation) -> int:
    """Start it, unless it is running."""
    return invocation.show(invocation.project().server_start())


@command()
def stop(invocation: Invocation) -> int:
    """Stop it. Its data stays."""
    return invocation.show(invocation.project().server_stop())


@command()
def url(invocation: Invocation) -> int:
    """Print its URL, and start it where it is not running."""
    return invocation.show(invocation.project().server_url())
