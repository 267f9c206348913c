"""Scripts, migrations and records made of text, without a file or a database."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from sqlmig.migration import Applied, Checksum, Direction, Migration, Script
from sqlmig.script import TextSource


class _ShortReads(io.BytesIO):
    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self.size = size

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self.size)


@dataclass(frozen=True)
class Slow:
    """A source that never returns more than ``size`` bytes at a time."""

    data: bytes
    size: int = 1
    name: str = "sql/001_a.up.sql"

    def open(self) -> BinaryIO:
        return _ShortReads(self.data, self.size)


@dataclass(frozen=True)
class Changing:
    """A source with another text at each opening; the last one stays."""

    texts: list[str]
    name: str = "sql/001_a.up.sql"
    opened: list[str] = field(default_factory=list)

    def open(self) -> BinaryIO:
        text = self.texts[min(len(self.opened), len(self.texts) - 1)]
        self.opened.append(text)
        return io.BytesIO(text.encode())


@dataclass(frozen=True)
class Unreadable:
    """A source that breaks where it is read."""

    name: str = "sql/001_a.up.sql"

    def open(self) -> BinaryIO:
        raise PermissionError(13, "Permission denied")


def up(text: str, name: str = "sql/001_a.up.sql") -> Script:
    return Script(Direction.UP, TextSource(text, name))


def down(text: str, name: str = "sql/001_a.down.sql") -> Script:
    return Script(Direction.DOWN, TextSource(text, name))


def of_bytes(data: bytes, size: int = 1 << 20) -> Script:
    return Script(Direction.UP, Slow(data, size))


def migration(
    version: int, up_text: str = "SELECT 1", down_text: str | None = "SELECT -1", name: str = "m"
) -> Migration:
    """A migration with these texts; None for no down file."""
    label = f"{version:03}"
    stem = f"sql/{label}_{name}"
    way_back = down(down_text, f"{stem}.down.sql") if down_text is not None else None
    return Migration(version, name, up(up_text, f"{stem}.up.sql"), way_back, label)


def migrations(*versions: int) -> list[Migration]:
    return [migration(version) for version in versions]


def checksum(script: Script) -> Checksum:
    return script.full_checksum


def applied(subject: Migration, sequence: int = 0, batch: int = 1, **changes: Any) -> Applied:
    """The record that an application of these files leaves; in order of version, unless a sequence is given."""
    facts: dict[str, Any] = {
        "version": subject.version,
        "label": subject.label,
        "name": subject.name,
        "up": checksum(subject.up),
        "down": checksum(subject.down) if subject.down is not None else None,
        "reversible": subject.reversible,
        "batch": batch,
        "sequence": sequence or subject.version,
        "stored_down": down(subject.down.text(), f"{subject}.down.sql (stored)") if subject.down else None,
    }
    return Applied(**{**facts, **changes})


def recorded(subjects: list[Migration], batch: int = 1) -> Iterator[Applied]:
    """One record for each, in this order of application."""
    for sequence, subject in enumerate(subjects, start=1):
        yield applied(subject, sequence, batch)
