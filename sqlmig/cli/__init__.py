"""The command line: joins the commands of the API with the reports."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


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
