"""What a server program is run as, with which environment, and how its process is recognised."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlmig.errors import NoServer

POLL_SECONDS = 0.01

PROC = Path("/proc")


@dataclass(frozen=True)
class Account:
    """The account that server programs run as. PostgreSQL refuses to run as root."""

    uid: int
    gid: int
    name: str
    dropped: bool
    """Whether we are root and give up its rights for the server."""

    @property
    def popen(self) -> dict[str, Any]:
        """What makes ``subprocess.Popen`` start a program as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.dropped else {}


def account_for(data: Path) -> Account:
    """Us, or, where we are root, the owner of an existing data folder, else ``postgres``, else ``nobody``.

    Raises NoServer where there is no such account: initdb and libpq look their own user up.
    """
    import pwd

    euid = os.geteuid()
    if euid:
        try:
            return Account(euid, os.getegid(), pwd.getpwuid(euid).pw_name, dropped=False)
        except KeyError:
            raise NoServer(
                f"the embedded PostgreSQL needs a user with a name, and user id {euid} has none in /etc/passwd",
                next_step=f"echo 'sqlmig:x:{euid}:{os.getegid()}::/:/bin/sh' >> /etc/passwd",
            ) from None
    owner = data.stat().st_uid if data.exists() else 0
    accounts = {entry.pw_uid if entry.pw_uid == owner else entry.pw_name: entry for entry in pwd.getpwall()}
    for wanted in (owner, "postgres", "nobody"):
        if wanted and wanted in accounts:
            entry = accounts[wanted]
            return Account(entry.pw_uid, entry.pw_gid, entry.pw_name, dropped=True)
    raise NoServer(
        "PostgreSQL refuses to run as root, and this machine has neither a user postgres nor a user nobody",
        next_step="run sqlmig as an ordinary user",
    )


def server_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a server program sees: neither a locale that may not exist, nor settings for clients, nor secrets.

    ``TZ`` makes initdb write ``timezone = UTC`` instead of trying all time zones for one like the system's.
    """
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    return {name: environ[name] for name in kept if name in environ} | {"LC_ALL": "C", "TZ": "UTC"}


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[int]:
    """Hold the lock file at ``path``, and yield its descriptor.

    The lock dies with the last process that has the descriptor open: a child that inherits it keeps others out
    until it has ended, even where we were killed. Raises NoServer when it is not free within ``seconds``.
    """
    import fcntl

    deadline = time.monotonic() + seconds
    while True:
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(path, descriptor):
                    yield descriptor
                    return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise NoServer(f"another process has held {path} for {seconds:.0f} seconds") from None
                time.sleep(POLL_SECONDS)
        finally:
            os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the open file still is the one at ``path``: the folder may have been removed while we waited."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def is_postmaster(pid: int, data: Path) -> bool:
    """Whether ``pid`` is a live server of the folder ``data``; in doubt, whether it is any PostgreSQL.

    A server's working directory is its data folder. Where we may not see that (a container without
    CAP_SYS_PTRACE), or where there is no /proc, the program's name decides.
    """
    if not (PROC / "self" / "stat").exists():
        return _is_named_postgres(pid)
    try:
        return os.path.samestat((PROC / str(pid) / "cwd").stat(), data.stat())
    except PermissionError:
        return (PROC / str(pid) / "comm").read_text().strip() in ("postgres", "postmaster")
    except OSError:
        return False


def _is_named_postgres(pid: int) -> bool:
    import subprocess

    shown = subprocess.run(["ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return Path(shown.stdout.strip()).name in ("postgres", "postmaster")


def listener(socket_path: str) -> int | None:
    """The pid of who listens on a Unix socket, 0 where the system does not tell, None where nobody does."""
    import socket
    import struct

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.setblocking(False)
        try:
            client.connect(socket_path)
        except OSError as error:
            return 0 if error.errno == errno.EAGAIN else None
        if not hasattr(socket, "SO_PEERCRED"):
            return 0
        credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", credentials)[0])


def tail(log: Path, lines: int = 5) -> list[str]:
    """The last lines of a log that say something, for the notes of an error."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return [line for line in text.splitlines() if line.strip()][-lines:]
