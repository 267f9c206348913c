"""Starts, finds and stops the server of a cluster that lasts."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from sqlmig.embedded import cluster as clusters
from sqlmig.embedded import sockets
from sqlmig.embedded.cluster import Cluster, State
from sqlmig.embedded.launch import (
    READY_SECONDS,
    Server,
    explained,
    open_log,
    ready_server,
    server_command,
    wait_until_ready,
)
from sqlmig.embedded.processes import POLL_SECONDS, account_for, end, locked, require_unix, tail
from sqlmig.embedded.programs import Programs, find_programs
from sqlmig.errors import NoServer

LOCK_SECONDS = 90.0
ORPHANS_SECONDS = 45.0
"""How long processes of a server that was killed may keep its shared memory before we give up.

Up to PostgreSQL 14 its autovacuum launcher waits for a statistics collector that is gone, ten seconds at a time.
"""

LOG_LIMIT = 8 << 20
LOG_KEPT = 1 << 20


def running(folder: Path) -> Server | None:
    """The server of the cluster in ``folder`` where one is ready. Creates and changes nothing."""
    cluster = Cluster(folder.resolve())
    with explained(cluster):
        return ready_server(cluster, clusters.DATABASE)


def start(folder: Path, *, environ: Mapping[str, str] = os.environ) -> Server:
    """The server of the cluster in ``folder``: the running one, else one started now, its database made if need be.

    It is left running, in a session of its own, with fsync on. Any number of callers at once get the same server.
    Where we are killed at any point, the next call completes what was begun. Raises NoServer with the server's own
    last words where it does not start, and where another major version made the data.
    """
    require_unix()
    cluster = Cluster(folder.resolve())
    with explained(cluster):
        server = ready_server(cluster, clusters.DATABASE)
        if not server:
            _prepare(cluster.folder)
            with locked(cluster.lock, LOCK_SECONDS) as lock:
                server = _settled(cluster) or _start(cluster, environ, lock)
        _trim(cluster.log)
        return server


def stop(folder: Path) -> bool:
    """Stop the cluster's server, ending its sessions; True where one was running. Its data stays.

    Raises NoServer where it does not stop, or answers from where we cannot signal it.
    """
    cluster = Cluster(folder.resolve())
    with explained(cluster):
        if not cluster.data.exists():
            return False
        with locked(cluster.lock, LOCK_SECONDS):
            return _stop(cluster)


def _prepare(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")


def _settled(cluster: Cluster) -> Server | None:
    """Wait until the server is ready, or none is running: another caller may just have started or stopped it.

    One that lost its socket (cleaned out of a temporary folder) is stopped, to be started again.
    """
    deadline = time.monotonic() + READY_SECONDS
    while True:
        state, _ = cluster.look()
        if state is State.READY:
            return ready_server(cluster, clusters.DATABASE)
        if state is State.STOPPED:
            return None
        if state is State.DEAF:
            _stop(cluster)
        if time.monotonic() > deadline:
            raise NoServer(
                f"PostgreSQL in {cluster.folder} is still {state.value} after {READY_SECONDS:.0f} seconds",
                notes=tail(cluster.log),
            )
        time.sleep(POLL_SECONDS)


def _start(cluster: Cluster, environ: Mapping[str, str], lock: int) -> Server:
    programs = find_programs(account_for(cluster.data), environ)
    if not cluster.data.exists():
        clusters.make_data(cluster, programs, lock, lasting=True)
    clusters.check_version(cluster, programs)
    deadline = time.monotonic() + ORPHANS_SECONDS
    while True:
        cluster.clear_stale(cluster.pid_file)
        try:
            return _launch(cluster, programs)
        except NoServer as error:
            was_killed = any("pre-existing shared memory block" in note for note in error.notes)
            if not was_killed or time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


def _launch(cluster: Cluster, programs: Programs) -> Server:
    """Start the server from a shell that ends at once, so that it is nobody's child, and wait until it is ready."""
    import subprocess

    _trim(cluster.log)
    ended, alive = os.pipe()
    try:
        with (
            clusters.opened(cluster.data, programs.account) as (data, descriptors),
            open_log(cluster, programs.account) as log,
        ):
            begin = log.tell()
            subprocess.run(
                ["/bin/sh", "-c", '"$@" &', "sh", *server_command(cluster, programs, data, {})],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=True,
                pass_fds=(*descriptors, alive),
                start_new_session=True,
                **programs.popen,
            )
    finally:
        os.close(alive)
    try:
        return wait_until_ready(cluster, clusters.DATABASE, ended, begin)
    finally:
        os.close(ended)


def _stop(cluster: Cluster) -> bool:
    state, found = cluster.look()
    if state is State.STOPPED or not found:
        return False
    if not cluster.is_postmaster(found.pid):
        raise NoServer(
            f"the server of {cluster.folder} answers, but process {found.pid} is not it",
            next_step="stop it in the container or on the machine where it was started",
        )
    if not end(found.pid, lambda: cluster.look()[0] is State.STOPPED):
        raise NoServer(f"PostgreSQL in {cluster.folder} (process {found.pid}) does not stop", notes=tail(cluster.log))
    host = cluster.host(found)
    if host and host != cluster.data:
        sockets.forget(host)
    return True


def _trim(log: Path) -> None:
    """Keep the end of a log that has grown large. A server appends, so it writes on behind what is kept."""
    with suppress(OSError), log.open("r+b") as file:
        if file.seek(0, os.SEEK_END) <= LOG_LIMIT:
            return
        file.seek(-LOG_KEPT, os.SEEK_END)
        kept = file.read()
        file.seek(0)
        file.write(kept[kept.find(b"\n") + 1 :])
        file.truncate()
