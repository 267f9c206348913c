"""Commands about the embedded server: ``db start``, ``db stop``, ``db url``."""

from __future__ import annotations

from pathlib import Path

from sqlmig import embedded
from sqlmig.actions.workplace import Workplace
from sqlmig.errors import UsageError
from sqlmig.results import ServerResult


def start(place: Workplace) -> ServerResult:
    """Start the server, or find it running. Raises UsageError where the environment is on another server."""
    folder = _folder(place)
    before = embedded.running(folder)
    server = embedded.start(folder)
    return ServerResult(True, server.conninfo, str(server.folder), server.version, before is None)


def stop(place: Workplace) -> ServerResult:
    """Stop the server; its data stay. Raises UsageError where the environment is on another server."""
    folder = _folder(place)
    stopped = embedded.stop(folder)
    return ServerResult(False, None, str(folder), None, stopped)


def _folder(place: Workplace) -> Path:
    environment = place.environment
    if not environment.target.embedded:
        raise UsageError(
            f"{environment.name} is not on the embedded server ({environment.target.source})",
            next_step='choose an environment with url = "embedded": --env NAME',
        )
    return environment.root / ".sqlmig"
