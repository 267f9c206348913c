"""Where commands are broken off: databases with the scenario's migrations, and how they look undisturbed."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import psycopg
import pytest

from sqlmig.embedded import Server
from tests.chaos import scenario
from tests.support.chaos import Child, Commander, commander, complete, nothing_left, state
from tests.support.database import Database
from tests.support.project import Project

FULL = os.environ.get("SQLMIG_CHAOS") == "full"
SEED = int(os.environ.get("SQLMIG_CHAOS_SEED", "1"))

COMMANDS = {"apply": ["apply"], "rollback": ["rollback", "--to", "0", "--yes"]}
"""What is broken off: everything up on an empty database, everything down on a complete one."""

T = TypeVar("T")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How many commands were broken off, and how."""
    counts: Counter[str] = Counter()
    for report in (one for group in terminalreporter.stats.values() for one in group):
        if getattr(report, "when", "") == "call":
            test = report.nodeid.rpartition("::test_")[2].partition("[")[0].replace("_", " ")
            counts[test] += sum(count for name, count in report.user_properties if name == "broken off")
    if counts.total():
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()) if count)
        how = f"seed {SEED}, {'full' if FULL else 'sample'}"
        terminalreporter.write_line(f"chaos: {counts.total()} commands broken off ({kinds}), {how}")


def chosen(candidates: Sequence[T], sample: int, *about: object) -> list[T]:
    """All candidates in a full run, else a sample, the same for the same seed."""
    if FULL or len(candidates) <= sample:
        return list(candidates)
    return random.Random(f"{SEED} {about}").sample(candidates, sample)


class Arena:
    """Databases of one server for the commands of one folder."""

    def __init__(self, server: Server, admin: psycopg.Connection[Any], commander: Commander) -> None:
        self.server = server
        self.admin = admin
        self.commander = commander
        self.expected: dict[str, dict[str, object]] = {}
        for command, arguments in COMMANDS.items():
            with self.database(command) as database:
                complete(commander, database, database.url, *arguments)
                self.expected[command] = state(database)

    @contextlib.contextmanager
    def database(self, command: str) -> Iterator[Database]:
        """A database that the command has not been given yet."""
        database = Database(self.server, self.admin)
        try:
            if command == "rollback":
                complete(self.commander, database, database.url, *COMMANDS["apply"])
            yield database
        finally:
            database.drop()

    def broken_off(self, command: str, run: Callable[[Database], None]) -> None:
        """Let ``run`` break a command off, complete it, and compare with an undisturbed run."""
        with self.database(command) as database:
            run(database)
            commands = complete(self.commander, database, database.url, *COMMANDS[command])
            nothing_left(database)
            assert state(database) == self.expected[command], commands

    def start(self, command: str, url: str) -> Child:
        """Begin a command on the database that a URL leads to."""
        return self.commander.start(url, *COMMANDS[command])

    def duration(self, command: str) -> float:
        """Seconds that an undisturbed run takes."""
        with self.database(command) as database:
            begun = time.perf_counter()
            self.start(command, database.url).wait()
            return time.perf_counter() - begun


def told_the_truth(child: Child, database: Database) -> None:
    """A command that lost its connection says so, and the steps that it reports are those that took place."""
    if child.wait() == 0:
        return
    document = child.json
    assert child.status == 5, child.said
    assert document["error"]["code"] in ("connection_lost", "no_connection"), child.said
    assert "Traceback" not in child.said
    left = document["error"]["left_behind"]
    assert "cannot be asked" not in (left or ""), child.said
    done = {step["label"] for step in document["steps"] or () if step["outcome"] in ("applied", "rolled_back")}
    exists = database.value("SELECT to_regclass('sqlmig.migration') IS NOT NULL")
    rows = database.rows("SELECT label FROM sqlmig.migration WHERE progress = 'done'") if exists else []
    present = {label for (label,) in rows}
    if document["command"] == "apply":
        assert done == present, child.said
    else:
        assert done == {step["label"] for step in document["steps"] or ()} - present - halfway(database), child.said


def halfway(database: Database) -> set[str]:
    """Migrations that stopped within a script without a transaction."""
    return {label for (label,) in database.rows("SELECT label FROM sqlmig.migration WHERE progress <> 'done'")}


@pytest.fixture(scope="session")
def arena(server: Server, admin: psycopg.Connection[Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    folder = tmp_path_factory.mktemp("chaos") / "project"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        project = Project(folder, None, patch)
        scenario.write(project.sql, int(server.version))
        with commander(folder, project.environment()) as made:
            yield Arena(server, admin, made)
