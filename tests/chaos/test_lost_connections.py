"""A connection that breaks at the worst moment: what took effect is told, and nothing half-applied stays."""

from __future__ import annotations

import pytest

from sqlmig.errors import ConnectionLost
from sqlmig.events import StatementDone, silent
from tests.support.processes import until
from tests.support.project import Project
from tests.support.runner import Runs

TERMINATE_THE_LOCK = (
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@pytest.fixture
def runs(project: Project) -> Runs:
    return Runs(project)


def test_the_lock_is_lost_between_two_messages_of_one_migration(runs: Runs) -> None:
    """The transaction that was open is rolled back, not ended by the question what is applied."""
    runs.write(
        "001_a",
        "CREATE TABLE a (x int);\nCOPY a FROM STDIN;\n1\n\\.\nCREATE TABLE b (x int);\nCOPY b FROM STDIN;\n1\n\\.\n",
    )

    def cut(event: object) -> None:
        if isinstance(event, StatementDone) and event.number == 2:
            runs.database.rows(TERMINATE_THE_LOCK)
            until(lambda: not runs.database.rows(TERMINATE_THE_LOCK), "the end of the lock's backend")

    runs.listener = cut
    error = runs.fails(ConnectionLost)
    assert "lock" in error.message
    assert "nothing was applied" in (error.left_behind or "")
    assert runs.exists("a", "b") == [False, False]
    runs.listener = silent
    runs.apply()
    assert runs.applied() == ["001_a"]
