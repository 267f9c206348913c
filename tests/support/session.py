"""One server for a whole test run, started when the first test asks for it, however many workers there are.

It belongs to pytest's main process: workers ask that process for it over a socket. So it ends with the run, also when
the run is killed, and lives on when a worker crashes.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Mapping
from multiprocessing.connection import Client, Listener
from pathlib import Path

from sqlmig import embedded
from sqlmig.embedded import Server, find_binaries
from sqlmig.errors import SqlmigError
from tests import matrix

VARIABLE = matrix.VARIABLE

PASSWORD_GROUP = "needs_password"
"""Members of this role must give a password; everybody else is trusted."""

SETTINGS = {
    "autovacuum": "off",
    "max_connections": "200",
    "password_encryption": "scram-sha-256",  # md5 by default in 13
    "max_prepared_transactions": "20",
    "wal_level": "logical",
}


MEMORY = Path("/dev/shm")
ROOM = 4 << 30


READS_ITS_SCHEMA = 14
"""The oldest version that tells what its catalogs refer to, on which snapshots of the schema rest."""


def reads_its_schema() -> bool:
    """Whether the servers that are tested do."""
    try:
        return find_binaries(server_environment()).major >= READS_ITS_SCHEMA
    except SqlmigError:
        return True


def use_fast_temporary_folder() -> None:
    """Keep temporary files in memory where there is room, unless TMPDIR says where they go.

    Tests make and remove many databases: how fast that is should not depend on what else the disk does.
    """
    if "TMPDIR" in os.environ or not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        return
    found = os.statvfs(MEMORY)
    if found.f_bavail * found.f_frsize > ROOM and not found.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None


def server_environment() -> dict[str, str]:
    """The environment that decides which PostgreSQL is found."""
    environment = {name: value for name, value in os.environ.items() if name != "SQLMIG_PG_BIN"}
    named = os.environ.get(VARIABLE)
    if named:
        environment["SQLMIG_PG_BIN"] = str(matrix.bindir(named)) if named.isdecimal() else named
    return environment


class SessionServer:
    """Starts the server at the first request, for this process or for a worker that connects to ``address``."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._lock = threading.Lock()
        self._stack = contextlib.ExitStack()
        self._server: Server | None = None
        self._listener: Listener | None = None

    def server(self) -> Server:
        with self._lock:
            if not self._server:
                server = self._stack.enter_context(embedded.ephemeral(environ=self._environ, settings=SETTINGS))
                prepare(server)
                self._server = server
            return self._server

    def listen(self) -> str:
        """Answer workers from now on; the address to give them."""
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sqlmig-test-run-"))
        self._listener = Listener(str(Path(folder) / "socket"), family="AF_UNIX", backlog=64)
        threading.Thread(target=self._answer, args=(self._listener,), daemon=True).start()
        return str(self._listener.address)

    def _answer(self, listener: Listener) -> None:
        while True:
            try:
                connection = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.send(self.server())
                except Exception as error:
                    connection.send(error)

    def close(self) -> None:
        if self._listener:
            self._listener.close()
        self._stack.close()


def ask(address: str) -> Server:
    """The server of the main process that listens at ``address``."""
    with Client(address, family="AF_UNIX") as connection:
        answer = connection.recv()
    if isinstance(answer, Exception):
        raise answer
    return answer


def prepare(server: Server) -> None:
    """Let passwords count for members of one role, so that wrong ones can be tested."""
    import psycopg

    rules = server.folder / "data" / "pg_hba.conf"
    rules.write_text(f"local all +{PASSWORD_GROUP} scram-sha-256\n{rules.read_text()}")
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {PASSWORD_GROUP} NOLOGIN")
        connection.execute("SELECT pg_reload_conf()")
