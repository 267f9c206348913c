"""Where the data of COPY ... FROM STDIN begin and end in a script.

They begin on the line after the statement and end with a line that is ``\\.`` alone, or with the file. psql knows lines
by ``\\n`` alone; in a script whose COPY ends its line with a bare ``\\r``, ``\\r`` ends the lines of the data as well.
"""

from __future__ import annotations

from sqlmig.patterns import pattern
from sqlmig.statements.boundaries import UNKNOWN, Unreadable, gap_end
from sqlmig.statements.lines import LINE_BREAK

_LINE = pattern(r"\\\.\r?(?:\n|\Z)")
_NEXT_LINE = pattern(r"\n\\\.\r?(?:\n|\Z)")
_LINE_WITH_RETURNS = pattern(r"\\\.(?:\r\n|\r|\n|\Z)")
_NEXT_LINE_WITH_RETURNS = pattern(r"[\n\r]\\\.(?:\r\n|\r|\n|\Z)")


def line_end(text: str, at: int, *, final: bool) -> int:
    """Where the line ends on which a COPY ended, its line break included; UNKNOWN if that is beyond the text.

    Raises Unreadable for anything but white space and comments there: psql would run it after the data.
    """
    line_break = LINE_BREAK.search(text, at)
    if not final and (line_break is None or line_break.end() == len(text)):
        return UNKNOWN
    rest = text[at : line_break.start() if line_break else len(text)]
    try:
        read = gap_end(rest, 0, final=True)
    except Unreadable:
        read = UNKNOWN
    if read != len(rest):
        begin = max(read, 0)
        raise Unreadable(
            at + begin + len(rest[begin:]) - len(rest[begin:].lstrip()),
            "text stands behind COPY ... FROM STDIN; on its line, and the data begin on the next",
            "put it below the line \\. that ends the data",
        )
    return line_break.end() if line_break else len(text)


def data_end(text: str, at: int, *, begins_line: bool, with_returns: bool, final: bool) -> tuple[int, int]:
    """How far the text from ``at`` on is certainly data, and where the line ``\\.`` after it ends, or UNKNOWN."""
    line, next_line = (_LINE_WITH_RETURNS, _NEXT_LINE_WITH_RETURNS) if with_returns else (_LINE, _NEXT_LINE)
    match = begins_line and line.match(text, at)
    end = at
    if not match:
        near = at if with_returns else _find_end(text, at)
        match = next_line.search(text, near) if near >= 0 else None
        end = match.start() + 1 if match else len(text)
    if match and (final or match.end() < len(text) or match[0].endswith("\n")):
        return end, match.end()
    if not final and not match:
        end -= text.endswith(("\\", "\r"))
        end = text.rfind("\n", at, end) + 1 or end
    return max(end, at), UNKNOWN


def _find_end(text: str, at: int) -> int:
    """Where the line may begin that ends the data. Most data hold no backslash, which is found out much sooner."""
    return text.find("\n\\.", at) if text.find("\\", at) >= 0 else -1


def part_end(text: str, at: int, end: int, size: int) -> int:
    """Where a part of the data of about a size ends: after a line if there is one, and never inside ``\r\n``."""
    if end - at <= size:
        return end
    cut = text.rfind("\n", at, at + size) + 1
    return cut or (at + size - text.endswith("\r", at, at + size))
