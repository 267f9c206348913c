"""Sending messages. The only user of libpq's interface.

A *message* is one simple-protocol query: any number of statements that travel together and whose results come back
one by one (PostgreSQL documentation, "Message Flow: Simple Query"; several BEGIN ... COMMIT in one are allowed).
"""

from __future__ import annotations

import math
import selectors
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import psycopg
from psycopg import pq

from sqlmig import stopping
from sqlmig.database.replies import COPY_IN, COPY_OUT, COPYING, DONE, FAILED, Reply, Row
from sqlmig.database.reports import first_line, report_of, report_of_result
from sqlmig.errors import ConnectionLost, DatabaseError, ServerReport
from sqlmig.stopping import INTERRUPTS_HELD

IDLE_CHECK = 0.5
"""Seconds without an answer after which the idle listener is asked, unless it wants to be asked sooner."""

POOL_TOO_SMALL = "give PgBouncer's pool two connections or more (default_pool_size), or the URL of the server itself"


class Session:
    """One connection in autocommit, without prepared statements (so that poolers in transaction mode can serve it)."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.backend_pid = connection.pgconn.backend_pid
        self.user, self.host = connection.info.user, connection.info.host
        self.port, self.dbname = connection.info.port, connection.info.dbname
        """Who logged in, and where: told of a session that is closed as well."""
        self._server_version = connection.pgconn.server_version
        self.pooled = False
        """Whether a pooler stands between: known once the server was asked for its own idea of our backend."""
        self.completed_uncancelled = False
        """Whether the message that was last interrupted had completed before it could be cancelled."""
        self.on_notice: Callable[[ServerReport], None] = lambda report: None
        self.on_idle: Callable[[], None] = lambda: None
        """Called again and again while the server does not answer, after ``idle_check`` seconds each time."""
        self.idle_check = IDLE_CHECK
        self.round_trip = math.inf
        """The shortest time, in seconds, in which a message was answered."""
        self.asked: str | None = None
        """What was sent ahead, and is not asked yet."""
        self.explain: Callable[[DatabaseError], DatabaseError] | None = None
        """What the refusal of what was told means, until it is asked for."""
        self.refused = False
        """Whether what was told was not done."""
        self.sent_at: float | None = None
        """When the message was sent that is not answered yet."""
        self.busy = False
        """Whether a message was sent whose end has not been seen."""
        self.arrived: deque[pq.abc.PGresult | ServerReport | None] = deque()
        """What came and was not looked at yet, in its order: results, notices, and None where a message ends."""
        connection.add_notice_handler(self._noticed)

    def _noticed(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        self.arrived.append(report_of(diagnostic))

    def leave(self) -> None:
        """Hear no more of the connection, which somebody else goes on using."""
        self.connection.remove_notice_handler(self._noticed)

    def make_ready(self) -> None:
        """Bring a session that was used before to where a new one is, as this one is."""

    @property
    def pgconn(self) -> pq.abc.PGconn:
        return self.connection.pgconn

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction block is open and has not failed."""
        return self.pgconn.transaction_status == pq.TransactionStatus.INTRANS

    @property
    def alive(self) -> bool:
        return self.pgconn.status == pq.ConnStatus.OK

    @property
    def standard_conforming_strings(self) -> bool:
        return self._reported(b"standard_conforming_strings") != b"off"

    @property
    def reads_plainly(self) -> bool:
        """Whether the server reads a message, all of it before it runs any, as what we sent: UTF-8, plain literals."""
        return self.standard_conforming_strings and self._reported(b"client_encoding") in (b"UTF8", None)

    @property
    def server_version(self) -> int:
        """As in 150018."""
        return self._server_version

    def _reported(self, name: bytes) -> bytes | None:
        """A setting as the server last said it; None of a session that is closed, on which sending fails."""
        with suppress(psycopg.OperationalError):
            return self.pgconn.parameter_status(name)
        return None

    def run(self, message: str) -> Iterator[Reply]:
        """Send one message and yield a reply a statement, as they arrive.

        Raises what ``send`` and ``replies`` raise. A caller that stops half way has the rest of the message cancelled.
        """
        self.send(message)
        try:
            yield from self.replies()
        finally:
            self.abandon()

    def ask_ahead(self, message: str) -> None:
        """Send what is going to be asked first: asking then waits for the answer alone. Raises what ``send`` raises."""
        self.send(message)
        self.asked, self.sent_at = message, None

    def tell(self, message: str, explain: Callable[[DatabaseError], DatabaseError]) -> None:
        """Send what need not be answered. Raises what ``send`` raises.

        Whatever is sent next waits until it is done: it raises what ``explain`` makes of a refusal, and is not sent.
        """
        self.send(message)
        self.explain, self.sent_at = explain, None

    def settle(self) -> None:
        """Wait until what was told is done. Raises why it is not: then ``refused`` says so from here on."""
        explain, self.explain = self.explain, None
        if explain is not None:
            self.refused = True
            try:
                deque(self.replies(), maxlen=0)
            except DatabaseError as error:
                self.roll_back()
                raise explain(error) from error
            self.refused = False

    def send(self, message: str) -> None:
        """Send one message without waiting for an answer to it. Nothing else may be sent before its end was seen.

        Raises ConnectionLost where the connection breaks, and what ``settle`` raises.
        """
        self.settle()
        asked, self.asked = self.asked, None
        if asked == message:
            return
        if asked is not None:
            self.abandon()
        self.arrived.clear()
        try:
            self.busy = True
            self.sent_at = time.monotonic()
            self.pgconn.send_query(message.encode())
            self._flush()
        except psycopg.OperationalError as error:
            raise self._lost(error) from error

    def replies(self, *, wait: bool = True) -> Iterator[Reply]:
        """A reply for each statement of the message that was sent, up to its end; or, without ``wait``, up to now.

        Raises DatabaseError with what the server said at the first statement that fails: nothing behind it in the
        message was run. Results without a tag are parts of a statement: rows that a rule adds, the beginning of a COPY.
        Raises ConnectionLost where the connection breaks. On Ctrl-C the running statement is cancelled and the rest of
        the message discarded before KeyboardInterrupt goes on.
        """
        arrived = self.arrived
        try:
            while self.busy:
                if not arrived and not self._receive(wait=wait):
                    return
                if self.sent_at is not None:
                    self.round_trip = min(self.round_trip, time.monotonic() - self.sent_at)
                    self.sent_at = None
                reply = self._reply(arrived.popleft())
                if reply is not None:
                    yield reply
        except psycopg.OperationalError as error:
            raise self._lost(error) from error
        except KeyboardInterrupt:
            self.abandon()
            raise

    def pass_over(self, most: int) -> int:
        """Take replies that have come, at most so many and up to what is not simply done, unseen: how many."""
        arrived = self.arrived
        count = 0
        while count < most and arrived:
            item = arrived[0]
            if item is None or isinstance(item, ServerReport) or item.status not in DONE or not item.command_status:
                break
            arrived.popleft()
            count += 1
        return count

    def abandon(self) -> None:
        """Cancel the message that was sent last, unless its end was seen or it was told; discard what it still answers.

        One that was not sent to its end is never run: then the connection is closed.
        """
        if self.explain is not None:
            with suppress(DatabaseError):
                self.settle()
        if not self.busy:
            return
        self.completed_uncancelled = False
        with suppress(psycopg.Error):
            if self.pgconn.flush():
                self.pgconn.finish()
            elif self.pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
                self.cancel()
        self._discard_rest()
        self.busy = False

    def ask(self, message: str) -> list[Row]:
        """Send one message of our own and return the rows of its last statement that gave any.

        Raises DatabaseError; an open transaction is rolled back first.
        """
        rows: list[Row] = []
        try:
            for reply in self.run(message):
                rows = reply.rows or rows
        except DatabaseError:
            self.roll_back()
            raise
        return rows

    def ask_gently(self, message: str) -> list[Row]:
        """Like ``ask`` inside an open transaction, which survives where the message fails."""
        try:
            replies = list(self.run(f"SAVEPOINT sqlmig; {message}; RELEASE SAVEPOINT sqlmig"))
        except DatabaseError:
            self.ask("ROLLBACK TO SAVEPOINT sqlmig; RELEASE SAVEPOINT sqlmig")
            raise
        return [row for reply in replies for row in reply.rows]

    def copy_in(self, statement: str, data: Iterable[str]) -> Reply:
        """Run COPY ... FROM STDIN with this data, in pieces of any size. Raises like ``run``."""
        try:
            with self.connection.cursor() as cursor:
                with stopping.Stoppable(self.cancel), cursor.copy(statement) as copy:
                    for part in data:
                        copy.write(part)
                self._pass_on_notices()
                return Reply(cursor.statusmessage or "COPY")
        except psycopg.OperationalError as error:
            if not self.alive:
                raise self._lost(error) from error
            raise DatabaseError(str(error), server=report_of(error.diag)) from error
        except psycopg.Error as error:
            raise DatabaseError(str(error), server=report_of(error.diag)) from error

    def roll_back(self) -> None:
        """Cancel what runs, and end whatever transaction is open, undoing it. Does nothing on a broken connection."""
        self.abandon()
        if self.alive and self.pgconn.transaction_status != pq.TransactionStatus.IDLE:
            with suppress(ConnectionLost):
                for _ in self.run("ROLLBACK"):
                    pass

    def still_connected(self) -> bool:
        """Whether the server has not closed the connection, nor said that it does. Sends nothing.

        It says so before it lets go of what the session has locked.
        """
        with suppress(psycopg.OperationalError):
            while self.alive and self._ready(selectors.EVENT_READ, 0):
                self.pgconn.consume_input()
                self.pgconn.is_busy()
            said = [item for item in self.arrived if isinstance(item, ServerReport)]
            return self.alive and all(report.severity != "FATAL" for report in said)
        return False

    def cancel(self) -> None:
        """Ask the server to break off the statement that runs. Any thread may."""
        with suppress(psycopg.Error):
            self.connection.cancel_safe(timeout=5)

    def close(self) -> None:
        self.connection.close()

    def _reply(self, item: pq.abc.PGresult | ServerReport | None) -> Reply | None:
        """What the next thing that came is as a reply, if it is one."""
        if isinstance(item, ServerReport):
            self.on_notice(item)
            return None
        self.busy = item is not None
        if item is None:
            return None
        status = item.status
        if status not in DONE:
            self._attend_to(item, status)
        tag = item.command_status
        return Reply(tag.decode(), item) if tag else None

    def _attend_to(self, result: pq.abc.PGresult, status: int) -> None:
        """Raise the error that a result is; keep a COPY from waiting for us."""
        if status in FAILED:
            report = report_of_result(result)
            self._discard_rest()
            if not self.alive or (report.sqlstate or "").startswith("57P0"):
                next_step = POOL_TOO_SMALL if report.message == "query_wait_timeout" else None
                raise ConnectionLost(
                    f"the connection to the server was lost: {report.message}", server=report, next_step=next_step
                )
            raise DatabaseError(report.message, server=report)
        if status == COPY_IN:
            self.pgconn.put_copy_end(b"COPY FROM STDIN without data")
        elif status == COPY_OUT:
            self._drain_copy_out()

    def _drain_copy_out(self) -> None:
        while True:
            size, _ = self.pgconn.get_copy_data(1)
            if size < 0:
                return
            if size == 0:
                self._ready(selectors.EVENT_READ, IDLE_CHECK)
                self.pgconn.consume_input()

    def _discard_rest(self) -> None:
        with suppress(psycopg.OperationalError):
            while self.busy:
                if not self.arrived:
                    self._receive(wait=True)
                    continue
                item = self.arrived.popleft()
                if isinstance(item, ServerReport):
                    self.on_notice(item)
                elif item is None:
                    self.busy = False
                else:
                    self.completed_uncancelled = item.status in DONE

    def _pass_on_notices(self) -> None:
        while self.arrived:
            item = self.arrived.popleft()
            if isinstance(item, ServerReport):
                self.on_notice(item)

    def _receive(self, *, wait: bool) -> bool:
        """Take in what the server has sent; with ``wait``, until that is something. Whether it is."""
        while True:
            with INTERRUPTS_HELD:
                if not wait:
                    self.pgconn.consume_input()
                self._collect()
            if self.arrived or not wait:
                return bool(self.arrived)
            if self._ready(selectors.EVENT_READ, self.idle_check):
                with INTERRUPTS_HELD:
                    self.pgconn.consume_input()
            else:
                self.on_idle()

    def _collect(self) -> None:
        pgconn = self.pgconn
        while not pgconn.is_busy():
            result = pgconn.get_result()
            self.arrived.append(result)
            if result is None or result.status in COPYING:
                return

    def _flush(self) -> None:
        while self.pgconn.flush():
            if self._ready(selectors.EVENT_READ | selectors.EVENT_WRITE, IDLE_CHECK) & selectors.EVENT_READ:
                self.pgconn.consume_input()

    def _ready(self, events: int, seconds: float) -> int:
        with selectors.DefaultSelector() as selector:
            selector.register(self.pgconn.socket, events)
            stopping.watch(selector)
            found = selector.select(seconds)
        stopping.obey()
        return found[0][1] if found else 0

    def _lost(self, error: psycopg.Error) -> ConnectionLost:
        return ConnectionLost(f"the connection to the server was lost: {first_line(str(error))}")
