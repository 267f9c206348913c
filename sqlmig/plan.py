"""The pure heart: migrations, what is applied, and a goal make a Plan. Never touches a database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlmig.errors import CheckFailed, FileError, FilesInvalid, Place, Problem, UsageError
from sqlmig.frozen import dataclass
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
        """Raise FilesInvalid where a script must not run, else CheckFailed where history forbids a step; with all."""
        scripts = [problem for problem in self.refusals if problem.code in SCRIPT_PROBLEMS]
        history = [problem for problem in self.refusals if problem.code not in SCRIPT_PROBLEMS]
        if scripts:
            raise FilesInvalid([*scripts, *history])
        if history:
            raise CheckFailed(history)


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
    Raises UsageError where the goal contradicts itself, or names a version, batch or migration that is not there.
    """
    known = standings(migrations, applied)
    if isinstance(goal, Apply):
        steps, problems = _apply_steps(known, goal)
    elif isinstance(goal, Rollback):
        steps, problems = _rollback_steps(known, goal)
    else:
        steps, problems = _renewal_steps(known, goal)
    differences = [standing.problem for standing in known if standing.problem is not None]
    history = [
        _weighed(problem, strict=strict, drift_is_error=drift_is_error)
        for problem in (*(found for found in differences if found.code in NOTES), *problems)
    ]
    return Plan(goal, tuple(steps), (*history, *_script_problems(steps)))


NOTES = ("drift", "comments_changed", "missing", "baseline")
"""Findings that are told beside a plan, and forbid it only where that is asked for."""


def _weighed(problem: Problem, *, strict: bool, drift_is_error: bool) -> Problem:
    if problem.code not in NOTES:
        return problem
    return replace(problem, warning=not (strict or (drift_is_error and problem.code == "drift")))


def _apply_steps(known: Sequence[Standing], goal: Apply) -> tuple[list[Step], list[Problem]]:
    _require_one(migration=goal.only, to=goal.to)
    _require_one(migration=goal.only, steps=goal.steps)
    _require_natural(goal.steps)
    if goal.to is not None and goal.to not in {standing.version for standing in known}:
        raise no_version(goal.to, known)
    waiting = [s for s in known if s.state in (State.PENDING, State.OUT_OF_ORDER, State.FAILED)]
    if goal.only is not None:
        named = find(known, goal.only)
        waiting = [standing for standing in waiting if standing.version == named.version]
    if goal.to is not None:
        waiting = [standing for standing in waiting if standing.version <= goal.to]
    steps, problems = [], []
    for standing in waiting[: goal.steps]:
        refusal = _refusal_to_apply(standing, goal)
        if refusal is not None:
            problems.append(refusal)
        if standing.migration is not None and (refusal is None or standing.state is State.OUT_OF_ORDER):
            steps.append(_up_step(standing, standing.migration, standing.applied))
    return steps, problems


def _require_one(**chosen: object) -> None:
    given = [name for name, value in chosen.items() if value is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} contradict each other", next_step="choose one of them")


def _require_natural(steps: int | None) -> None:
    if steps is not None and steps < 1:
        raise UsageError(f"{steps} steps cannot be gone", next_step="count from 1: --steps 1")


def _refusal_to_apply(standing: Standing, goal: Apply) -> Problem | None:
    if standing.state is State.OUT_OF_ORDER:
        return None if goal.allow_out_of_order else standing.problem
    record, problem = standing.applied, standing.problem
    if standing.state is not State.FAILED or record is None or problem is None:
        return None
    if record.direction is Direction.DOWN:
        return problem
    if standing.migration is None:
        told = f"{problem.message}; its file is gone"
        advice = f"restore the file, or undo it by hand, then: sqlmig repair {record.label} --mark-rolled-back"
        return replace(problem, message=told, next_step=advice)
    return _refusal_to_resume(record, standing.migration.up)


def _refusal_to_resume(record: Applied, script: Script) -> Problem | None:
    """What keeps a script that stopped half way from going on: that it now wants to be all or nothing."""
    nothing_stays = record.progress is Progress.FAILED and record.statement == 1
    if nothing_stays or script.problems or not script.header.transaction:
        return None
    return Problem(
        "failed",
        f"{record} stopped at statement {record.statement}/{record.statements} without a transaction, "
        f"and {script.file} does not say no-transaction any more",
        Place(script.file),
        record.version,
        next_step=f"put the header back; or undo it by hand, then: sqlmig repair {record.label} --mark-rolled-back",
    )


def _up_step(standing: Standing, migration: Migration, record: Applied | None) -> Step:
    return Step(
        standing.version,
        standing.label,
        standing.name,
        Direction.UP,
        migration.up,
        migration,
        record,
        resume_at=_resume_at(record),
    )


def _resume_at(record: Applied | None) -> int | None:
    return record.statement if record is not None and record.progress is not Progress.DONE else None


