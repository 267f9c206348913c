"""Commands that write files: ``init`` and ``new``."""

from __future__ import annotations

from pathlib import Path

from sqlmig import config, files, sums
from sqlmig.actions.workplace import Workplace
from sqlmig.results import InitResult, NewResult


def init(folder: Path) -> InitResult:
    """Write sqlmig.toml and the folder for migrations. What is there already is kept."""
    written, kept = [], []
    if (folder / "sqlmig.toml").exists():
        kept.append("sqlmig.toml")
    else:
        config.write_default(folder)
        written.append("sqlmig.toml")
    directory = folder / "sql"
    (kept if directory.exists() else written).append("sql/")
    directory.mkdir(exist_ok=True)
    return InitResult(tuple(written), tuple(kept))


def new(
    place: Workplace, name: str, *, timestamp: bool, transaction: bool, texts: tuple[str, str | None] | None = None
) -> NewResult:
    """Write the next pair of files. Raises UsageError for a name that makes none; never writes over a file."""
    folders = place.folders
    existing = files.discover([folder for folder in folders if folder.exists()])
    sums.require_readable(folders)
    up, down = files.new_pair(
        folders[0], name, existing.migrations, timestamp=timestamp, transaction=transaction, texts=texts
    )
    sums.keep([folder for folder in folders if folder.exists()], {up.name.removesuffix(".up.sql")})
    return NewResult(files.show(up), files.show(down) if down is not None else None)
