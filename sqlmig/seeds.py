"""Seeds on disk: SQL files that are run each time they are asked for, some of them in one environment alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlmig.errors import FileError, Place, UsageError
from sqlmig.files import require_folders, show, slug
from sqlmig.frozen import dataclass
from sqlmig.script import Direction, FileSource, Script

SUFFIX = ".sql"

TEXT = """\
-- {title}
--
-- Runs each time, in a transaction: write it so that it may, with ON CONFLICT, say.

"""


@dataclass(frozen=True)
class Seed:
    """One file, by its name without the ending."""

    name: str
    script: Script


def discover(folders: Sequence[Path], environment: str) -> tuple[Seed, ...]:
    """The seeds of an environment in order of name, and under one name in that of the folders.

    These are the files in the folders themselves and in their subfolder of the environment's name; other subfolders
    are for other environments. Hidden files are passed over. Raises FileError where a folder does not exist.
    """
    require_folders(folders, "sqlmig seed new NAME")
    found = [seed for folder in folders for part in _parts(folder, environment) for seed in _in(part)]
    return tuple(sorted(found, key=lambda seed: seed.name))


def _parts(folder: Path, environment: str) -> Iterator[Path]:
    yield folder
    own = folder / environment
    if environment not in (os.curdir, os.pardir) and own.parent == folder and own.is_dir():
        yield own


def _in(folder: Path) -> Iterator[Seed]:
    for path in sorted(folder.iterdir()):
        if path.name.endswith(SUFFIX) and not path.name.startswith(".") and path.is_file():
            yield Seed(path.name.removesuffix(SUFFIX), Script(Direction.UP, FileSource(path, show(path))))


def chosen(seeds: Sequence[Seed], names: Sequence[str]) -> tuple[Seed, ...]:
    """Those of these names, with or without their ending, in the order that all have; all of them without names.

    Raises UsageError for a name that none has.
    """
    if not names:
        return tuple(seeds)
    known = {seed.name for seed in seeds}
    wanted = {name if name in known else name.removesuffix(SUFFIX) for name in names}
    for name in sorted(wanted - known):
        import difflib

        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        there_are = ", ".join(sorted(known)) or "none"
        raise UsageError(f"there is no seed {name!r}{hint}", next_step=f"the seeds are: {there_are}")
    return tuple(seed for seed in seeds if seed.name in wanted)


def write(folder: Path, name: str) -> Path:
    """Write a seed to begin with, and return its path. Raises UsageError for a name that is none, or is taken."""
    path = folder / f"{slug(name)}{SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(TEXT.format(title=" ".join(name.split())))
    except FileExistsError:
        raise UsageError(f"{show(path)} exists already", next_step="change that file, or take another name") from None
    except OSError as error:
        told = f"{show(path)} cannot be written: {error.strerror}"
        raise FileError(told, place=Place(show(path))) from error
    return path
