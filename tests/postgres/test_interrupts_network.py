"""A connection that breaks at any byte: the history is asked, and the truth is told."""

from __future__ import annotations

import contextlib
import itertools
import select
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from sqlmig.errors import ConnectionLost, NoConnection
from tests.support.project import Project
from tests.support.runner import Runs, outcomes

COUNT = 3


class Proxy:
    """Stands before the server's socket; cuts a connection when what passes matches."""

    def __init__(self, folder: Path, target: str) -> None:
        self.folder = folder
        self.target = target
        self.cut: Callable[[bytes, bool], int | None] = lambda data, from_server: None
        """From what passes and whether the server sent it, how much of it to let through before cutting."""
        self.refuse = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refuse:
                client.close()
            else:
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self.target)
            while True:
                for source in select.select([client, server], [], [])[0]:
                    with contextlib.suppress(OSError):
                        data = source.recv(1 << 16)
                        at = self.cut(data, source is server)
                        (client if source is server else server).sendall(data if at is None else data[:at])
                        if data and at is None:
                            continue
                    return

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def proxy(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    assert project.database is not None
    host = dict(parse_qsl(urlsplit(project.database.url).query))["host"]
    proxy = Proxy(tmp_path_factory.mktemp("p"), f"{host}/.s.PGSQL.5432")
    yield proxy
    proxy.close()


@pytest.fixture
def runs(project: Project, proxy: Proxy) -> Runs:
    assert project.database is not None
    parts = urlsplit(project.database.url)
    return Runs(project, url=parts._replace(query=f"host={proxy.folder}").geturl())


def write_migrations(runs: Runs) -> None:
    for number in range(1, COUNT + 1):
        runs.write(f"{number}_m", f"CREATE TABLE t{number} (x int);\nINSERT INTO t{number} VALUES (1);")


def message_with(text: bytes) -> Callable[[bytes, bool], int | None]:
    """Cuts behind the message that holds this text, before any answer to it comes back."""
    seen = threading.Event()

    def cut(data: bytes, from_server: bool) -> int | None:
        if not from_server and text in data:
            seen.set()
        elif from_server and seen.is_set():
            seen.clear()
            return 0
        return None

    return cut


def test_the_answer_to_a_commit_is_lost(runs: Runs, proxy: Proxy) -> None:
    """It was committed: the history says so, and so does the error."""
    runs.write("1_m", "CREATE TABLE t1 (x int)")
    proxy.cut = message_with(b"CREATE TABLE t1")
    error = runs.fails(ConnectionLost)
    assert error.exit_code == 5
    assert outcomes(error) == ["applied"]
    assert "1 of 1 steps are done" in (error.left_behind or "")
    assert runs.applied() == ["1_m"]
    proxy.cut = lambda data, from_server: None
    assert runs.apply().steps == ()


def test_the_answers_to_several_commits_are_lost(runs: Runs, proxy: Proxy) -> None:
    """How many of them there were is told as it is."""
    write_migrations(runs)
    proxy.cut = message_with(b"CREATE TABLE t3")
    error = runs.fails(ConnectionLost)
    assert outcomes(error).count("applied") == len(runs.applied())
    proxy.cut = lambda data, from_server: None
    runs.apply()
    assert runs.applied() == ["1_m", "2_m", "3_m"]


@pytest.mark.parametrize("sent", [1, 100, 1000, 2500])
def test_the_message_is_lost(runs: Runs, proxy: Proxy, sent: int) -> None:
    """The server ran nothing of what it had in part, and that is said."""
    write_migrations(runs)
    proxy.cut = lambda data, from_server: sent if not from_server and b"CREATE TABLE t1" in data else None
    error = runs.fails(ConnectionLost)
    assert outcomes(error) == ["failed", *["not_run"] * (COUNT - 1)]
    assert "nothing was applied" in (error.left_behind or "")
    assert runs.applied() == []
    proxy.cut = lambda data, from_server: None
    runs.apply()
    assert len(runs.applied()) == COUNT


def nth(wanted: int, side: bool) -> Callable[[bytes, bool], int | None]:
    """Cuts in the middle of one of the pieces that pass in one direction."""
    count = itertools.count()

    def cut(data: bytes, from_server: bool) -> int | None:
        return len(data) // 2 if from_server == side and next(count) == wanted else None

    return cut


@pytest.mark.parametrize("side", [False, True], ids=["to-server", "from-server"])
@pytest.mark.parametrize("piece", range(12))
def test_a_cut_at_any_place(runs: Runs, proxy: Proxy, piece: int, side: bool) -> None:
    """Whatever is lost on either side, result and history agree, and one more apply completes the work."""
    write_migrations(runs)
    proxy.cut = nth(piece, side)
    try:
        told = outcomes(runs.apply())
    except NoConnection as error:
        told = outcomes(error) if error.result is not None else []
    proxy.cut = lambda data, from_server: None
    assert told.count("applied") == len(runs.applied())
    runs.apply()
    assert runs.applied() == ["1_m", "2_m", "3_m"]
    assert [runs.database.value(f"SELECT count(*) FROM t{number}") for number in (1, 2, 3)] == [1, 1, 1]


def test_the_server_cannot_be_asked(runs: Runs, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then what is not known is not told as if it were."""
    monkeypatch.setattr("sqlmig.access.RECONNECT_SECONDS", 0.1)
    write_migrations(runs)
    cut = message_with(b"CREATE TABLE t3")

    def cut_all(data: bytes, from_server: bool) -> int | None:
        at = cut(data, from_server)
        if at is not None:
            proxy.refuse = True
        return at

    proxy.cut = cut_all
    error = runs.fails(ConnectionLost)
    assert "cannot be asked" in (error.left_behind or "")


def test_an_answer_is_lost_without_a_transaction(runs: Runs, proxy: Proxy) -> None:
    """The statement under way is recorded as such; those before it are told to stay."""
    runs.write("1_m", "-- sqlmig: no-transaction\nCREATE TABLE a (x int);\nINSERT INTO a VALUES (1);\nSELECT 1;")
    proxy.cut = message_with(b"INSERT INTO a")
    error = runs.fails(ConnectionLost)
    assert "stopped at statement 2/3" in (error.left_behind or "")
    assert runs.states() == {"1_m": "failed"}
