"""Text for a terminal: how wide it is, what must not reach it, and how it is laid out in columns."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from sqlmig.frozen import dataclass
from sqlmig.patterns import pattern
from sqlmig.report.style import without_marks

HARMFUL = pattern(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f"  # controls, among them the escape that begins a terminal's commands
    "\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns the reading direction around
    "\u2028\u2029\ud800-\udfff]"  # line breaks that are none to a terminal, and halves of characters
)
TAB = 4


class Fixed(str):
    """A line that is not wrapped: a row of a table, a line of SQL or of a diff."""

    __slots__ = ()


def harmless(text: str) -> str:
    """The text without anything that a terminal could act on: a control character is shown as its escape.

    Line breaks stay; carriage returns before them go; tabs become spaces.
    """
    text = text.replace("\r\n", "\n")
    return HARMFUL.sub(_escape, text.expandtabs(TAB)) if HARMFUL.search(text) else text


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape", "surrogatepass").decode()


def width(text: str) -> int:
    """Columns that the text takes on a terminal; East Asian wide characters take two, combining ones none."""
    text = without_marks(text)
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


@dataclass(frozen=True)
class Table:
    """Columns two spaces apart. A cell that is too long for its column moves the rest of its row to a line below."""

    widths: tuple[int, ...]
    right: frozenset[int] = frozenset()

    @classmethod
    def fit(cls, rows: Iterable[Sequence[str]], limit: int | None, *, shrink: int, right: Iterable[int] = ()) -> Table:
        """Columns as wide as their cells; where that is more than the limit, column ``shrink`` is made narrower."""
        widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
        excess = sum(widths) + 2 * (len(widths) - 1) - limit if limit else 0
        if excess > 0:
            widths[shrink] = max(8, widths[shrink] - excess)
        return cls(tuple(widths), frozenset(right))

    def row(self, cells: Sequence[str]) -> Iterator[Fixed]:
        line, start = "", 0
        for index, (cell, column) in enumerate(zip(cells, self.widths, strict=True)):
            gap = start - width(line)
            if cell and gap < (2 if start else 0):
                yield Fixed(line.rstrip())
                line, gap = "", start
            padding = " " * (column - width(cell))
            if cell:
                line += " " * gap + (padding + cell if index in self.right else cell)
            start += column + 2
        yield Fixed(line.rstrip())


def wrapped(line: str, limit: int | None) -> Iterator[str]:
    """The line cut at spaces to fit the limit; what follows is indented below it. A longer word is left whole."""
    if limit is None or isinstance(line, Fixed) or width(line) <= limit:
        yield line
        return
    indent = " " * (len(line) - len(line.lstrip(" ")))
    current = indent
    for word in line.split():
        if current.strip() and width(current) + 1 + width(word) > limit:
            yield current
            current = indent + "  " + word
        else:
            current += (" " if current.strip() else "") + word
    yield current


@dataclass(frozen=True)
class Excerpt:
    """A line of a file cut to fit, and the column, from 0, under which its caret stands."""

    text: str
    caret: int


def excerpt(line: str, column: int, limit: int) -> Excerpt:
    """The part of the line around the column (from 1, in characters) that fits into so many terminal columns."""
    shown = [" " * TAB if character == "\t" else harmless(character) for character in line]
    column = min(max(column, 1), len(shown) + 1) - 1
    first, last = 0, len(shown)
    if sum(map(width, shown)) > limit:
        first, last = _window(shown, column, limit - 2)
    before = "…" if first else ""
    after = "…" if last < len(shown) else ""
    caret = width(before) + sum(map(width, shown[first:column]))
    return Excerpt(before + "".join(shown[first:last]) + after, caret)


def _window(shown: Sequence[str], column: int, limit: int) -> tuple[int, int]:
    first = last = min(column, len(shown))
    taken = 0
    while True:
        grown = taken
        if last < len(shown) and taken + width(shown[last]) <= limit:
            taken += width(shown[last])
            last += 1
        if first > 0 and taken + width(shown[first - 1]) <= limit:
            first -= 1
            taken += width(shown[first])
        if taken == grown:
            return first, last


def redacted_excerpt(line: str, column: int | None, secrets: Callable[[str], str]) -> tuple[str, int | None]:
    """The line without secrets, and the column at which the same character then stands; None where it is hidden."""
    shown = secrets(line)
    if shown == line or column is None:
        return shown, column
    before, after = secrets(line[: column - 1]), secrets(line[column - 1 :])
    return shown, len(before) + 1 if before + after == shown else None


def duration(milliseconds: float | None) -> str:
    """In the unit that fits, in at most 8 characters; nothing for None."""
    if milliseconds is None:
        return ""
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms" if milliseconds >= 0.5 else "<1 ms"
    seconds = milliseconds / 1000
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{minutes:.1f} min" if minutes < 59.95 else f"{minutes / 60:.1f} h"


def local_time(when: datetime | None) -> str:
    """To the minute, in this machine's time zone."""
    return f"{when.astimezone():%Y-%m-%d %H:%M}" if when else ""


def count(number: int, noun: str) -> str:
    """``1 step``, ``2 steps``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
