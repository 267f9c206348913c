"""Runs one server until its standard input ends, then stops it and removes its folder.

Started as a process of its own. The other end of its input is a pipe in the process that wants the server: however
that one ends, the pipe is closed, so the server never outlives it, and the way out is always the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from typing import Any, TypedDict

SECONDS = 10.0
"""How long an immediate shutdown may take before the server is killed."""


class Order(TypedDict):
    """What to run, as JSON in the only argument."""

    command: list[str]
    popen: dict[str, Any]
    descriptors: list[int]
    """Open files for the server alone. Ours are closed, so that others see in them when it has ended."""
    log: int
    folder: str
    """What to remove in the end."""


def guard(order: Order) -> None:
    """Start the server, wait for the end of standard input, shut it down at once, remove its folder."""
    server = subprocess.Popen(
        order["command"],
        stdin=subprocess.DEVNULL,
        stdout=order["log"],
        stderr=order["log"],
        pass_fds=order["descriptors"],
        start_new_session=True,
        **order["popen"],
    )
    for descriptor in order["descriptors"]:
        os.close(descriptor)
    try:
        sys.stdin.buffer.read()
    finally:
        server.send_signal(signal.SIGQUIT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(SECONDS)
        server.kill()
        server.wait()
        shutil.rmtree(order["folder"], ignore_errors=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    guard(json.loads(sys.argv[1]))
