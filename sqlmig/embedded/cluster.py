"""A data folder: made whole or not at all, given a way to its socket, and looked at without being touched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from sqlmig.embedded import sockets
from sqlmig.embedded.binaries import every_binaries
from sqlmig.embedded.processes import Account, command_line, works_in
from sqlmig.embedded.programs import Programs
from sqlmig.errors import NoServer

DATABASE = "app"

LONGEST_PATH = 900


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
    def mark(self) -> str:
        """Names the cluster after its path: in its server's command line, and as a folder for its socket elsewhere."""
        import hashlib

        return "sqlmig-" + hashlib.blake2b(os.fsencode(self.folder), digest_size=8).hexdigest()

    def read_pid_file(self) -> PidFile | None:
        """What the server wrote last; None where there is no server, or it has only just begun."""
        try:
            lines = self.pid_file.read_text(errors="replace").splitlines() + [""] * 8
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not lines[0].strip().isdecimal():
            return None
        return PidFile(pid=int(lines[0]), socket_folder=lines[4].strip(), status=lines[7].strip())

    def host(self, found: PidFile) -> Path | None:
        """The folder of the running server's socket; None where the pid file came here with a copy of the folder."""
        if found.socket_folder == ".":
            return self.data
        host = Path(found.socket_folder)
        return host if host.name.startswith(self.mark) else None

    def listener(self, found: PidFile) -> int | None:
        """Who listens on the server's socket, as ``sockets.listener`` tells it.

        Nobody does for our purposes where a client could not name the socket: the project may have moved.
        """
        host = self.host(found)
        return sockets.listener(host) if host and sockets.fits(host) else None

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
        if self.is_postmaster(found.pid):
            return (State.DEAF if ready else State.BUSY), found
        return State.STOPPED, found

    def is_postmaster(self, pid: int) -> bool:
        """Whether a live process is the server of this cluster."""
        works_here = works_in(pid, self.data)
        return self.mark in command_line(pid) if works_here is None else works_here

    def clear_stale(self, lock_file: Path) -> None:
        """Remove a lock file of PostgreSQL's that names no server of ours for certain.

        PostgreSQL does that where no process has the pid, but neither where another one got it since, nor for a
        server that was killed and whose parent does not reap it, as happens in containers, nor for an empty file.
        """
        try:
            first = lock_file.read_text(errors="replace").partition("\n")[0].strip()
        except FileNotFoundError:
            return
        pid = int(first) if first.isdecimal() else 0
        command = command_line(pid) if pid else ""
        if works_in(pid, self.data) is False or "postgres" not in command or "-D" not in command:
            lock_file.unlink(missing_ok=True)


@contextmanager
def opened(folder: Path, account: Account) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A name for ``folder`` that the server's account can use, and the descriptors it must inherit for that.

    An account that we drop to may not be allowed to walk to the folder (``/root`` is closed to it), though it owns
    it: on Linux ``/proc/self/fd/N`` leads there without a walk, in the server and in all its children. It also
    stands for a path that PostgreSQL cannot take: it has room for 1023 bytes, and ends a path at a line break.
    """
    path = os.fsencode(folder)
    is_plain = not account.dropped and len(path) <= LONGEST_PATH and b"\n" not in path and b"\r" not in path
    if is_plain or not Path("/proc/self/fd").is_dir():
        yield str(folder), ()
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}", (descriptor,)
    finally:
        os.close(descriptor)


def make_data(cluster: Cluster, programs: Programs, lock: int, *, lasting: bool) -> None:
    """Make the data folder in ``data.tmp`` and rename it: where it exists, it is complete.

    initdb inherits the lock: where we are killed, the next caller waits for the orphan to end before it clears
    ``data.tmp``. ``lasting`` writes to disk and adds the database ``app``. Raises NoServer with what initdb said.
    """
    import shutil

    scratch = cluster.folder / "data.tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    if programs.account.dropped:
        os.chown(scratch, programs.account.uid, programs.account.gid, follow_symlinks=False)
    with opened(scratch, programs.account) as (name, descriptors):
        kept = (*descriptors, lock)
        options = ["-D", name, "-U", sockets.USER, "-A", "trust", *_locale(programs.binaries.major)]
        _run(cluster, programs, kept, "initdb", *options, *([] if lasting else ["--no-sync"]))
        if lasting:
            options = ["--single", "-D", name, "-c", "exit_on_error=on", "postgres"]
            _run(cluster, programs, kept, "postgres", *options, sql=f"CREATE DATABASE {DATABASE}\n")
    scratch.rename(cluster.data)
    _sync(cluster.folder)


def _locale(major: int) -> list[str]:
    """UTF-8 that sorts by code point and, from 17 on, knows the case of every letter on every machine."""
    chosen = ["-E", "UTF8", "--locale=C"]
    return [*chosen, "--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if major >= 17 else chosen


def _run(
    cluster: Cluster, programs: Programs, descriptors: tuple[int, ...], name: str, *options: str, sql: str = ""
) -> None:
    import shutil
    import subprocess

    done = subprocess.run(
        [programs.path(name), *options],
        input=sql,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        pass_fds=descriptors,
        start_new_session=True,
        **programs.popen,
    )
    if done.returncode:
        shutil.rmtree(cluster.folder / "data.tmp", ignore_errors=True)
        said = [line for line in done.stdout.splitlines() if line.strip()]
        reason = said[-1] if said else f"exit code {done.returncode}"
        raise NoServer(f"{name} could not make a database cluster in {cluster.folder}: {reason}", notes=said[-5:])


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_version(cluster: Cluster, programs: Programs) -> None:
    """Refuse, with NoServer, a data folder that another major version made: only its own version can read it."""
    try:
        made_by = (cluster.data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise NoServer(
            f"{cluster.data} is not a PostgreSQL data folder: it has no PG_VERSION",
            next_step=f"move {cluster.data} away; a new one is made in its place",
        ) from None
    binaries = programs.binaries
    if made_by == str(binaries.major):
        return
    fitting = [str(other.bindir) for other in every_binaries(programs.environ) if str(other.major) == made_by]
    keep = f"SQLMIG_PG_BIN={fitting[0]}" if fitting else f"set SQLMIG_PG_BIN to the programs of a PostgreSQL {made_by}"
    raise NoServer(
        f"{cluster.data} was made by PostgreSQL {made_by}, and {binaries.bindir} is PostgreSQL {binaries.version}",
        next_step=f"{keep}, or rm -r {cluster.data} to begin with an empty database",
    )
