"""A command that prints a connection URL, such as the client of a vault."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlmig.config.secrets import Redactor, secrets_in

TIME_LIMIT = 60.0
"""Seconds, which may include a person's answer to the vault."""

LINES_SHOWN = 10


class CommandError(Exception):
    """The command could not be run, failed, took too long or printed nothing. ``lines`` is the end of its stderr."""

    def __init__(self, message: str, lines: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.lines = tuple(lines)


def output_of(words: Sequence[str], cwd: Path, environ: Mapping[str, str], redact: Redactor) -> str:
    """What the command prints, without white space around it. No shell; nothing on stdin; stderr is kept back.

    Raises CommandError, whose text is free of passwords. After TIME_LIMIT the command is killed.
    """
    try:
        process = subprocess.Popen(
            words,
            cwd=cwd,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "a word holds a NUL character"
        raise CommandError(f"cannot be run: {reason}") from None
    with process:
        try:
            output, complaint = process.communicate(timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            raise CommandError(f"took longer than {TIME_LIMIT:g} seconds") from None
        finally:
            process.kill()
    return _checked(output, complaint, process.returncode, redact)


def _checked(output: bytes, complaint: bytes, exit_code: int, redact: Redactor) -> str:
    text = output.decode(errors="replace").strip()
    if exit_code != 0:
        hide = redact.knowing({*secrets_in(text), text})
        lines = hide(complaint.decode(errors="replace")).strip().splitlines()[-LINES_SHOWN:]
        reason = f": {lines[-1].strip()}" if lines else ""
        raise CommandError(f"ended with exit code {exit_code}{reason}", lines)
    if not text:
        raise CommandError("printed nothing")
    return text
