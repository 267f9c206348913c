"""The runner's lock: one runner at a time for each history schema, and what it can tell of who is in the way."""

from __future__ import annotations

import hashlib
import random
import time
from contextlib import suppress

from sqlmig import stopping
from sqlmig.database import Row, Session, literal
from sqlmig.errors import ConnectionLost, DatabaseError, LockHeld
from sqlmig.events import Listener, Waiting
from sqlmig.queries import query


def lock_key(history_schema: str, what: str = "runner") -> int:
    """The advisory lock of a history schema: stable across versions of sqlmig, and unlikely to be anybody else's."""
    digest = hashlib.sha256(f"sqlmig {what}:{history_schema}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


PATIENCE = 30.0
"""Seconds to wait for the backend of a lost connection to notice and end."""

LOCK_LOST = "the connection that holds the runner's lock was lost"


class RunnerLock:
    """One runner at a time for a history schema; dies with its process.

    A transaction-level advisory lock in a READ COMMITTED transaction on a connection of its own: it holds through a
    pooler in transaction mode, holds no snapshot that CREATE INDEX CONCURRENTLY would wait for, and is never waited
    for inside a statement (a waiting statement's snapshot deadlocks with CREATE INDEX CONCURRENTLY).

    A backend goes on with its message when its client has died. So each transaction of work makes a ``claim``: it keeps
    the next runner out as long as it lasts, and fails where the lock was lost before.
    """

    def __init__(self, session: Session, history_schema: str) -> None:
        self.session = session
        self.schema = history_schema
        self.keys = {
            "key": lock_key(history_schema),
            "work": lock_key(history_schema, "work"),
            "run": random.SystemRandom().getrandbits(63),
        }
        self.tables_exist = False
        self.schema_exists = False

    def acquire(self, wait: float, listener: Listener) -> None:
        """Take the lock, polling for ``wait`` seconds; then ``tables_exist`` says whether there is a history by now.

        Raises LockHeld, which names the holder.
        """
        deadline = time.monotonic() + wait
        while not self._try():
            holder = self._holder()
            self.session.roll_back()
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise LockHeld(
                    f"another runner holds the lock: {holder}",
                    next_step="wait for it, or give it more time: --lock-wait 5min",
                )
            listener(Waiting(f"another runner holds the lock: {holder}", remaining))
            stopping.pause(min(random.uniform(0.05, 0.25), remaining))  # noqa: S311 - jitter, not a secret

    def _try(self) -> bool:
        timeout_of_17 = "SET LOCAL transaction_timeout = 0;" if self.session.server_version >= 170000 else ""
        text = query("lock", "take").format(**self.keys, more=timeout_of_17, schema_name=literal(self.schema))
        got, idle, exists = [reply.rows[0] for reply in self.session.run(text) if reply.rows]
        self.tables_exist, self.schema_exists = exists[0] == "t", exists[1] == "t"
        return got[0] == "t" and idle[0] == "t"

    def _holder(self) -> str:
        rows = self.session.ask(query("lock", "holder").format(**self.keys))
        return rows[0][0] or "unknown" if rows else "it ended just now"

    def blockers(self, pid: int) -> tuple[str, ...]:
        """What the backend ``pid`` waits for, in words; nothing where that cannot be told."""
        return tuple(row[0] or "" for row in self._seen("lock", "blockers", pid))

    def progress(self, pid: int) -> tuple[str, float | None] | None:
        """How far the index is that the backend ``pid`` builds: the phase, and which part of it is done."""
        for phase, part in self._seen("index", "progress", pid):
            return phase or "", None if part is None else float(part)
        return None

    def _seen(self, file: str, name: str, pid: int) -> list[Row]:
        try:
            return self.session.ask_gently(query(file, name).format(pid=pid, **self.keys))
        except (DatabaseError, ConnectionLost):
            return []

    @property
    def claim(self) -> str:
        """SQL for the transactions of work. Takes a snapshot."""
        return query("lock", "claim").format(**self.keys)

    @property
    def hold(self) -> str:
        """SQL for a session that works without transactions: keeps the next runner out until that session ends."""
        return query("lock", "hold").format(**self.keys)

    def settle(self, session: Session, pid: int) -> bool:
        """Wait until no work under this lock can commit any more: that of backend ``pid``, or whichever a pooler chose.

        From the first moment no claim succeeds any more; other runners stay out. False where what has claimed before
        is still at it after half a minute.
        """
        with suppress(DatabaseError, ConnectionLost):
            self.session.ask("ROLLBACK TO SAVEPOINT run")
        settled = query("lock", "settled").format(pid=pid, **self.keys)
        deadline = time.monotonic() + PATIENCE
        while session.ask(settled)[0][0] != "t":
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def check(self) -> None:
        """Raise ConnectionLost where the connection that holds the lock is gone. Sends nothing."""
        if not self.session.still_connected():
            raise ConnectionLost(LOCK_LOST)

    def release(self) -> None:
        """Give the lock back, by closing its connection."""
        self.session.close()
