"""Lines and columns: both from 1, in characters, a tab being one. ``\\n``, ``\\r\\n`` and ``\\r`` end a line."""

from __future__ import annotations

import re

LINE_BREAK = re.compile(r"\r\n|\r|\n")


def after(text: str, start: int, end: int, line: int, column: int) -> tuple[int, int]:
    """The place of ``end`` in a text whose ``start`` is at a line and a column."""
    breaks = text.count("\n", start, end)
    last = text.rfind("\n", start, end)
    if text.find("\r", start, end) >= 0:
        breaks += text.count("\r", start, end) - text.count("\r\n", start, end)
        last = max(last, text.rfind("\r", start, end))
    return (line + breaks, end - last) if breaks else (line, column + end - start)


def line_around(text: str, at: int) -> tuple[int, int]:
    """Where the line that holds ``at`` begins and ends, without its line break."""
    begin = max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1
    found = LINE_BREAK.search(text, at)
    return begin, found.start() if found else len(text)
