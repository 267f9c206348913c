"""Meaning marked in text, and turned into colour at the end, or into nothing.

A mark is one of Unicode's noncharacters, which are set aside for use inside a program and occur in no text.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import TextIO

from sqlmig.patterns import pattern


class Style(StrEnum):
    """The mark that begins a piece of text with this meaning."""

    STRONG = "\ufdd0"
    GOOD = "\ufdd1"
    CAREFUL = "\ufdd2"
    BAD = "\ufdd3"
    FAINT = "\ufdd4"


PLAIN = "\ufddf"
CODES = {
    Style.STRONG: "\x1b[1m",
    Style.GOOD: "\x1b[32m",
    Style.CAREFUL: "\x1b[33m",
    Style.BAD: "\x1b[31m",
    Style.FAINT: "\x1b[2m",
    PLAIN: "\x1b[0m",
}
MARKS = pattern("[\ufdd0-\ufddf]")


def styled(style: Style | None, text: str) -> str:
    """The text marked with its meaning; unmarked where it has none, or is empty."""
    return f"{style}{text}{PLAIN}" if style and text else text


def without_marks(text: str) -> str:
    """The text as it is read where nothing is coloured."""
    return MARKS.sub("", text)


def painted(text: str) -> str:
    """The text with a terminal's colours where the marks stand."""
    return MARKS.sub(lambda match: CODES.get(match[0], ""), text)


def wants_colour(stream: TextIO | None, environ: Mapping[str, str] = os.environ) -> bool:
    """NO_COLOR says no, FORCE_COLOR yes; else a terminal that is not dumb has colours."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream) and environ.get("TERM") != "dumb"


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody looks at the stream; no for one that is closed or was never there.

    Nobody does where the variable CI is set: some systems run their jobs at terminals that only seem to be there.
    """
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        return False
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # a closed stream
        return False
