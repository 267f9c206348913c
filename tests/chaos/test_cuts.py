"""Connections that end within a run: cut by the network after any number of bytes, or ended by an administrator.

The command says what took place and what did not, and the next one completes the work.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from tests.chaos.conftest import COMMANDS, FULL, SEED, Arena, told_the_truth
from tests.support.database import Database
from tests.support.proxy import TO_CLIENT, TO_SERVER, proxy

PARTS = 2

Record = Callable[[str, object], None]


def passed(arena: Arena, command: str) -> dict[str, int]:
    """How many bytes an undisturbed run sends and is sent."""
    with arena.database(command) as database, proxy(arena.server) as passing:
        arena.start(command, passing.url(database.name)).wait()
        return passing.passed


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("direction", [TO_SERVER, TO_CLIENT])
@pytest.mark.parametrize("command", COMMANDS)
def test_cut_after_any_number_of_bytes(
    arena: Arena, command: str, direction: str, part: int, record_property: Record
) -> None:
    """In the middle of a message or between two, in either direction."""
    chance = random.Random(f"{SEED} {command} {direction} {part}")
    whole = passed(arena, command)[direction]
    cuts = 40 if FULL else 3
    for _ in range(cuts):

        def run(database: Database, size: int = chance.randint(0, whole)) -> None:
            with proxy(arena.server) as passing:
                passing.cut = {direction: size}
                told_the_truth(arena.start(command, passing.url(database.name)), database)

        arena.broken_off(command, run)
    record_property("broken off", cuts)


TERMINATE = """
    SELECT pg_terminate_backend(pid) FROM (
        SELECT pid FROM pg_stat_activity
         WHERE application_name = 'sqlmig' AND datname = current_database() ORDER BY random() LIMIT {count}) AS chosen
"""


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("command", COMMANDS)
def test_backends_are_terminated(arena: Arena, command: str, part: int, record_property: Record) -> None:
    """The one that works, the one that holds the lock, or both, at a random moment."""
    chance = random.Random(f"{SEED} {command} {part}")
    whole = arena.duration(command)
    terminations = 40 if FULL else 5
    for _ in range(terminations):

        def run(
            database: Database, moment: float = chance.uniform(0, whole), count: int = chance.choice([1, 1, 2])
        ) -> None:
            with database.connect() as connection:
                child = arena.start(command, database.url)
                time.sleep(moment)
                connection.execute(TERMINATE.format(count=count).encode())
                told_the_truth(child, database)

        arena.broken_off(command, run)
    record_property("broken off", terminations)
