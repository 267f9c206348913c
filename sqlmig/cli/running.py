"""Commands that run migrations, or show which would run."""

from __future__ import annotations

from typing import Annotated

import typer

from sqlmig.cli.commands import command
from sqlmig.cli.invocation import Invocation, at_most_one
from sqlmig.cli.names import migration_names
from sqlmig.cli.options import (
    DryRun,
    FromSchema,
    LockWait,
    OutOfOrder,
    ShadowUrl,
    Steps,
    Strict,
    To,
    Unsupported,
    Wait,
    natural_number,
    version_number,
)

Only = Annotated[
    str | None,
    typer.Argument(metavar="MIGRATION", autocompletion=migration_names, help="One alone: 003, or its name."),
]


@command(changes=True)
def apply(
    invocation: Invocation,
    migration: Only = None,
    to: To = None,
    steps: Steps = None,
    dry_run: DryRun = False,
    single_transaction: Annotated[
        bool, typer.Option("--single-transaction", help="All of them in one transaction.")
    ] = False,
    allow_out_of_order: OutOfOrder = False,
    strict: Strict = False,
    seed: Annotated[bool, typer.Option("--seed", help="Run the seeds behind them.")] = False,
    wait: Wait = None,
    lock_wait: LockWait = None,
    unsupported_server: Unsupported = False,
) -> int:
    """Apply what is pending."""
    chosen = at_most_one(only=migration, to=to, steps=steps)
    if invocation.typed == "up" and not chosen:
        steps = 1
    project = invocation.project(ahead=not wait, locks=not dry_run)
    from sqlmig.plan import Apply

    goal = Apply(to=to, steps=steps, only=migration, allow_out_of_order=allow_out_of_order)
    return invocation.confirmed(
        lambda yes: project.apply(
            goal,
            dry_run=dry_run,
            single_transaction=single_transaction,
            seed=seed,
            strict=strict,
            wait=wait or 0,
            lock_wait=lock_wait,
            yes=yes,
            unsupported_server=unsupported_server,
        )
    )


@command(changes=True)
def rollback(
    invocation: Invocation,
    migration: Only = None,
    steps: Steps = None,
    to: Annotated[
        int | None,
        typer.Option("--to", metavar="VERSION", callback=version_number, help="Every migration above this version."),
    ] = None,
    batch: Annotated[
        int | None, typer.Option("--batch", metavar="B", callback=natural_number, help="What one apply applied.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every applied migration.")] = False,
    dry_run: DryRun = False,
    strict: Strict = False,
    wait: Wait = None,
    lock_wait: LockWait = None,
) -> int:
    """Undo the last batch, or what is named."""
    chosen = at_most_one(only=migration, steps=steps, to=to, batch=batch, all=everything)
    if invocation.typed == "down" and not chosen:
        steps = 1
    project = invocation.project(ahead=not wait, locks=not dry_run)
    from sqlmig.plan import Rollback

    goal = Rollback(steps=steps, to=to, batch=batch, everything=everything, only=migration)
    return invocation.confirmed(
        lambda yes: project.rollback(goal, dry_run=dry_run, strict=strict, wait=wait or 0, lock_wait=lock_wait, yes=yes)
    )


@command(changes=True)
def redo(
    invocation: Invocation,
    dry_run: DryRun = False,
    strict: Strict = False,
    wait: Wait = None,
    lock_wait: LockWait = None,
) -> int:
    """Undo the last batch and apply it again."""
    project = invocation.project(ahead=not wait, locks=not dry_run)
    return invocation.confirmed(
        lambda yes: project.redo(dry_run=dry_run, strict=strict, wait=wait or 0, lock_wait=lock_wait, yes=yes)
    )


@command(changes=True, hidden=True)
def refresh(
    invocation: Invocation,
    dry_run: DryRun = False,
    strict: Strict = False,
    wait: Wait = None,
    lock_wait: LockWait = None,
) -> int:
    """Undo everything and apply it again."""
    project = invocation.project(ahead=not wait, locks=not dry_run)
    return invocation.confirmed(
        lambda yes: project.refresh(dry_run=dry_run, strict=strict, wait=wait or 0, lock_wait=lock_wait, yes=yes)
    )


@command(changes=True)
def reset(
    invocation: Invocation,
    dry_run: DryRun = False,
    strict: Strict = False,
    wait: Wait = None,
    lock_wait: LockWait = None,
) -> int:
    """Undo everything."""
    project = invocation.project(ahead=not wait, locks=not dry_run)
    return invocation.confirmed(
        lambda yes: project.reset(dry_run=dry_run, strict=strict, wait=wait or 0, lock_wait=lock_wait, yes=yes)
    )


@command(changes=True)
def fresh(
    invocation: Invocation,
    dry_run: DryRun = False,
    strict: Strict = False,
    seed: Annotated[bool, typer.Option("--seed", help="Run the seeds behind them.")] = False,
    wait: Wait = None,
    lock_wait: LockWait = None,
) -> int:
    """Drop everything and apply all migrations.

    Every object in the database goes, whoever made it. The log of events stays.
    """
    project = invocation.project(ahead=not wait, locks=not dry_run)
    return invocation.confirmed(
        lambda yes: project.fresh(
            dry_run=dry_run, seed=seed, strict=strict, wait=wait or 0, lock_wait=lock_wait, yes=yes
        )
    )


@command()
def plan(
    invocation: Invocation,
    to: To = None,
    steps: Steps = None,
    allow_out_of_order: OutOfOrder = False,
    strict: Strict = False,
    locks: Annotated[
        bool, typer.Option("--locks", help="Show what is locked and rewritten, by running it on a shadow.")
    ] = False,
    shadow_url: ShadowUrl = None,
    from_schema: FromSchema = False,
) -> int:
    """Show what apply would do, by statement.

    With --verbose, show their SQL as well.
    """
    at_most_one(to=to, steps=steps)
    project = invocation.project(ahead=True)
    from sqlmig.plan import Apply

    goal = Apply(to=to, steps=steps, allow_out_of_order=allow_out_of_order)
    return invocation.show(
        project.plan(goal, strict=strict, locks=locks, shadow_url=shadow_url, from_schema=from_schema)
    )
