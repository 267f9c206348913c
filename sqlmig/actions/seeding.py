"""Seeds: files that are run each time they are asked for. ``seed new`` and ``seed run``."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from sqlmig import seeds
from sqlmig.actions import running
from sqlmig.actions.running import RunOptions
from sqlmig.actions.workplace import Workplace
from sqlmig.errors import UsageError
from sqlmig.files import show
from sqlmig.plan import Seed
from sqlmig.results import RunResult, SeedFileResult


def run(place: Workplace, names: tuple[str, ...], **options: Unpack[RunOptions]) -> RunResult:
    """Run seeds, all of them or these, in order of name, each in a transaction with its line in the log.

    Raises as ``running.run`` does; NotAllowed in a protected environment, unless its configuration allows seeds.
    """
    return running.run(place, "seed run", Seed(names), **options)


def new(place: Workplace, name: str, only: str | None) -> SeedFileResult:
    """Write a seed to begin with, for all environments or for ``only`` one. Never writes over a file."""
    folder = place.environment.seeds[0]
    if only is not None and Path(only).name != only:
        raise UsageError(f"{only!r} is no environment", next_step="name one of the configuration")
    return SeedFileResult(show(seeds.write(folder / only if only is not None else folder, name)))
