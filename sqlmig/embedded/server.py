"""Starts, finds and stops the server of a cluster that lasts."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlmig.embedded import cluster as clusters
from sqlmig.embedded.binaries import Binaries, find_binaries, usable_by
from sqlmig.embedded.cluster import Cluster, State
from sqlmig.embedded.processes import (
    POLL_SECONDS,
    Account,
    account_for,
    is_postmaster,
    locked,
    server_environment,
    tail,
)
from sqlmig.errors import NoServer

LOCK_SECONDS = 90.0
READY_SECONDS = 60.0
STOP_SECONDS = 30.0
ORPHANS_SECONDS = 10.0
"""How long sessions of a server that was killed may keep its shared memory before we give up."""

LOG_LIMIT = 8 << 20
LOG_KEPT = 1 << 20

PLAIN_PATH = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.-")


@dataclass(frozen=True)
class Server:
    """A server that was ready when this was made."""

    folder: Path
    conninfo: str
    """A URL for its first database, which any client of the calling user can use."""
    pid: int
    bindir: Path
    version: str
    """The major version, as its data folder names it."""
    socket_folder: Path

    def url(self, database: str) -> str:
        """The URL of another of its databases."""
        return clusters.url(self.socket_folder, database)


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
        if cluster.look()[0] is State.STOPPED:
            return False
        with locked(cluster.lock, LOCK_SECONDS):
            return _stop(cluster)


@contextmanager
def explained(cluster: Cluster) -> Iterator[None]:
    """Turn what the operating system refuses into a NoServer of one line."""
    try:
        yield
    except OSError as error:
        place = error.filename or cluster.folder
        reason = error.strerror or str(error)
        owner = _foreign_owner(cluster)
        next_step = f"run sqlmig as the user who made it ({owner}), or remove {cluster.folder}" if owner else None
        raise NoServer(f"the embedded PostgreSQL cannot use {place}: {reason}", next_step=next_step) from error


def _foreign_owner(cluster: Cluster) -> str | None:
    """The name of the account that the cluster belongs to, where that is not ours and we are not root."""
    try:
        owner = cluster.data.owner()
        return owner if os.geteuid() not in (0, cluster.data.stat().st_uid) else None
    except (OSError, KeyError):
        return None


def ready_server(cluster: Cluster, database: str) -> Server | None:
    """The cluster's server where it is ready for connections."""
    state, found = cluster.look()
    host = cluster.host(found) if found else None
    if state is not State.READY or not found or not host:
        return None
    command_line = (cluster.data / "postmaster.opts").read_text()
    return Server(
        folder=cluster.folder,
        conninfo=clusters.url(host, database),
        pid=found.pid,
        bindir=Path(command_line.split(' "', 1)[0]).parent,
        version=(cluster.data / "PG_VERSION").read_text().strip(),
        socket_folder=host,
    )


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
    account = account_for(cluster.data)
    binaries = usable_by(account, find_binaries(environ), environ)
    if not cluster.data.exists():
        clusters.make_data(cluster, binaries, account, environ, lock, lasting=True)
    clusters.check_version(cluster, binaries, environ)
    deadline = time.monotonic() + ORPHANS_SECONDS
    while True:
        cluster.pid_file.unlink(missing_ok=True)
        try:
            return _launch(cluster, binaries, account, environ)
        except NoServer as error:
            killed_before_us = any("pre-existing shared memory block" in note for note in error.notes)
            if not killed_before_us or time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


def _launch(cluster: Cluster, binaries: Binaries, account: Account, environ: Mapping[str, str]) -> Server:
    """Start the server from a shell that ends at once, so that it is nobody's child, and wait until it is ready."""
    import subprocess

    _trim(cluster.log)
    ended, alive = os.pipe()
    try:
        with clusters.opened(cluster.data, account) as (data, descriptors), cluster.log.open("ab") as log:
            subprocess.run(
                ["/bin/sh", "-c", '"$@" &', "sh", *server_command(cluster, binaries, account, environ, data, {})],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=True,
                cwd="/",
                env=server_environment(environ),
                pass_fds=(*descriptors, alive),
                start_new_session=True,
                **account.popen,
            )
        os.close(alive)
        alive = -1
        return wait_until_ready(cluster, clusters.DATABASE, ended)
    finally:
        os.close(ended)
        if alive >= 0:
            os.close(alive)


