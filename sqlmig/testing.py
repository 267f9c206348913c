"""Databases for tests: one template, built once for what the files say, and a copy of it for each test."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import field, replace
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

from sqlmig import embedded, hooks
from sqlmig.actions import running
from sqlmig.actions.workplace import Workplace
from sqlmig.config import Environment, load
from sqlmig.config.conninfo import in_database
from sqlmig.config.settings import UNNAMED
from sqlmig.database import Session, connect
from sqlmig.errors import DatabaseError
from sqlmig.events import silent
from sqlmig.files import discover
from sqlmig.frozen import dataclass
from sqlmig.plan import Apply
from sqlmig.queries import literal, query, quote_identifier
from sqlmig.version import VERSION

MARK = "sqlmig tests: "
"""What the comment of every database begins with that is ours to drop."""

BUILDING = int.from_bytes(hashlib.sha256(b"sqlmig tests: building").digest()[:8], "big", signed=True)

PATIENCE = 1.0
"""Seconds that sessions have to end before they are ended by force."""

FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off"}
"""The settings of a server that has nothing to lose."""

LOCK = re.compile(re.escape(MARK) + r"\w+ (-?[0-9]+) of .*", re.DOTALL)
"""A mark names the lock that is held as long as its database is used."""


@dataclass(frozen=True)
class TestDatabase:
    """A database with every migration applied, for one test alone."""

    __test__ = False  # or pytest would take the class for tests

    name: str
    conninfo: str = field(repr=False)
    """What libpq reads, with a password where one was given."""

    @property
    def url(self) -> str:
        """The same as ``postgresql://``."""
        return url_of(self.conninfo)

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """A new connection, to be closed by the test; ``options`` are those of ``psycopg.connect``."""
        return psycopg.connect(self.conninfo, **options)


@dataclass(frozen=True)
class Recipe:
    """What a template is made from."""

    owner: str
    """The project: what its runs of before have left is dropped, and nothing else."""
    folders: Sequence[Path]
    config: Path | None = None

    def environment(self, url: str) -> Environment:
        """The general settings of the project, for another database: its programs are not told of what tests do."""
        settings = load(url=url, directories=self.folders, env=UNNAMED, config=self.config)
        return replace(settings, on_event=())

    def key(self, owner: str, server_version: str) -> int:
        """Changes with everything that a template depends on: the files above all.

        Raises FileError without a folder, and FilesInvalid.
        """
        environment = self.environment("embedded")
        found = discover(environment.directories)
        found.raise_for_problems()
        digest = hashlib.sha256(f"{VERSION}\0{owner}\0{environment.history_schema}\0{server_version}".encode())
        for migration in found.migrations:
            checksums = [script.checksum.raw if script else "" for script in (migration.up, migration.down)]
            digest.update("\0".join([str(migration), *checksums]).encode())
        for name, hook in sorted(hooks.discover(environment.hooks).items()):
            digest.update(f"{name}\0{hook.checksum.raw}".encode())
        return int.from_bytes(digest.digest()[:8], "big", signed=True)


