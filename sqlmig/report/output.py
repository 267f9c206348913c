"""The one place that writes to stdout and stderr."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TextIO

from sqlmig.report.style import is_terminal, painted, wants_colour, without_marks
from sqlmig.report.text import excerpt, harmless, wrapped

CLEAR_LINE = "\r\x1b[K"


class Output:
    """stdout and stderr of one command.

    Every text loses its secrets, then whatever a terminal could act on, then it is wrapped and coloured. Writing
    never raises: a reader that went away (``| head``) must not stop a migration. ``failure`` keeps what else
    went wrong, a full disk say.
    """

    def __init__(self, secrets: Callable[[str], str]) -> None:
        self.secrets = secrets
        self.failure: OSError | None = None
        self._gone: set[int] = set()
        self._progress = False

    def lines(self, lines: Iterable[str]) -> None:
        """Results: to stdout."""
        self._write(1, lines)

    def asides(self, lines: Iterable[str]) -> None:
        """Notices, warnings and errors: to stderr."""
        self._write(2, lines)

    def document(self, text: str) -> None:
        """Text that is complete and free of secrets already."""
        self._put(1, text + "\n")

    def exit_code(self, exit_code: int) -> int:
        """The command's exit code, unless what it had to say could not be written."""
        self.end_progress()
        self._flush(1)
        if self.failure is None:
            return exit_code
        self.asides([f"error: stdout cannot be written: {self.failure.strerror}"])
        return exit_code or 1

    def discard(self) -> None:
        """The reader of stdout went away, and it was not this class that noticed."""
        self._gone.add(1)
        _discard_buffer(1)

    @property
    def shows_progress(self) -> bool:
        return is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"

    def progress(self, line: str) -> None:
        """One line on a terminal's stderr, which the next text of any kind takes away."""
        if not self.shows_progress:
            return
        limit = terminal_width(sys.stderr) or 80
        self._put(2, CLEAR_LINE + excerpt(self.secrets(line), 1, limit - 1).text)
        self._progress = True

    def prompt(self, text: str) -> str | None:
        """Ask on stderr, and return the line typed on stdin; None at its end."""
        self.end_progress()
        self._put(2, harmless(self.secrets(text)))
        answer = sys.stdin.readline()
        return answer.rstrip("\r\n") if answer else None

    def end_progress(self) -> None:
        if self._progress:
            self._progress = False
            self._put(2, CLEAR_LINE)

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked."""
        return is_terminal(sys.stdin) and is_terminal(sys.stderr)

    @property
    def width(self) -> int | None:
        """Columns of stdout; None where nothing limits them."""
        return terminal_width(sys.stdout)

    def _write(self, channel: int, lines: Iterable[str]) -> None:
        self.end_progress()
        stream = _stream(channel)
        paint = painted if wants_colour(stream) else without_marks
        limit = terminal_width(stream)
        for line in lines:
            for text in harmless_lines(line, self.secrets):
                for part in wrapped(text, limit):
                    self._put(channel, paint(part) + "\n", flush=False)
        self._flush(channel)

    def _put(self, channel: int, text: str, flush: bool = True) -> None:
        stream = _stream(channel)
        if stream is None or channel in self._gone:
            return
        try:
            try:
                stream.write(text)
            except UnicodeEncodeError:
                encoding = stream.encoding or "ascii"
                stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        except (OSError, ValueError) as error:
            self._gave_up(channel, error)
        if flush:
            self._flush(channel)

    def _flush(self, channel: int) -> None:
        stream = _stream(channel)
        if stream is None or channel in self._gone:
            return
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            self._gave_up(channel, error)

    def _gave_up(self, channel: int, error: OSError | ValueError) -> None:
        self._gone.add(channel)
        if isinstance(error, OSError) and error.errno != errno.EPIPE and channel == 1:
            self.failure = error
        _discard_buffer(channel)


def flush_all() -> None:
    """Write out what is left in any buffer, for a process that ends without doing so itself."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # closed: what that means was decided before
            if stream is not None:
                stream.flush()


def harmless_lines(line: str, secrets: Callable[[str], str]) -> Iterable[str]:
    """The line as its parts between line breaks, without secrets, with nothing that a terminal could act on."""
    kind = type(line)
    return (kind(part) for part in harmless(secrets(line)).split("\n"))


def terminal_width(stream: TextIO | None) -> int | None:
    """COLUMNS where it is set, else the terminal's width; None for a file or a pipe."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    if stream is None or not is_terminal(stream):
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except OSError:
        return None


def _stream(channel: int) -> TextIO | None:
    return sys.stdout if channel == 1 else sys.stderr


def _discard_buffer(channel: int) -> None:
    """Send what is still in the stream's buffer nowhere, or the interpreter would fail on it when it exits."""
    stream = _stream(channel)
    try:
        if stream is not None and stream.fileno() == channel:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, channel)
            os.close(nowhere)
    except (OSError, ValueError):
        return
