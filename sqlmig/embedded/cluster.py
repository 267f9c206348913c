"""A data folder: made whole or not at all, given a way to its socket, and looked at without being touched."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import quote

from sqlmig.embedded.binaries import Binaries, every_binaries
from sqlmig.embedded.processes import Account, is_postmaster, listener, server_environment
from sqlmig.errors import NoServer

PORT = 5432
SOCKET = f".s.PGSQL.{PORT}"

LONGEST_HOST = 88
"""Bytes of a folder whose socket every system can name: macOS allows 103 for the whole path, Linux 107."""

DATABASE = "app"
USER = "postgres"


class State(Enum):
    """What can be seen of a data folder's server from outside."""

    STOPPED = "stopped"
    BUSY = "starting, recovering or stopping"
    READY = "ready"
    DEAF = "running without its socket"


@dataclass(frozen=True)
class PidFile:
    """The lines of ``postmaster.pid`` that matter here (src/include/utils/pidfile.h)."""

    pid: int
    socket_folder: str
    status: str


@dataclass(frozen=True)
class Cluster:
    """The folder that holds a data folder and what belongs to it."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    @property
    def short_name(self) -> str:
        """Names a folder for this cluster's socket elsewhere."""
        import hashlib

        return "sqlmig-" + hashlib.blake2b(os.fsencode(self.folder), digest_size=8).hexdigest()

    @property
    def has_short_path(self) -> bool:
        """Whether libpq can name the socket where it is: it takes a comma for the end of a host."""
        path = os.fsencode(self.data)
        return len(path) <= LONGEST_HOST and b"," not in path

    def read_pid_file(self) -> PidFile | None:
        """What the server wrote last; None where there is no server, or it has only just begun."""
        try:
            lines = self.pid_file.read_text(errors="replace").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not lines or not lines[0].strip().isdecimal():
            return None
        lines += [""] * (8 - len(lines))
        return PidFile(pid=int(lines[0]), socket_folder=lines[4].strip(), status=lines[7].strip())

    def host(self, found: PidFile) -> Path | None:
        """The folder of the running server's socket; None where the pid file came here with a copy of the folder."""
        if found.socket_folder == ".":
            return self.data
        host = Path(found.socket_folder)
        return host if host.name.startswith(self.short_name) else None

    def listener(self, found: PidFile) -> int | None:
        """Who listens on the server's socket, as ``processes.listener`` tells it."""
        host = self.host(found)
        return listener(str(host / SOCKET)) if host and self.has_reachable(host) else None

    def has_reachable(self, host: Path) -> bool:
        """Whether a client can name a socket in that folder: the project may have moved to a longer path."""
        return host != self.data or self.has_short_path

    def look(self) -> tuple[State, PidFile | None]:
        """The server's state, and what it wrote. A stale pid file counts as stopped.

        A socket that answers is a server, even where its process cannot be seen (another container).
        """
        found = self.read_pid_file()
        if not found:
            return State.STOPPED, None
        ready = found.status in ("ready", "standby")
        if self.listener(found) is not None:
            return (State.READY if ready else State.BUSY), found
        if is_postmaster(found.pid, self.data):
            return (State.DEAF if ready else State.BUSY), found
        return State.STOPPED, found


def url(host: Path, database: str) -> str:
    """A connection URL that no PG* variable of the environment bends, each byte of the path percent-encoded."""
    return f"postgresql://{USER}@/{quote(database, safe='')}?host={quote(os.fsencode(host), safe='')}&port={PORT}"


@contextmanager
def opened(folder: Path, account: Account) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A name for ``folder`` that the server's account can use, and the descriptors it must inherit for that.

    An account that we drop to may not be allowed to walk to the folder (``/root`` is closed to it), though it owns
    it: on Linux ``/proc/self/fd/N`` leads there without a walk, in the server and in all its children.
    """
    if not account.dropped or not Path("/proc/self/fd").is_dir():
        yield str(folder), ()
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}", (descriptor,)
    finally:
        os.close(descriptor)


def make_data(
    cluster: Cluster, binaries: Binaries, account: Account, environ: Mapping[str, str], lock: int, *, lasting: bool
) -> None:
    """Make the data folder in ``data.tmp`` and rename it: where it exists, it is complete.

    initdb inherits the lock: where we are killed, the next caller waits for the orphan to end before it clears
    ``data.tmp``. ``lasting`` writes to disk and adds the database ``app``. Raises NoServer with what initdb said.
    """
    import shutil

    scratch = cluster.folder / "data.tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    if account.dropped:
        os.chown(scratch, account.uid, account.gid)
    with opened(scratch, account) as (name, descriptors):
        keep = (*descriptors, lock)
        sync = [] if lasting else ["--no-sync"]
        initdb = [str(binaries.bindir / "initdb"), "-D", name, "-U", USER, "-A", "trust", *_locale(binaries), *sync]
        _run(initdb, cluster, account, environ, keep)
        if lasting:
            single = [str(binaries.bindir / "postgres"), "--single", "-D", name, "-c", "exit_on_error=on", "postgres"]
            _run(single, cluster, account, environ, keep, sql=f"CREATE DATABASE {DATABASE}\n")
    scratch.rename(cluster.data)
    _sync(cluster.folder)


def _locale(binaries: Binaries) -> list[str]:
    """UTF-8 that sorts by code point and knows the case of every letter, the same on every machine from 17 on."""
    chosen = ["-E", "UTF8", "--locale=C"]
    if binaries.major >= 17:
        chosen += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return chosen


def _run(
    command: list[str],
    cluster: Cluster,
    account: Account,
    environ: Mapping[str, str],
    descriptors: tuple[int, ...],
    sql: str = "",
) -> None:
    import shutil

    done = subprocess.run(
        command,
        input=sql,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        cwd="/",
        env=server_environment(environ),
        pass_fds=descriptors,
        start_new_session=True,
        **account.popen,
    )
    if done.returncode:
        shutil.rmtree(cluster.folder / "data.tmp", ignore_errors=True)
        said = [line for line in done.stdout.splitlines() if line.strip()]
        raise NoServer(
            f"{Path(command[0]).name} could not make a database cluster in {cluster.folder}: "
            f"{said[-1] if said else f'exit code {done.returncode}'}",
            notes=said[-5:],
        )


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_version(cluster: Cluster, binaries: Binaries, environ: Mapping[str, str]) -> None:
    """Refuse, with NoServer, a data folder that another major version made: only its own version can read it."""
    marker = cluster.data / "PG_VERSION"
    try:
        made_by = marker.read_text().strip()
    except FileNotFoundError:
        raise NoServer(
            f"{cluster.data} is not a PostgreSQL data folder: it has no PG_VERSION",
            next_step=f"move {cluster.data} away; a new one is made in its place",
        ) from None
    if made_by == str(binaries.major):
        return
    fitting = next((str(other.bindir) for other in every_binaries(environ) if str(other.major) == made_by), None)
    advice = f"rm -r {cluster.data} to begin with an empty database"
    raise NoServer(
        f"{cluster.data} was made by PostgreSQL {made_by}, and {binaries.bindir} is PostgreSQL {binaries.version}",
        next_step=f"SQLMIG_PG_BIN={fitting}, or {advice}"
        if fitting
        else f"set SQLMIG_PG_BIN to the programs of a PostgreSQL {made_by}, or {advice}",
    )
