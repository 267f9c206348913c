"""Runs one server until its standard input ends, then stops it and removes its folder.

Started as a process of its own. The other end of its input is a pipe in the process that wants the server: however
that one ends, the pipe is closed, so the server never outlives it, and the way out is always the same.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from typing import Any, TypedDict


class Order(TypedDict):
    """What to run, as JSON in the only argument."""

    command: list[str]
    environment: dict[str, str]
    account: dict[str, Any]
    descriptors: list[int]
    """Open files for the server alone. Ours are closed, so that others see in them when it has ended."""
    log: int
    folder: str


def guard(order: Order) -> None:
    """Start the server, wait for the end of standard input, shut it down at once, remove its folder."""
    server = subprocess.Popen(
        order["command"],
        stdin=subprocess.DEVNULL,
        stdout=order["log"],
        stderr=order["log"],
        cwd="/",
        env=order["environment"],
        pass_fds=order["descriptors"],
        start_new_session=True,
        **order["account"],
    )
    for descriptor in order["descriptors"]:
        os.close(descriptor)
    sys.stdin.buffer.read()
    server.send_signal(signal.SIGQUIT)
    server.wait()
    shutil.rmtree(order["folder"], ignore_errors=True)


if __name__ == "__main__":
    guard(json.loads(sys.argv[1]))