def server_command(
    cluster: Cluster,
    binaries: Binaries,
    account: Account,
    environ: Mapping[str, str],
    data: str,
    settings: Mapping[str, str],
) -> list[str]:
    """The command that runs the server: what a client must find it by stands here, not in postgresql.conf."""
    fixed = {
        "listen_addresses": "",
        "unix_socket_directories": "." if cluster.has_short_path else str(_short_folder(cluster, account, environ)),
        "port": str(clusters.PORT),
    }
    options = [word for name, value in {**settings, **fixed}.items() for word in ("-c", f"{name}={value}")]
    return [str(binaries.bindir / "postgres"), "-D", data, *options]


def _short_folder(cluster: Cluster, account: Account, environ: Mapping[str, str]) -> Path:
    """A folder with mode 0700 for the socket of a cluster with a long path, the same at each start.

    Under a folder that others may write, one that is there already counts only where the server's account owns it.
    """
    import tempfile

    runtime = environ.get("XDG_RUNTIME_DIR", "")
    parents = [runtime] if runtime and not account.dropped and PLAIN_PATH.issuperset(runtime) else []
    for parent in map(Path, [*parents, "/run", "/tmp"]):  # noqa: S108 - what is found there is not trusted
        folder = parent / cluster.short_name
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            found = folder.lstat()
            if found.st_uid not in (account.uid, os.geteuid()) or found.st_mode & 0o170077 != 0o040000:
                folder = Path(tempfile.mkdtemp(prefix=f"{cluster.short_name}-", dir=parent))
        except OSError:
            continue
        if account.dropped:
            os.chown(folder, account.uid, account.gid)
        return folder
    raise NoServer(f"there is no folder for a socket: the path of {cluster.data} is too long for one")


def wait_until_ready(cluster: Cluster, database: str, ended: int) -> Server:
    """The server that was just started. ``ended`` is a pipe whose other end the server alone has.

    Raises NoServer with the end of its log when it ends, or takes longer than a minute.
    """
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        server = ready_server(cluster, database)
        if server:
            return server
        has_ended = select.select([ended], [], [], POLL_SECONDS)[0]
        if has_ended and cluster.look()[0] is State.STOPPED:
            said = tail(cluster.log)
            raise NoServer(f"PostgreSQL in {cluster.folder} did not start: {_reason(said)}", notes=said)
    raise NoServer(
        f"PostgreSQL in {cluster.folder} is not ready after {READY_SECONDS:.0f} seconds", notes=tail(cluster.log)
    )


def _reason(said: list[str]) -> str:
    """The line of a log that says why."""
    fatal = [line.partition("FATAL:")[2].strip() for line in said if "FATAL:" in line]
    return (fatal or said or ["it left no message"])[-1]


def _stop(cluster: Cluster) -> bool:
    state, found = cluster.look()
    if state is State.STOPPED or not found:
        return False
    if not is_postmaster(found.pid, cluster.data):
        raise NoServer(
            f"the server of {cluster.folder} answers, but process {found.pid} is not it",
            next_step="stop it in the container or on the machine where it was started",
        )
    for number, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, STOP_SECONDS)):
        os.kill(found.pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if cluster.look()[0] is State.STOPPED:
                _forget_short_folder(cluster.host(found), cluster)
                return True
            time.sleep(POLL_SECONDS)
    raise NoServer(f"PostgreSQL in {cluster.folder} (process {found.pid}) does not stop", notes=tail(cluster.log))


def _forget_short_folder(host: Path | None, cluster: Cluster) -> None:
    if host and host != cluster.data:
        try:
            host.rmdir()
        except OSError:
            return


def _trim(log: Path) -> None:
    """Keep the end of a log that has grown large. A server appends, so it writes on behind what is kept."""
    try:
        if log.stat().st_size <= LOG_LIMIT:
            return
    except FileNotFoundError:
        return
    with log.open("r+b") as file:
        file.seek(-LOG_KEPT, os.SEEK_END)
        kept = file.read()
        file.seek(0)
        file.write(kept[kept.find(b"\n") + 1 :])
        file.truncate()
