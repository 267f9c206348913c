"""The parts of the embedded server that need no PostgreSQL: locks, sockets, log files, the guard."""

from __future__ import annotations

import io
import os
import pwd
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psycopg.conninfo
import pytest

from sqlmig.embedded import cluster as clusters
from sqlmig.embedded import guard, launch, processes, sockets
from sqlmig.embedded.cluster import Cluster
from sqlmig.embedded.processes import Account
from sqlmig.errors import NoServer
from tests.support.processes import is_alive, until


@pytest.mark.parametrize("name", ["/plain/data", "/with space & more?/data", "/100%/ü/'\"/data"])
@pytest.mark.parametrize("database", ["app", 'o\'dd / "name" é?&'])
def test_a_url_survives_libpq(name: str, database: str) -> None:
    """libpq reads back the very bytes of the folder and of the database's name."""
    parts = psycopg.conninfo.conninfo_to_dict(sockets.url(Path(name), database))
    host = str(parts["host"]).encode("utf-8", "surrogateescape")
    assert host == os.fsencode(name)
    assert parts["dbname"] == database
    assert parts["user"] == "postgres"
    assert parts["port"] == "5432"


def test_what_fits() -> None:
    """Clients can name short paths without a comma, counted in bytes."""
    assert sockets.fits(Path("/" + "x" * 80))
    assert not sockets.fits(Path("/" + "x" * 100))
    assert not sockets.fits(Path("/" + "é" * 50))
    assert not sockets.fits(Path("/a,b"))
    assert not sockets.fits(Path(os.fsdecode(b"/\xff")))


def test_who_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pid of the listener; 0 where the system does not tell it, or is too busy; None where nobody is there."""
    monkeypatch.chdir(tmp_path)
    here = Path()
    assert sockets.listener(here) is None
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(sockets.SOCKET)
        assert sockets.listener(here) is None
        server.listen(0)
        assert sockets.listener(here) == os.getpid()
        with monkeypatch.context() as patch:
            patch.delattr(socket, "SO_PEERCRED")
            server.accept()[0].close()
            assert sockets.listener(here) == 0
        waiting = []
        while True:
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            waiting.append(client)
            try:
                client.connect(sockets.SOCKET)
            except BlockingIOError:
                break
        assert sockets.listener(here) == 0
        for client in waiting:
            client.close()
    assert sockets.listener(here) is None


def test_an_error_under_the_lock_comes_out(tmp_path: Path) -> None:
    """Whatever is raised while the lock is held is not taken for a busy lock, and frees it."""
    with pytest.raises(BlockingIOError, match="mine"), processes.locked(tmp_path / "lock", 1):
        raise BlockingIOError("mine")
    with processes.locked(tmp_path / "lock", 0):
        pass


def test_a_child_that_inherits_the_lock_keeps_it(tmp_path: Path) -> None:
    """Where its holder is gone the lock stays with what it started, until that has ended."""
    with (
        processes.locked(tmp_path / "lock", 1) as lock,
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[lock]) as child,
    ):
        os.set_inheritable(lock, False)
        held = os.dup(lock)
        os.close(held)
        with pytest.raises(NoServer), processes.locked(tmp_path / "lock", 0.02):
            raise AssertionError("not reached")
        child.communicate()


def test_the_end_of_a_log(tmp_path: Path) -> None:
    """The last lines that say something, from a byte on; a log that is not there has none."""
    log = tmp_path / "log"
    assert processes.tail(log) == []
    log.write_bytes(b"old\n" + b"x" * 10_000 + b"\n\n" + b"".join(b"line %d\n" % n for n in range(7)) + b"caf\xe9\n\n")
    assert processes.tail(log, lines=3) == ["line 5", "line 6", "caf\N{REPLACEMENT CHARACTER}"]
    log.write_text("before\nafter\n")
    assert processes.tail(log, start=7) == ["after"]


def test_the_environment_of_a_server() -> None:
    """Secrets, settings of clients and locales stay behind."""
    environ = {"PATH": "/bin", "PGPASSWORD": "x", "LC_ALL": "xx", "LANG": "yy", "SECRET": "z", "LD_LIBRARY_PATH": "/l"}
    assert processes.server_environment(environ) == {
        "PATH": "/bin",
        "LD_LIBRARY_PATH": "/l",
        "LC_ALL": "C",
        "TZ": "UTC",
    }


def test_the_owner_of_data_need_not_have_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder from outside a container belongs to a user id that has no name here; root serves it all the same."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    owner = SimpleNamespace(st_uid=3_999_999, st_gid=3_999_998)
    monkeypatch.setattr(Path, "exists", lambda self: True)
    monkeypatch.setattr(Path, "stat", lambda self: owner)
    account = processes.account_for(tmp_path)
    assert account == Account(3_999_999, 3_999_998, "3999999", dropped=True)
    monkeypatch.setattr(owner, "st_uid", pwd.getpwnam("nobody").pw_uid)
    assert processes.account_for(tmp_path).name == "nobody"


def test_a_server_that_stays_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the one that we started ended in favour of another, that one is waited for, but not for ever."""
    data = tmp_path / "data"
    data.mkdir()
    with subprocess.Popen(["sleep", "60"], cwd=data) as other:
        (data / "postmaster.pid").write_text(f"{other.pid}\n")
        ended, alive = os.pipe()
        os.close(alive)
        monkeypatch.setattr(launch, "READY_SECONDS", 0.05)
        until(lambda: processes.works_in(other.pid, data), "the other one to be there")
        with pytest.raises(NoServer, match="is not ready after 0 seconds"):
            launch.wait_until_ready(Cluster(tmp_path), "app", ended)
        other.kill()
        other.wait()
        monkeypatch.setattr(launch, "READY_SECONDS", 60.0)
        with pytest.raises(NoServer, match="did not start: it left no message"):
            launch.wait_until_ready(Cluster(tmp_path), "app", ended)
        os.close(ended)


