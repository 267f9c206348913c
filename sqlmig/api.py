"""``Project``: the one place that wires the parts. Its methods are the commands, and return frozen results."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from sqlmig import audit, files
from sqlmig import config as configuration
from sqlmig.errors import ConfirmationRequired, NotAllowed, SqlmigError, UsageError
from sqlmig.events import Listener, Warned, silent
from sqlmig.migration import Applied, Migration
from sqlmig.plan import Apply, Goal, Plan, Redo, Refresh, Rollback, plan
from sqlmig.results import (
    BaselineResult,
    CheckResult,
    HistoryResult,
    InitResult,
    NewResult,
    Outcome,
    RepairResult,
    RunResult,
    ServerResult,
    StatusResult,
    StepResult,
    Where,
    outcomes_of,
)
from sqlmig.standing import find, standings

if TYPE_CHECKING:
    from sqlmig.access import Access, Desk
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


class ApplyOptions(RunOptions, total=False):
    """What ``apply`` takes beside that."""

    single_transaction: bool
    unsupported_server: bool


class Project:
    """Migrations in a folder, and a database that they are for.

    Reads the configuration when made (raises ConfigError); connects only where a method needs it. With ``offline``
    nothing that only a connection needs is read, and only ``new`` and ``check(offline=True)`` can be used.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        directory: Path | str | Sequence[Path | str] = (),
        env: str | None = None,
        config: Path | None = None,
        offline: bool = False,
        listener: Listener = silent,
    ) -> None:
        self.environment = configuration.load(
            env=env, url=url, directories=_paths(directory), config=config, connect=not offline
        )
        self.listener = listener

    @cached_property
    def _access(self) -> Access:
        from sqlmig.access import Access

        return Access(self.environment, self.listener)

    def discover(self) -> files.Discovery:
        """The migration files, with everything wrong with their names. Raises FileError without a folder."""
        return files.discover(self.environment.directories)

    def _migrations(self) -> tuple[Migration, ...]:
        discovery = self.discover()
        discovery.raise_for_problems()
        return discovery.migrations

    def status(self) -> StatusResult:
        """How every migration stands. Writes nothing, and needs no more than to connect."""
        discovery = self.discover()
        with self._access.desk() as desk:
            known = standings(discovery.migrations, desk.applied())
            problems = [standing.problem for standing in known if standing.problem is not None]
            found = [problem for problem in discovery.problems if not problem.warning]
            return StatusResult(desk.where, known, (*found, *problems))

    def plan(self, goal: Goal, *, strict: bool = False, wait: float = 0) -> RunResult:
        """What ``apply`` (or another goal) would do; its ``plan`` is the object that would be executed.

        Writes nothing. Raises CheckFailed or FilesInvalid where ``apply`` would refuse, with the plan in ``result``.
        """
        migrations = self._migrations()
        with self._access.desk(wait) as desk:
            prepared = self._plan(migrations, desk.applied(sources=not isinstance(goal, Apply)), goal, strict)
            result = RunResult.planned("plan", desk.where, prepared, dry_run=True)
            _refuse(prepared, result)
            return result

    def _plan(self, migrations: Sequence[Migration], applied: Sequence[Applied], goal: Goal, strict: bool) -> Plan:
        drift_is_error = self.environment.on_drift == "error" and isinstance(goal, Apply)
        return plan(migrations, applied, goal, strict=strict, drift_is_error=drift_is_error)

    def apply(self, goal: Apply | None = None, **options: Unpack[ApplyOptions]) -> RunResult:
        """Apply what is pending. With nothing to do, takes no lock and writes nothing.

        Raises what ``Runner.run`` raises, with ``result`` telling what was applied before; CheckFailed where history
        forbids it and FilesInvalid where a file must not run, before anything runs; LockHeld; ConfirmationRequired.
        """
        return self._run("apply", goal or Apply(), **options)

    def rollback(self, goal: Rollback | None = None, **options: Unpack[RunOptions]) -> RunResult:
        """Undo the last batch, or what the goal says. Raises like ``apply``."""
        return self._run("rollback", goal or Rollback(), **options)

    def redo(self, **options: Unpack[RunOptions]) -> RunResult:
        """The last batch down and up again. Raises like ``apply``."""
        return self._run("redo", Redo(), **options)

    def refresh(self, **options: Unpack[RunOptions]) -> RunResult:
        """Everything down and up again. Raises like ``apply``."""
        return self._run("refresh", Refresh(), **options)

    def reset(self, **options: Unpack[RunOptions]) -> RunResult:
        """Everything down. Raises like ``apply``."""
        return self._run("reset", Rollback(everything=True), **options)

    def fresh(self, **options: Unpack[RunOptions]) -> RunResult:
        """Drop every object of the database, and apply everything. Refused in a protected environment.

        The log survives. A failure to drop leaves everything as it was; one to apply, what ``apply`` leaves.
        """
        if self.environment.protected:
            raise NotAllowed(
                f"fresh drops everything, and {self.environment.name} is protected",
                next_step="sqlmig apply brings it up to date without dropping anything",
            )
        migrations = self._migrations()
        with self._access.desk(options.get("wait", 0)) as desk:
            prepared = self._plan(migrations, (), Apply(), strict=False)
            result = RunResult.planned("fresh", desk.where, prepared, dry_run=options.get("dry_run", False))
            _refuse(prepared, result)
            if result.dry_run:
                return result
            desk.require_writable()
            with desk.locked(options.get("lock_wait")) as lock:
                desk.drop_everything()
                return self._execute("fresh", desk, lock, prepared, batch=1)

    def _run(self, command: str, goal: Goal, **options: Unpack[ApplyOptions]) -> RunResult:
        strict = options.get("strict", False)
        migrations = self._migrations()
        sources = not isinstance(goal, Apply)
        with self._access.desk(options.get("wait", 0)) as desk:
            prepared = self._plan(migrations, desk.applied(sources=sources), goal, strict)
            dry_run = options.get("dry_run", False)
            result = RunResult.planned(command, desk.where, prepared, dry_run=dry_run)
            _refuse(prepared, result)
            if dry_run:
                return result
            if not prepared.steps:
                self._warn(prepared)
                return result
            self._require_consent(command, goal, options.get("yes", False), replace(result, dry_run=True))
            desk.require_writable(options.get("unsupported_server", False))
            with desk.locked(options.get("lock_wait")) as lock:
                applied = desk.applied(sources=sources)
                prepared = self._plan(migrations, applied, goal, strict)
                _refuse(prepared, RunResult.planned(command, desk.where, prepared, dry_run=False))
                batch = max((record.batch for record in applied), default=0) + 1
                self._warn(prepared)
                together = options.get("single_transaction", False)
                return self._execute(command, desk, lock, prepared, batch, single_transaction=together)

    def _warn(self, prepared: Plan) -> None:
        for problem in prepared.warnings:
            self.listener(Warned(problem))

    def _require_consent(self, command: str, goal: Goal, yes: bool, result: object) -> None:
        environment = self.environment
        if not environment.protected:
            return
        if not isinstance(goal, Apply) and not environment.allow_rollback:
            raise NotAllowed(
                f"{command} is not allowed in {environment.name}, which is protected",
                next_step=f"set allow_rollback = true for {environment.name} in the configuration if it is meant",
            )
        if not yes:
            raise _confirmation(environment.name, result)

    def _execute(
        self,
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
            error.result = result(failed=True)
            raise
        return result()

    def check(self, *, offline: bool = False, pending_ok: bool = False, strict: bool = False) -> CheckResult:
        """Every finding about files and, unless offline, history. Writes nothing."""
        discovery = self.discover()
        problems = audit.audit_files(discovery)
        where: Where | None = None
        if not offline:
            with self._access.desk() as desk:
                where = desk.where
                known = standings(discovery.migrations, desk.applied())
                stored = desk.history.stored(desk.session, [standing.version for standing in audit.drifted(known)])
                problems += audit.with_diffs(audit.audit_history(known, pending_ok=pending_ok), known, stored)
        code = audit.exit_code(problems, strict=strict)
        return CheckResult(where, tuple(problems), len(discovery.migrations), strict, code)

    def repair(
        self, names: Sequence[str] = (), *, mark: str | None = None, resume_at: int | None = None, yes: bool = False
    ) -> RepairResult:
        """Accept what the files say now, or decide about a migration that stopped half way. Runs no SQL of theirs.

        ``mark`` is ``applied`` or ``rolled_back``. Everything accepted is logged. Raises UsageError where a name or a
        decision does not fit; then nothing is written.
        """
        from sqlmig import mending

        migrations = self._migrations()
        deciding = mark is not None or resume_at is not None
        if deciding and len(names) != 1:
            raise UsageError("a decision is about one migration", next_step="name it: sqlmig repair 003 --mark-applied")
        with self._access.desk() as desk:
            known = standings(migrations, desk.applied())
            chosen = [find(known, name) for name in names] if names else mending.repairable(known)
            if deciding:
                repairs = [mending.decide(standing, mark, resume_at, desk.history) for standing in chosen]
            else:
                stored = desk.history.stored(desk.session, [standing.version for standing in chosen])
                repairs = [mending.accept(standing, stored, desk.history) for standing in chosen]
            result = RepairResult(desk.where, tuple(change for change, _ in repairs))
            if repairs:
                if self.environment.protected and not yes:
                    raise _confirmation(self.environment.name, result)
                desk.require_writable()
                with desk.locked(None):
                    desk.history.write(desk.session, [text for _, texts in repairs for text in texts])
            return result

    def baseline(self, version: int, *, yes: bool = False) -> BaselineResult:
        """Record everything up to a version as applied without running it. Raises UsageError without that version."""
        migrations = self._migrations()
        with self._access.desk() as desk:
            known = standings(migrations, desk.applied())
            find(known, str(version))
            chosen = [s for s in known if s.version <= version and s.applied is None and s.migration is not None]
            result = BaselineResult(desk.where, tuple(chosen))
            if chosen:
                if self.environment.protected and not yes:
                    raise _confirmation(self.environment.name, result)
                desk.require_writable()
                with desk.locked(None):
                    desk.record_baseline([s.migration for s in chosen if s.migration is not None])
            return result

    def history(self, limit: int | None = None) -> HistoryResult:
        """The log, oldest first. Writes nothing; empty where there is no history."""
        with self._access.desk() as desk:
            entries = desk.history.events(desk.session, limit) if desk.facts.tables_exist else ()
            return HistoryResult(desk.where, entries)

    def new(self, name: str, *, timestamp: bool = False, transaction: bool = True) -> NewResult:
        """Write the next pair of files. Raises UsageError for a name that makes none; never writes over a file."""
        existing = files.discover([folder for folder in self.environment.directories if folder.exists()])
        folder = self.environment.directories[0]
        up, down = files.new_pair(folder, name, existing.migrations, timestamp=timestamp, transaction=transaction)
        return NewResult(files.show(up), files.show(down))

    def server_start(self) -> ServerResult:
        """Start the embedded server, or find it running."""
        from sqlmig import embedded

        before = embedded.running(self._server_folder)
        server = embedded.start(self._server_folder)
        return ServerResult(True, server.conninfo, str(server.folder), server.version, before is None)

    def server_stop(self) -> ServerResult:
        """Stop the embedded server; its data stay."""
        from sqlmig import embedded

        stopped = embedded.stop(self._server_folder)
        return ServerResult(False, None, str(self._server_folder), None, stopped)

    def server_url(self) -> ServerResult:
        """Where the embedded server is, started if need be."""
        return self.server_start()

    @property
    def _server_folder(self) -> Path:
        if not self.environment.target.embedded:
            raise UsageError(
                f"{self.environment.name} is not on the embedded server ({self.environment.target.source})",
                next_step='choose an environment with url = "embedded": --env NAME',
            )
        return self.environment.root / ".sqlmig"


def _paths(directory: Path | str | Sequence[Path | str]) -> tuple[Path, ...]:
    return (Path(directory),) if isinstance(directory, str | Path) else tuple(Path(part) for part in directory)


def init(folder: Path) -> InitResult:
    """Write sqlmig.toml and the folder for migrations. What is there already is kept."""
    written, kept = [], []
    if (folder / "sqlmig.toml").exists():
        kept.append("sqlmig.toml")
    else:
        configuration.write_default(folder)
        written.append("sqlmig.toml")
    directory = folder / "sql"
    (kept if directory.exists() else written).append("sql/")
    directory.mkdir(exist_ok=True)
    return InitResult(tuple(written), tuple(kept))


def _confirmation(environment: str, result: object) -> ConfirmationRequired:
    error = ConfirmationRequired(
        f"{environment} is protected: this has to be confirmed", next_step="repeat the command with --yes"
    )
    error.result = result
    return error


def _refuse(prepared: Plan, result: RunResult) -> None:
    try:
        prepared.raise_for_refusals()
    except SqlmigError as error:
        steps = tuple(replace(step, outcome=Outcome.NOT_RUN) for step in result.steps)
        error.result = replace(result, steps=steps)
        raise
