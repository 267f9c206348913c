"""What a migration does to others: the locks it holds, the tables it rewrites, the indexes it builds.

A second session looks at the locks of the first before each message of an open transaction: locks last until it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlmig.database import Reply, Session, literal
from sqlmig.errors import UsageError
from sqlmig.queries import query
from sqlmig.results import IndexBuild, Locks, TableLock
from sqlmig.runner.settings import END_OF_SCRIPT

MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
"""Table-level locks from weak to strong (documentation, "Table-Level Locks")."""

WRITING = MODES.index("RowExclusiveLock")
CONCURRENTLY = MODES.index("ShareUpdateExclusiveLock")

SHARED_CATALOGS = {
    1260: "roles",
    1261: "memberships of roles",
    1262: "databases",
    1213: "tablespaces",
    2964: "settings of roles or databases",
    6243: "privileges on parameters",
    2396: "comments on roles, databases or tablespaces",
    3592: "security labels of roles, databases or tablespaces",
    6100: "subscriptions",
    6000: "replication origins",
}
"""Catalogs of the whole server, by OID (src/include/catalog); whoever writes one keeps its lock until the end."""


class Relation(NamedTuple):
    """A table, view or index as it was when its OID was looked up."""

    name: str
    kind: str
    file: str
    table: int
    """Of an index, the OID of its table."""


class Watched(Session):
    """Takes the place of a session, and calls ``look`` before each message that it sends in an open transaction.

    Not where the message before took no lock that is worth a look, whoever wrote it.
    """

    def __init__(self, session: Session, look: Callable[[Session], None]) -> None:
        session.leave()
        super().__init__(session.connection)
        self.look = look
        self.looked = True
        """Whether nothing was locked since the last look."""

    def send(self, message: str) -> None:
        if not self.looked and self.in_transaction and message != "ROLLBACK":
            self.look(self)
            self.looked = True
        self.looked = self.looked and _locks_nothing(message)
        super().send(message)

    def copy_in(self, statement: str, data: Iterable[str]) -> Reply:
        self.looked = False
        return super().copy_in(statement, data)


def _locks_nothing(message: str) -> bool:
    return message.startswith(("BEGIN", "SET LOCAL")) or message.rstrip("\n;") in END_OF_SCRIPT


class Watch:
    """What was seen of a session since ``begin``."""

    def __init__(self, observer: Session, left_out: Sequence[str], *, shares_server: bool) -> None:
        self.observer = observer
        self.left_out = ", ".join(map(literal, left_out))
        self.shares_server = shares_server
        self.modes: dict[int, int] = {}
        self.relations = self._relations()

    def begin(self) -> None:
        """Forget what was seen."""
        self.modes = {}

    def look(self, session: Session) -> None:
        """Note what the session has locked.

        Raises UsageError where it changes what all databases of the target's server share: it must not commit.
        """
        for relation, mode, shared in self.observer.ask(query("rehearsal", "locks").format(pid=session.backend_pid)):
            oid, strength = int(relation or 0), MODES.index(mode or "")
            if shared == "t":
                if self.shares_server and strength >= WRITING and oid in SHARED_CATALOGS:
                    raise shared_change(SHARED_CATALOGS[oid])
            else:
                self.modes[oid] = max(strength, self.modes.get(oid, 0))

    @property
    def written(self) -> set[int]:
        """OIDs of the relations that may have other rows than before."""
        return {oid for oid, strength in self.modes.items() if strength >= WRITING}

    def seen(self) -> Locks:
        """What was seen, by the names of before; what was new then is in nobody's way. Looks at the files once more.

        What runs without a transaction has given up its locks before it could be looked at. But a table is rewritten
        under no weaker lock than ACCESS EXCLUSIVE, and where an index came about under none that was seen, it was built
        concurrently (documentation, "Explicit Locking").
        """
        before, after = self.relations, self._relations()
        self.relations = after
        rewritten = {
            oid
            for oid in before.keys() & after.keys()
            if before[oid].file != after[oid].file and before[oid].kind in "rm"
        }
        built = [after[oid] for oid in _built(before, after)]
        modes = {
            **dict.fromkeys((index.table for index in built), CONCURRENTLY),
            **dict.fromkeys(rewritten, MODES.index("AccessExclusiveLock")),
            **{oid: mode for oid, mode in self.modes.items() if mode > 0},
        }
        tables = [
            TableLock(before[oid].name, _spelled(mode), oid in rewritten)
            for oid, mode in modes.items()
            if oid in before and before[oid].kind not in "iI"
        ]
        names = {relation.name for relation in before.values()}
        builds = [IndexBuild(index.name, before[index.table].name, index.name in names) for index in built]
        return Locks(
            tuple(sorted(tables, key=lambda lock: lock.table)), tuple(sorted(builds, key=lambda build: build.index))
        )

    def _relations(self) -> dict[int, Relation]:
        rows = self.observer.ask(query("rehearsal", "relations").format(left_out=self.left_out))
        return {
            int(oid or 0): Relation(name or "", kind or "", file or "", int(t or 0))
            for oid, name, kind, file, t in rows
        }


def _built(before: Mapping[int, Relation], after: Mapping[int, Relation]) -> Iterator[int]:
    """The indexes of tables that were there before that are new, or were built anew."""
    for oid, index in after.items():
        former = before.get(oid)
        if index.kind == "i" and index.table in before and (former is None or former.file != index.file):
            yield oid


def _spelled(strength: int) -> str:
    """``ACCESS EXCLUSIVE``, as LOCK TABLE takes it."""
    name = MODES[strength].removesuffix("Lock")
    return "".join(f" {letter}" if letter.isupper() else letter for letter in name).strip().upper()


def shared_change(what: str) -> UsageError:
    """The refusal to rehearse beside the target what would change the target's server."""
    return UsageError(
        f"it changes {what}, which all databases of the target's server share; it was rolled back",
        next_step="rehearse it in a server of its own: --shadow-url embedded",
    )
