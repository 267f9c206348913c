"""Words that a shell completes, from the files alone."""

from __future__ import annotations

import typer


def migration_names(context: typer.Context, incomplete: str) -> list[str]:
    """The migrations of the folders that are configured, or named by --dir; none where they cannot be read."""
    from sqlmig.config import load
    from sqlmig.errors import SqlmigError
    from sqlmig.files import discover

    given = context.params
    try:
        environment = load(
            env=given.get("env"),
            directories=given.get("directories") or (),
            config=given.get("config"),
            connect=False,
        )
        found = discover(environment.directories).migrations
    except SqlmigError:
        return []
    return [name for migration in found if (name := str(migration)).startswith(incomplete)]
