"""An ephemeral server: gone with its owner, however the owner goes."""

from __future__ import annotations

import concurrent.futures
import contextlib
import errno
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from sqlmig import embedded
from sqlmig.embedded import temporary as module
from sqlmig.errors import NoServer
from tests.support.processes import is_alive, parent_of, python, until
from tests.support.session import server_environment

ENVIRON = server_environment()
BINARIES = {"SQLMIG_PG_BIN": ENVIRON.get("SQLMIG_PG_BIN", "")}

OWN = """
with embedded.ephemeral() as server:
    print(server.pid, server.folder, flush=True)
    print(*sys.argv[1:], file=open(os.devnull, "w"))
    __import__("signal").pause()
"""


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files of this test's own, with a short path."""
    with tempfile.TemporaryDirectory(prefix="sqlmig-test-") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def leftovers(temporary: Path) -> list[Path]:
    return list(temporary.glob(f"{module.PREFIX}*"))


def test_it_lives_as_long_as_its_block(temporary: Path) -> None:
    """Ready inside the block, and neither process nor folder after it, though a session was open."""
    with embedded.ephemeral(environ=ENVIRON) as server:
        connection = psycopg.connect(server.conninfo)
        assert connection.execute("SELECT current_database(), current_user").fetchone() == ("postgres", "postgres")
        assert server.folder.parent == temporary.resolve()
        guard = parent_of(server.pid)
    connection.close()
    assert not is_alive(server.pid)
    assert not is_alive(guard)
    assert leftovers(temporary) == []


def test_it_is_fast_and_takes_settings() -> None:
    """Nothing is synced to disk; further settings reach the server."""
    with (
        embedded.ephemeral(environ=ENVIRON, settings={"max_connections": "17", "wal_level": "logical"}) as server,
        psycopg.connect(server.conninfo) as connection,
    ):
        for setting, value in {
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
            "dynamic_shared_memory_type": "mmap",
            "listen_addresses": "",
            "max_connections": "17",
            "wal_level": "logical",
        }.items():
            assert connection.execute("SELECT current_setting(%s)", [setting]).fetchone() == (value,)


def test_an_error_in_its_block_is_left_alone(temporary: Path) -> None:
    """What the block raises comes out of it unchanged, and the server is gone all the same."""
    with pytest.raises(FileNotFoundError, match="mine"), embedded.ephemeral(environ=ENVIRON) as server:
        raise FileNotFoundError("mine")
    assert not is_alive(server.pid)
    assert leftovers(temporary) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_dies_with_its_owner(temporary: Path, how: signal.Signals) -> None:
    """However its owner is ended, kill -9 included, the server ends and its folder goes, with nobody's help."""
    with python(OWN, env={**BINARIES, "TMPDIR": str(temporary)}) as process:
        assert process.stdout
        pid = int(process.stdout.readline().split()[0])
        with contextlib.closing(psycopg.connect(embedded_url(temporary))) as connection:
            connection.execute("SELECT 1")
            os.killpg(process.pid, how)
            until(lambda: not is_alive(pid), "the server to end")
    until(lambda: leftovers(temporary) == [], "the folder to be removed")


def embedded_url(temporary: Path) -> str:
    from sqlmig.embedded import sockets

    (folder,) = leftovers(temporary)
    return sockets.url(folder.resolve() / "data", "postgres")


def test_an_owner_killed_while_it_is_made(temporary: Path) -> None:
    """kill -9 during initdb leaves a folder and no server; the next ephemeral server sweeps it."""
    with python(OWN, env={**BINARIES, "TMPDIR": str(temporary)}) as process:
        until(lambda: list(temporary.glob("*/data.tmp/PG_VERSION")), "initdb to begin")
        (left,) = leftovers(temporary)
        with stopped(until(lambda: users(left / "lock") - {process.pid}, "whoever makes it")):
            process.kill()
            process.wait()
            with embedded.ephemeral(environ=ENVIRON):
                assert left.exists(), "its initdb still runs, so it is not swept yet"
    until(lambda: _sweep(temporary) == [], "the sweep of what is left")


def users(path: Path) -> set[int]:
    """The processes that have a file open."""
    found = set()
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if descriptor.readlink() == path.resolve():
                found.add(int(descriptor.parts[2]))
    return found


@contextlib.contextmanager
def stopped(pids: set[int]) -> Iterator[None]:
    """Processes that stand still for a while, those of them that have not ended."""

    def send(number: signal.Signals) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    send(signal.SIGSTOP)
    try:
        yield
    finally:
        send(signal.SIGCONT)


