"""What starting a server that lasts and an ephemeral one have in common."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sqlmig.embedded import sockets
from sqlmig.embedded.cluster import Cluster, State
from sqlmig.embedded.processes import POLL_SECONDS, Account, tail
from sqlmig.embedded.programs import Programs
from sqlmig.errors import NoServer

READY_SECONDS = 60.0


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
        return sockets.url(self.socket_folder, database)


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
    command = os.fsdecode((cluster.data / "postmaster.opts").read_bytes())
    return Server(
        folder=cluster.folder,
        conninfo=sockets.url(host, database),
        pid=found.pid,
        bindir=Path(command.split(' "', 1)[0]).parent,
        version=(cluster.data / "PG_VERSION").read_text().strip(),
        socket_folder=host,
    )


def server_command(cluster: Cluster, programs: Programs, data: str, settings: Mapping[str, str]) -> list[str]:
    """The command that runs the server: what a client must find it by stands here, not in postgresql.conf.

    The socket's folder is seen from the data folder, or is a short one, which is made here.
    """
    host = Path()
    if not sockets.fits(cluster.data):
        host = sockets.make_short_folder(cluster.mark, programs.account, programs.environ)
        sockets.end_orphan(host)
    cluster.clear_stale(cluster.data / host / f"{sockets.SOCKET}.lock")
    fixed = {
        "cluster_name": cluster.mark,
        "listen_addresses": "",
        "port": str(sockets.PORT),
        "unix_socket_directories": str(host),
    }
    options = [word for name, value in {**settings, **fixed}.items() for word in ("-c", f"{name}={value}")]
    return [programs.path("postgres"), "-D", data, *options]


def open_log(cluster: Cluster, account: Account) -> BinaryIO:
    """The server's log to append to. Only the server's account may read it: it shows statements."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    log = os.fdopen(os.open(cluster.log, flags, 0o600), "ab")
    if account.dropped:
        os.chown(log.fileno(), account.uid, account.gid)
    return log


def wait_until_ready(cluster: Cluster, database: str, ended: int, begin: int = 0) -> Server:
    """The server that was just started; what it says stands in its log behind the byte ``begin``.

    ``ended`` is a pipe whose other end that server alone has. It ends, too, when it finds that another one has just
    been started by a caller who was killed: then that one is waited for.
    Raises NoServer with the end of the log when none is left, or none is ready after a minute.
    """
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        server = ready_server(cluster, database)
        if server:
            return server
        if select.select([ended], [], [], POLL_SECONDS)[0]:
            if cluster.look()[0] is State.STOPPED:
                said = tail(cluster.log, begin)
                raise NoServer(f"PostgreSQL in {cluster.folder} did not start: {_reason(said)}", notes=said)
            time.sleep(POLL_SECONDS)
    raise NoServer(
        f"PostgreSQL in {cluster.folder} is not ready after {READY_SECONDS:.0f} seconds", notes=tail(cluster.log)
    )


def _reason(said: list[str]) -> str:
    """The line of a log that says why."""
    fatal = [line.partition("FATAL:")[2].strip() for line in said if "FATAL:" in line]
    return (fatal or said or ["it left no message"])[-1]
