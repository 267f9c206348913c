"""Commands about proof: migrations tried out, the schema compared and shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sqlmig.cli.commands import command
from sqlmig.cli.invocation import Invocation, at_most_one
from sqlmig.cli.names import migration_names
from sqlmig.cli.options import FromSchema, ShadowUrl, Wait, natural_number, path
from sqlmig.errors import UsageError

COLUMN_ORDER = "column-order"


def _ignorable(texts: list[str] | None) -> list[str]:
    for text in texts or ():
        if text != COLUMN_ORDER:
            raise typer.BadParameter(f"{text!r} cannot be ignored; {COLUMN_ORDER} can")
    return texts or []


@command()
def rehearse(
    invocation: Invocation,
    migrations: Annotated[
        list[str] | None,
        typer.Argument(metavar="MIGRATION", autocompletion=migration_names, help="003, or its name; else the pending."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every migration, from an empty database.")] = False,
    shadow_url: ShadowUrl = None,
    from_schema: FromSchema = False,
    sample: Annotated[
        int | None,
        typer.Option("--sample", metavar="N", callback=natural_number, help="Copy N rows of each table to try on."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="WHAT", callback=_ignorable, help="column-order is no difference."),
    ] = None,
    wait: Wait = None,
) -> int:
    """Prove that down undoes up, on a shadow database.

    Each pending migration, or each that is named, is run up, down and up again. Exits 3 where something is not proven.
    Nothing is written to the target.
    """
    at_most_one(only=migrations or None, all=everything)
    at_most_one(all=everything, from_schema=from_schema)
    result = invocation.project().rehearse(
        migrations or (),
        everything=everything,
        shadow_url=shadow_url,
        from_schema=from_schema,
        sample=sample,
        ignore_column_order=COLUMN_ORDER in (ignore or ()),
        wait=wait or 0,
    )
    return invocation.show(result, result.exit_code)


@command(changes=True)
def drift(
    invocation: Invocation,
    accept: Annotated[bool, typer.Option("--accept", help="From now on, what is there now is right.")] = False,
    shadow_url: ShadowUrl = None,
) -> int:
    """Show what was changed in the database by hand.

    Compares the schema with what the migrations left. Exits 3 where something differs.
    """
    at_most_one(accept=accept, shadow_url=shadow_url)
    project = invocation.project()
    if accept:
        return invocation.confirmed(lambda yes: project.accept_drift(yes=yes))
    result = project.drift(shadow_url=shadow_url)
    return invocation.show(result, result.exit_code)


@command()
def dump(
    invocation: Invocation,
    sql: Annotated[bool, typer.Option("--sql", help="As SQL, by pg_dump.")] = False,
    check: Annotated[
        Path | None,
        typer.Option("--check", metavar="FILE", callback=path, help="Compare with a dump that was kept."),
    ] = None,
) -> int:
    """Print the schema, always the same text for the same schema.

    With --check, exits 3 where the file says something else.
    """
    if check is not None and not check.is_file():
        raise UsageError(f"there is no file {check}", next_step=f"sqlmig dump > {check}")
    result = invocation.project().dump(sql=sql, check=check)
    return invocation.show(result, result.exit_code)