def _rollback_steps(known: Sequence[Standing], goal: Rollback) -> tuple[list[Step], list[Problem]]:
    chosen = _chosen(known, goal)
    left_out = [] if goal.only is not None else [record for record in chosen if record.baseline]
    problems = [_never_run(left_out)] if left_out else []
    steps = []
    files = {standing.version: standing.migration for standing in known}
    for record in chosen:
        if record in left_out:
            continue
        found = _down_step(record, files[record.version])
        if isinstance(found, Step):
            steps.append(found)
        else:
            problems.append(found)
    return steps, problems


def _chosen(known: Sequence[Standing], goal: Rollback) -> list[Applied]:
    """The records that the goal means, the last applied first."""
    everything = goal.everything or None
    _require_one(migration=goal.only, steps=goal.steps, to=goal.to, batch=goal.batch, all=everything)
    _require_natural(goal.steps)
    records = [standing.applied for standing in known if standing.applied is not None]
    done = sorted(records, key=lambda record: record.sequence, reverse=True)
    if goal.only is not None:
        named = find(known, goal.only)
        if named.applied is None:
            raise UsageError(f"{named} is not applied", next_step="sqlmig status")
        return [named.applied]
    if goal.everything:
        return done
    if goal.to is not None:
        if goal.to != 0 and goal.to not in {standing.version for standing in known}:
            raise no_version(goal.to, known)
        kept = goal.to if goal.to in {standing.version for standing in known} else -1
        return [record for record in done if record.version > kept]
    if goal.steps is not None:
        return done[: goal.steps]
    return _batch(done, goal.batch)


def _batch(done: Sequence[Applied], batch: int | None) -> list[Applied]:
    batches = {record.batch for record in done}
    wanted = max(batches, default=0) if batch is None else batch
    if batch is not None and batch not in batches:
        present = ", ".join(map(str, sorted(batches))) or "none"
        raise UsageError(f"no applied migration is of batch {batch} (batches: {present})", next_step="sqlmig status")
    return [record for record in done if record.batch == wanted]


def _never_run(records: Sequence[Applied]) -> Problem:
    names = sorted(map(str, records)) if len(records) < 4 else [f"{records[-1]} to {records[0]}"]
    return Problem(
        "baseline",
        f"{', '.join(names)}: recorded by a baseline and never run here, so not undone",
        version=records[0].version if len(records) == 1 else None,
        next_step=f"to run a down all the same, name the migration: sqlmig rollback {records[0].label}",
    )


def _down_step(record: Applied, migration: Migration | None) -> Step | Problem:
    """The way back of one migration, or why there is none.

    The text that was stored when it was applied wins over a file that differs; but a rollback that stopped half way
    goes on with the file, which is where a person corrects it.
    """
    unfinished_down = record.progress is not Progress.DONE
    if unfinished_down and record.direction is Direction.UP:
        advice = f"finish it: sqlmig apply; or undo it by hand, then: sqlmig repair {record.label} --mark-rolled-back"
        return replace(unfinished(record), next_step=advice)
    down = migration.down if migration is not None else None
    use_file = down is not None and (unfinished_down or _is_recorded(down, record))
    script = down if use_file else record.stored_down
    if script is None or not record.reversible:
        return _irreversible(record, migration)
    refusal = _refusal_to_resume(record, script) if unfinished_down else None
    return refusal or Step(
        record.version,
        record.label,
        record.name,
        Direction.DOWN,
        script,
        migration,
        record,
        from_history=not use_file,
        resume_at=_resume_at(record),
    )


def _is_recorded(script: Script, record: Applied) -> bool:
    try:
        return record.down is not None and script.checksum == replace(record.down, sql=None)
    except FileError:
        return False


def _irreversible(record: Applied, migration: Migration | None) -> Problem:
    without = "its down is neither stored nor in the files" if record.reversible else "it was applied without a down"
    return Problem(
        "irreversible",
        f"{record} is irreversible: {without}",
        Place(migration.up.file) if migration is not None else None,
        record.version,
        next_step=f"write its down file and accept it: sqlmig repair {record.label}",
    )


def _renewal_steps(known: Sequence[Standing], goal: Redo | Refresh) -> tuple[list[Step], list[Problem]]:
    """Down, and up again: the last batch (Redo), or whatever there is (Refresh)."""
    everything = isinstance(goal, Refresh)
    steps, problems = _rollback_steps(known, Rollback(everything=everything))
    undone = {step.version for step in steps}
    for standing in known:
        waits = standing.version in undone or (everything and standing.applied is None)
        accepted = everything and standing.applied is not None and standing.applied.retired
        if waits and standing.migration is not None:
            steps.append(_up_step(standing, standing.migration, None))
        elif waits and not accepted:
            told = f"{standing} cannot be applied again: its file is gone"
            problems.append(Problem("lost", told, None, standing.version, next_step="restore the file"))
    return steps, problems


def _script_problems(steps: Iterable[Step]) -> list[Problem]:
    found: dict[Problem, None] = {}
    for step in steps:
        if step.direction is Direction.UP and step.migration is not None:
            found.update(dict.fromkeys(step.migration.problems))
        else:
            found.update(dict.fromkeys(replace(problem, version=step.version) for problem in step.script.problems))
    return list(found)


def script_problems(script: Script) -> tuple[Problem, ...]:
    """Everything in a script that must not run, as findings and never as an exception."""
    return script.problems
