"""The command line: joins the commands of the API with the reports."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Raises nothing, and leaves signal handlers as they were."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--version"]:
        from sqlmig.cli.version import show_version

        return show_version()
    from sqlmig.cli.app import run

    return run(arguments)
