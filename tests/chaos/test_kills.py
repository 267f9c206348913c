"""sqlmig is killed (SIGKILL) at each boundary of a message and at random moments; the next command completes the work.

A sample runs with all tests; everything with ``SQLMIG_CHAOS=full``, another sample with another ``SQLMIG_CHAOS_SEED``.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import pytest

from tests.chaos.conftest import COMMANDS, FULL, SEED, Arena, chosen
from tests.support.chaos import Child
from tests.support.database import Database
from tests.support.proxy import TO_CLIENT, TO_SERVER, Proxy, proxy

PARTS = 4
"""Tests that share the work, so that several processes can."""

Point = tuple[str, int, bool]
"""A direction, the number of a message in it, and whether the process dies before or after that is passed on."""


def counted(arena: Arena, command: str) -> list[Point]:
    """Every place where a command can be killed: around each message to the server, before each answer's end."""
    counts = {TO_SERVER: 0, TO_CLIENT: 0}

    def count(direction: str, message: bytes) -> bool:
        counts[direction] += direction == TO_SERVER or message[:1] in b"CZ"
        return True

    with arena.database(command) as database, proxy(arena.server) as passing:
        passing.watch = count
        child = arena.commander.start(passing.url(database.name), *COMMANDS[command])
        child.wait()
    to_server = [(TO_SERVER, number, after) for number in range(1, counts[TO_SERVER] + 1) for after in (False, True)]
    return [*to_server, *((TO_CLIENT, number, False) for number in range(1, counts[TO_CLIENT] + 1))]


class Killer:
    """Kills a command when a message passes."""

    def __init__(self, passing: Proxy, point: Point) -> None:
        self.direction, self.number, self.after = point
        self.started = threading.Event()
        self.child: Child | None = None
        self.due = False
        passing.watch = self._watch

    def _watch(self, direction: str, message: bytes) -> bool:
        if self.due:
            return self._kill()
        if direction == self.direction and (direction == TO_SERVER or message[:1] in b"CZ"):
            self.number -= 1
            if self.number == 0:
                self.due = self.after
                return self.after or self._kill()
        return True

    def _kill(self) -> bool:
        assert self.started.wait(10)
        assert self.child is not None
        self.child.kill()
        return False


def kill_at(arena: Arena, command: str, point: Point) -> Callable[[Database], None]:
    def run(database: Database) -> None:
        with proxy(arena.server) as passing:
            killer = Killer(passing, point)
            killer.child = arena.commander.start(passing.url(database.name), *COMMANDS[command])
            killer.started.set()
            killer.child.wait()

    return run


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_the_boundary_of_a_message(
    arena: Arena, command: str, part: int, record_property: Callable[[str, object], None]
) -> None:
    """Before a message is sent, once it is sent, and before its answer is read."""
    points = chosen(counted(arena, command), 28, command)[part::PARTS]
    for point in points:
        arena.broken_off(command, kill_at(arena, command, point))
    record_property("broken off", len(points))


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_a_random_moment(
    arena: Arena, command: str, part: int, record_property: Callable[[str, object], None]
) -> None:
    """Wherever it is; its connections are closed by the kernel, and the server may go on for a while."""
    chance = random.Random(f"{SEED} {command} {part}")
    with arena.database(command) as database:
        begun = time.perf_counter()
        arena.commander.start(database.url, *COMMANDS[command]).wait()
        whole = time.perf_counter() - begun
    kills = 40 if FULL else 3
    for _ in range(kills):

        def run(database: Database, moment: float = chance.uniform(0, whole)) -> None:
            child = arena.commander.start(database.url, *COMMANDS[command])
            time.sleep(moment)
            child.kill()
            child.wait()

        arena.broken_off(command, run)
    record_property("broken off", kills)
