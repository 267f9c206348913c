"""The pure heart: migrations, what is applied, and a goal make a Plan. Never touches a database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlmig.errors import CheckFailed, FileError, FilesInvalid, Place, Problem, UsageError
from sqlmig.migration import Applied, Direction, Migration, Progress, Script
from sqlmig.standing import Standing, State, find, no_version, standings, unfinished


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

    ``to`` undoes every applied version above it; ``to=0`` and ``everything`` undo all.
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


Goal = Apply | Rollback | Redo | Refresh


@dataclass(frozen=True)
class Step:
    """One script to run. ``plan`` prints it, ``apply`` executes it: the same object."""

    version: int
    label: str
    name: str
    direction: Direction
    script: Script
    migration: Migration | None
    """The files, where they are there; a rollback may go without."""
    applied: Applied | None = None
    """The record that a rollback removes or a resumption continues."""
    from_history: bool = False
    """The script is the one stored when the migration was applied, since the file differs or is gone."""
    resume_at: int | None = None
    """The statement at which an interrupted non-transactional script continues."""

    def __str__(self) -> str:
        return f"{self.label}_{self.name}"

    @property
    def transaction(self) -> bool:
        """Whether the whole script runs in one transaction. Reads the head of the script."""
        return self.script.header.transaction


@dataclass(frozen=True)
class Plan:
    """What will run, in this order, and everything found on the way there."""

    goal: Goal
    steps: tuple[Step, ...]
    problems: tuple[Problem, ...]

    @property
    def refusals(self) -> tuple[Problem, ...]:
        """The findings that keep the steps from running."""
        return tuple(problem for problem in self.problems if not problem.warning)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.warning)

    def raise_for_refusals(self) -> None:
        """Raise CheckFailed where history forbids a step, FilesInvalid where a script must not run."""
        scripts = [problem for problem in self.refusals if problem.code in SCRIPT_PROBLEMS]
        history = [problem for problem in self.refusals if problem.code not in SCRIPT_PROBLEMS]
        if history:
            raise CheckFailed(history)
        if scripts:
            raise FilesInvalid(scripts)


SCRIPT_PROBLEMS = frozenset(
    {"transaction_control", "needs_no_transaction", "misplaced_directive", "empty_down", "script", "file_format"}
)
"""Findings about the text of a script: a file-format error, not a matter of history."""


def plan(
    migrations: Sequence[Migration],
    applied: Sequence[Applied],
    goal: Goal,
    *,
    strict: bool = False,
    drift_is_error: bool = False,
) -> Plan:
    """The steps that reach the goal from here, and all findings.

    ``strict`` turns every warning about history into a refusal; ``drift_is_error`` those about changed SQL.
    Reads the scripts of the steps, so that nothing that must not run is found only after something ran.
    Raises UsageError where the goal names a version, batch or migration that is not there.
    """
    known = standings(migrations, applied)
    if isinstance(goal, Apply):
        steps, problems = _apply_steps(known, goal)
    elif isinstance(goal, Rollback):
        steps, problems = _rollback_steps(known, _chosen(known, goal))
    else:
        down = Rollback(everything=isinstance(goal, Refresh))
        steps, problems = _rollback_steps(known, _chosen(known, down))
        undone = {step.version for step in steps}
        again = [record for record in applied if record.version not in undone]
        fresh = _again(standings(migrations, again), undone if isinstance(goal, Redo) else None)
        steps += fresh[0]
        problems += fresh[1]
    notes = [
        replace(standing.problem, warning=not (strict or (drift_is_error and standing.problem.code == "drift")))
        for standing in known
        if standing.problem is not None and standing.problem.code in ("drift", "comments_changed", "missing")
    ]
    return Plan(goal, tuple(steps), (*notes, *problems, *_script_problems(steps)))


def _again(known: Sequence[Standing], only: set[int] | None) -> tuple[list[Step], list[Problem]]:
    waiting = [
        s for s in known if s.state in (State.PENDING, State.OUT_OF_ORDER) and (only is None or s.version in only)
    ]
    lost = only - {standing.version for standing in waiting} if only is not None else set()
    problems = [
        Problem("missing", f"version {version} cannot be applied again: its file is gone", None, version)
        for version in sorted(lost)
    ]
    return [_up_step(standing) for standing in waiting], problems


def _apply_steps(known: Sequence[Standing], goal: Apply) -> tuple[list[Step], list[Problem]]:
    if goal.to is not None and goal.to not in {standing.version for standing in known}:
        raise no_version(goal.to, known)
    waiting = [s for s in known if s.state in (State.PENDING, State.OUT_OF_ORDER, State.FAILED)]
    if goal.only is not None:
        named = find(known, goal.only)
        waiting = [standing for standing in waiting if standing.version == named.version]
    if goal.to is not None:
        waiting = [standing for standing in waiting if standing.version <= goal.to]
    waiting = waiting[: goal.steps]
    problems = [problem for standing in waiting if (problem := _refusal_to_apply(standing, goal)) is not None]
    return [_up_step(standing) for standing in waiting if standing.migration is not None], problems


def _refusal_to_apply(standing: Standing, goal: Apply) -> Problem | None:
    if standing.state is State.OUT_OF_ORDER:
        return None if goal.allow_out_of_order else standing.problem
    if standing.state is not State.FAILED:
        return None
    record = standing.applied
    if record is not None and record.direction is Direction.UP and standing.migration is not None:
        return None
    return standing.problem


def _up_step(standing: Standing) -> Step:
    migration = standing.migration
    if migration is None:
        raise UsageError(f"{standing} has no up file")
    record = standing.applied
    resume_at = record.statement if record is not None and record.progress is not Progress.DONE else None
    return Step(
        standing.version,
        standing.label,
        standing.name,
        Direction.UP,
        migration.up,
        migration,
        record,
        resume_at=resume_at,
    )


def _chosen(known: Sequence[Standing], goal: Rollback) -> list[Standing]:
    done = sorted((s for s in known if s.applied is not None), key=_sequence, reverse=True)
    if goal.only is not None:
        named = find(known, goal.only)
        if named.applied is None:
            raise UsageError(f"{named} is not applied", next_step="sqlmig status")
        return [named]
    if goal.everything or goal.to == 0:
        return done
    if goal.to is not None:
        if goal.to not in {standing.version for standing in known}:
            raise no_version(goal.to, known)
        return [standing for standing in done if standing.version > goal.to]
    if goal.steps is not None:
        return done[: goal.steps]
    return _batch(done, goal.batch)


def _batch(done: Sequence[Standing], batch: int | None) -> list[Standing]:
    batches = {standing.applied.batch for standing in done if standing.applied is not None}
    if batch is None:
        wanted = max(batches, default=None)
    elif batch in batches:
        wanted = batch
    else:
        present = ", ".join(str(number) for number in sorted(batches)) or "none"
        raise UsageError(f"no applied migration is of batch {batch} (batches: {present})", next_step="sqlmig status")
    return [standing for standing in done if standing.applied is not None and standing.applied.batch == wanted]


def _sequence(standing: Standing) -> int:
    return standing.applied.sequence if standing.applied is not None else -1


def _rollback_steps(known: Sequence[Standing], chosen: Iterable[Standing]) -> tuple[list[Step], list[Problem]]:
    steps, problems = [], []
    for standing in chosen:
        record = standing.applied
        if record is None:
            continue
        if record.progress is not Progress.DONE and record.direction is Direction.UP:
            problems.append(replace(unfinished(record), next_step=_half_applied_advice(record)))
        elif not record.reversible:
            problems.append(_irreversible(standing))
        else:
            steps.append(_down_step(standing, record))
    return steps, problems


def _half_applied_advice(record: Applied) -> str:
    return f"finish it: sqlmig apply; or undo it by hand, then: sqlmig repair {record.label} --mark-rolled-back"


def _irreversible(standing: Standing) -> Problem:
    return Problem(
        "irreversible",
        f"{standing} is irreversible: it was applied without a down",
        Place(standing.migration.up.file) if standing.migration else None,
        standing.version,
        next_step=f"write its down file and accept it: sqlmig repair {standing.label}",
    )


def _down_step(standing: Standing, record: Applied) -> Step:
    down = standing.migration.down if standing.migration is not None else None
    unchanged = down is not None and record.down is not None and down.checksum.raw == record.down.raw
    script = down if unchanged else record.stored_down
    if script is None:
        raise UsageError(f"the history holds no down for {standing}")
    resume_at = record.statement if record.progress is not Progress.DONE else None
    return Step(
        standing.version,
        standing.label,
        standing.name,
        Direction.DOWN,
        script,
        standing.migration,
        record,
        from_history=not unchanged,
        resume_at=resume_at,
    )


def _script_problems(steps: Iterable[Step]) -> list[Problem]:
    problems: list[Problem] = []
    for step in steps:
        scripts = [step.script]
        if step.direction is Direction.UP and step.migration is not None and step.migration.down is not None:
            scripts.append(step.migration.down)
        for script in scripts:
            problems.extend(script_problems(script))
    return problems


def script_problems(script: Script) -> tuple[Problem, ...]:
    """Everything in a script that must not run, as findings and never as an exception."""
    try:
        return script.survey.problems
    except FileError as error:
        return (Problem(error.code, error.message, error.place or Place(script.file), next_step=error.next_step),)
