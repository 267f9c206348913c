"""One command, measured from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.proxy import Proxy

LAUNCHER = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launcher.py"))]


@dataclass(frozen=True)
class Usage:
    """Seconds, seconds of CPU of the client, and megabytes resident at most."""

    wall: float
    cpu: float
    memory: float


@dataclass(frozen=True)
class Figure(Usage):
    """With what passed through the proxy."""

    connections: int
    round_trips: int


class Failed(Exception):
    """A command ended with another exit code than 0; its last line says why."""


def plainly(command: list[str]) -> Usage:
    """Run a command to its end, as one that is installed: its modules are compiled. Raises Failed."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([*LAUNCHER, *command], capture_output=True, text=True, env=environment)
    wall, cpu, memory, code = json.loads(done.stderr)
    if code:
        raise Failed(f"{' '.join(command)}\n{done.stdout.strip()}")
    return Usage(wall, cpu, memory)


def run(command: list[str], path: Proxy) -> Figure:
    """Run a command that goes through the proxy. Raises Failed."""
    path.take()
    usage = plainly(command)
    return Figure(usage.wall, usage.cpu, usage.memory, *path.take())
