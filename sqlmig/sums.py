"""``sqlmig.sum``: a file beside the migrations that lists them all, so that git itself sees where two branches meet.

A line a migration, and one over all of them: whoever adds a migration changes that line, and so two branches that
both did are in conflict before they are merged. The file is optional; it is kept where it is there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from sqlmig import files
from sqlmig.errors import FileError, Place, Problem
from sqlmig.files import Found
from sqlmig.frozen import dataclass
from sqlmig.migration import Direction, Script
from sqlmig.patterns import pattern

FILE_NAME = "sqlmig.sum"
TITLE = "# The migrations beside this file. Kept by sqlmig: after an edit, sqlmig repair --sum"
MARKS = ("<<<<<<<", "|||||||", "=======", ">>>>>>>")
"""What git puts around the two sides of a conflict."""

LINE = pattern(r"(?P<name>[0-9]+_\S+) (?P<up>[0-9a-f]{64}|-) (?P<down>[0-9a-f]{64}|-)")
TOTAL = pattern(r"all (?P<digest>[0-9a-f]{64})")
ADVICE = "sqlmig repair --sum"


@dataclass(frozen=True)
class Entry:
    """One migration: the checksums of its files' texts, ``-`` for a file that is not there."""

    name: str
    up: str
    down: str

    def __str__(self) -> str:
        return f"{self.name} {self.up} {self.down}"


@dataclass(frozen=True)
class Listed:
    """What a sum file says, and the numbers of its lines that say nothing."""

    entries: tuple[tuple[int, Entry], ...]
    """With the number of its line."""
    total: str
    conflicts: tuple[int, ...]
    """Marks of a merge conflict."""
    strange: tuple[int, ...]


def audit(directories: Sequence[Path]) -> list[Problem]:
    """Where the files differ from what the sum file of their folder says; nothing for a folder without one."""
    if not any((directory / FILE_NAME).exists() for directory in directories):
        return []
    problems: list[Problem] = []
    for directory, found in files.by_folder(directories).items():
        path = directory / FILE_NAME
        if path.exists():
            problems.extend(_differences(path, found))
    return problems


def keep(directories: Sequence[Path], changed: Collection[str] | None, gone: Collection[str] = ()) -> list[Path]:
    """Bring the sum files that there are up to date, and return those that changed.

    ``changed`` names the migrations whose lines are made anew from their files (None: all of them), ``gone`` those
    whose lines go. All other lines stay, also those that do not fit their files; of a merge conflict, both sides.
    Raises FileError, before anything is written, for a sum file that cannot be read.
    """
    if not any((directory / FILE_NAME).exists() for directory in directories):
        return []
    written = []
    for directory, found in files.by_folder(directories).items():
        path = directory / FILE_NAME
        if path.exists():
            kept = () if changed is None else _kept(path, {*changed, *gone})
            names = None if changed is None else {*changed, *_disputed(kept)}
            fresh = [entry for entry in _entries(found) if names is None or entry.name in names]
            renewed = {entry.name for entry in fresh}
            written += _written(path, [*fresh, *(entry for entry in kept if entry.name not in renewed)])
    return written


def require_readable(directories: Sequence[Path]) -> None:
    """Raise FileError for a sum file that ``keep`` could not read."""
    for directory in directories:
        if (directory / FILE_NAME).exists():
            _kept(directory / FILE_NAME, ())


