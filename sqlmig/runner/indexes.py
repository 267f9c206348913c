"""Traces of statements that build, rebuild and drop indexes concurrently.

What they leave when they are broken off is an index marked invalid (PostgreSQL documentation, "CREATE INDEX", Building
Indexes Concurrently; "REINDEX", Rebuilding Indexes Concurrently). So is an index that somebody is building at this
moment: that one is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from sqlmig.database import Session, literal
from sqlmig.errors import DatabaseError, ServerReport
from sqlmig.frozen import dataclass
from sqlmig.queries import query
from sqlmig.runner.traces import Existence, Facts, Trace
from sqlmig.statements import Statement

CHOSEN_BY_THE_SERVER = re.compile(r"_idx\d*$")
"""How the server calls an index that has no name."""

TRANSIENT = re.compile(r"_cc(new|old)\d*$")
"""How the server calls what REINDEX CONCURRENTLY works on."""


class Index(NamedTuple):
    """One index as it is now."""

    oid: int
    written: str
    """As a statement of this session writes its name."""
    name: str
    named: bool
    """Whether it is the one that was asked for by name."""
    usable: bool
    busy: bool
    """Whether another backend builds it."""
    of_toast: bool


def look(session: Session, table: str | None, name: str | None = None) -> list[Index]:
    """The indexes of a table, or of all tables."""
    rows = session.ask(query("index", "all").format(table=literal(table), name=literal(name)))
    return [Index(int(row[0] or 0), row[1] or "", row[2] or "", *(cell == "t" for cell in row[3:])) for row in rows]


def builders(session: Session, table: str | None, name: str | None) -> tuple[str, ...]:
    """Other sessions, in words, that build indexes of a table, which may be known by one of its indexes.

    Two concurrent builds on one table deadlock where one waits for the other's lock: the wait is a statement, whose
    snapshot the other has to wait for. So they are waited for without a statement.
    """
    rows = session.ask(query("index", "builders").format(table=literal(table), name=literal(name)))
    return tuple(row[0] or "" for row in rows)


def left_alone(looks: Callable[[], list[Index]]) -> list[Index]:
    """The invalid indexes that nobody is at.

    Looks twice: an index that is completed while the first look is under way is seen to be valid by the second.
    """
    found = [index for index in looks() if not index.usable and not index.busy]
    if not found:
        return []
    still = {index.oid for index in looks() if not index.usable and not index.busy}
    return [index for index in found if index.oid in still]


def drop(session: Session, index: Index) -> str:
    session.ask(f"DROP INDEX CONCURRENTLY IF EXISTS {index.written}")
    return f"index {index.written}, left invalid by an earlier attempt, was dropped"


def new_since(before: Facts | None, indexes: list[Index]) -> list[Index]:
    known = before.get("indexes") if before is not None else None
    return [index for index in indexes if index.oid not in known] if isinstance(known, list) else []


@dataclass
class Build(Trace):
    """CREATE INDEX CONCURRENTLY, with or without a name, with or without IF NOT EXISTS."""

    table: str | None
    name: str | None

    def awaited(self) -> tuple[str, ...]:
        return builders(self.session, self.table or "", None)

    def note(self) -> Facts:
        return {"indexes": [index.oid for index in self._indexes()]}

    def clear(self, before: Facts | None) -> tuple[str, ...]:
        return tuple(drop(self.session, index) for index in left_alone(lambda: self._ours(before)))

    def completed(self, before: Facts) -> bool | None:
        usable = [index for index in new_since(before, self._ours(before)) if index.usable]
        return bool(usable) if len(usable) < 2 else None

    def trouble(self, before: Facts) -> ServerReport | None:
        bad = [index for index in self._found(before) if not index.usable]
        if not bad:
            return None
        why = "another session is building it" if bad[0].busy else "an earlier build of it did not complete"
        return ServerReport(f"the index {bad[0].written} is invalid: {why}")

    def left(self, before: Facts) -> tuple[str, ...]:
        return tuple(invalid(index) for index in self._ours(before) if not index.usable)

    def _indexes(self) -> list[Index]:
        return look(self.session, self.table or "", self.name)

    def _ours(self, before: Facts | None) -> list[Index]:
        """Those that this statement makes: by their name, else new ones with a name that the server chose."""
        if self.name is not None:
            return [index for index in self._indexes() if index.named]
        return [index for index in new_since(before, self._indexes()) if CHOSEN_BY_THE_SERVER.search(index.name)]

    def _found(self, before: Facts) -> list[Index]:
        """Also one of that name on another table, with which IF NOT EXISTS was content."""
        if self.name is None:
            return self._ours(before)
        text = query("index", "by_name").format(name=literal(self.name), table=literal(self.table))
        oids = {int(row[0] or 0) for row in self.session.ask(text)}
        return [index for index in look(self.session, None, self.name) if index.oid in oids]


@dataclass
class Rebuild(Trace):
    """REINDEX CONCURRENTLY. Running it again does no harm."""

    def awaited(self) -> tuple[str, ...]:
        return builders(self.session, self.statement.index_table, self.statement.index)

    def note(self) -> Facts:
        return {"indexes": [index.oid for index in self._transient()]}

    def clear(self, before: Facts | None) -> tuple[str, ...]:
        found = left_alone(lambda: new_since(before, self._transient()))
        return tuple(self._drop(index) for index in found)

    def completed(self, before: Facts) -> bool | None:
        return False

    def left(self, before: Facts) -> tuple[str, ...]:
        return tuple(invalid(index) for index in new_since(before, self._transient()))

    def _drop(self, index: Index) -> str:
        """Only a superuser may name the index of a TOAST table: for others it is told, and is in nobody's way."""
        try:
            return drop(self.session, index)
        except DatabaseError:
            if not index.of_toast:
                raise
            return invalid(index)

    def _transient(self) -> list[Index]:
        return [index for index in look(self.session, None) if not index.usable and TRANSIENT.search(index.name)]


@dataclass
class Drop(Trace):
    """DROP INDEX CONCURRENTLY. Until it is gone the index is invalid, and may simply be dropped again."""

    name: str | None

    def awaited(self) -> tuple[str, ...]:
        return builders(self.session, None, self.name)

    def note(self) -> Facts:
        text = query("index", "by_name").format(name=literal(self.name), table=literal(None))
        return {"index": next((int(row[0] or 0) for row in self.session.ask(text)), None)}

    def completed(self, before: Facts) -> bool | None:
        oid = before.get("index")
        return isinstance(oid, int) and not self._exists(oid)

    def left(self, before: Facts) -> tuple[str, ...]:
        left = [index for index in look(self.session, None) if index.oid == before.get("index") and not index.usable]
        return tuple(invalid(index) for index in left)

    def _exists(self, oid: int) -> bool:
        return Existence(self.session, self.statement, "relation", str(oid)).exists()


def invalid(index: Index) -> str:
    """An invalid index and how to remove it, in words."""
    if index.busy:
        return f"index {index.written} is invalid: another session is building it"
    return f"index {index.written} is invalid; to remove it by hand: DROP INDEX CONCURRENTLY {index.written};"


def trouble(session: Session, statement: Statement) -> ServerReport | None:
    """Why a migration must not be recorded though this statement of it ran: the index that it names is invalid."""
    if statement.command != "CREATE INDEX CONCURRENTLY" or statement.index is None:
        return None
    return Build(session, statement, statement.index_table, statement.index).trouble({})