def _sweep(temporary: Path) -> list[Path]:
    module.sweep(temporary)
    return leftovers(temporary)


def test_what_a_killed_guard_leaves_is_swept(temporary: Path) -> None:
    """Where guard and owner are both killed the server is orphaned: the next one ends it and removes its folder."""
    with python(OWN, env={**BINARIES, "TMPDIR": str(temporary)}) as process:
        assert process.stdout
        pid = int(process.stdout.readline().split()[0])
        guard = parent_of(pid)
        os.kill(guard, signal.SIGKILL)
        process.kill()
        process.wait()
        until(lambda: not is_alive(guard), "the guard to die")
    assert is_alive(pid)
    with embedded.ephemeral(environ=ENVIRON) as server:
        assert leftovers(temporary.resolve()) == [server.folder]
        until(lambda: not is_alive(pid), "the orphan to end")


def test_a_guard_that_is_told_to_end_takes_its_server_along(temporary: Path) -> None:
    """SIGTERM to every process, as when a machine shuts down, leaves nothing."""
    with python(OWN, env={**BINARIES, "TMPDIR": str(temporary)}) as process:
        assert process.stdout
        pid = int(process.stdout.readline().split()[0])
        os.kill(parent_of(pid), signal.SIGTERM)
        until(lambda: not is_alive(pid), "the server to end")
        until(lambda: leftovers(temporary) == [], "the folder to be removed")


def test_the_living_are_not_swept(temporary: Path) -> None:
    """Several at once, from one process and from others, leave each other alone."""

    def use(number: int) -> int:
        with embedded.ephemeral(environ=ENVIRON) as server, psycopg.connect(server.conninfo) as connection:
            barrier.wait()
            return connection.execute("SELECT %s::int", [number]).fetchone()[0]  # type: ignore[index]

    barrier = threading.Barrier(3, timeout=120)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        assert list(pool.map(use, range(3))) == [0, 1, 2]
    assert leftovers(temporary) == []


def test_the_thread_that_started_it_may_end() -> None:
    """A server belongs to the process, not to the thread that asked for it."""
    context = embedded.ephemeral(environ=ENVIRON)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        server = pool.submit(context.__enter__).result()
    with psycopg.connect(server.conninfo) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    context.__exit__(None, None, None)
    assert not is_alive(server.pid)


def test_it_does_not_start(temporary: Path) -> None:
    """The error is the server's own, and nothing is left."""
    with (
        pytest.raises(NoServer, match="did not start") as caught,
        embedded.ephemeral(environ=ENVIRON, settings={"shared_buffers": "nonsense"}),
    ):
        raise AssertionError("not reached")
    assert any("shared_buffers" in note for note in caught.value.notes)
    assert leftovers(temporary) == []


def test_a_long_temporary_folder(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a socket could not be named below the temporary folder, the server goes to /tmp."""
    deep = temporary / ("t" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with embedded.ephemeral(environ=ENVIRON) as server:
        assert server.folder.parent == Path("/tmp")
        psycopg.connect(server.conninfo).close()
    assert not server.folder.exists()


def test_no_temporary_folder_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no place for temporary files the error says so."""

    def refuse() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", refuse)
    with pytest.raises(NoServer, match="No usable temporary directory"), embedded.ephemeral(environ=ENVIRON):
        raise AssertionError("not reached")


def test_folders_without_a_lock_are_swept_once_they_are_old(temporary: Path) -> None:
    """A folder is born without its lock: only one that stays so is rubbish. Nothing else there is touched."""
    young, old, other = (temporary / name for name in (f"{module.PREFIX}1", f"{module.PREFIX}2", "other"))
    for folder in (young, old, other):
        folder.mkdir()
    past = time.time() - 2 * module.UNFINISHED_SECONDS
    os.utime(old, (past, past))
    os.utime(other, (past, past))
    module.sweep(temporary)
    assert young.exists()
    assert not old.exists()
    assert other.exists()


def test_a_folder_that_was_swept_while_it_was_born(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep may take a new folder's lock before its owner does: then the owner takes another folder."""
    import fcntl

    taken: list[Path] = []
    real = fcntl.flock

    def sweep_first(descriptor: int, operation: int) -> None:
        if not taken:
            taken.extend(leftovers(temporary))
            module.sweep(temporary)
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    with embedded.ephemeral(environ=ENVIRON) as server:
        assert taken
        assert server.folder not in taken
        assert leftovers(temporary.resolve()) == [server.folder]
