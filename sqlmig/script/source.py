"""Where the bytes of a script come from."""

from __future__ import annotations

import io
import os
from dataclasses import field
from pathlib import Path
from typing import BinaryIO, Protocol

from sqlmig.frozen import dataclass

READING = os.O_RDONLY | getattr(os, "O_BINARY", 0)


class Source(Protocol):
    """Where the bytes of a script come from; ``name`` is what a person would call the file.

    Its reads may return less than they were asked for. What cannot be opened or read raises OSError. One that has a
    ``stamp`` is read once less: it differs whenever the bytes may. One that has ``whole`` gives a short text at once.
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

    def whole(self, most: int) -> bytes | None:
        """All of a file that is shorter than ``most`` bytes, in half the time; else None. Raises OSError."""
        descriptor = os.open(self.location, READING)
        try:
            data = os.read(descriptor, most)
            return data if len(data) < most and not os.read(descriptor, 1) else None
        finally:
            os.close(descriptor)

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
