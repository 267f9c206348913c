"""What a command needs of the database: a session, the history, the runner's lock, and where all that is."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmig.config import Environment, parse_duration
from sqlmig.database import Opening, Session, connect, literal
from sqlmig.errors import ReadOnlyServer, UnsupportedServer
from sqlmig.events import Event, Listener
from sqlmig.frozen import dataclass
from sqlmig.history import OLDEST, Actor, History, ServerFacts
from sqlmig.lock import RunnerLock
from sqlmig.migration import Applied, Migration
from sqlmig.queries import query
from sqlmig.results import Where
from sqlmig.stopping import begun
from sqlmig.version import VERSION

if TYPE_CHECKING:
    from sqlmig.borrowed import Connection
    from sqlmig.runner import Runner, Settings


RECONNECT_SECONDS = 10.0
"""How long to try for a connection that tells what became of one that was lost."""


@dataclass(frozen=True)
class Access:
    """Opens sessions on the target of one environment."""

    environment: Environment
    listener: Listener
    connection: Connection | None = None
    """What the work is done on, instead of a connection of our own."""
    opening: Opening | None = None
    """The first session, and another where that may be needed, which somebody began to open before."""

    @cached_property
    def conninfo(self) -> str:
        """What libpq reads; starts the embedded server where that is the target. Holds the password."""
        if not self.environment.target.embedded:
            return self.environment.target.conninfo.reveal()
        from sqlmig import embedded

        return embedded.start(self.environment.root / ".sqlmig").conninfo

    @cached_property
    def commit(self) -> Future[str | None]:
        """The commit that is checked out; git is asked for it while something else goes on."""
        return begun(lambda: git_commit(self.environment.root))

    @cached_property
    def history(self) -> History:
        return History(
            schema=self.environment.history_schema,
            actor=Actor(socket.gethostname(), VERSION, lambda: self.commit.result()),
            role=self.environment.role,
            store_up_limit=self.environment.store_up_limit,
        )

    @property
    def settings(self) -> Settings:
        from sqlmig.runner import Settings

        environment = self.environment
        return Settings(
            role=environment.role,
            search_path=environment.search_path,
            lock_timeout=environment.lock_timeout,
            statement_timeout=environment.statement_timeout,
            lock_retries=environment.lock_retries,
            message_size=environment.message_size,
        )

    def open(self, wait: float = 0) -> Session:
        """A new connection. Raises NoConnection."""
        return connect(self.conninfo, wait=wait, redact=self.environment.secrets, listener=self.listener)

    @contextmanager
    def desk(self, wait: float = 0) -> Iterator[Desk]:
        """A session that knows where it is; closed at the end, or given back, whatever happens."""
        with self._session(wait) as session, closing(Desk(self, session, self.history.probe(session))) as desk:
            yield desk

    def _session(self, wait: float) -> AbstractContextManager[Session]:
        if self.connection is None:
            ready = self.opening.take() if self.opening is not None else None
            return closing(ready if ready is not None else self.open(wait))
        from sqlmig.borrowed import borrowed

        return borrowed(self.connection)

    def where(self, session: Session, facts: ServerFacts) -> Where:
        """The database in words."""
        server = " ".join(facts.version.split()[:2])
        at = (
            "(embedded)"
            if self.environment.target.embedded
            else f"on {session.host or 'a local socket'}:{session.port}"
        )
        return Where(
            self.environment.name,
            facts.database or session.dbname,
            f"{server} {at}",
            facts.session_user or session.user,
            self.environment.target.source,
        )


@dataclass
class Desk:
    """One session of one command, with what is known about the place."""

    access: Access
    session: Session
    facts: ServerFacts
    claim: str = ""
    opening: Opening | None = None

    def close(self) -> None:
        """Give up what was begun beforehand and not needed."""
        if self.opening is not None:
            self.opening.close()

    def expect_lock(self) -> None:
        """Begin to open the lock's connection: that takes round trips, which need not be waited for one by one.

        Meanwhile git is asked what is recorded of it, and what runs the plan is loaded.
        """
        if self.opening is None:
            first = self.access.opening
            self.opening = (first.another() if first is not None else None) or Opening(self.access.open)
            _ = self.access.commit
            import sqlmig.runner  # noqa: F401 - to have it in time

    @property
    def where(self) -> Where:
        return self.access.where(self.session, self.facts)

    @property
    def history(self) -> History:
        return replace(self.access.history, claim=self.claim) if self.claim else self.access.history

    def applied(self, *, sources: bool = False) -> tuple[Applied, ...]:
        """What is applied; nothing where there was no history, and it was not created by another. Creates nothing."""
        return self.history.read(self.session, sources=sources) if self.facts.tables_exist else ()

    def require_writable(self, unsupported_server: bool = False) -> None:
        """Raise UnsupportedServer or ReadOnlyServer where nothing could, or should, be written."""
        if not unsupported_server and (self.facts.look_alike or self.session.server_version < OLDEST):
            raise UnsupportedServer(
                f"not a server that sqlmig supports: {self.facts.version}",
                next_step="use PostgreSQL 13 or later; --unsupported-server goes on at your own risk",
            )
        if self.facts.in_recovery or self.facts.read_only:
            what = "the server is a hot standby" if self.facts.in_recovery else "the session is read-only"
            raise ReadOnlyServer(f"{what}, and there is something to write", next_step="connect to the primary")

    @contextmanager
    def locked(self, lock_wait: float | None, *, settled: bool = True) -> Iterator[RunnerLock]:
        """Hold the runner's lock. The history tables exist once it is held, and all that is written claims it.

        Where that need not be ``settled``, they may still be on their way; the session's next use waits for them.
        """
        self.session.make_ready()
        wait = parse_duration(self.access.environment.lock_wait) if lock_wait is None else lock_wait
        lock = RunnerLock(self._lock_session(), self.history.schema)
        with closing(lock.session):
            lock.acquire(wait, self._keep_awake)
            self.claim = lock.claim
            self.session.round_trip = min(self.session.round_trip, lock.session.round_trip)
            if not lock.tables_exist:
                self.history.create(self.session, self.facts, schema_exists=lock.schema_exists)
                if settled:
                    self.session.settle()
            self.facts = replace(self.facts, tables_exist=lock.tables_exist)
            yield lock

    def _lock_session(self) -> Session:
        if self.opening is None:
            return self.access.open()
        opening, self.opening = self.opening, None
        return opening.session()

    def _keep_awake(self, event: Event) -> None:
        """Hand an event on; meanwhile no idle_session_timeout ends the session that is to work after the wait."""
        self.access.listener(event)
        self.session.ask("SELECT 1")

    def runner(self, lock: RunnerLock) -> Runner:
        """What executes plans here, while the lock is held."""
        from sqlmig.runner import Runner

        return Runner(
            session=self.session,
            history=self.history,
            settings=replace(self.access.settings, watched=self._sees_clients_end),
            listener=self.access.listener,
            reconnect=lambda: self.access.open(RECONNECT_SECONDS),
            lock=lock,
            redact=self.access.environment.secrets,
        )

    @property
    def _sees_clients_end(self) -> bool:
        """Whether the server can notice while it works that a client is gone: from 14 on, and not on every system."""
        return self.session.server_version >= 140000 and self.facts.on_linux

    def drop_everything(self) -> None:
        """Drop every object of the database but the log of events, in one transaction: all or nothing."""
        schema = self.history.schema
        everything = query("fresh", "drop_everything").format(schema_name=literal(schema))
        self.history.write(self.session, [everything, self.history.clear(), self.history.log("fresh")])

    def record_baseline(self, migrations: Sequence[Migration]) -> None:
        """Record migrations as applied, in one transaction, without running them."""
        batch = max((record.batch for record in self.history.read(self.session)), default=0) + 1
        texts = []
        for migration in migrations:
            texts.append(self.history.record(migration, batch, baseline=True))
            texts.append(self.history.log("baseline", migration, batch=batch))
        self.history.write(self.session, texts)


def git_commit(folder: Path) -> str | None:
    """The commit that is checked out here; None without git, a repository, or an answer within two seconds."""
    with suppress(OSError, subprocess.SubprocessError):
        answer = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=2, check=True
        )
        return answer.stdout.strip() or None
    return None
