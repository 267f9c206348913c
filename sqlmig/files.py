"""Migration files on disk: finding them, and writing new ones."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from sqlmig.errors import FileError, FilesInvalid, Place, Problem, UsageError
from sqlmig.frozen import dataclass
from sqlmig.migration import Direction, FileName, Migration, Script, fits_name
from sqlmig.script import FileSource, Shelf, Source

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


class Found(NamedTuple):
    """One file whose name follows the grammar."""

    source: Source
    label: str
    file_name: FileName

    @property
    def shown(self) -> str:
        return self.source.name


def discover(directories: Sequence[Path], relative_to: Path | None = None) -> Discovery:
    """Every migration in these folders and their subfolders, ordered by version alone.

    Reads names, not contents. Raises FileError where a folder does not exist. Hidden files and folders are passed
    over and links are followed; a file that two folders share, or that is reached by two paths, counts once.
    """
    require_folders(directories)
    walk = _Walk(relative_to if relative_to is not None else Path.cwd())
    files = (
        (name, FileSource(path, shown)) for directory in directories for name, path, shown in walk.files(str(directory))
    )
    return paired(files, walk.problems)


def by_folder(directories: Sequence[Path], relative_to: Path | None = None) -> dict[Path, tuple[Found, ...]]:
    """Each file with a migration's name under its folder, in order of names, also where two have one version.

    Finds the same files as ``discover``, and raises like it.
    """
    require_folders(directories)
    walk = _Walk(relative_to if relative_to is not None else Path.cwd())
    return {
        directory: tuple(
            Found(FileSource(path, shown), name.partition("_")[0], file_name)
            for name, path, shown in walk.files(str(directory))
            if (file_name := FileName.parse(name)) is not None
        )
        for directory in directories
    }


def paired(files: Iterable[tuple[str, Source]], problems: list[Problem]) -> Discovery:
    """The migrations that files make, given by name and text; adds to what was found on the way to them."""
    by_version: dict[int, dict[Direction, list[Found]]] = {}
    for name, source in files:
        file_name = FileName.parse(name)
        if file_name is None:
            problems.extend(_stray(name, source.name))
            continue
        found = Found(source, name.partition("_")[0], file_name)
        by_version.setdefault(file_name.version, {}).setdefault(file_name.direction, []).append(found)
    migrations = []
    shelf = Shelf()
    for version, scripts in sorted(by_version.items()):
        problems.extend(_pair_problems(version, scripts))
        if ups := scripts.get(Direction.UP):
            migrations.append(_migration(version, ups[0], scripts.get(Direction.DOWN, []), shelf))
    return Discovery(tuple(migrations), tuple(problems))


def show(path: Path, relative_to: Path | None = None) -> str:
    """The path as a person would type it: relative to the working directory where it lies below it."""
    base = relative_to if relative_to is not None else Path.cwd()
    return _printable(os.path.relpath(path, base) if path.is_relative_to(base) else str(path))


def _printable(name: str) -> str:
    """The name with any bytes that are not UTF-8 spelled out."""
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")


def require_folders(directories: Iterable[Path], advice: str = "sqlmig init") -> None:
    """Raise FileError, with all that are missing or no folders; ``advice`` is what to do where they are missing."""
    faults = {directory: fault for directory in directories if (fault := _fault(directory))}
    if faults:
        first = next(iter(faults))
        correct = "name a folder with --dir, or as directory in sqlmig.toml"
        raise FileError(
            "; ".join(f"{_printable(str(directory))} {fault}" for directory, fault in faults.items()),
            place=Place(_printable(str(first))),
            next_step=advice if faults[first] == ABSENT else correct,
        )


ABSENT = "does not exist"


def _fault(directory: Path) -> str | None:
    try:
        return None if stat.S_ISDIR(directory.stat().st_mode) else "is not a folder"
    except FileNotFoundError:
        return ABSENT
    except OSError as error:
        return f"cannot be read: {error.strerror}"


class _Walk:
    """The files below some folders, and what is wrong on the way to them."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.problems: list[Problem] = []
        self.folders_seen: set[tuple[int, int]] = set()
        self.files_seen: set[tuple[str, str]] = set()

    def files(self, folder: str) -> Iterator[tuple[str, str, str]]:
        """Name, path, and path to be shown, of every file; each folder counts once, however it is spelled."""
        shown = show(Path(folder), self.base)
        try:
            status = Path(folder).stat()
            identity = (status.st_dev, status.st_ino)
            if identity in self.folders_seen:
                return
            self.folders_seen.add(identity)
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            self.problems.append(_unreadable(shown, f"cannot be read: {error.strerror}"))
            return
        prefix = "" if shown == os.curdir else shown + os.sep
        real = os.path.realpath(folder)
        for entry in entries:
            if not entry.name.startswith("."):
                yield from self._entry(entry, real, prefix + _printable(entry.name))

    def _entry(self, entry: os.DirEntry[str], real_folder: str, shown: str) -> Iterator[tuple[str, str, str]]:
        kind = _kind(entry)
        if kind == stat.S_IFDIR:
            if not _leads_back(entry, real_folder):
                yield from self.files(entry.path)
        elif kind == stat.S_IFREG:
            real = os.path.realpath(entry.path) if entry.is_symlink() else real_folder + os.sep + entry.name
            if (real, entry.name) not in self.files_seen:
                self.files_seen.add((real, entry.name))
                yield entry.name, entry.path, shown
        elif FileName.nearly(entry.name):
            what = "is a link that leads nowhere" if entry.is_symlink() else "is not a file"
            self.problems.append(_unreadable(shown, what))