def order(folder: Path, log: int, *command: str) -> guard.Order:
    return {"command": list(command), "popen": {"cwd": "/"}, "descriptors": [], "log": log, "folder": str(folder)}


def test_the_guard_ends_its_server_when_its_input_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is gone, and so is the descriptor that tells of the server's life."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO()))
    ended, alive = os.pipe()
    with (tmp_path / "log").open("w") as log:
        guard.guard(order(folder, log.fileno(), "sleep", "60") | {"descriptors": [alive]})
    assert not folder.exists()
    assert os.read(ended, 1) == b""
    os.close(ended)


def test_the_guard_kills_what_does_not_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that ignores the order to end at once is killed."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    ready = tmp_path / "ready"

    class Input(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            until(lambda: ready.exists() and ready.read_text(), "the server to ignore signals")
            return b""

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Input()))
    monkeypatch.setattr(guard, "SECONDS", 0.05)
    script = f"trap '' QUIT; echo $$ > {ready}; while :; do read line < /dev/zero; done"
    with (tmp_path / "log").open("w") as log:
        guard.guard(order(folder, log.fileno(), "sh", "-c", script))
    assert not is_alive(int(ready.read_text()))
    assert not folder.exists()


def test_a_server_that_is_gone_counts_as_ended() -> None:
    """Ending what has just ended by itself is no error."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    assert processes.end(process.pid, lambda: True)


def test_ending_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both signals are sent, each with its time; then it is reported as not ended."""
    sent: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, how: sent.append(how))
    monkeypatch.setattr(processes, "END_SECONDS", 0.02)
    assert not processes.end(1, lambda: False)
    assert sent == [signal.SIGINT, signal.SIGQUIT]
    assert not processes.end(1, lambda: False, at_once=True)
    assert sent[2:] == [signal.SIGQUIT]


def test_a_folder_is_named_so_that_the_server_finds_it(tmp_path: Path) -> None:
    """By its path; through a descriptor where the server's account cannot walk there, or cannot read the path."""
    ordinary = Account(1000, 1000, "somebody", dropped=False)
    with clusters.opened(tmp_path, ordinary) as (name, descriptors):
        assert (name, descriptors) == (str(tmp_path), ())
    odd, deep = tmp_path / "a\nb", tmp_path.joinpath(*["d" * 200] * 5)
    for folder, account in ((odd, ordinary), (deep, ordinary), (tmp_path, Account(1, 1, "daemon", dropped=True))):
        folder.mkdir(parents=True, exist_ok=True)
        with clusters.opened(folder, account) as (name, (descriptor,)):
            assert name == f"/proc/self/fd/{descriptor}"
            assert Path(name).samefile(folder)


def test_a_socket_may_lie_in_the_runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_RUNTIME_DIR is the user's own, so it comes first; not for another account, nor with an odd or long path."""
    monkeypatch.setattr(sockets, "SYSTEM_RUNTIME", tmp_path / "system")
    (tmp_path / "system").mkdir()
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()
    Path("odd, run").mkdir()
    us = Account(os.geteuid(), os.getegid(), "us", dropped=False)
    assert sockets.make_short_folder("s", us, {"XDG_RUNTIME_DIR": "run"}) == Path("run/s")
    assert sockets.make_short_folder("s", us, {"XDG_RUNTIME_DIR": "odd, run"}) == tmp_path / "system" / "s"
    assert sockets.make_short_folder("s", us, {"XDG_RUNTIME_DIR": "/missing"}) == tmp_path / "system" / "s"
    other = replace(us, dropped=True)
    assert sockets.make_short_folder("s", other, {"XDG_RUNTIME_DIR": "run"}) == tmp_path / "system" / "s"


def test_a_short_folder_is_forgotten_only_when_empty(tmp_path: Path) -> None:
    """What somebody put there stays, and a folder that is gone is no error."""
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "file").write_text("")
    sockets.forget(tmp_path / "s")
    assert (tmp_path / "s" / "file").exists()
    (tmp_path / "s" / "file").unlink()
    sockets.forget(tmp_path / "s")
    sockets.forget(tmp_path / "s")
    assert not (tmp_path / "s").exists()
