"""Where a server's socket lies, and who listens on it.

It lies in the data folder, which is closed to all others. Where that path is too long for a socket, or libpq could
not name it, it lies in a folder of its own with a short path.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from sqlmig.embedded.processes import Account, command_line, end
from sqlmig.errors import NoServer

PORT = 5432
SOCKET = f".s.PGSQL.{PORT}"
USER = "postgres"

LONGEST_HOST = 88
"""Bytes of a folder whose socket every system can name: macOS allows 103 for the whole path, Linux 107."""

SYSTEM_RUNTIME = Path("/run")

PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.-")
"""What a list of folders in a setting takes without quotes."""


def url(host: Path, database: str) -> str:
    """A connection URL with each byte of the path percent-encoded. The port stands there lest PGPORT count."""
    return f"postgresql://{USER}@/{quote(database, safe='')}?host={quote(os.fsencode(host), safe='')}&port={PORT}"


def fits(folder: Path) -> bool:
    """Whether clients can name a socket in ``folder``: libpq ends a host at a comma, psycopg wants UTF-8."""
    path = os.fsencode(folder)
    is_text = path == path.decode(errors="ignore").encode()
    return is_text and len(path) <= LONGEST_HOST and b"," not in path


def listener(folder: Path) -> int | None:
    """The pid of the server whose socket is in ``folder``; 0 where it cannot be told, None where none answers."""
    import socket
    import struct

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.setblocking(False)
        try:
            client.connect(str(folder / SOCKET))
        except OSError as error:
            return 0 if error.errno == errno.EAGAIN else None
        if not hasattr(socket, "SO_PEERCRED"):
            return 0
        credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", credentials)[0])


def make_short_folder(name: str, account: Account, environ: Mapping[str, str]) -> Path:
    """A folder with mode 0700 and a short path, the same for the same ``name``.

    Under a folder that others may write, one that is there already counts only where it is ours or the account's.
    Raises NoServer where none can be made.
    """
    import tempfile

    for parent in _parents(account, environ):
        folder = parent / name
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            if not _is_private(folder, account):
                folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
        except OSError:
            continue
        if account.dropped:
            os.chown(folder, account.uid, account.gid, follow_symlinks=False)
        return folder
    raise NoServer("there is no folder for the server's socket: the project's path is too long for one")


def _parents(account: Account, environ: Mapping[str, str]) -> Iterator[Path]:
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if runtime and not account.dropped and PLAIN.issuperset(runtime) and len(runtime) < LONGEST_HOST // 2:
        yield Path(runtime)
    yield SYSTEM_RUNTIME
    yield Path("/tmp")  # noqa: S108 - a folder found there is not trusted


def _is_private(folder: Path, account: Account) -> bool:
    found = folder.lstat()
    ours = found.st_uid in (account.uid, os.geteuid())
    return ours and stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077


def end_orphan(folder: Path) -> None:
    """End a server that still listens in ``folder`` though its data folder was removed under it."""
    pid = listener(folder)
    if pid:
        end(pid, lambda: not command_line(pid))


def forget(folder: Path) -> None:
    """Remove a short folder whose server has stopped."""
    with suppress(OSError):
        folder.rmdir()
