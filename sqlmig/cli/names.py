"""Words that a shell completes, from the files alone; none where they cannot be read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from sqlmig.config import Environment


def migration_names(context: typer.Context, incomplete: str) -> list[str]:
    """The migrations of the folders that are configured, or named by --dir."""
    from sqlmig.errors import SqlmigError
    from sqlmig.files import discover

    try:
        found = discover(_environment(context).directories).migrations
    except SqlmigError:
        return []
    return _beginning(incomplete, map(str, found))


def template_names(context: typer.Context, incomplete: str) -> list[str]:
    """The templates, the project's own among them."""
    from sqlmig.errors import SqlmigError
    from sqlmig.templates import templates

    try:
        found = templates(_environment(context).root)
    except SqlmigError:
        return []
    return _beginning(incomplete, (template.name for template in found))


def seed_names(context: typer.Context, incomplete: str) -> list[str]:
    """The seeds that run in the environment."""
    from sqlmig.errors import SqlmigError
    from sqlmig.seeds import discover

    try:
        environment = _environment(context)
        found = discover(environment.seeds, environment.name)
    except SqlmigError:
        return []
    return _beginning(incomplete, (seed.name for seed in found))


def _environment(context: typer.Context) -> Environment:
    from sqlmig.config import load

    given = context.params
    return load(
        env=given.get("env"),
        directories=given.get("directories") or (),
        config=given.get("config"),
        connect=False,
    )


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
