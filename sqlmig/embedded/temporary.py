"""A server that lives as long as the process that asked for it: fast, and without a trace afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmig.embedded import cluster as clusters
from sqlmig.embedded import sockets
from sqlmig.embedded.cluster import Cluster
from sqlmig.embedded.launch import Server, explained, open_log, server_command, wait_until_ready
from sqlmig.embedded.processes import account_for, command_line, end, require_unix
from sqlmig.embedded.programs import find_programs

if TYPE_CHECKING:
    from sqlmig.embedded.guard import Order

PREFIX = "sqlmig-ephemeral-"
DATABASE = "postgres"
UNFINISHED_SECONDS = 60.0

SHORT = Path("/tmp")  # noqa: S108 - what is made there gets its name from mkdtemp

SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "dynamic_shared_memory_type": "mmap",
}
"""Nothing need survive. Shared memory lies in the data folder, lest a killed server leave some in /dev/shm."""


@contextmanager
def ephemeral(
    *, environ: Mapping[str, str] = os.environ, settings: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A new, empty server, gone with its folder when the block ends, and when we end in whatever way.

    ``settings`` are further settings of postgresql.conf. A folder that survived because its guard was killed too is
    removed by the next call. Raises NoServer as ``start`` does.
    """
    require_unix()
    with ExitStack() as stack:
        with explained(Cluster(SHORT)):
            temporary = _temporary()
            sweep(temporary)
            server = _start(_new_folder(temporary, stack), stack, environ, settings or {})
        yield server


def _temporary() -> Path:
    """The folder for temporary files, or /tmp where a socket below it would have too long a path."""
    import tempfile

    usual = Path(tempfile.gettempdir()).resolve()
    return usual if sockets.fits(usual / f"{PREFIX}12345678" / "data") else SHORT


def sweep(temporary: Path) -> None:
    """Remove the folders of ephemeral servers whose owner and guard are both gone, and end what still runs there."""
    for folder in temporary.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if folder.lstat().st_uid == os.geteuid():
                _sweep_one(Cluster(folder))


def _sweep_one(cluster: Cluster) -> None:
    import fcntl
    import shutil
    import time

    if not cluster.lock.exists():
        if time.time() - cluster.folder.stat().st_mtime > UNFINISHED_SECONDS:
            shutil.rmtree(cluster.folder)
        return
    with cluster.lock.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = cluster.read_pid_file()
        if found and cluster.is_postmaster(found.pid):
            end(found.pid, lambda: not command_line(found.pid), at_once=True)
        shutil.rmtree(cluster.folder, ignore_errors=True)


def _new_folder(temporary: Path, stack: ExitStack) -> tuple[Cluster, int]:
    """A new folder, and the descriptor of its lock, which keeps ``sweep`` out while anybody has it open."""
    import fcntl
    import shutil
    import tempfile

    while True:
        cluster = Cluster(Path(tempfile.mkdtemp(prefix=PREFIX, dir=temporary)))
        lock = os.open(cluster.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        stack.callback(shutil.rmtree, cluster.folder, ignore_errors=True)
        stack.callback(os.close, lock)
        with suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            cluster.lock.stat()
            return cluster, lock


def _start(
    place: tuple[Cluster, int], stack: ExitStack, environ: Mapping[str, str], settings: Mapping[str, str]
) -> Server:
    """Start a server and its guard. The guard holds the other end of a pipe of ours: that is what ties them to us."""
    import json
    import subprocess
    import sys

    cluster, lock = place
    programs = find_programs(account_for(cluster.data), environ)
    clusters.make_data(cluster, programs, lock, lasting=False)
    ended, alive = os.pipe()
    stack.callback(os.close, ended)
    try:
        with (
            clusters.opened(cluster.data, programs.account) as (data, descriptors),
            open_log(cluster, programs.account) as log,
        ):
            order: Order = {
                "command": server_command(cluster, programs, data, {**SETTINGS, **settings}),
                "popen": programs.popen,
                "descriptors": [*descriptors, alive],
                "log": log.fileno(),
                "folder": str(cluster.folder),
            }
            guard = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py")), json.dumps(order)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=(*order["descriptors"], log.fileno(), lock),
                start_new_session=True,
            )
    finally:
        os.close(alive)
    stack.enter_context(guard)
    return wait_until_ready(cluster, DATABASE, ended)
