"""What each command returns: frozen values without secrets, from which everything that is printed is made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlmig.errors import Problem
from sqlmig.frozen import dataclass
from sqlmig.plan import Plan, Step, StepKind
from sqlmig.script import Direction
from sqlmig.standing import Standing


class Result:
    """What a command returns: a frozen value. One about a database has ``where``."""


class Outcome(StrEnum):
    """What became of one step."""

    PLANNED = "planned"
    APPLIED = "applied"
    ROLLED_BACK = "rolled_back"
    RAN = "ran"
    """A seed or a hook, which leaves no record that it is applied."""
    FAILED = "failed"
    NOT_RUN = "not_run"


@dataclass(frozen=True)
class Where:
    """The database that a command spoke to. Holds no password."""

    environment: str
    database: str
    server: str
    """``PostgreSQL 18.6 (embedded)`` or ``PostgreSQL 15.18 on db.example.com:5432``."""
    role: str
    """The session's user."""
    source: str
    """Where the target came from: an option, a variable, a file."""


@dataclass(frozen=True)
class TableLock:
    """The strongest lock that a migration held on a table or view of before, as ``LOCK TABLE`` spells it."""

    table: str
    mode: str
    rewritten: bool
    """Whether all its rows were written to a new file, while it was locked."""


@dataclass(frozen=True)
class IndexBuild:
    """An index that a migration built on a table of before; ``rebuilt`` where it was there already."""

    index: str
    table: str
    rebuilt: bool


@dataclass(frozen=True)
class Locks:
    """What a migration does that others have to wait for, as a rehearsal saw it."""

    tables: tuple[TableLock, ...]
    indexes: tuple[IndexBuild, ...]


@dataclass(frozen=True)
class StepResult:
    """One step of a run, whether or not it ran."""

    version: int
    label: str
    name: str
    direction: Direction
    transaction: bool
    statements: int
    outcome: Outcome
    duration_ms: float | None = None
    from_history: bool = False
    resumed_at: int | None = None
    locks: Locks | None = None
    """Where a rehearsal told them."""
    kind: StepKind = StepKind.MIGRATION

    @classmethod
    def of(cls, step: Step, outcome: Outcome, duration_ms: float | None = None) -> StepResult:
        """What became of a step of a plan; one whose script cannot be read counts no statements."""
        readable = not any(problem.code in ("script", "file_format") for problem in step.script.problems)
        return cls(
            step.version,
            step.label,
            step.name,
            step.direction,
            step.transaction if readable else True,
            step.script.survey.statements if readable else 0,
            outcome,
            duration_ms if outcome in (Outcome.APPLIED, Outcome.ROLLED_BACK, Outcome.RAN) else None,
            step.from_history,
            step.resume_at,
            kind=step.kind,
        )

    def __str__(self) -> str:
        return f"{self.label}_{self.name}" if self.kind is StepKind.MIGRATION else self.name


@dataclass(frozen=True)
class RunResult(Result):
    """What ran, or would run: of apply, rollback, redo, refresh, reset, fresh and plan.

    ``steps`` is complete also after a failure: those that did not run are ``NOT_RUN``.
    """

    command: str
    where: Where
    steps: tuple[StepResult, ...]
    warnings: tuple[Problem, ...]
    plan: Plan
    batch: int | None = None
    dry_run: bool = False
    duration_ms: float | None = None

    @classmethod
    def planned(cls, command: str, where: Where, plan: Plan, *, dry_run: bool) -> RunResult:
        """The result before anything ran."""
        steps = tuple(StepResult.of(step, Outcome.PLANNED) for step in plan.steps)
        return cls(command, where, steps, plan.warnings, plan, dry_run=dry_run)


def outcome_of(step: Step) -> Outcome:
    """What becomes of a step that succeeds."""
    if step.kind is not StepKind.MIGRATION:
        return Outcome.RAN
    return Outcome.APPLIED if step.direction is Direction.UP else Outcome.ROLLED_BACK


def outcomes_of(steps: Sequence[Step], done: int, failed: int | None) -> list[Outcome]:
    """What became of each step where the first ``done`` are committed, and the one at index ``failed`` failed."""
    outcomes = [outcome_of(step) for step in steps[:done]]
    outcomes += [Outcome.NOT_RUN] * (len(steps) - done)
    if failed is not None and failed < len(steps):
        outcomes[failed] = Outcome.FAILED
    return outcomes


@dataclass(frozen=True)
class StatusResult(Result):
    """Every migration that has files or was applied, by version; ``problems`` is all there is to say about them."""

    where: Where
    migrations: tuple[Standing, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class VersionResult(Result):
    """The highest applied version; None where nothing is applied."""

    where: Where
    version: int | None
    label: str | None
    name: str | None


@dataclass(frozen=True)
class CheckResult(Result):
    """All findings. ``exit_code`` is 2 with a file-format problem, 3 with a finding of history, 0 without either."""

    where: Where | None
    """None where no database was asked."""
    problems: tuple[Problem, ...]
    checked: int
    strict: bool
    exit_code: int


@dataclass(frozen=True)
class RepairChange:
    """One thing that was accepted: ``what`` in words, ``diff`` as a unified diff, empty where there is none."""

    version: int
    label: str
    name: str
    what: str
    diff: str

    def __str__(self) -> str:
        return f"{self.label}_{self.name}"


@dataclass(frozen=True)
class RepairResult(Result):
    """What was accepted, or, in ``ConfirmationRequired``, what would be."""

    where: Where
    changes: tuple[RepairChange, ...]
    sums: tuple[str, ...] = ()
    """The sum files that were brought up to date."""


@dataclass(frozen=True)
class BaselineResult(Result):
    """The migrations that were recorded as applied without being run, as they stood before."""

    where: Where
    recorded: tuple[Standing, ...]


@dataclass(frozen=True)
class LogEntry:
    """One event of the log. ``at`` has a zone; None where an event has no such thing, or it is not known."""

    at: datetime
    event: str
    version: int | None
    label: str | None
    name: str | None
    batch: int | None
    user: str | None
    role: str | None
    host: str | None
    duration_ms: float | None
    sqlmig_version: str | None
    git_commit: str | None
    detail: str | None


@dataclass(frozen=True)
class HistoryResult(Result):
    """The event log, oldest first."""

    where: Where
    entries: tuple[LogEntry, ...]


@dataclass(frozen=True)
class NewResult(Result):
    """The paths of the files that were written."""

    up: str
    down: str | None


@dataclass(frozen=True)
class SeedFileResult(Result):
    """The path of the seed that was written."""

    file: str


@dataclass(frozen=True)
class Renamed:
    """One migration with its former and its new number; ``files`` are paths, before and after."""

    version: int
    label: str
    name: str
    new_version: int
    new_label: str
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RenumberResult(Result):
    """What was renamed, or would be; ``sums`` are the sum files that were brought up to date."""

    where: Where | None
    """None where no database was asked."""
    renamed: tuple[Renamed, ...]
    sums: tuple[str, ...]
    warnings: tuple[Problem, ...]
    dry_run: bool


@dataclass(frozen=True)
class SumResult(Result):
    """The sum files that were written, and those that were right."""

    written: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True)
class InitResult(Result):
    """The files and folders that were written, and those that were there and were kept."""

    written: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True)
class ServerResult(Result):
    """The project's own server as the command left it; ``url`` and ``version`` while it runs."""

    running: bool
    url: str | None
    folder: str
    version: str | None
    changed: bool
    """Whether the command started or stopped it, rather than finding it so."""
