"""One command, measured from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.proxy import Proxy

LAUNCHER = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launcher.py"))]


@dataclass(frozen=True)
class Figure:
    """Seconds, megabytes resident at most, and what passed through the proxy."""

    wall: float
    cpu: float
    memory: float
    connections: int
    round_trips: int


class Failed(Exception):
    """A command ended with another exit code than 0; its last line says why."""


def run(command: list[str], path: Proxy) -> Figure:
    """Run a command to its end. Raises Failed."""
    path.take()
    done = subprocess.run([*LAUNCHER, *command], capture_output=True, text=True)
    wall, cpu, memory, code = json.loads(done.stderr)
    if code:
        raise Failed(f"{' '.join(command)}\n{done.stdout.strip()}")
    return Figure(wall, cpu, memory, *path.take())
