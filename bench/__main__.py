"""Measure, and print the tables of docs/performance.md.

    python -m bench [--repetitions N] [--runners NAME,...] [--quick]

Each repetition takes every runner once, one after the other, so that a machine whose speed drifts hits all alike.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from bench import work
from bench.measure import Failed, Figure, run
from bench.proxy import Proxy, proxy
from bench.runners import Runner, found
from bench.table import Table
from sqlmig.embedded import Server, ephemeral
from sqlmig.embedded.sockets import SOCKET

NEAR, FAR = 0.0, 0.010
"""Seconds that a round trip takes longer."""

_numbers = itertools.count()


@contextmanager
def database(server: Server) -> Iterator[str]:
    """An empty database; its name."""
    name = f"bench_{next(_numbers)}"
    with psycopg.connect(server.conninfo, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            yield name
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def check(server: Server, name: str, task: work.Work) -> None:
    """Raise Failed where the migrations were not all applied: a fast failure is no figure."""
    with psycopg.connect(server.url(name), autocommit=True) as connection:
        ((value,),) = connection.execute(task.check.encode()).fetchall()
    if value != task.expected:
        raise Failed(f"{task.title}: {value} instead of {task.expected}")


def measure(server: Server, path: Proxy, task: work.Work, runner: Runner) -> dict[str, Figure]:
    """What applying the work, looking at it, applying it again and rolling it back take."""
    with database(server) as name, tempfile.TemporaryDirectory() as place:
        folder, url = Path(place), path.url(name)
        runner.write(folder, task.migrations)
        figures = {task.title: run(runner.apply(url, folder), path)}
        check(server, name, task)
        if not task.repeated:
            return figures
        if runner.status:
            figures[f"status of {task.title}"] = run(runner.status(url, folder), path)
            figures[f"nothing to apply, {task.title}"] = run(runner.apply(url, folder), path)
        if runner.rollback:
            figures[f"roll back {task.title}"] = run(runner.rollback(url, folder), path)
    return figures


def attempt(server: Server, path: Proxy, task: work.Work, runner: Runner) -> dict[str, Figure]:
    """Figures; none of a runner that fails, which is told."""
    try:
        return measure(server, path, task, runner)
    except Failed as failure:
        print(f"{runner.name} fails: {failure}", file=sys.stderr)
        return {}


def machine(server: Server) -> str:
    """What the figures were measured on."""
    with psycopg.connect(server.conninfo) as connection:
        version = connection.info.parameter_status("server_version")
    return (
        f"{os.cpu_count()} processors ({platform.machine()}), {platform.system()}, Python {platform.python_version()}, "
        f"psycopg {psycopg.__version__}, PostgreSQL {version} with fsync on"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure sqlmig, psql and others.")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="small work only, to see that everything runs")
    parser.add_argument("--runners", help="names, separated by commas; without it, all that are found")
    options = parser.parse_args()
    near = [work.small(1), work.small(100)]
    far = [work.small(100)]
    if not options.quick:
        near += [work.small(1000), work.many_statements(), work.rows()]
        far += [work.many_statements()]
    chosen = {"sqlmig", "limit", *options.runners.split(",")} if options.runners else None
    runners = [runner for runner in found() if chosen is None or runner.name in chosen]
    with ephemeral(settings={"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}) as server:
        print(machine(server))
        for delay, tasks in ((NEAR, near), (FAR, far)):
            table = Table([runner.name for runner in runners])
            with proxy(server.socket_folder / SOCKET, round_trip=delay) as path:
                for runner in runners:  # what is read and compiled the first time is nobody's fault
                    attempt(server, path, work.small(1), runner)
                for repetition, task, runner in itertools.product(range(options.repetitions), tasks, runners):
                    table.add(repetition, runner.name, attempt(server, path, task, runner))
            print(f"\n## {delay * 1000:.0f} ms away\n")
            print("\n".join(table.lines()))


if __name__ == "__main__":
    main()
