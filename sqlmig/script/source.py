"""Where the bytes of a script come from."""

from __future__ import annotations

import io
from dataclasses import field
from pathlib import Path
from typing import BinaryIO, Protocol

from sqlmig.frozen import dataclass


class Source(Protocol):
    """Where the bytes of a script come from; ``name`` is what a person would call the file.

    Its reads may return less than they were asked for. What cannot be opened or read raises OSError. One that has a
    ``stamp`` is read once less: it differs whenever the bytes may.
    """

    @property
    def name(self) -> str: ...

    def open(self) -> BinaryIO: ...


@dataclass(frozen=True)
class FileSource:
    """A file on disk, opened anew by each reader."""

    location: Path | str
    name: str

    @property
    def path(self) -> Path:
        return Path(self.location)

    def open(self) -> BinaryIO:
        return open(self.location, "rb", buffering=0)  # noqa: PTH123 - of thousands of files each counts

    @property
    def stamp(self) -> tuple[int, ...]:
        """Changes whenever the file is written, or another takes its place. Raises OSError."""
        status = self.path.stat()
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@dataclass(frozen=True)
class TextSource:
    """Text held in memory: what the history stored when the migration was applied."""

    text: str = field(repr=False)
    name: str

    def open(self) -> BinaryIO:
        return io.BytesIO(self.text.encode())
