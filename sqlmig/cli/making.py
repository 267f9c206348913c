"""Commands that write files: ``init``, ``new``, and what ``new`` can write: ``templates``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sqlmig.cli.commands import command
from sqlmig.cli.invocation import Invocation, at_most_one
from sqlmig.cli.names import template_names
from sqlmig.errors import UsageError

if TYPE_CHECKING:
    from sqlmig.templates import Key


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
    template: Annotated[
        str | None,
        typer.Option(
            "--template",
            metavar="T",
            autocompletion=template_names,
            help="Write them from a template: sqlmig templates.",
        ),
    ] = None,
    define: Annotated[
        list[str] | None, typer.Option("-D", "--define", metavar="KEY=VALUE", help="A key of the template.")
    ] = None,
) -> int:
    """Write the next pair of migration files.

    A template's keys that are missing are asked for on a terminal.
    """
    at_most_one(template=template, no_transaction=no_transaction)
    project = invocation.project(offline=True)
    values: dict[str, str] | None = None
    if template is not None:
        known = project.template(template)
        values = _values(define or ())
        values |= _asked(invocation, known.missing(values))
        if known.reads_database:
            project = invocation.project()
    elif define:
        raise UsageError("-D is for a template", next_step="name one with --template: sqlmig templates")
    return invocation.show(
        project.new(name, timestamp=timestamp, transaction=not no_transaction, template=template, values=values)
    )


def _values(pairs: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        key = key.strip()
        if not equals:
            raise UsageError(f"-D {pair}: a value is missing", next_step=f"write -D {pair}=...")
        if key in found:
            raise UsageError(f"-D {key} is given twice", next_step="give it once")
        found[key] = value
    return found


def _asked(invocation: Invocation, missing: Sequence[Key]) -> dict[str, str]:
    """What a person answers; nothing where there is nobody to ask, or no answer comes."""
    found: dict[str, str] = {}
    if invocation.json or not invocation.output.interactive:
        return found
    for key in missing:
        answer = invocation.output.prompt(f"{key.name} ({key.description}): ")
        if not answer or not answer.strip():
            break
        found[key.name] = answer.strip()
    return found


@command()
def templates(invocation: Invocation) -> int:
    """List the templates of new, with their keys."""
    return invocation.show(invocation.project(offline=True).templates())
