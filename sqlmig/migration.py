"""What a migration is: its name, its two scripts, and its record once applied."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlmig.errors import FileError, Place, Problem
from sqlmig.frozen import dataclass
from sqlmig.patterns import pattern
from sqlmig.script import Checksum, Direction, Script, TextSource

__all__ = ["Applied", "Checksum", "Direction", "FileName", "Migration", "Progress", "Script"]

FILE_NAME = pattern(r"(?P<version>[0-9]+)_(?P<name>.+)\.(?P<direction>up|down)\.sql")
PLAIN_FILE_NAME = pattern(r"(?P<version>[0-9]+)_(?P<name>[A-Za-z0-9_.-]+)\.(?P<direction>up|down)\.sql")
"""What fits without looking at each character."""
NEAR_FILE_NAME = pattern(
    r"[0-9].*\.sql"  # 001-create.up.sql, 001_create.sql, 001_create.UP.SQL, 001_create.up (1).sql
    r"|(?:.*[._-])?(?:up|down)\.sql"  # create.up.sql, V1_create_up.sql, 001_create/up.sql
    r"|[0-9].*[._-](?:up|down)(?:\.(?:psql|pgsql|txt|sql\.txt))?"  # 001_create.up.sql.txt
    r"|(?:[VUB][0-9._]*|R)__.*\.sql",  # what Flyway reads: V1__create.sql
    re.IGNORECASE | re.DOTALL,
)


DIRECTIONS = {direction.value: direction for direction in Direction}
"""Faster than asking the class, which counts with thousands of files."""


def fits_name(character: str) -> bool:
    """Whether a character may stand in a migration's name: letters with their marks, digits, ``_``, ``-``, ``.``."""
    return character.isalnum() or character in "_-." or unicodedata.category(character).startswith("M")


class FileName(NamedTuple):
    """A file name that follows the grammar ``NNN_name.up.sql`` / ``NNN_name.down.sql``."""

    version: int
    name: str
    direction: Direction

    @classmethod
    def parse(cls, text: str) -> FileName | None:
        """The parts of a name, or None where it does not follow the grammar.

        Letters with marks are composed: some file systems give them back in two parts.
        """
        match = PLAIN_FILE_NAME.fullmatch(text)
        if match is None:
            match = FILE_NAME.fullmatch(unicodedata.normalize("NFC", text))
            if match is None or not all(map(fits_name, match["name"])):
                return None
        version, name, direction = match.groups()
        return cls(int(version), name, DIRECTIONS[direction])

    @staticmethod
    def nearly(text: str) -> bool:
        """Whether a name follows the grammar, or was probably meant to."""
        return NEAR_FILE_NAME.fullmatch(text.strip()) is not None


@dataclass(frozen=True)
class Migration:
    """A version and a name, with its up script and, unless it is irreversible, its down script."""

    version: int
    name: str
    up: Script
    down: Script | None
    label: str
    """The version as its file name spells it: ``007``."""

    @classmethod
    def from_text(cls, name: str, up: str, down: str | None = None) -> Migration:
        """A migration that no file holds: ``name`` is ``001_create_users``, ``up`` and ``down`` are SQL with headers.

        Without a down it is irreversible. In messages its scripts are called as files would be:
        ``001_create_users.up.sql``. Raises FileError for a name that no file of a migration could have.
        """
        file_name = FileName.parse(f"{name}.up.sql")
        if file_name is None:
            raise FileError(
                f"{name!r} is not the name of a migration", place=Place(name), next_step="call it NNN_name: 001_users"
            )
        label = name.partition("_")[0]

        def script(direction: Direction, text: str) -> Script:
            return Script(direction, TextSource(text, f"{label}_{file_name.name}.{direction}.sql"))

        back = script(Direction.DOWN, down) if down is not None else None
        return cls(file_name.version, file_name.name, script(Direction.UP, up), back, label)

    def __str__(self) -> str:
        return f"{self.label}_{self.name}"

    @property
    def reversible(self) -> bool:
        """Whether there is a way back. Reads the files' headers."""
        return self.down is not None and not self.up.header.irreversible and not self.down.header.irreversible

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything in its scripts that must not run, with its version. Never raises."""
        found = [*self.up.problems]
        if self.down is not None:
            excused = "empty_down" if _declared_irreversible(self.up) else ""
            found += [problem for problem in self.down.problems if problem.code != excused]
        return tuple(replace(problem, version=self.version) for problem in found)


def _declared_irreversible(script: Script) -> bool:
    try:
        return script.header.irreversible
    except FileError:
        return False


class Progress(StrEnum):
    """How far an applied migration's record is: anything but DONE is a non-transactional one that stopped."""

    DONE = "done"
    RUNNING = "running"
    FAILED = "failed"


@dataclass(frozen=True)
class Applied:
    """What the history holds of one migration; times carry a zone, durations are in milliseconds."""

    version: int
    label: str
    name: str
    up: Checksum
    down: Checksum | None
    reversible: bool
    batch: int
    sequence: int
    """Rises with each application: the order in which migrations were applied."""
    baseline: bool = False
    retired: bool = False
    """Its file is gone, and that was accepted: it is no longer reported as missing."""
    stored_down: Script | None = field(default=None, repr=False, compare=False)
    """The down as it was when the migration was applied; only where the reader asked for it."""
    progress: Progress = Progress.DONE
    direction: Direction = Direction.UP
    """The direction that is under way where ``progress`` is not DONE."""
    statement: int | None = None
    """The statement, from 1, that was begun last; ``statements`` is how many there are."""
    statements: int | None = None
    prefix: str | None = None
    """A hash over the statements before ``statement``, so that a resumption can tell whether one was edited."""
    evidence: str | None = None
    """What was noted, as JSON, before a statement that does not commit with its record; None where none was begun."""
    error: str | None = None
    applied_at: datetime | None = None
    applied_by: str | None = None
    role: str | None = None
    host: str | None = None
    duration_ms: float | None = None
    sqlmig_version: str | None = None
    git_commit: str | None = None

    def __str__(self) -> str:
        return f"{self.label}_{self.name}"
