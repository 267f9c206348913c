"""Any number of runners may start at the same moment, on an empty database, directly or behind a pooler."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest

from sqlmig.embedded import Server, ephemeral
from tests.support.chaos import commander, no_lock_left, nothing_left
from tests.support.database import Database
from tests.support.pgbouncer import pooler
from tests.support.project import Project
from tests.support.session import server_environment

RUNNERS = 32
ROUNDS = 20 if os.environ.get("SQLMIG_CHAOS") == "full" else 2


@pytest.fixture(scope="module")
def logging_server() -> Iterator[Server]:
    """A server whose whole log is that of these tests."""
    with ephemeral(environ=server_environment(), settings={"max_connections": "150"}) as server:
        yield server


@pytest.mark.parametrize("way", ["direct", "pooler"])
def test_many_runners_on_an_empty_database(logging_server: Server, project: Project, way: str) -> None:
    """All succeed, each migration runs once, no lock is left, and the server saw no deadlock and no duplicate."""
    for number in range(1, 5):
        project.write(f"{number}_m.up.sql", f"CREATE TABLE t{number} (x int); INSERT INTO t{number} VALUES (1);")
    project.write("5_m.up.sql", "-- sqlmig: no-transaction\nCREATE INDEX CONCURRENTLY i ON t1 (x);\nVACUUM t2;")
    with (
        psycopg.connect(logging_server.conninfo, autocommit=True) as admin,
        commander(project.folder, project.environment({"SQLMIG_URL": None})) as started,
        pooler(logging_server) as pool,
    ):
        for _ in range(ROUNDS):
            database = Database(logging_server, admin)
            url = database.url if way == "direct" else pool.url(database.name)
            children = [started.start(url, "apply", "--lock-wait", "4min") for _ in range(RUNNERS)]
            for child in children:
                assert child.wait() == 0, child.said
            applied = [
                step["label"] for child in children for step in child.json["steps"] if step["outcome"] == "applied"
            ]
            assert sorted(applied) == [str(number) for number in range(1, 6)]
            counted = "SELECT (SELECT count(*) FROM sqlmig.migration), (SELECT count(*) FROM sqlmig.event)"
            assert database.rows(counted) == [(5, 5)]
            assert [database.value(f"SELECT count(*) FROM t{number}") for number in range(1, 5)] == [1] * 4
            if way == "direct":
                nothing_left(database)
            no_lock_left(database)
            database.drop()
    (log,) = [path.read_text() for path in logging_server.folder.rglob("*log") if path.is_file()]
    for trouble in ("deadlock detected", "duplicate key", "ERROR"):
        assert trouble not in log, log
