"""Memory does not grow with a file, and time grows with the number of migrations, not with its square."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sqlmig.api import Project as Commands
from tests.support.project import Project
from tests.support.runner import Runs

COUNTED = Path(__file__).parents[2] / "bench" / "launcher.py"
"""Runs a command and tells what it used: a process of its own, small when it begins."""


@pytest.fixture
def runs(project: Project) -> Runs:
    return Runs(project)


def used(runs: Runs, *arguments: str) -> tuple[float, float]:
    """Seconds of CPU, and megabytes resident at most, of one command that succeeds."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(COUNTED), sys.executable, "-m", "sqlmig", *arguments],
        cwd=runs.project.folder,
        env=runs.project.environment({"SQLMIG_URL": runs.url}),
        capture_output=True,
        text=True,
        timeout=240,
    )
    _, cpu, memory, code = json.loads(done.stderr)
    assert code == 0, done.stdout
    return cpu, memory


def test_twenty_megabytes_of_inserts(runs: Runs) -> None:
    """At most 60 MB resident, of which the interpreter with psycopg takes more than half."""
    line = "INSERT INTO bulk (id, body) VALUES ({}, '" + "x" * 350 + "');\n"
    rows = "".join(line.format(number) for number in range(50_000))
    runs.write("001_bulk", "CREATE TABLE bulk (id int, body text);\n" + rows)
    _, memory = used(runs, "apply")
    assert runs.database.value("SELECT count(*) FROM bulk") == 50_000
    assert memory < 60


def test_the_data_of_copy(runs: Runs) -> None:
    """At most 100 MB resident for more than that of data."""
    with (runs.project.sql / "001_data.up.sql").open("w") as file:
        file.write("CREATE TABLE data (id int, body text);\nCOPY data FROM STDIN;\n")
        for number in range(120):
            file.write("".join(f"{number}\t{'x' * 1000}\n" for _ in range(1000)))
        file.write("\\.\n")
    _, memory = used(runs, "apply")
    assert runs.database.value("SELECT count(*) FROM data") == 120_000
    assert memory < 100


def record(runs: Runs, count: int) -> None:
    """So many migrations, recorded as applied."""
    for number in range(1, count + 1):
        runs.write(f"{number:06d}_m", f"SELECT {number};\n")
    runs.api.baseline(count)


def test_status_of_ten_thousand(runs: Runs) -> None:
    """At most two seconds of CPU."""
    record(runs, 10_000)
    cpu, memory = used(runs, "status")
    assert cpu < 2
    assert memory < 100


READING: list[Callable[[Commands], object]] = [Commands.status, Commands.check]


@pytest.mark.parametrize("command", READING, ids=["status", "check"])
def test_nothing_is_quadratic(runs: Runs, command: Callable[[Commands], object]) -> None:
    """Eight times the migrations take eight times as long: a square would take sixty-four times."""

    def seconds() -> float:
        def once() -> float:
            begun = resource.getrusage(resource.RUSAGE_SELF).ru_utime
            command(runs.api)
            return resource.getrusage(resource.RUSAGE_SELF).ru_utime - begun

        return min(once() for _ in range(3))

    record(runs, 500)
    few = seconds()
    record(runs, 4000)
    assert seconds() < 24 * few + 0.1
