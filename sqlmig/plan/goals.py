"""What can be asked for: each goal a value, so that a plan can name the one that it reaches."""

from __future__ import annotations

from sqlmig.errors import UsageError
from sqlmig.frozen import dataclass


@dataclass(frozen=True)
class Apply:
    """Apply what is pending: all of it, up to a version, a number of them, or one alone."""

    to: int | None = None
    steps: int | None = None
    only: str | None = None
    allow_out_of_order: bool = False


@dataclass(frozen=True)
class Rollback:
    """Undo the last batch, or as told, in reverse order of application.

    ``to`` undoes every applied version above it, and all of them where it is 0 and no migration has that version.
    What a baseline recorded was never run here: it is undone only where ``only`` names it.
    """

    steps: int | None = None
    to: int | None = None
    batch: int | None = None
    everything: bool = False
    only: str | None = None


@dataclass(frozen=True)
class Redo:
    """The last batch down, and the same migrations up again."""


@dataclass(frozen=True)
class Refresh:
    """Everything down, and everything up again."""


@dataclass(frozen=True)
class Switch:
    """What these files have applied, and what only another checkout had undone."""


@dataclass(frozen=True)
class Seed:
    """Run seeds: these, or all of them."""

    names: tuple[str, ...] = ()


Goal = Apply | Rollback | Redo | Refresh | Switch | Seed


def require_one(**chosen: object) -> None:
    """Raise UsageError where more than one of these is given."""
    given = [name for name, value in chosen.items() if value is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} contradict each other", next_step="choose one of them")


def require_natural(steps: int | None) -> None:
    """Raise UsageError for a number of steps that nobody can go."""
    if steps is not None and steps < 1:
        raise UsageError(f"{steps} steps cannot be gone", next_step="count from 1: --steps 1")
