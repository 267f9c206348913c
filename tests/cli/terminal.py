"""sqlmig at a terminal: someone types, and reads."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.support.project import Project


@dataclass(frozen=True)
class Seen:
    """What stood on the terminal, and how the command ended."""

    text: str
    exit_code: int


def at_terminal(
    project: Project,
    *arguments: str,
    typed: str = "",
    columns: int = 80,
    watch: Callable[[str], object] = lambda text: None,
    env: Mapping[str, str] | None = None,
) -> Seen:
    """Run a command with a terminal for stdin, stdout and stderr, and type this into it beforehand.

    ``watch`` is given what stands there so far, whenever there is more.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = project.environment({"TERM": "xterm", "COLUMNS": None, "NO_COLOR": None, **(env or {})})
    with subprocess.Popen(
        [sys.executable, "-m", "sqlmig", *arguments],
        cwd=project.folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        try:
            os.write(ours, typed.encode())
            text = _read_to_the_end(ours, watch)
            return Seen(text.replace("\r\n", "\n"), process.wait(timeout=60))
        finally:
            process.kill()
            os.close(ours)


def _read_to_the_end(terminal: int, watch: Callable[[str], object]) -> str:
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux says EIO when the other side is closed
            part = b""
        if not part:
            return b"".join(parts).decode()
        parts.append(part)
        watch(b"".join(parts).decode(errors="replace"))