def _kind(entry: os.DirEntry[str]) -> int:
    """Folder, file, or something else (0); of a link, what it leads to."""
    try:
        return stat.S_IFDIR if entry.is_dir() else stat.S_IFREG if entry.is_file() else 0
    except OSError:
        return 0


def _leads_back(entry: os.DirEntry[str], real_folder: str) -> bool:
    """Whether a link leads to a folder that it lies in."""
    target = os.path.realpath(entry.path).rstrip(os.sep) + os.sep
    return entry.is_symlink() and (real_folder + os.sep).startswith(target)


def _unreadable(shown: str, what: str) -> Problem:
    return Problem("unreadable", f"{shown} {what}", Place(shown), next_step="correct it, or move it out of the folder")


def _stray(name: str, shown: str) -> Iterator[Problem]:
    if FileName.nearly(name):
        yield Problem(
            "file_name",
            f"{shown} is not named like a migration",
            Place(shown),
            next_step="rename it to NNN_name.up.sql or NNN_name.down.sql",
        )
    elif name.lower().endswith(".sql"):
        told = f"{shown} is passed over: its name is not a migration's"
        yield Problem("ignored_file", told, Place(shown), warning=True)


def _pair_problems(version: int, scripts: dict[Direction, list[Found]]) -> Iterator[Problem]:
    ups, downs = scripts.get(Direction.UP, []), scripts.get(Direction.DOWN, [])
    for direction, found in scripts.items():
        if len(found) > 1:
            yield _duplicate(version, f"version {version} has {len(found)} {direction} files", found)
    if not ups:
        yield Problem(
            "down_without_up",
            ", ".join(file.shown for file in downs) + f": version {version} has no up file",
            Place(downs[0].shown),
            version,
            next_step=f"add {downs[0].label}_{downs[0].file_name.name}.up.sql, or remove the down file",
        )
    elif len(ups) == len(downs) == 1 and ups[0].file_name.name != downs[0].file_name.name:
        yield _mismatch(version, ups[0], downs[0])


def _duplicate(version: int, what: str, found: Sequence[Found]) -> Problem:
    message = f"{what}: " + ", ".join(file.shown for file in found)
    advice = "give one of them another version"
    return Problem("duplicate_version", message, Place(found[1].shown), version, next_step=advice)


