"""What proving a migration, and comparing a schema, return: frozen values from which everything shown is made."""

from __future__ import annotations

import re
from enum import StrEnum

from sqlmig.errors import Problem, SqlmigError
from sqlmig.frozen import dataclass
from sqlmig.results import Locks, Result, Where
from sqlmig.schema.diff import Change


class Verdict(StrEnum):
    """What a rehearsal of one migration came to."""

    REVERSIBLE = "reversible"
    IRREVERSIBLE = "irreversible"
    """It says so itself; its up was run."""
    DOWN_LEAVES = "down_leaves"
    DOWN_REMOVES = "down_removes"
    DOWN_FAILS = "down_fails"
    UP_FAILS = "up_fails"
    NOT_REPEATABLE = "not_repeatable"
    """The down restores what was there before, and a second up gives something else than the first."""
    DATA_NOT_RESTORED = "data_not_restored"
    """The down restores the schema, and not the rows."""

    @property
    def proven(self) -> bool:
        """Whether the migration does what it says of itself."""
        return self in (Verdict.REVERSIBLE, Verdict.IRREVERSIBLE)


@dataclass(frozen=True)
class Difference:
    """One object that is not as it has to be, after the down or after the second up."""

    direction: str
    """``down`` or ``up``: what was run last."""
    change: Change

    def __str__(self) -> str:
        """``down leaves index users_email_idx``: what is in the schema public is called by its name alone."""
        told = self.change.sentence if self.change.kind == "changed" else self.change.identity
        subject, colon, rest = told.partition(": ")
        return f"{WORDS[self.direction, self.change.kind]} {IN_PUBLIC.sub('', subject)}{colon}{rest}"


IN_PUBLIC = re.compile(r"(?<![\w.\"])public\.")

WORDS = {
    ("down", "added"): "down leaves",
    ("down", "removed"): "down removes",
    ("down", "changed"): "down leaves",
    ("up", "added"): "the second up adds",
    ("up", "removed"): "the second up lacks",
    ("up", "changed"): "the second up changes",
}


@dataclass(frozen=True)
class RowDifference:
    """Rows of one table that are not what they were: ``lost`` are gone, ``gained`` were not there before."""

    direction: str
    table: str
    lost: int
    gained: int

    @property
    def rows(self) -> int:
        """How many rows differ: a changed one is lost and gained."""
        return max(self.lost, self.gained)

    def __str__(self) -> str:
        name = self.table.removeprefix("public.")
        rows = f"{self.rows} row differs" if self.rows == 1 else f"{self.rows} rows differ"
        what = "data not restored" if self.direction == "down" else "the second up gives other data"
        return f"{what}: {name} {rows} ({self.lost} lost, {self.gained} new)"


@dataclass(frozen=True)
class Rehearsed:
    """One migration, run up, down and up again."""

    version: int
    label: str
    name: str
    verdict: Verdict
    differences: tuple[Difference, ...]
    rows: tuple[RowDifference, ...]
    locks: Locks
    error: SqlmigError | None
    """Why its up or its down failed."""
    duration_ms: float

    def __str__(self) -> str:
        return f"{self.label}_{self.name}"


@dataclass(frozen=True)
class RehearsalResult(Result):
    """Every migration that was rehearsed, in order. ``skipped`` were not, since one before them could not be run."""

    where: Where
    shadow: str
    """``beside``, ``named`` or ``embedded``."""
    shadow_server: str
    migrations: tuple[Rehearsed, ...]
    skipped: tuple[str, ...]
    warnings: tuple[Problem, ...]
    duration_ms: float

    @property
    def unproven(self) -> tuple[Rehearsed, ...]:
        """Those that do not do what they say."""
        return tuple(found for found in self.migrations if not found.verdict.proven)

    @property
    def exit_code(self) -> int:
        """3 where something is not proven."""
        return 3 if self.unproven or self.skipped else 0


@dataclass(frozen=True)
class DriftResult(Result):
    """What differs between a database and what its migrations left there. Empty ``changes``: nothing."""

    where: Where
    fingerprint: str
    """Of the database as it is."""
    known: str
    """Of what it was compared with, or, with ``accepted``, what is known from now on."""
    basis: str
    """What that is, in words."""
    changes: tuple[Change, ...]
    accepted: bool
    warnings: tuple[Problem, ...] = ()

    @property
    def exit_code(self) -> int:
        """3 where something differs and was not accepted."""
        return 3 if self.changes and not self.accepted else 0


@dataclass(frozen=True)
class DumpResult(Result):
    """The schema of a database as text."""

    where: Where
    text: str
    fingerprint: str
    sql: bool
    """Whether the text is SQL, and not JSON."""
    file: str | None = None
    """The file it was compared with."""
    difference: str = ""
    """A unified diff from the file to the database, empty where they agree."""
    changes: tuple[Change, ...] = ()

    @property
    def exit_code(self) -> int:
        """3 where the file says something else."""
        return 3 if self.difference else 0
