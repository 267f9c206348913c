"""The server is stopped at once (what ``pg_ctl stop -m immediate`` does) at a random moment, and started again."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from sqlmig import embedded
from tests.chaos.conftest import COMMANDS, FULL, SEED, Arena, told_the_truth
from tests.support.database import Database
from tests.support.processes import is_alive, until
from tests.support.session import server_environment


class Admin:
    """A superuser's connection to the server in a folder, opened for each statement: it survives no crash."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def execute(self, statement: Any) -> None:
        with psycopg.connect(embedded.start(self.folder).conninfo, autocommit=True) as connection:
            connection.execute(statement)


def crash(folder: Path) -> None:
    """Stop the server without a checkpoint, and start it again."""
    server = embedded.running(folder)
    assert server is not None
    os.kill(server.pid, signal.SIGQUIT)
    until(lambda: not is_alive(server.pid), "the end of the server")
    embedded.start(folder, environ=server_environment())


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A cluster whose server can be crashed, for what a process loses and not for what a disk loses."""
    with tempfile.TemporaryDirectory(prefix="sqlmig-test-") as top:
        made = Path(top) / ".sqlmig"
        prepare(embedded.start(made, environ=server_environment()))
        yield made
        embedded.stop(made)


def prepare(server: embedded.Server) -> None:
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("ALTER SYSTEM SET autovacuum = off")
        connection.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_server_crashes(
    arena: Arena, folder: Path, command: str, record_property: Callable[[str, object], None]
) -> None:
    """What was told is true once it is up again, and the next command completes the work."""
    chance = random.Random(f"{SEED} {command}")
    crashing = Arena(embedded.start(folder), cast("psycopg.Connection[Any]", Admin(folder)), arena.commander)
    whole = crashing.duration(command)
    crashes = 40 if FULL else 3
    for _ in range(crashes):

        def run(database: Database, moment: float = chance.uniform(0, whole)) -> None:
            child = crashing.start(command, database.url)
            time.sleep(moment)
            crash(folder)
            told_the_truth(child, database)

        crashing.broken_off(command, run)
    record_property("broken off", crashes)
