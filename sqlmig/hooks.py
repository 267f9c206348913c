"""Hooks on disk: SQL files of fixed names that run before and behind what is applied."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sqlmig.errors import FileError, Place
from sqlmig.files import require_folders, show
from sqlmig.plan.beside import HOOKS
from sqlmig.script import Direction, FileSource, Script


def discover(folder: Path | None) -> Mapping[str, Script]:
    """The hooks of a folder by name; none without a folder.

    Raises FileError where the folder does not exist, or holds an SQL file that is no hook and would never run.
    """
    if folder is None:
        return {}
    require_folders([folder], f"make the folder {show(folder)}, or correct hooks in the configuration")
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() != ".sql" or path.name.startswith("."):
            continue
        if path.suffix != ".sql" or path.stem not in HOOKS:
            names = ", ".join(f"{name}.sql" for name in HOOKS)
            shown = show(path)
            raise FileError(f"{shown} is no hook", place=Place(shown), next_step=f"the hooks are {names}")
        found[path.stem] = Script(Direction.UP, FileSource(path, show(path)))
    return found
