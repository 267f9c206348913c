"""Migration files on disk: finding them, and writing new ones."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlmig.errors import FileError, FilesInvalid, Place, Problem, UsageError
from sqlmig.migration import Direction, FileName, Migration, Script
from sqlmig.script import FileSource

UP_TEMPLATE = """\
{header}-- {title}

"""
DOWN_TEMPLATE = """\
{header}-- The way back from {title}: give back exactly what the up changed.

"""


@dataclass(frozen=True)
class Discovery:
    """All migrations of some folders in order of version, and everything that is wrong with the files."""

    migrations: tuple[Migration, ...]
    problems: tuple[Problem, ...]

    def raise_for_problems(self) -> None:
        """Raise FilesInvalid, which names all of them, where a finding is more than a warning."""
        errors = [problem for problem in self.problems if not problem.warning]
        if errors:
            raise FilesInvalid(errors)


@dataclass(frozen=True)
class Found:
    """One file whose name follows the grammar."""

    path: Path
    shown: str
    label: str
    file_name: FileName


def discover(directories: Sequence[Path], relative_to: Path | None = None) -> Discovery:
    """Every migration in these folders and their subfolders, ordered by version alone.

    Reads names, not contents. Raises FileError where a folder does not exist. Hidden files and folders are passed
    over; a file that two folders share, or that is reached by two paths, counts once.
    """
    problems: list[Problem] = []
    by_version: dict[int, dict[Direction, list[Found]]] = {}
    for path in _sql_files(directories):
        shown = show(path, relative_to)
        file_name = FileName.parse(path.name)
        if file_name is None:
            problems.append(_stray(path.name, shown))
            continue
        found = Found(path, shown, path.name.partition("_")[0], file_name)
        by_version.setdefault(file_name.version, {}).setdefault(file_name.direction, []).append(found)
    migrations = []
    for version, scripts in sorted(by_version.items()):
        problems.extend(_pair_problems(version, scripts))
        if ups := scripts.get(Direction.UP):
            migrations.append(_migration(version, ups[0], scripts.get(Direction.DOWN, [])))
    return Discovery(tuple(migrations), tuple(problems))


def show(path: Path, relative_to: Path | None = None) -> str:
    """The path as a person would type it: relative to the working directory where it lies below it."""
    base = relative_to if relative_to is not None else Path.cwd()
    return os.path.relpath(path, base) if path.is_relative_to(base) else str(path)


def _sql_files(directories: Iterable[Path]) -> Iterator[Path]:
    seen: set[str] = set()
    for directory in directories:
        if not directory.is_dir():
            missing = not directory.exists()
            raise FileError(
                f"{directory} {'does not exist' if missing else 'is not a folder'}",
                place=Place(str(directory)),
                next_step="sqlmig init" if missing else "name a folder with --dir, or as directory in sqlmig.toml",
            )
        for path in sorted(_walk(str(directory))):
            real = os.path.realpath(path)
            if real not in seen:
                seen.add(real)
                yield Path(path)


def _walk(folder: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise FileError(f"{folder} cannot be read: {error.strerror}", place=Place(folder)) from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path)
        elif entry.name.lower().endswith(".sql"):
            yield entry.path


def _stray(name: str, shown: str) -> Problem:
    if FileName.nearly(name):
        return Problem(
            "file_name",
            f"{shown} is not named like a migration",
            Place(shown),
            next_step="rename it to NNN_name.up.sql or NNN_name.down.sql",
        )
    return Problem("ignored_file", f"{shown} is passed over: its name is not a migration's", Place(shown), warning=True)


def _pair_problems(version: int, scripts: dict[Direction, list[Found]]) -> Iterator[Problem]:
    for direction, found in scripts.items():
        if len(found) > 1:
            yield Problem(
                "duplicate_version",
                f"version {version} has {len(found)} {direction} files: " + ", ".join(file.shown for file in found),
                Place(found[1].shown),
                version,
                next_step="give one of them another version",
            )
    ups, downs = scripts.get(Direction.UP), scripts.get(Direction.DOWN)
    if downs and not ups:
        yield Problem(
            "down_without_up",
            ", ".join(file.shown for file in downs) + f": version {version} has no up file",
            Place(downs[0].shown),
            version,
            next_step=f"add {downs[0].label}_{downs[0].file_name.name}.up.sql, or remove the down file",
        )
    elif ups and downs and ups[0].file_name.name != downs[0].file_name.name:
        yield Problem(
            "name_mismatch",
            f"the files of version {version} have different names: {ups[0].shown}, {downs[0].shown}",
            Place(downs[0].shown),
            version,
            warning=True,
            next_step=f"rename the down file to {ups[0].label}_{ups[0].file_name.name}.down.sql",
        )


def _migration(version: int, up: Found, downs: list[Found]) -> Migration:
    down = downs[0] if downs else None
    return Migration(
        version=version,
        name=up.file_name.name,
        up=Script(Direction.UP, FileSource(up.path, up.shown)),
        down=Script(Direction.DOWN, FileSource(down.path, down.shown)) if down else None,
        label=up.label,
    )


def new_pair(
    directory: Path, name: str, existing: Sequence[Migration], *, timestamp: bool = False, transaction: bool = True
) -> tuple[Path, Path]:
    """Write the next pair of files and return their paths, up first.

    The version is one above the highest there is, as wide as that one is spelled, or the UTC time to the second.
    Never writes over a file: where another process took the version first, raises UsageError and leaves nothing.
    """
    stem = _slug(name)
    label = _next_label(existing, timestamp)
    directory.mkdir(parents=True, exist_ok=True)
    header = "" if transaction else "-- sqlmig: no-transaction\n"
    title = name.strip().replace("\n", " ")
    up, down = (directory / f"{label}_{stem}.{direction}.sql" for direction in (Direction.UP, Direction.DOWN))
    _write_new(up, UP_TEMPLATE.format(header=header, title=title))
    try:
        _write_new(down, DOWN_TEMPLATE.format(header=header, title=title))
    except UsageError:
        up.unlink()
        raise
    return up, down


def _slug(name: str) -> str:
    words = "".join(character if character.isalnum() or character in "_-." else "_" for character in name.strip())
    stem = "_".join(part for part in words.split("_") if part)
    if not any(character.isalnum() for character in stem):
        raise UsageError(f"{name!r} makes no file name", next_step="sqlmig new create_users")
    return stem


def _next_label(existing: Sequence[Migration], timestamp: bool) -> str:
    highest = max(existing, key=lambda migration: migration.version, default=None)
    if timestamp:
        stamp = int(datetime.now(UTC).strftime("%Y%m%d%H%M%S"))
        return str(max(stamp, highest.version + 1) if highest is not None and highest.version >= stamp else stamp)
    if highest is None:
        return "001"
    return str(highest.version + 1).zfill(len(highest.label))


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{path} exists already", next_step="run the command again") from error
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror}", place=Place(str(path))) from error
