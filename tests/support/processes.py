"""Processes of the tests' own: started with some code, watched, killed."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import sqlmig

T = TypeVar("T")

SOURCES = Path(sqlmig.__file__).parents[1]

SECONDS = 120.0
"""How long what is to happen may take on a machine that does much else: longer than any pause, and then a failure."""

IS_ROOT = os.geteuid() == 0

PREPARED = """
import sys, os
sys.path.insert(0, {sources!r})
import fcntl, hashlib, importlib.util, json, pwd, shutil, socket, struct, subprocess, tempfile
from pathlib import Path
from sqlmig import embedded
import sqlmig.embedded.guard
from sqlmig.errors import SqlmigError
if {user!r}:
    entry = pwd.getpwnam({user!r})
    os.setgroups([]), os.setgid(entry.pw_gid), os.setuid(entry.pw_uid)
"""


def until(condition: Callable[[], T], what: str, seconds: float = SECONDS) -> T:
    """The first true value of ``condition``; fails with ``what`` when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.001)
    raise AssertionError(f"waited {seconds:.0f} seconds for: {what}")


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that waits for its parent to notice its end does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def ordinary_user() -> str:
    """An account without rights: that of the tests, or where they run as root, ``nobody``."""
    return "nobody" if IS_ROOT else pwd.getpwuid(os.geteuid()).pw_name


@contextlib.contextmanager
def python(
    code: str, *arguments: str | Path, env: Mapping[str, str] | None = None, user: str | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run code with ``embedded`` imported in a process of its own, as another user where we are root.

    The other user need not be able to read the interpreter or the sources: everything is imported before.
    """
    prepared = PREPARED.format(sources=str(SOURCES), user=user if IS_ROOT else None)
    with subprocess.Popen(
        [sys.executable, "-c", prepared + code, *map(str, arguments)],
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def python_output(
    code: str, *arguments: str | Path, env: Mapping[str, str] | None = None, user: str | None = None
) -> str:
    """What such code prints. Fails with its stderr where it fails."""
    with python(code, *arguments, env=env, user=user) as process:
        stdout, stderr = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, stderr
    return stdout.strip()