def write(directories: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Write a sum file into each folder, whatever is there; returns those that changed, and those that were right."""
    written: list[Path] = []
    right: list[Path] = []
    for directory, found in files.by_folder(directories).items():
        path = directory / FILE_NAME
        (written if _written(path, _entries(found)) else right).append(path)
    return written, right


def _entries(found: Iterable[Found]) -> list[Entry]:
    sums: dict[str, dict[Direction, str]] = {}
    for file in found:
        script = Script(file.file_name.direction, file.source)
        name = f"{file.label}_{file.file_name.name}"
        sums.setdefault(name, {})[file.file_name.direction] = script.checksum.raw
    return [Entry(name, of.get(Direction.UP, "-"), of.get(Direction.DOWN, "-")) for name, of in sums.items()]


def _text(entries: Iterable[Entry]) -> str:
    lines = [str(entry) for entry in sorted(entries, key=_place)]
    return "\n".join([TITLE, f"all {_total(lines)}", *lines]) + "\n"


def _total(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def _place(entry: Entry) -> tuple[int, str]:
    return _version(entry.name), entry.name


def _version(name: str) -> int:
    return int(name.partition("_")[0])


def _written(path: Path, entries: Iterable[Entry]) -> list[Path]:
    """The path where its text changed: replaced as a whole, or not at all."""
    text = _text(entries)
    real = Path(os.path.realpath(path))
    try:
        if real.exists() and real.read_bytes().replace(b"\r\n", b"\n") == text.encode():
            return []
        beside = real.with_name(f".{real.name}.{os.getpid()}")
        try:
            beside.write_text(text, encoding="utf-8", newline="\n")
            beside.replace(real)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise _unusable(path, f"cannot be written: {error.strerror}") from error
    return [path]


def _read(path: Path) -> Listed:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _unusable(path, f"is not UTF-8: byte {error.start} (counted from 0) cannot be decoded") from error
    entries: list[tuple[int, Entry]] = []
    conflicts: list[int] = []
    strange: list[int] = []
    total = ""
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.rstrip()
        if not line or line.startswith("#"):
            continue
        if found := LINE.fullmatch(line):
            entries.append((number, Entry(**found.groupdict())))
        elif whole := TOTAL.fullmatch(line):
            total = whole["digest"]
        else:
            (conflicts if line.startswith(MARKS) else strange).append(number)
    return Listed(tuple(entries), total, tuple(conflicts), tuple(strange))


def _kept(path: Path, left_out: Collection[str]) -> tuple[Entry, ...]:
    listed = _read(path)
    for number in listed.strange:
        raise _unusable(path, f"has a line that is none of a sum file: line {number}", number)
    return tuple(dict.fromkeys(entry for _, entry in listed.entries if entry.name not in left_out))


def _disputed(entries: Iterable[Entry]) -> Iterator[str]:
    """The migrations of which a merge conflict left two lines."""
    names: set[str] = set()
    for entry in entries:
        if entry.name in names:
            yield entry.name
        names.add(entry.name)


def _unusable(path: Path, what: str, line: int | None = None) -> FileError:
    shown = files.show(path)
    return FileError(f"{shown} {what}", place=Place(shown, line), next_step=ADVICE)


def _differences(path: Path, found: Sequence[Found]) -> Iterator[Problem]:
    shown = files.show(path)
    try:
        listed = _read(path)
    except FileError as error:
        yield Problem("sum_unreadable", error.message, error.place, next_step=ADVICE)
        return
    for number in listed.conflicts:
        told, step = "a merge conflict is not solved", f"give each migration its own number; then: {ADVICE}"
        yield Problem("sum_unreadable", told, Place(shown, number), next_step=step)
    for number in listed.strange:
        told = "this is no line of a sum file"
        yield Problem("sum_unreadable", told, Place(shown, number), next_step=ADVICE)
    if listed.conflicts or listed.strange:
        return
    if listed.total != _total(str(entry) for _, entry in listed.entries):
        yield Problem(
            "sum_changed", f"{shown} was edited: its line over all does not fit", Place(shown), next_step=ADVICE
        )
    yield from _by_name(shown, listed, found)


def _by_name(shown: str, listed: Listed, found: Sequence[Found]) -> Iterator[Problem]:
    places = {f"{file.label}_{file.file_name.name}": file.shown for file in reversed(found)}
    try:
        on_disk = {entry.name: entry for entry in _entries(found)}
    except FileError:  # a file that cannot be read is a finding of its own
        return
    in_file = {entry.name: entry for _, entry in listed.entries}
    for name, entry in on_disk.items():
        place = Place(places[name])
        if name not in in_file:
            yield Problem("sum_missing", f"{name} is not in {shown}", place, _version(name), next_step=ADVICE)
        elif entry != in_file[name]:
            told = f"{name} is not what {shown} says: its {_edited(entry, in_file[name])}"
            step = f"undo the edit, or accept it: {ADVICE}"
            yield Problem("sum_mismatch", told, place, _version(name), next_step=step)
    for number, entry in listed.entries:
        if entry.name not in on_disk:
            told = f"{entry.name} has no file"
            yield Problem("sum_extra", told, Place(shown, number), next_step=f"restore the file, or: {ADVICE}")


def _edited(entry: Entry, listed: Entry) -> str:
    if entry.up != listed.up and entry.down != listed.down:
        return "files differ"
    return "up file differs" if entry.up != listed.up else "down file differs"
