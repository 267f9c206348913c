"""What the core tells while it works. It never prints: a listener takes these."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from sqlmig.errors import Problem, ServerReport
from sqlmig.frozen import dataclass

if TYPE_CHECKING:
    from sqlmig.plan import Plan, Step
    from sqlmig.statements import Statement


@dataclass(frozen=True)
class RunStarted:
    """The lock is held and the plan is final: these steps run now, in this order."""

    plan: Plan


@dataclass(frozen=True)
class StepStarted:
    """The first statement of a step was sent."""

    step: Step


class StatementDone(NamedTuple):
    """A statement completed; in a transactional step it can still be rolled back. ``number`` counts from 1."""

    step: Step
    number: int
    total: int
    statement: Statement

    @property
    def kind(self) -> str:
        """What it was, for people. Worked out on demand: most statements are never shown."""
        return self.statement.kind


@dataclass(frozen=True)
class Progressed:
    """How far the server is with a statement that takes its time and can share no transaction: an index, mostly.

    ``phase`` is the server's word for what it does, empty where it has none; ``part``, from 0 to 1, how much of it is
    done; ``blockers`` what it waits for.
    """

    step: Step
    number: int
    total: int
    phase: str
    part: float | None
    blockers: tuple[str, ...]


@dataclass(frozen=True)
class StepDone:
    """A step and its history row are committed."""

    step: Step
    duration_ms: float


@dataclass(frozen=True)
class Noticed:
    """A NOTICE, WARNING or the like that the server sent while a step ran (None: outside any step)."""

    step: Step | None
    report: ServerReport


@dataclass(frozen=True)
class Warned:
    """Something that does not stop the run, and that a person should know: drift, a file that is missing."""

    problem: Problem


@dataclass(frozen=True)
class Waiting:
    """Waiting for something outside: the server to start, or the runner that holds the lock."""

    reason: str
    remaining: float
    """Seconds until the wait is given up."""


@dataclass(frozen=True)
class Retrying:
    """A step met a lock it could not get; it was rolled back whole and starts again after ``delay`` seconds."""

    step: Step
    attempt: int
    attempts: int
    delay: float
    report: ServerReport
    blockers: tuple[str, ...]


@dataclass(frozen=True)
class Rehearsing:
    """A migration is about to be run on a shadow, up and down: the so many-th, from 1, of ``total``."""

    migration: str
    number: int
    total: int


@dataclass(frozen=True)
class Repeated:
    """A statement that is repeated was run once more; or waits for a replica, which is ``behind`` so many seconds.

    ``rows`` and ``runs`` count what is committed since it was begun, or continued, ``seconds`` ago.
    """

    step: Step
    number: int
    total: int
    statement: Statement
    rows: int
    runs: int
    seconds: float
    behind: float | None = None

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds if self.seconds else 0.0


Event = (
    RunStarted
    | StepStarted
    | StatementDone
    | Progressed
    | Repeated
    | StepDone
    | Noticed
    | Warned
    | Waiting
    | Retrying
    | Rehearsing
)
Listener = Callable[[Event], None]


def silent(event: Event) -> None:
    """The listener of whoever does not want to know."""


def wants(listener: Listener, kind: type[Event]) -> bool:
    """Whether events of a kind are to be made for a listener: ``passes_over``, where it has that, names the others.

    A script may have a million statements, and to tell of each takes longer than to send it.
    """
    return listener is not silent and kind not in getattr(listener, "passes_over", ())
