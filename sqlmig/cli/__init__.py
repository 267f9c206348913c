"""The command line: joins the commands of the API with the reports."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

__all__ = ["main", "program"]

OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""Instead of 700: what a command creates it mostly keeps, and looking through that again and again takes longer."""


def program() -> NoReturn:
    """``main`` for a process that ends with it: what is left in memory is left to the operating system.

    To take it apart would take as long as a round trip or two. Who watches the process sees an ordinary end.
    """
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, 20, 20)
    exit_code = main()
    if _is_watched():
        sys.exit(exit_code)
    from sqlmig.report.output import flush_all

    flush_all()
    os._exit(exit_code)


def _is_watched() -> bool:
    """By a debugger, a profiler, or something that measures coverage."""
    monitoring = getattr(sys, "monitoring", None)  # from Python 3.12 on
    tools = [monitoring.get_tool(number) for number in range(6)] if monitoring is not None else []
    return sys.gettrace() is not None or sys.getprofile() is not None or any(tools)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Raises nothing, and leaves signal handlers as they were."""
    try:
        return _main(argv)
    except KeyboardInterrupt:  # pressed again while the first was being told, or before there was anybody to tell
        return 130


def _main(argv: Sequence[str] | None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--version"]:
        from sqlmig.cli.version import show_version

        return show_version()
    from sqlmig.cli.app import run

    return run(arguments)
