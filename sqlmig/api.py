"""``Project``: its methods are the commands, and return frozen results. What they do is in ``actions``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from sqlmig import config as configuration
from sqlmig.actions.workplace import Workplace
from sqlmig.events import Listener, silent
from sqlmig.plan import Apply, Goal, Redo, Refresh, Rollback, Switch
from sqlmig.results import (
    BaselineResult,
    CheckResult,
    HistoryResult,
    InitResult,
    NewResult,
    RepairResult,
    RunResult,
    ServerResult,
    StatusResult,
)

if TYPE_CHECKING:
    from sqlmig.actions.running import ApplyOptions, RunOptions
    from sqlmig.config import Environment


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
        settings = configuration.load(
            env=env, url=url, directories=_paths(directory), config=config, connect=not offline
        )
        self._place = Workplace(settings, listener)

    @property
    def environment(self) -> Environment:
        """The settings that count here."""
        return self._place.environment

    def status(self) -> StatusResult:
        """How every migration stands. Writes nothing, and needs no more than to connect."""
        from sqlmig.actions import looking

        return looking.status(self._place)

    def plan(self, goal: Goal, *, strict: bool = False, wait: float = 0) -> RunResult:
        """What ``apply`` (or another goal) would do; its ``plan`` is the object that would be executed.

        Writes nothing. Raises CheckFailed or FilesInvalid where ``apply`` would refuse, with the plan in ``result``.
        """
        from sqlmig.actions import running

        return running.preview(self._place, goal, strict=strict, wait=wait)

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

    def switch(self, **options: Unpack[RunOptions]) -> RunResult:
        """Undo what another checkout applied and this one lacks, with the stored downs; then apply what is pending.

        Refused in a protected environment. Raises like ``apply``.
        """
        return self._run("switch", Switch(), **options)

    def fresh(self, **options: Unpack[RunOptions]) -> RunResult:
        """Drop every object of the database, and apply everything. Refused in a protected environment.

        The log survives. A failure to drop leaves everything as it was; one to apply, what ``apply`` leaves.
        """
        from sqlmig.actions import running

        return running.fresh(self._place, **options)

    def _run(self, command: str, goal: Goal, **options: Unpack[ApplyOptions]) -> RunResult:
        from sqlmig.actions import running

        return running.run(self._place, command, goal, **options)

    def check(self, *, offline: bool = False, pending_ok: bool = False, strict: bool = False) -> CheckResult:
        """Every finding about files and, unless offline, history. Writes nothing."""
        from sqlmig.actions import looking

        return looking.check(self._place, offline=offline, pending_ok=pending_ok, strict=strict)

    def history(self, limit: int | None = None) -> HistoryResult:
        """The log, oldest first. Writes nothing; empty where there is no history."""
        from sqlmig.actions import looking

        return looking.history(self._place, limit)

    def repair(
        self, names: Sequence[str] = (), *, mark: str | None = None, resume_at: int | None = None, yes: bool = False
    ) -> RepairResult:
        """Accept what the files say now, or decide about a migration that stopped half way. Runs no SQL of theirs.

        ``mark`` is ``applied`` or ``rolled_back``. Everything accepted is logged. Raises UsageError where a name or a
        decision does not fit; then nothing is written.
        """
        from sqlmig.actions import recording

        return recording.repair(self._place, names, mark=mark, resume_at=resume_at, yes=yes)

    def baseline(self, version: int, *, yes: bool = False) -> BaselineResult:
        """Record everything up to a version as applied without running it. Raises UsageError without that version."""
        from sqlmig.actions import recording

        return recording.baseline(self._place, version, yes=yes)

    def new(self, name: str, *, timestamp: bool = False, transaction: bool = True) -> NewResult:
        """Write the next pair of files. Raises UsageError for a name that makes none; never writes over a file."""
        from sqlmig.actions import making

        return making.new(self._place, name, timestamp=timestamp, transaction=transaction)

    def server_start(self) -> ServerResult:
        """Start the embedded server, or find it running."""
        from sqlmig.actions import serving

        return serving.start(self._place)

    def server_stop(self) -> ServerResult:
        """Stop the embedded server; its data stay."""
        from sqlmig.actions import serving

        return serving.stop(self._place)

    def server_url(self) -> ServerResult:
        """Where the embedded server is, started if need be."""
        return self.server_start()


def _paths(directory: Path | str | Sequence[Path | str]) -> tuple[Path, ...]:
    return (Path(directory),) if isinstance(directory, str | Path) else tuple(Path(part) for part in directory)


def init(folder: Path) -> InitResult:
    """Write sqlmig.toml and the folder for migrations. What is there already is kept."""
    from sqlmig.actions import making

    return making.init(folder)
