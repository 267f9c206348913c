"""Snapshots of the schema that the history keeps: what migrations left, to be compared with what is there.

They are in a table of their own, made when the first is stored: a history without it is complete.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime

from sqlmig.database import Row, Session, literal
from sqlmig.errors import DatabaseError
from sqlmig.frozen import dataclass
from sqlmig.history import History
from sqlmig.queries import query
from sqlmig.schema.snapshot import Snapshot

KEPT = 10
"""Snapshots that stay: the newest is what counts, the others tell what was there before."""


@dataclass(frozen=True)
class Known:
    """The newest snapshot, without the snapshot itself."""

    id: int
    at: datetime
    reason: str
    """The command after which it was stored; ``accept``, where a person said that it is right."""
    server_version: int
    fingerprint: str
    current: bool
    """Whether nothing was applied or undone since without a snapshot."""

    @property
    def major(self) -> int:
        """The server's major version, as in 15."""
        return self.server_version // 10000


@dataclass(frozen=True)
class Snapshots:
    """Reads and stores the snapshots of a history. Its tables must exist."""

    history: History

    def newest(self, session: Session) -> Known | None:
        """The newest one, where there is any. Writes nothing."""
        table_exists, now = self._state(session)
        if not table_exists:
            return None
        text = query("snapshot", "known").format(role=self.history.set_role, schema=self.history.quoted_schema)
        rows = self._ask(session, text)
        if not rows:
            return None
        ((number, at, reason, then, version, fingerprint),) = rows
        when = datetime.fromtimestamp(float(at or 0), UTC)
        return Known(int(number or 0), when, reason or "", int(version or 0), fingerprint or "", then == now)

    def schema(self, session: Session, known: Known) -> Snapshot:
        """The snapshot itself."""
        text = query("snapshot", "schema").format(
            role=self.history.set_role, schema=self.history.quoted_schema, id=known.id
        )
        ((packed,),) = self._ask(session, text)
        return Snapshot.unpacked(base64.b64decode(packed or ""))

    def texts(self, session: Session, snapshot: Snapshot, reason: str) -> list[str]:
        """SQL that stores a snapshot of what is there now, for ``History.write``; and the table where there is none."""
        schema = self.history.quoted_schema
        table_exists, _ = self._state(session)
        create = [] if table_exists else [query("snapshot", "create").format(schema=schema)]
        store = query("snapshot", "store").format(
            schema=schema,
            reason=literal(reason),
            state=query("snapshot", "state").format(schema=schema),
            server_version=snapshot.server_version,
            fingerprint=literal(snapshot.fingerprint),
            packed=literal(base64.b64encode(snapshot.packed()).decode()),
            kept=KEPT,
        )
        return [*create, store]

    def _state(self, session: Session) -> tuple[bool, str | None]:
        """Whether there is a table for them, and what is applied, as a word that changes with it."""
        schema = self.history.quoted_schema
        state = query("snapshot", "state").format(schema=schema)
        table = literal(f"{schema}.snapshot")
        text = query("snapshot", "exists").format(role=self.history.set_role, table=table, state=state)
        ((exists, now),) = self._ask(session, text)
        return exists == "t", now

    def _ask(self, session: Session, text: str) -> list[Row]:
        try:
            return session.ask(text)
        except DatabaseError as error:
            raise self.history.explain(error, session) from error
