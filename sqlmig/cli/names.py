"""Words that a shell completes, from the files alone; none where they cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from sqlmig.config import Environment


def migration_names(context: typer.Context, incomplete: str) -> list[str]:
    """The migrations of the folders that are configured, or named by --dir."""
    from sqlmig.files import discover

    return _completed(context, incomplete, lambda environment: map(str, discover(environment.directories).migrations))


def template_names(context: typer.Context, incomplete: str) -> list[str]:
    """The templates, the project's own among them."""
    from sqlmig.templates import templates

    return _completed(context, incomplete, lambda environment: (found.name for found in templates(environment.root)))


def seed_names(context: typer.Context, incomplete: str) -> list[str]:
    """The seeds that run in the environment."""
    from sqlmig.seeds import discover

    def names(environment: Environment) -> Iterable[str]:
        return (seed.name for seed in discover(environment.seeds, environment.name))

    return _completed(context, incomplete, names)


def _completed(context: typer.Context, incomplete: str, names: Callable[[Environment], Iterable[str]]) -> list[str]:
    """Those that begin with what was typed."""
    from sqlmig.config import load
    from sqlmig.errors import SqlmigError

    given = context.params
    try:
        environment = load(
            env=given.get("env"),
            directories=given.get("directories") or (),
            config=given.get("config"),
            connect=False,
        )
        return [name for name in names(environment) if name.startswith(incomplete)]
    except SqlmigError:
        return []
