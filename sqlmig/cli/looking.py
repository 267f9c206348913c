"""Commands that read: ``status``, ``check``, ``history``."""

from __future__ import annotations

from typing import Annotated

import typer

from sqlmig.cli.commands import command
from sqlmig.cli.invocation import Invocation, at_most_one
from sqlmig.cli.options import FromSchema, ShadowUrl, Strict, format_name, natural_number


@command()
def status(invocation: Invocation) -> int:
    """Show how every migration stands.

    Exits 0 whatever it shows: check is the gate.
    """
    return invocation.show(invocation.project(ahead=True).status())


@command()
def check(
    invocation: Invocation,
    offline: Annotated[bool, typer.Option("--offline", help="The files alone; needs no database.")] = False,
    pending_ok: Annotated[bool, typer.Option("--pending-ok", help="Pending migrations are no finding.")] = False,
    strict: Strict = False,
    rehearse: Annotated[bool, typer.Option("--rehearse", help="Prove what is pending, on a shadow.")] = False,
    shadow_url: ShadowUrl = None,
    from_schema: FromSchema = False,
    report: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="FORMAT", callback=format_name, help="For CI: github, gitlab, junit, sarif; else text."
        ),
    ] = None,
) -> int:
    """Check files and history.

    Exits 2 where a file cannot be used, 3 where something is changed, missing, pending, out of order or unfinished, or,
    with --rehearse, where a down does not undo its up.
    """
    invocation.speak(report)
    at_most_one(offline=offline, rehearse=rehearse)
    result = invocation.project(offline=offline, ahead=not offline).check(
        offline=offline,
        pending_ok=pending_ok,
        strict=strict,
        rehearse=rehearse,
        shadow_url=shadow_url,
        from_schema=from_schema,
    )
    return invocation.show(result, result.exit_code)


@command()
def history(
    invocation: Invocation,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", callback=natural_number, help="The last so many events.")
    ] = None,
) -> int:
    """Show who did what, and when."""
    return invocation.show(invocation.project(ahead=True).history(limit=limit))


@command(hidden=True)
def current_version(invocation: Invocation) -> int:
    """Print the highest applied version."""
    from sqlmig.results import VersionResult
    from sqlmig.standing import State

    result = invocation.project(ahead=True).status()
    applied = [
        standing for standing in result.migrations if standing.state in (State.APPLIED, State.DRIFTED, State.MISSING)
    ]
    if not applied:
        return invocation.show(VersionResult(result.where, None, None, None))
    last = applied[-1]
    return invocation.show(VersionResult(result.where, last.version, last.label, last.name))
