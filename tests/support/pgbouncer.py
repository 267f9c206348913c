"""PgBouncer before a server, in transaction mode."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from sqlmig.embedded import Server
from tests.support.processes import until

PORT = 6432

CONFIGURATION = """\
[databases]
* = host=/proc/self/cwd port=5432

[pgbouncer]
listen_port = {port}
unix_socket_dir = {folder}
auth_type = trust
auth_file = {folder}/users.txt
admin_users = postgres
pool_mode = transaction
max_client_conn = 500
default_pool_size = {pool_size}
ignore_startup_parameters = extra_float_digits
logfile = {folder}/log
{more}
"""


@dataclass(frozen=True)
class Pooler:
    """A running PgBouncer."""

    folder: Path

    def url(self, database: str, user: str = "postgres") -> str:
        """The URL of a database behind it."""
        return f"postgresql://{quote(user)}@/{database}?host={quote(str(self.folder), safe='')}&port={PORT}"

    @property
    def socket(self) -> Path:
        return self.folder / f".s.PGSQL.{PORT}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


def program() -> str:
    """The program, which is installed where it is missing and we may."""
    with (Path(tempfile.gettempdir()) / f"sqlmig-test-install-{os.geteuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run([Path(__file__).with_name("install.sh")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = shutil.which("pgbouncer", path=os.environ["PATH"] + ":/usr/sbin")
    assert found
    return found


@contextlib.contextmanager
def pooler(server: Server, pool_size: int = 20, more: str = "") -> Iterator[Pooler]:
    """PgBouncer before a server, as the account that runs the server.

    It works in the folder of the server's socket, since it may not be allowed to get there by its path.
    """
    owner = pwd.getpwuid(server.socket_folder.stat().st_uid)
    with tempfile.TemporaryDirectory(prefix="sqlmig-pgbouncer-") as name:
        folder = Path(name)
        configuration = CONFIGURATION.format(port=PORT, folder=folder, pool_size=pool_size, more=more)
        (folder / "pgbouncer.ini").write_text(configuration)
        (folder / "users.txt").write_text('"postgres" ""\n')
        for path in (folder, *folder.iterdir()):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        as_owner = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        command = [program(), str(folder / "pgbouncer.ini")]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, cwd=server.socket_folder, **quiet, **as_owner)
        try:
            made = Pooler(folder)
            until(lambda: _answers(made, process), "PgBouncer")
            yield made
        finally:
            process.kill()
            process.wait()


def _answers(pooler: Pooler, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, pooler.log
    try:
        psycopg.connect(pooler.url("pgbouncer"), autocommit=True, prepare_threshold=None).close()
    except psycopg.OperationalError:
        return False
    return True
