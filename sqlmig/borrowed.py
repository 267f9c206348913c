"""A connection of the caller's: used for the work, and given back as it was."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from typing import Any, cast

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from sqlmig.database import Session
from sqlmig.errors import NoConnection, UsageError
from sqlmig.queries import literal, query, quote_identifier

Connection = psycopg.Connection[Any]
AsyncConnection = psycopg.AsyncConnection[Any]

_numbers = count(1)


class BorrowedSession(Session):
    """A session on a connection that is not ours to close."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.restoring: list[str] = []
        """SQL that makes the session's settings what the caller had set; nothing where none was touched."""

    def close(self) -> None:
        """Leave it open: its owner closes it."""

    def make_ready(self) -> None:
        """Bring the session to where a new connection is. Raises UsageError where that would lose something.

        Behind a pooler in transaction mode there is no session, and nothing is done.
        """
        if self.pooled or self.restoring:
            return
        found, settings, actor = [
            reply.rows for reply in self.run(query("session", "state")) if reply.result and reply.result.nfields
        ]
        if found:
            what = _listed([name or "" for (name,) in found])
            raise UsageError(
                f"the connection has {what}, which a migration's end would discard",
                next_step="pass a connection that holds none of these",
            )
        session_user, role = actor[0]
        self.restoring = [
            *(f"SELECT pg_catalog.set_config({literal(name)}, {literal(value)}, false)" for name, value in settings),
            f"SET SESSION AUTHORIZATION {quote_identifier(session_user or '')}",
            f"SET ROLE {quote_identifier(role)}" if role and role != "none" else "RESET ROLE",
        ]
        self.ask(query("session", "reset"))

    def give_back(self) -> None:
        """End what is open and restore the settings. Raises DatabaseError where one cannot be set any more."""
        self.leave()
        if not self.alive:
            return
        self.roll_back()
        if self.restoring:
            self.ask(query("session", "reset"))
            self.ask(";\n".join(self.restoring))
            # psycopg learns from this that its own prepared statements are gone; it counts equal statements as one
            self.connection.execute(f"DEALLOCATE ALL -- {next(_numbers)}".encode(), prepare=False)


@contextmanager
def borrowed(connection: Connection) -> Iterator[Session]:
    """A session on this connection, which is idle again afterwards, with the settings that it had.

    Raises UsageError for a connection that cannot be used now, NoConnection for a closed one; then it was not touched.
    """
    _require_usable(connection)
    autocommit = connection.autocommit
    connection.autocommit = True
    session = BorrowedSession(connection)
    try:
        yield session
    finally:
        try:
            session.give_back()
        finally:
            if session.alive:
                connection.autocommit = autocommit


class AsyncSession(Session):
    """A session on a connection that belongs to a loop, which leaves it alone meanwhile."""

    def cancel(self) -> None:
        self.connection.cancel()


def of_asyncio(connection: object) -> AsyncConnection | None:
    """The connection where it belongs to asyncio."""
    return connection if isinstance(connection, psycopg.AsyncConnection) else None


@contextmanager
def looking(connection: Connection | AsyncConnection) -> Iterator[Session]:
    """A session that only looks, also inside a transaction of the caller's; nothing of the connection changes.

    Raises UsageError for a connection that cannot be asked, NoConnection for a closed one.
    """
    plain = _plain(connection)
    _require_answering(plain)
    with plain.lock, _heard(Session(plain)) as session:
        yield session


@asynccontextmanager
async def looking_async(connection: AsyncConnection) -> AsyncIterator[Session]:
    """The same for a connection of asyncio's; the session is to be used in another thread than the loop's."""
    async with connection.lock:
        _require_answering(connection)
        with _heard(AsyncSession(cast(Connection, connection))) as session:
            yield session


@contextmanager
def _heard(session: Session) -> Iterator[Session]:
    try:
        yield session
    finally:
        session.leave()


def conninfo_of(connection: Connection) -> str:
    """What leads to the same server, database and user once more, with the password. Raises like ``borrowed``."""
    _plain(connection)
    _require_open(connection)
    info = connection.info
    parameters = {"host": info.host, "port": str(info.port), "password": info.password}
    given = info.get_parameters()
    if "hostaddr" in given:
        parameters["hostaddr"] = info.hostaddr
    return make_conninfo(info.dsn, **{name: value for name, value in parameters.items() if value})


def _plain(connection: object) -> Connection:
    if isinstance(connection, psycopg.Connection):
        return connection
    what = f"{type(connection).__module__.partition('.')[0]}.{type(connection).__name__}"
    raise UsageError(f"the connection has to be a psycopg.Connection, not {what}")


def _require_open(connection: Connection | AsyncConnection) -> None:
    if connection.closed:
        raise NoConnection("the connection that was passed in is closed")


def _require_answering(connection: Connection | AsyncConnection) -> None:
    _require_open(connection)
    if connection.pgconn.pipeline_status != pq.PipelineStatus.OFF:
        raise UsageError("the connection is in pipeline mode", next_step="leave the pipeline first")
    if connection.pgconn.transaction_status not in (pq.TransactionStatus.IDLE, pq.TransactionStatus.INTRANS):
        raise UsageError("the connection is in a failed transaction, or busy", next_step="roll back first")


def _require_usable(connection: Connection) -> None:
    _plain(connection)
    _require_answering(connection)
    if connection.pgconn.transaction_status != pq.TransactionStatus.IDLE:
        raise UsageError(
            "the connection is in a transaction, and each migration has one of its own",
            next_step="commit or roll back first, or open the connection with autocommit=True",
        )
    if connection.pgconn.parameter_status(b"client_encoding") != b"UTF8":
        raise UsageError(
            f"the connection does not speak UTF-8, but {connection.info.encoding}",
            next_step='psycopg.connect(..., client_encoding="UTF8")',
        )


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