class TestDatabases:
    """A template and its copies on one server, as long as one process runs tests there."""

    __test__ = False

    def __init__(self, conninfo: str, recipe: Recipe) -> None:
        self.conninfo = conninfo
        self.recipe = recipe
        self.template = ""
        self.run = secrets.randbits(63)
        self.session = connect(conninfo, listener=silent)
        self.owner = f"{recipe.owner}, by way of {self.session.dbname}"
        self.cleaner: Session | None = None
        self.making = ThreadPoolExecutor(1, thread_name_prefix="sqlmig-making")
        self.ahead: Future[str] | None = None
        self.begun = False
        self.cleaning = ThreadPoolExecutor(1, thread_name_prefix="sqlmig-cleaning")
        self.dropped: list[Future[None]] = []
        self.numbers = count(1)
        self.strategy = " STRATEGY WAL_LOG" if self.session.server_version >= 150000 else ""

    def prepare(self) -> None:
        """Build the template unless it is there, and drop what earlier runs left, as long as nobody uses it.

        One process does so at a time. Raises what ``Project.apply`` raises; then there is no template.
        """
        self.session.ask(query("testing", "begin").format(run=self.run, building=BUILDING))
        version = self.session.ask(query("testing", "facts"))[0][0]
        key = self.recipe.key(self.owner, version or "")
        self.template = f"sqlmig_template_{key & (1 << 64) - 1:016x}"
        try:
            self._sweep(key)
            self._build(key)
        finally:
            self.session.ask(query("testing", "built").format(template=key, building=BUILDING))

    def _mark(self, kind: str, key: int) -> str:
        return f"{MARK}{kind} {key} of {self.owner}"

    def _sweep(self, key: int) -> None:
        for name, mark in self.session.ask(query("testing", "marked").format(mark=literal(MARK))):
            lock = LOCK.fullmatch(mark or "")
            if lock is None or not (mark or "").endswith(f" of {self.owner}") or int(lock[1]) == key:
                continue
            if self.session.ask(query("testing", "abandoned").format(key=lock[1]))[0][0] == "t":
                self._drop(self.session, name or "")

    def _build(self, key: int) -> None:
        """A template has its comment when it is complete, and nobody can connect to it from then on."""
        name = quote_identifier(self.template)
        mark = self._mark("template", key)
        if (self.template, mark) in self.session.ask(query("testing", "marked").format(mark=literal(mark))):
            return
        self._drop(self.session, self.template)
        self.session.ask(f"CREATE DATABASE {name}")
        try:
            environment = self.recipe.environment(in_database(self.conninfo, self.template))
            running.run(Workplace(environment, silent), "apply", Apply(), yes=True)
        except BaseException:
            self._drop(self.session, self.template)
            raise
        self.session.ask(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        self.session.ask(f"COMMENT ON DATABASE {name} IS {literal(mark)}")

    @contextmanager
    def copy(self) -> Iterator[TestDatabase]:
        """A database of one's own, dropped in the background when the block ends, whoever is connected to it.

        From the second on, the next one is made while this one is used.
        """
        name = (self.ahead or self.making.submit(self._make)).result()
        self.ahead = self.making.submit(self._make) if self.begun else None
        self.begun = True
        try:
            yield TestDatabase(name, in_database(self.conninfo, name))
        finally:
            self.dropped.append(self.cleaning.submit(self._clean, name))

    def _make(self) -> str:
        name = f"sqlmig_test_{self.run:016x}_{next(self.numbers)}"
        quoted = quote_identifier(name)
        self.session.ask(f"CREATE DATABASE {quoted} TEMPLATE {quote_identifier(self.template)}{self.strategy}")
        self.session.ask(f"COMMENT ON DATABASE {quoted} IS {literal(self._mark('copy', self.run))}")
        return name

    def _clean(self, name: str) -> None:
        if self.cleaner is None:
            self.cleaner = connect(self.conninfo, listener=silent)
        self._drop(self.cleaner, name)

    def _drop(self, session: Session, name: str) -> None:
        """Drop a database when nobody is connected any more: DROP DATABASE looks only every tenth of a second."""
        end = query("testing", "end_sessions").format(name=literal(name))
        deadline = time.monotonic() + PATIENCE
        with suppress(DatabaseError):
            while session.ask(end)[0][0] != "0" and time.monotonic() < deadline:
                time.sleep(0.002)
        session.ask(f"DROP DATABASE IF EXISTS {quote_identifier(name)} WITH (FORCE)")

    def close(self) -> None:
        """Wait until all copies are dropped. Raises DatabaseError where one cannot be."""
        try:
            if self.ahead is not None:
                self.dropped.append(self.cleaning.submit(self._clean, self.ahead.result()))
            for dropped in self.dropped:
                dropped.result()
        finally:
            self.making.shutdown()
            self.cleaning.shutdown()
            self.session.close()
            if self.cleaner is not None:
                self.cleaner.close()


@contextmanager
def databases(conninfo: str | None, home: Path, recipe: Recipe) -> Iterator[TestDatabases]:
    """Databases on a server that is given, else on one that is kept in ``home`` and runs as long as anybody uses it.

    Raises NoConnection, NoServer, and what ``TestDatabases.prepare`` raises.
    """
    if conninfo is not None:
        with closing(TestDatabases(conninfo, recipe)) as made:
            made.prepare()
            yield made
        return
    with _server(home) as own, closing(TestDatabases(own, recipe)) as made:
        made.prepare()
        yield made


@contextmanager
def _server(home: Path) -> Iterator[str]:
    """A server without fsync; stopped by the last of those who use it. Its databases stay."""
    import fcntl

    home.mkdir(parents=True, exist_ok=True)
    with (home / "in-use").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        server = embedded.start(home)
        with closing(connect(server.conninfo, listener=silent)) as session:
            if session.ask(query("testing", "facts"))[0][1] == "on":
                for name, value in FAST.items():
                    session.ask(f"ALTER SYSTEM SET {name} = {value}")
                session.ask("SELECT pg_catalog.pg_reload_conf()")
        try:
            yield server.conninfo
        finally:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                embedded.stop(home)
            except BlockingIOError:
                pass


def url_of(conninfo: str) -> str:
    """What libpq reads, as a URL that other programs read too: user, password, host and port at their places."""
    parameters = {name: str(value) for name, value in conninfo_to_dict(conninfo).items() if value is not None}
    database = quote(parameters.pop("dbname", ""), safe="")
    place = ""
    if not {"host", "hostaddr"} & parameters.keys() or not re.search("[/,@]", parameters.get("host", "/")):
        user = ":".join(quote(parameters.pop(name), safe="") for name in ("user", "password") if name in parameters)
        host = parameters.pop("host", "")
        host = f"[{host}]" if ":" in host else host
        port = f":{parameters.pop('port')}" if "port" in parameters else ""
        place = (f"{user}@" if user else "") + host + port
    rest = urlencode(parameters, quote_via=quote)
    return f"postgresql://{place}/{database}" + (f"?{rest}" if rest else "")
