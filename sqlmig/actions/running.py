"""Commands that make a plan: ``apply``, ``rollback`` and their kin execute it, ``plan`` shows it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict, Unpack

from sqlmig.actions.beside import Beside, beside
from sqlmig.actions.keeping import keep_snapshot
from sqlmig.actions.telling import told
from sqlmig.actions.workplace import Workplace
from sqlmig.errors import NotAllowed, SqlmigError
from sqlmig.migration import Applied, Migration
from sqlmig.plan import Apply, Goal, Plan, Seed, StepKind, Switch, plan, with_hooks, with_seeds
from sqlmig.results import Outcome, RunResult, StepResult, outcomes_of

if TYPE_CHECKING:
    from sqlmig.access import Desk
    from sqlmig.actions.proving import ShadowOptions
    from sqlmig.lock import RunnerLock


class RunOptions(TypedDict, total=False):
    """What every command that changes the database takes; times are in seconds."""

    dry_run: bool
    strict: bool
    wait: float
    """How long to wait for a server that is starting."""
    lock_wait: float | None
    """How long to wait for another runner; None is what the configuration says."""
    yes: bool
    """Confirms the change of a protected environment."""


class FreshOptions(RunOptions, total=False):
    """What ``fresh`` takes beside that."""

    seed: bool
    """Whether seeds run afterwards."""


class ApplyOptions(FreshOptions, total=False):
    """What ``apply`` takes beside that."""

    single_transaction: bool
    unsupported_server: bool


def preview(
    place: Workplace,
    goal: Goal,
    *,
    strict: bool,
    wait: float,
    locks: bool = False,
    **options: Unpack[ShadowOptions],
) -> RunResult:
    """What reaching the goal would do; nothing is written. Raises what ``run`` raises before anything runs.

    ``locks`` adds what each step locks, rewrites and builds, by running it on a shadow; raises what that raises.
    """
    extras = beside(place, goal, seed=False)
    migrations = place.migrations()
    with place.access.desk(wait) as desk:
        prepared = _plan(place, migrations, desk.applied(sources=not isinstance(goal, Apply)), goal, strict, extras)
        result = RunResult.planned("plan", desk.where, prepared, dry_run=True)
        _refuse(prepared, result)
        if locks and result.steps:
            from sqlmig.actions import proving

            seen = proving.locks_of(place, desk, migrations, prepared, **options)
            result = replace(result, steps=tuple(replace(step, locks=seen.get(step.version)) for step in result.steps))
        return result


def run(place: Workplace, command: str, goal: Goal, **options: Unpack[ApplyOptions]) -> RunResult:
    """Reach the goal. With nothing to do, takes no lock and writes nothing.

    Raises what ``Runner.run`` raises, with ``result`` telling what ran before; CheckFailed where history forbids it and
    FilesInvalid where a file must not run, before anything runs; LockHeld; ConfirmationRequired; NotAllowed.
    """
    return told(place, command, lambda there: _run(there, command, goal, **options))


def _run(place: Workplace, command: str, goal: Goal, **options: Unpack[ApplyOptions]) -> RunResult:
    strict = options.get("strict", False)
    extras = beside(place, goal, seed=options.get("seed", False))
    migrations = () if isinstance(goal, Seed) else place.migrations()
    sources = not isinstance(goal, Apply)
    with place.access.desk(options.get("wait", 0)) as desk:
        applied = desk.applied(sources=sources)
        dry_run = options.get("dry_run", False)
        if not dry_run and (len(migrations) > len(applied) or not isinstance(goal, Apply)):
            desk.expect_lock()
        prepared = _plan(place, migrations, applied, goal, strict, extras)
        result = RunResult.planned(command, desk.where, prepared, dry_run=dry_run)
        _refuse(prepared, result)
        if dry_run:
            return result
        if not prepared.steps:
            place.warn(prepared)
            return result
        _require_consent(place, command, goal, options.get("yes", False), replace(result, dry_run=True))
        desk.require_writable(options.get("unsupported_server", False))
        with desk.locked(options.get("lock_wait"), settled=False) as lock:
            if (now_applied := desk.applied(sources=sources)) != applied:
                applied = now_applied
                prepared = _plan(place, migrations, applied, goal, strict, extras)
                _refuse(prepared, RunResult.planned(command, desk.where, prepared, dry_run=False))
            batch = max((record.batch for record in applied), default=0) + 1
            place.warn(prepared)
            if place.environment.on_schema_drift != "off" and isinstance(goal, Apply):
                from sqlmig.actions import comparing

                desk.session.settle()
                comparing.look_before(place, desk)
            together = options.get("single_transaction", False)
            return _execute(place, command, desk, lock, prepared, batch, single_transaction=together)


def fresh(place: Workplace, **options: Unpack[FreshOptions]) -> RunResult:
    """Drop every object of the database, and apply everything. Raises NotAllowed in a protected environment.

    The log survives. A failure to drop leaves everything as it was; one to apply, what ``run`` leaves.
    """
    if place.environment.protected:
        raise NotAllowed(
            f"fresh drops everything, and {place.environment.name} is protected",
            next_step="sqlmig apply brings it up to date without dropping anything",
        )
    return told(place, "fresh", lambda there: _fresh(there, **options))


def _fresh(place: Workplace, **options: Unpack[FreshOptions]) -> RunResult:
    extras = beside(place, Apply(), seed=options.get("seed", False))
    migrations = place.migrations()
    with place.access.desk(options.get("wait", 0)) as desk:
        prepared = _plan(place, migrations, (), Apply(), False, extras)
        result = RunResult.planned("fresh", desk.where, prepared, dry_run=options.get("dry_run", False))
        _refuse(prepared, result)
        if result.dry_run:
            return result
        desk.require_writable()
        with desk.locked(options.get("lock_wait")) as lock:
            desk.drop_everything()
            return _execute(place, "fresh", desk, lock, prepared, batch=1)


def _plan(
    place: Workplace,
    migrations: Sequence[Migration],
    applied: Sequence[Applied],
    goal: Goal,
    strict: bool,
    extras: Beside,
) -> Plan:
    drift_is_error = place.environment.on_drift == "error" and isinstance(goal, Apply)
    made = plan(migrations, applied, goal, strict=strict, drift_is_error=drift_is_error)
    return with_seeds(with_hooks(made, extras.hooks), extras.seeds)


def _refuse(prepared: Plan, result: RunResult) -> None:
    try:
        prepared.raise_for_refusals()
    except SqlmigError as error:
        steps = tuple(replace(step, outcome=Outcome.NOT_RUN) for step in result.steps)
        error.result = replace(result, steps=steps)
        raise


def _require_consent(place: Workplace, command: str, goal: Goal, yes: bool, result: RunResult) -> None:
    environment = place.environment
    if environment.protected and isinstance(goal, Switch):
        raise NotAllowed(
            f"switch undoes what these files lack, and {environment.name} is protected",
            next_step="sqlmig apply brings it up to date without undoing anything",
        )
    seeds = any(step.kind is StepKind.SEED for step in result.steps)
    if environment.protected and seeds and not environment.allow_seeds:
        raise NotAllowed(
            f"seeds are not allowed in {environment.name}, which is protected",
            next_step=f"set allow_seeds = true for {environment.name} in the configuration if it is meant",
        )
    if environment.protected and not isinstance(goal, Apply | Seed) and not environment.allow_rollback:
        raise NotAllowed(
            f"{command} is not allowed in {environment.name}, which is protected",
            next_step=f"set allow_rollback = true for {environment.name} in the configuration if it is meant",
        )
    place.require_confirmation(yes, result)


def _execute(
    place: Workplace,
    command: str,
    desk: Desk,
    lock: RunnerLock,
    prepared: Plan,
    batch: int,
    *,
    single_transaction: bool = False,
) -> RunResult:
    runner = desk.runner(lock)
    begun = time.perf_counter()

    def result(*, failed: bool = False) -> RunResult:
        outcomes = outcomes_of(prepared.steps, runner.done, runner.failed(prepared.steps) if failed else None)
        steps = tuple(
            StepResult.of(step, outcome, runner.durations.get(step.version))
            for step, outcome in zip(prepared.steps, outcomes, strict=True)
        )
        elapsed = (time.perf_counter() - begun) * 1000
        applied = any(step.outcome is Outcome.APPLIED for step in steps)
        where, warnings = desk.where, prepared.warnings
        return RunResult(command, where, steps, warnings, prepared, batch if applied else None, False, elapsed)

    try:
        runner.run(prepared, batch, single_transaction=single_transaction)
    except SqlmigError as error:
        error.result = result(failed=runner.begun)
        if runner.begun:
            keep_snapshot(place, desk, command)
        raise
    finished = result()
    keep_snapshot(place, desk, command)
    return finished
