"""A hot standby beside a server of its own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from sqlmig import embedded
from sqlmig.embedded import Server
from tests.support.processes import until
from tests.support.proxy import proxy
from tests.support.session import server_environment


@contextmanager
def following(primary: Server) -> Iterator[Server]:
    """A copy of the primary, which is stopped for that, that follows it; both of them run. Stopped in the end."""
    folder = primary.folder.parent / "standby"
    embedded.stop(primary.folder)
    subprocess.run([shutil.which("cp") or "cp", "-a", primary.folder, folder], check=True)
    running = embedded.start(primary.folder, environ=server_environment())
    with proxy(running) as way:
        (folder / "data" / "standby.signal").touch()
        with (folder / "data" / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"primary_conninfo = '{psycopg.conninfo.make_conninfo(way.url('postgres'))}'\n")
        yield embedded.start(folder, environ=server_environment())
        embedded.stop(folder)


def replayed(primary: Server, standby: Server) -> None:
    """Wait until the standby has what the primary has."""
    with psycopg.connect(primary.conninfo) as connection:
        ((position,),) = connection.execute("SELECT pg_current_wal_lsn()").fetchall()
    with psycopg.connect(standby.conninfo, autocommit=True) as connection:
        query = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
        until(lambda: connection.execute(query, [position]).fetchall() == [(True,)], "the standby")
