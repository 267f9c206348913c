"""Moves migrations behind others: which number each gets, and the renaming of its files."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlmig import files
from sqlmig.errors import FileError, Place, UsageError
from sqlmig.files import Found
from sqlmig.frozen import dataclass
from sqlmig.migration import Applied, Direction, Script
from sqlmig.script import FileSource

STAMP = "%Y%m%d%H%M%S"


@dataclass(frozen=True)
class Numbered:
    """One migration as its files are named. Other than a Migration, it may share its version with another."""

    version: int
    label: str
    name: str
    files: tuple[Found, ...]

    def __str__(self) -> str:
        return f"{self.label}_{self.name}"

    def is_recorded_as(self, record: Applied) -> bool:
        """Whether this is the migration of a record, rather than another with its version."""
        if record.version != self.version:
            return False
        ups = [file for file in self.files if file.file_name.direction is Direction.UP]
        same_text = (Script(Direction.UP, file.source).checksum.raw == record.up.raw for file in ups)
        return record.name == self.name or any(same_text)


@dataclass(frozen=True)
class Move:
    """A migration and its new number, spelled as its file names will spell it."""

    numbered: Numbered
    label: str

    @property
    def renames(self) -> tuple[tuple[Path, Path], ...]:
        """The paths of each file, before and after."""
        return tuple((path, _renamed(path, self.label)) for path in map(path_of, self.numbered.files))


def path_of(file: Found) -> Path:
    """Where a file lies. Raises UsageError for one that does not lie in a folder on disk."""
    if not isinstance(file.source, FileSource):
        raise UsageError(f"{file.shown} does not lie in a folder and cannot be renamed")
    return file.source.path


def _renamed(path: Path, label: str) -> Path:
    return path.with_name(f"{label}_{path.name.partition('_')[2]}")


def numbered(found: Iterable[Found]) -> tuple[Numbered, ...]:
    """The migrations that files make, by version and name.

    An up and a down of one version with two names are one migration, as long as no third file has that version.
    """
    by_version: dict[tuple[int, str], list[Found]] = {}
    for file in found:
        by_version.setdefault((file.file_name.version, file.label), []).append(file)
    made = []
    for (version, label), group in sorted(by_version.items()):
        pair = sorted(group, key=lambda file: file.file_name.direction is Direction.DOWN)
        if len(pair) == 2 and pair[0].file_name.direction is not pair[1].file_name.direction:
            made.append(Numbered(version, label, pair[0].file_name.name, tuple(pair)))
            continue
        for name in sorted({file.file_name.name for file in pair}):
            of_name = tuple(file for file in pair if file.file_name.name == name)
            made.append(Numbered(version, label, name, of_name))
    return tuple(made)


def moves(own: Sequence[Numbered], met: Collection[int], now: datetime | None = None) -> tuple[Move, ...]:
    """New numbers for those of ``own`` that do not lie behind every version of ``met``, in an order that stays.

    One that lies behind moves as well where one that came before it would overtake it. A number is spelled as wide
    as before; where it is a time, it becomes the time that it is now.
    """
    stamp = int((now or datetime.now(UTC)).strftime(STAMP))
    following = max(met, default=-1) + 1
    found = []
    for migration in sorted(own, key=lambda migration: (migration.version, migration.name)):
        version = migration.version
        if version < following:
            version = max(stamp, following) if _is_stamp(migration.label) else following
            found.append(Move(migration, str(version).zfill(len(migration.label))))
        following = version + 1
    return tuple(found)


def _is_stamp(label: str) -> bool:
    with suppress(ValueError):
        return len(label) == 14 and bool(datetime.strptime(label, STAMP))
    return False


def rename(chosen: Sequence[Move]) -> None:
    """Rename the files of all moves: every one of them, or none.

    Never over a file. Raises UsageError where a name is taken, FileError where the system refuses; then all files have
    their former names.
    """
    done: list[tuple[Path, Path]] = []
    pairs = [pair for move in reversed(chosen) for pair in move.renames]
    try:
        for before, after in pairs:
            done.append((before, after))
            _rename(before, after)
    except BaseException as error:
        undo(done)
        if isinstance(error, FileExistsError):
            raise UsageError(f"{files.show(after)} exists already; nothing was renamed") from error
        if isinstance(error, OSError):
            shown = files.show(before)
            raise FileError(
                f"{shown} cannot be renamed: {error.strerror}; nothing was renamed", place=Place(shown)
            ) from error
        raise


def undo(begun: Iterable[tuple[Path, Path]]) -> None:
    """Give files their former names back, the last one first; also one that has both names, or had no time to move."""
    for before, after in reversed(list(begun)):
        if not os.path.lexists(before):
            after.rename(before)
        elif os.path.lexists(after) and before.samefile(after):
            after.unlink()


def _rename(before: Path, after: Path) -> None:
    """A hard link fails where the name is taken, and a plain rename would not; some file systems have no links."""
    try:
        os.link(before, after, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        if os.path.lexists(after):
            raise FileExistsError(17, "File exists", str(after)) from None
        before.rename(after)
    else:
        before.unlink()
