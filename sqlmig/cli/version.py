"""``sqlmig --version``, which needs nothing that another command needs."""

from __future__ import annotations

from sqlmig.report.output import Output
from sqlmig.version import VERSION


def show_version() -> int:
    """Print the version in one line, and return the exit code."""
    output = Output(secrets=str)
    output.lines([f"sqlmig {VERSION}"])
    return output.exit_code(0)
