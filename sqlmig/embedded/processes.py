"""What a server program is run as, with which environment, and how its process is recognised."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlmig.errors import NoServer

POLL_SECONDS = 0.01
END_SECONDS = 30.0

PROC = Path("/proc")

UNPRIVILEGED = ("postgres", "nobody")


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

    Raises NoServer where there is no such account: initdb looks its own user up.
    """
    import pwd

    euid = os.geteuid()
    if euid:
        try:
            return Account(euid, os.getegid(), pwd.getpwuid(euid).pw_name, dropped=False)
        except KeyError:
            raise NoServer(
                f"the embedded PostgreSQL needs a user with a name, and user id {euid} has none in /etc/passwd",
                next_step="give the user id a name in /etc/passwd, or set SQLMIG_URL to the URL of a server",
            ) from None
    owner = data.stat() if data.exists() else None
    if owner and owner.st_uid:
        return Account(owner.st_uid, owner.st_gid, _name_of(owner.st_uid), dropped=True)
    for name in UNPRIVILEGED:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid, name, dropped=True)
    raise NoServer(
        f"PostgreSQL refuses to run as root, and this machine has no user called {' or '.join(UNPRIVILEGED)}",
        next_step="run sqlmig as an ordinary user",
    )


def _name_of(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


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
    deadline = time.monotonic() + seconds
    descriptor = _try_lock(path)
    while descriptor is None:
        if time.monotonic() > deadline:
            raise NoServer(f"another process has held {path} for {seconds:.0f} seconds")
        time.sleep(POLL_SECONDS)
        descriptor = _try_lock(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(path: Path) -> int | None:
    import fcntl

    descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(path, descriptor):
            return descriptor
    os.close(descriptor)
    return None


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the open file still is the one at ``path``: the folder may have been removed while we waited."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def works_in(pid: int, folder: Path) -> bool | None:
    """Whether a live process has ``folder`` for its working directory, as a server has its data folder.

    None where we cannot see that: without /proc, or for another account's process without CAP_SYS_PTRACE.
    """
    if not (PROC / "self" / "cwd").exists():
        return None
    try:
        return os.path.samestat((PROC / str(pid) / "cwd").stat(), folder.stat())
    except PermissionError:
        return None
    except OSError:
        return False


def command_line(pid: int) -> str:
    """The command line of a live process, which everybody may see; empty where there is none."""
    if (PROC / "self" / "cmdline").exists():
        with suppress(OSError):
            return os.fsdecode((PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" "))
        return ""
    import subprocess

    return subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout


def end(pid: int, has_ended: Callable[[], bool], *, at_once: bool = False) -> bool:
    """Shut a server down: fast, and where that takes too long, at once. Whether it has ended."""
    for how in (signal.SIGQUIT,) if at_once else (signal.SIGINT, signal.SIGQUIT):
        with suppress(ProcessLookupError):
            os.kill(pid, how)
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            if has_ended():
                return True
            time.sleep(POLL_SECONDS)
    return False


def require_unix() -> None:
    """Raise NoServer on Windows, where a server would have to listen on TCP, open to every user of the machine."""
    if os.name == "nt":
        raise NoServer(
            "the embedded PostgreSQL needs Unix sockets, which it does not use on Windows",
            next_step="set SQLMIG_URL to the URL of a PostgreSQL server",
        )


def tail(log: Path, start: int = 0, lines: int = 5) -> list[str]:
    """The last lines of a log, from byte ``start`` on, that say something."""
    try:
        with log.open("rb") as file:
            file.seek(max(start, file.seek(0, os.SEEK_END) - 4096))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return [line for line in text.splitlines() if line.strip()][-lines:]
