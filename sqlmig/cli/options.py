"""The options that commands share, and how their values are read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def _whole(text: str | None, least: int) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or int(text) < least:
        raise typer.BadParameter(f"{text!r} is not a whole number from {least} on")
    return int(text)


def version_number(text: str | None) -> int | None:
    """A version as it is typed, leading zeros and all."""
    return _whole(text, 0)


def natural_number(text: str | None) -> int | None:
    """A count, from 1 on."""
    return _whole(text, 1)


def seconds(text: str | None) -> float | None:
    """Seconds in a duration such as ``30s``."""
    if text is None:
        return None
    from sqlmig.config import parse_duration
    from sqlmig.errors import ConfigError

    try:
        return parse_duration(text)
    except ConfigError as error:
        raise typer.BadParameter(error.message) from None


FORMATS = ("text", "github", "gitlab", "junit", "sarif")


def format_name(text: str | None) -> str | None:
    """One of FORMATS."""
    if text is None or text in FORMATS:
        return text
    raise typer.BadParameter(f"{text!r} is none of {', '.join(FORMATS)}")


def folders(texts: list[str] | None) -> list[Path]:
    """Folders as they were typed; whether they exist is found out where they are read."""
    return [Path(text) for text in texts or ()]


def path(text: str | None) -> Path | None:
    """A file as it was typed."""
    return None if text is None else Path(text)


Env = Annotated[
    str | None,
    typer.Option("--env", metavar="NAME", help="The environment in sqlmig.toml, else $SQLMIG_ENV."),
]
Url = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="URL or conninfo of the database, else $SQLMIG_URL."),
]
Dir = Annotated[
    list[Path] | None,
    typer.Option("--dir", metavar="DIR", callback=folders, help="A folder of migrations, else $SQLMIG_DIR."),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", callback=path, help="The configuration file, else $SQLMIG_CONFIG."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Tell more.")]
Yes = Annotated[bool, typer.Option("--yes", help="Confirm a change to a protected environment.")]

To = Annotated[
    int | None, typer.Option("--to", metavar="VERSION", callback=version_number, help="Stop at this version.")
]
Steps = Annotated[int | None, typer.Option("--steps", metavar="N", callback=natural_number, help="So many migrations.")]
OutOfOrder = Annotated[
    bool, typer.Option("--allow-out-of-order", help="Apply what is pending below an applied version, too.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Refuse where there is a warning.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would run, and change nothing.")]
Wait = Annotated[
    float | None,
    typer.Option("--wait", metavar="TIME", callback=seconds, help="Wait so long for the server to start: 30s."),
]
LockWait = Annotated[
    float | None,
    typer.Option("--lock-wait", metavar="TIME", callback=seconds, help="Wait so long for another runner: 30s."),
]
ShadowUrl = Annotated[
    str | None,
    typer.Option("--shadow-url", metavar="URL", help="An empty database to try things on, or embedded."),
]
FromSchema = Annotated[bool, typer.Option("--from-schema", help="Begin with the schema of the target, by pg_dump.")]
Unsupported = Annotated[
    bool, typer.Option("--unsupported-server", help="Go on with a server that is not PostgreSQL 13 or later.")
]
