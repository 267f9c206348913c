"""A server that lives as long as the process that asked for it: fast, and without a trace afterwards."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sqlmig.embedded import cluster as clusters
from sqlmig.embedded.binaries import find_binaries, usable_by
from sqlmig.embedded.cluster import Cluster
from sqlmig.embedded.guard import Order
from sqlmig.embedded.processes import account_for, is_postmaster, server_environment
from sqlmig.embedded.server import Server, explained, server_command, wait_until_ready

PREFIX = "sqlmig-ephemeral-"
DATABASE = "postgres"
UNFINISHED_SECONDS = 60.0

SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@contextmanager
def ephemeral(
    *, environ: Mapping[str, str] = os.environ, settings: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A new, empty server, gone with its folder when the block ends, and when we end in whatever way.

    ``settings`` are further settings of postgresql.conf. A folder that survived because its guard was killed too is
    removed by the next call. Raises NoServer as ``start`` does.
    """
    temporary = Path(tempfile.gettempdir()).resolve()
    with ExitStack() as stack:
        with explained(Cluster(temporary)):
            sweep(temporary)
            server = _start(_new_folder(temporary, stack), stack, environ, settings or {})
        yield server


def sweep(temporary: Path) -> None:
    """Remove the folders of ephemeral servers whose owner and guard are both gone, and end what still runs there."""
    for folder in temporary.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if folder.stat().st_uid == os.geteuid():
                _sweep_one(Cluster(folder))


def _sweep_one(cluster: Cluster) -> None:
    if not cluster.lock.exists():
        if time.time() - cluster.folder.stat().st_mtime > UNFINISHED_SECONDS:
            shutil.rmtree(cluster.folder)
        return
    with cluster.lock.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = cluster.read_pid_file()
        if found and is_postmaster(found.pid, cluster.data):
            os.kill(found.pid, signal.SIGQUIT)
        shutil.rmtree(cluster.folder, ignore_errors=True)


def _new_folder(temporary: Path, stack: ExitStack) -> tuple[Cluster, int]:
    """A new folder, and the descriptor of its lock, which keeps ``sweep`` out while anybody has it open."""
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
    cluster, lock = place
    account = account_for(cluster.data)
    binaries = usable_by(account, find_binaries(environ), environ)
    clusters.make_data(cluster, binaries, account, environ, lock, lasting=False)
    ended, alive = os.pipe()
    stack.callback(os.close, ended)
    with clusters.opened(cluster.data, account) as (data, descriptors), cluster.log.open("ab") as log:
        order: Order = {
            "command": server_command(cluster, binaries, account, environ, data, {**SETTINGS, **settings}),
            "environment": server_environment(environ),
            "account": account.popen,
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
    stack.enter_context(guard)
    os.close(alive)
    return wait_until_ready(cluster, DATABASE, ended)
