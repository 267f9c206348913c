"""Servers that cannot be written to, or are not PostgreSQL: looked at as ever, told apart before any write."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from sqlmig.embedded import Server
from sqlmig.errors import ReadOnlyServer, UnsupportedServer
from sqlmig.plan import Apply
from tests.support.project import Project
from tests.support.proxy import Proxy, proxy
from tests.support.runner import Runs
from tests.support.standby import replayed


@pytest.fixture
def runs(project: Project) -> Runs:
    return Runs(project)


def test_a_hot_standby(primary: Server, standby: Server, offline_project: Project) -> None:
    """It can be looked at; apply succeeds there with nothing to do, and says what it is where there is something."""
    offline_project.write("001_a.up.sql", "CREATE TABLE a (x int)")

    def run(server: Server, *words: str) -> tuple[int, str]:
        outcome = offline_project.invoke(*words, "--url", server.conninfo)
        return outcome.exit_code, outcome.output

    assert run(standby, "status")[0] == 0
    assert run(standby, "plan")[0] == 0
    assert run(standby, "check")[0] == 3
    code, told = run(standby, "apply")
    assert code == 1
    assert "standby" in told
    assert "connect to the primary" in told
    assert run(primary, "apply")[0] == 0
    replayed(primary, standby)
    assert run(standby, "apply")[0] == 0
    assert run(standby, "check")[0] == 0
    code, told = run(standby, "status")
    assert "applied" in told
    assert run(standby, "history")[0] == 0
    code, told = run(standby, "rollback")
    assert code != 0


@pytest.mark.parametrize("where", ["connection", "role", "database"])
def test_a_read_only_session(runs: Runs, where: str) -> None:
    """Likewise, whoever made it so; nothing is written, not even the history."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    if where == "connection":
        runs.url = f"{runs.url}&options=-cdefault_transaction_read_only%3Don"
    elif where == "role":
        role = runs.database.role("reader", "LOGIN SUPERUSER")
        runs.database.execute(f'ALTER ROLE "{role}" SET default_transaction_read_only = on')
        runs.url = runs.database.url_as(role)
    else:
        runs.database.execute(f'ALTER DATABASE "{runs.database.name}" SET default_transaction_read_only = on')
    assert runs.states() == {"001_a": "pending"}
    assert [problem.code for problem in runs.check().problems] == ["pending"]
    assert len(runs.api.plan(Apply()).steps) == 1
    error = runs.fails(ReadOnlyServer)
    assert "read-only" in error.message
    assert runs.exists("a", "sqlmig.migration") == [False, False]
    runs.remove("001_a")
    assert runs.apply().steps == ()


LOOK_ALIKES = [
    "CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu, built 2023)",
    "PostgreSQL 11.2-YB-2.20.1.0-b0 on x86_64-pc-linux-gnu",
    "PostgreSQL 8.0.2 on i686-pc-linux-gnu, Redshift 1.0.12103",
]


@pytest.fixture
def disguise(server: Server) -> Iterator[Proxy]:
    """A way to the server on which it can call itself something else, of the same length."""
    with proxy(server) as passing:
        yield passing


def disguised(runs: Runs, disguise: Proxy, name: str) -> None:
    real = str(runs.database.value("SELECT version()")).encode()
    disguise.replace = (real, name.encode().ljust(len(real))[: len(real)])
    runs.url = disguise.url(runs.database.name)


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_a_look_alike_is_refused_before_any_write(runs: Runs, disguise: Proxy, name: str) -> None:
    """It can be looked at; --unsupported-server is for who knows better."""
    disguised(runs, disguise, name)
    runs.write("001_a", "CREATE TABLE a (x int)")
    before = runs.database.dump()
    assert runs.states() == {"001_a": "pending"}
    error = runs.fails(UnsupportedServer)
    assert name.split()[0] in error.message
    assert "--unsupported-server" in (error.next_step or "")
    assert runs.database.dump() == before
    runs.apply(unsupported_server=True)
    assert runs.applied() == ["001_a"]


def test_citus_is_postgresql(runs: Runs, disguise: Proxy) -> None:
    """An extension, and a vendor's own build, do not make another server of it."""
    disguised(runs, disguise, "PostgreSQL 16.2 (Citus 12.1) on x86_64-pc-linux-gnu")
    runs.write("001_a", "CREATE TABLE a (x int)")
    runs.apply()
    assert runs.applied() == ["001_a"]


class Fake:
    """A server that knows ``SELECT version()``, and refuses whatever else it is asked."""

    def __init__(self, version: str) -> None:
        self.version = version.encode()
        self.asked: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        port = self.listener.getsockname()[1]
        return f"postgresql://root@127.0.0.1:{port}/d?sslmode=disable&gssencmode=disable"

    def _serve(self) -> None:
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rb") as stream:
            (length,) = struct.unpack("!i", stream.read(4))
            stream.read(length - 4)
            ready = message(b"Z", b"I")
            encoding = message(b"S", b"client_encoding\0UTF8\0")
            connection.sendall(message(b"R", bytes(4)) + encoding + message(b"K", bytes(8)) + ready)
            while header := stream.read(5):
                query = stream.read(struct.unpack("!i", header[1:])[0] - 4)
                if header[:1] != b"Q":
                    return
                self.asked.append(query)
                column = b"version\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0)
                row = struct.pack("!hi", 1, len(self.version)) + self.version
                rows = message(b"T", struct.pack("!h", 1) + column) + message(b"D", row) + message(b"C", b"SELECT 1\0")
                refusal = message(b"E", b"SERROR\0C42883\0Munknown function: pg_is_in_recovery()\0\0")
                connection.sendall((rows if b"version()" in query else b"") + refusal + ready)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def test_a_look_alike_that_lacks_what_we_ask_for(runs: Runs) -> None:
    """Named for what it is, not for the first function that it does not have; asked nothing that writes."""
    fake = Fake(LOOK_ALIKES[2])
    runs.url = fake.url
    runs.write("001_a", "CREATE TABLE a (x int)")
    error = runs.fails(UnsupportedServer)
    assert "Redshift" in error.message
    fake.listener.close()
    assert not any(word in query for query in fake.asked for word in (b"CREATE", b"INSERT", b"UPDATE", b"advisory"))