def _mismatch(version: int, up: Found, down: Found) -> Problem:
    """Two names under one version: a slip of the pen, or, where the version is spelled differently, two migrations."""
    if up.label != down.label:
        return _duplicate(version, f"version {version} is two migrations, each with one file", (up, down))
    return Problem(
        "name_mismatch",
        f"the files of version {version} have different names: {up.shown}, {down.shown}",
        Place(down.shown),
        version,
        warning=True,
        next_step=f"rename the down file to {up.label}_{up.file_name.name}.down.sql",
    )


def _migration(version: int, up: Found, downs: list[Found], shelf: Shelf) -> Migration:
    down = downs[0] if downs else None
    return Migration(
        version=version,
        name=up.file_name.name,
        up=Script(Direction.UP, up.source, shelf),
        down=Script(Direction.DOWN, down.source, shelf) if down else None,
        label=up.label,
    )


def new_pair(
    directory: Path,
    name: str,
    existing: Sequence[Migration],
    *,
    timestamp: bool = False,
    transaction: bool = True,
    texts: tuple[str, str | None] | None = None,
) -> tuple[Path, Path | None]:
    """Write the next pair of files, with these texts or empty ones, and return their paths, up first.

    The version is one above the highest there is, as wide as that one is spelled, or the UTC time to the second.
    Never writes over a file: where the version is taken meanwhile, raises UsageError and leaves nothing, as does the
    FileError for a folder that cannot be written.
    """
    stem = slug(name)
    label = _next_label(existing, timestamp)
    header = "" if transaction else "-- sqlmig: no-transaction\n"
    title = " ".join(name.split())
    up, down = (directory / f"{label}_{stem}.{direction}.sql" for direction in (Direction.UP, Direction.DOWN))
    empty = tuple(template.format(header=header, title=title) for template in (UP_TEMPLATE, DOWN_TEMPLATE))
    written: list[Path] = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, text in zip((up, down), texts or empty, strict=True):
            if text is None:
                continue
            with path.open("x", encoding="utf-8", newline="\n") as file:
                written.append(path)
                file.write(text)
        _require_alone(directory, label, written)
    except (OSError, UsageError) as error:
        for path in written:
            path.unlink()
        if isinstance(error, FileExistsError):
            raise UsageError(f"{error.filename} exists already", next_step="run the command again") from error
        if isinstance(error, OSError):
            what = f"{error.filename} cannot be written: {error.strerror}"
            raise FileError(what, place=Place(str(error.filename))) from error
        raise
    return up, down if down in written else None


def _require_alone(directory: Path, label: str, written: Sequence[Path]) -> None:
    """Raise UsageError where another file has the version: each of two that write at once looks when it has written."""
    for path in sorted(set(directory.iterdir()) - set(written)):
        other = FileName.parse(path.name)
        if other is not None and other.version == int(label):
            advice = "run the command again; sqlmig check --offline says what is wrong with the files"
            raise UsageError(f"version {label} is taken by {path}", next_step=advice)


def slug(name: str) -> str:
    """A name as part of a file's. Raises UsageError where nothing of it can be."""
    words = "".join(character if fits_name(character) else "_" for character in unicodedata.normalize("NFC", name))
    stem = "_".join(part for part in words.split("_") if part)
    if not any(character.isalnum() for character in stem):
        raise UsageError(f"{name!r} makes no file name", next_step="sqlmig new create_users")
    return stem


def _next_label(existing: Sequence[Migration], timestamp: bool) -> str:
    highest = max(existing, key=lambda migration: migration.version, default=None)
    if timestamp:
        stamp = int(datetime.now(UTC).strftime("%Y%m%d%H%M%S"))
        return str(max(stamp, highest.version + 1 if highest is not None else 0))
    if highest is None:
        return "001"
    return str(highest.version + 1).zfill(len(highest.label))
