"""Which migrations a rehearsal runs, in which order, and what in them is no matter of one database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from sqlmig.errors import CheckFailed, Problem, UsageError
from sqlmig.frozen import dataclass
from sqlmig.migration import Direction, Migration, Progress, Script
from sqlmig.script.source import TextSource
from sqlmig.standing import Standing, find, is_recorded, sequence_of
from sqlmig.statements import Statement

SHARED = re.compile(
    r"(?is)(?:(?:create|alter|drop|comment\s+on|reassign|security\s+label\b.*?\bon)\s+"
    r"(?:role|user(?!\s+mapping)|group|database|tablespace|subscription|owned|system)\b"
    r"|(?:grant|revoke)\b.*?\bon\s+(?:database|tablespace|parameter)\b"
    r"|(?:grant|revoke)\b(?:(?!\bon\b).)*$)"
)
"""Statements about what all databases of a server share: roles and who is a member of which, databases, tablespaces."""

MAKES_ROLE = re.compile(r'(?is)create\s+(?:role|user|group)\s+("(?:[^"]|"")+"|[^\s;"]+)')

Stored = dict[int, tuple[str | None, str | None]]


@dataclass(frozen=True)
class Course:
    """What is run on the shadow: ``filling`` as it is, then ``migrations`` in order, of which ``chosen`` are proven."""

    filling: tuple[Migration, ...]
    migrations: tuple[Migration, ...]
    chosen: frozenset[int]

    @property
    def everything(self) -> tuple[Migration, ...]:
        return self.filling + self.migrations

    @property
    def shared(self) -> str | None:
        """The first statement that concerns the whole server, in words; None where there is none."""
        for migration, statement in self._about_the_server:
            return f"{migration} has {statement.kind}, which concerns all databases of a server"
        return None

    @property
    def roles_made(self) -> tuple[str, ...]:
        """The names of the roles that the migrations create themselves."""
        found = [match[1] for _, statement in self._about_the_server if (match := MAKES_ROLE.match(statement.text))]
        return tuple(name[1:-1].replace('""', '"') if name.startswith('"') else name.lower() for name in found)

    @cached_property
    def _about_the_server(self) -> tuple[tuple[Migration, Statement], ...]:
        return tuple(
            (migration, statement)
            for migration in self.everything
            for script in _scripts(migration)
            for statement in _about_the_server(script)
        )


def course(
    known: Sequence[Standing], stored: Stored, names: Sequence[str], *, everything: bool, from_schema: bool
) -> Course:
    """What to rehearse: what is pending, what is named, or everything from an empty database.

    What is applied fills the shadow first, in the order in which it was applied, unless that has the target's schema.
    Raises UsageError where a name fits none, or is applied though the shadow begins behind it; CheckFailed where what
    is applied can be had neither from a file nor from the history.
    """
    if everything:
        files = tuple(standing.migration for standing in known if standing.migration is not None)
        return Course((), files, frozenset(migration.version for migration in files))
    named = [find(known, name) for name in names]
    for standing in named:
        if _is_done(standing) and from_schema:
            raise UsageError(
                f"{standing} is applied, and the target's schema has it already",
                next_step="leave out --from-schema to rehearse what is applied",
            )
    applied = sorted((standing for standing in known if _is_done(standing)), key=sequence_of)
    pending = [s.migration for s in known if not _is_done(s) and s.migration is not None]
    done = [] if from_schema else [_as_applied(standing, stored) for standing in applied]
    if not named:
        return Course(tuple(done), tuple(pending), frozenset(migration.version for migration in pending))
    chosen = frozenset(standing.version for standing in named)
    edited = {standing.version: standing.migration for standing in named}
    run = [edited.get(migration.version) or migration for migration in (*done, *pending)]
    places = [number for number, migration in enumerate(run) if migration.version in chosen]
    return Course(tuple(run[: places[0]]), tuple(run[places[0] : places[-1] + 1]), chosen)


def _is_done(standing: Standing) -> bool:
    """Whether it is applied, and not half way: what stopped there is rehearsed as what is pending."""
    return standing.applied is not None and standing.applied.progress is Progress.DONE


def _as_applied(standing: Standing, stored: Stored) -> Migration:
    """The migration as it was applied: what the history stored, else the files."""
    record, migration = standing.applied, standing.migration
    up, down = stored.get(standing.version, (None, None))
    if migration is not None and (up is None or record is None or is_recorded(migration.up, record.up)):
        return migration
    if up is None:
        raise _lost(standing)
    name = f"{standing}.up.sql (as stored in the history)"
    script = Script(Direction.UP, TextSource(up, name))
    back = Script(Direction.DOWN, TextSource(down, name.replace(".up.", ".down."))) if down is not None else None
    return Migration(standing.version, standing.name, script, back, standing.label)


def _lost(standing: Standing) -> CheckFailed:
    return CheckFailed(
        [
            Problem(
                "missing",
                f"{standing} is applied, its file is gone, and its SQL was not stored",
                version=standing.version,
                next_step="restore the file, or begin with the target's schema: --from-schema",
            )
        ]
    )


def _scripts(migration: Migration) -> Iterator[Script]:
    yield migration.up
    if migration.down is not None:
        yield migration.down


WORTH_READING = re.compile(
    r"(?i)\b(?:role|user|group|database|tablespace|subscription|owned|system|parameter|grant|revoke)\b"
)


def _about_the_server(script: Script) -> Iterator[Statement]:
    if not WORTH_READING.search(script.text()):
        return
    for piece in script.pieces():
        if isinstance(piece, Statement) and not piece.is_empty and SHARED.match(piece.text):
            yield piece
