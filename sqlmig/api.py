"""``Project``: its methods are the commands, and return frozen results. What they do is in ``actions``."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, overload

from sqlmig import config as configuration
from sqlmig.actions.workplace import Workplace
from sqlmig.errors import UsageError
from sqlmig.events import Listener, silent
from sqlmig.plan import Apply, Goal, Redo, Refresh, Rollback, Switch
from sqlmig.results import (
    BaselineResult,
    CheckResult,
    HistoryResult,
    InitResult,
    NewResult,
    RenumberResult,
    RepairResult,
    RunResult,
    SeedFileResult,
    ServerResult,
    StatusResult,
    SumResult,
)

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from sqlmig.actions.proving import RehearsalOptions, ShadowOptions
    from sqlmig.actions.running import ApplyOptions, FreshOptions, RunOptions
    from sqlmig.borrowed import AsyncConnection, Connection
    from sqlmig.config import Environment
    from sqlmig.database import Opening
    from sqlmig.files import Discovery
    from sqlmig.migration import Migration
    from sqlmig.templates import Template
    from sqlmig.templates.results import TemplatesResult
    from sqlmig.verdicts import DriftResult, DumpResult, RehearsalResult

    Folder = Path | str | Traversable


class ProjectOptions(TypedDict, total=False):
    """What a project is made of, besides its listener."""

    url: str | None
    directory: Folder | Sequence[Folder]
    migrations: Iterable[Migration] | None
    connection: Connection | None
    env: str | None
    config: Path | str | None
    offline: bool


class Project:
    """Migrations, and a database that they are for.

    ``directory`` names folders, also those of a package (``importlib.resources.files("app") / "sql"``);
    ``migrations`` takes the place of any folder. Both outweigh the configuration, as options of a command do, and so
    do ``url`` and ``connection``.

    ``connection`` is a connection of the caller's. It must be idle, outside any transaction, and speak UTF-8, and
    nobody else uses it meanwhile; what changes the database wants it without temporary tables, advisory locks, open
    cursors, prepared statements and LISTEN (else UsageError, before anything happens). The work is done as on a new
    connection; afterwards the settings of its session are what they were (but for custom ones, such as ``app.user``,
    which the server does not list). It is never closed. The runner's lock is held on a second connection, made with
    the same parameters, or from ``url`` where that is given as well.

    Reads the configuration when made (raises ConfigError); connects only where a method needs it. With ``offline``
    nothing that only a connection needs is read, and only ``new`` and ``check(offline=True)`` can be used.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        directory: Folder | Sequence[Folder] = (),
        migrations: Iterable[Migration] | None = None,
        connection: Connection | None = None,
        env: str | None = None,
        config: Path | str | None = None,
        offline: bool = False,
        listener: Listener = silent,
    ) -> None:
        folders = _folders(directory)
        origin = _origin(folders, migrations)
        target = url
        if connection is not None and url is None:
            from sqlmig.borrowed import conninfo_of

            target = conninfo_of(connection)
        places = () if origin is not None else [Path(str(folder)) for folder in folders]
        file = Path(config) if config is not None else None
        settings = configuration.load(env=env, url=target, directories=places, config=file, connect=not offline)
        if connection is not None:
            settings = replace(settings, target=replace(settings.target, source="the connection that was passed in"))
        self._place = Workplace(settings, listener, origin, connection)

    @classmethod
    def of(cls, settings: Environment, listener: Listener, opening: Opening | None = None) -> Project:
        """With settings that were read before, and a connection to their target that was begun before."""
        project = cls.__new__(cls)
        project._place = Workplace(settings, listener, opening=opening)
        return project

    @property
    def environment(self) -> Environment:
        """The settings that count here."""
        return self._place.environment

    def status(self) -> StatusResult:
        """How every migration stands. Writes nothing, and needs no more than to connect."""
        from sqlmig.actions import looking

        return looking.status(self._place)

    def plan(
        self,
        goal: Goal | None = None,
        *,
        strict: bool = False,
        wait: float = 0,
        locks: bool = False,
        **options: Unpack[ShadowOptions],
    ) -> RunResult:
        """What ``apply`` (or another goal) would do; its ``plan`` is the object that would be executed.

        ``locks`` adds to each step what it locks, rewrites and builds, as seen on a shadow.

        Writes nothing. Raises CheckFailed or FilesInvalid where ``apply`` would refuse, with the plan in ``result``.
        """
        from sqlmig.actions import running

        goal = goal or Apply()
        return running.preview(self._place, goal, strict=strict, wait=wait, locks=locks, **options)

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

    def fresh(self, **options: Unpack[FreshOptions]) -> RunResult:
        """Drop every object of the database, and apply everything. Refused in a protected environment.

        The log survives. A failure to drop leaves everything as it was; one to apply, what ``apply`` leaves.
        """
        from sqlmig.actions import running

        return running.fresh(self._place, **options)

    def _run(self, command: str, goal: Goal, **options: Unpack[ApplyOptions]) -> RunResult:
        from sqlmig.actions import running

        return running.run(self._place, command, goal, **options)

    def check(
        self,
        *,
        offline: bool = False,
        pending_ok: bool = False,
        strict: bool = False,
        rehearse: bool = False,
        **options: Unpack[ShadowOptions],
    ) -> CheckResult:
        """Every finding about files and, unless offline, history; with ``rehearse`` each pending down is proven too.

        Writes nothing to the target.
        """
        from sqlmig.actions import looking

        flags = {"offline": offline, "pending_ok": pending_ok, "strict": strict, "rehearse": rehearse}
        return looking.check(self._place, **flags, **options)

    def rehearse(self, names: Sequence[str] = (), **options: Unpack[RehearsalOptions]) -> RehearsalResult:
        """Prove each pending, or named, migration on a shadow: up, down, and up again. Writes nothing to the target.

        What is not proven is in the result, whose ``exit_code`` is 3 then. Raises FilesInvalid where a file must not
        run, UsageError for a name that fits none or a shadow that must not be used, NoServer without a place for one.
        """
        from sqlmig.actions import proving

        return proving.rehearse(self._place, names, **options)

    def drift(self, *, shadow_url: str | None = None) -> DriftResult:
        """What differs between the database and what its migrations left. Writes nothing."""
        from sqlmig.actions import comparing

        return comparing.drift(self._place, shadow_url=shadow_url)

    def accept_drift(self, *, yes: bool = False) -> DriftResult:
        """Make the present schema what is known, and log it. Raises ConfirmationRequired."""
        from sqlmig.actions import comparing

        return comparing.accept_drift(self._place, yes=yes)

    def dump(self, *, sql: bool = False, check: Path | None = None) -> DumpResult:
        """The schema as text, compared with a file where one is given. Raises NoServer without a pg_dump that fits."""
        from sqlmig.actions import comparing

        return comparing.dump(self._place, sql=sql, check=check)

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

    def write_sums(self) -> SumResult:
        """Write sqlmig.sum into each folder of migrations, which then has to list them all. Needs no database."""
        from sqlmig.actions import branching

        return branching.write_sums(self._place)

    def renumber(
        self, names: Sequence[str] = (), *, onto: str | None = None, offline: bool = False, dry_run: bool = False
    ) -> RenumberResult:
        """Move migrations behind those that they met: the ones named, those that ``onto`` (a commit for git) lacks, or
        those that share a version or are out of order.

        Files alone are changed: all of them, or none. ``offline`` asks no database. Raises CheckFailed where one of
        them is applied, UsageError where it cannot be told which of two has to move.
        """
        from sqlmig.actions import branching

        return branching.renumber(self._place, names, onto=onto, offline=offline, dry_run=dry_run)

    def baseline(self, version: int, *, yes: bool = False) -> BaselineResult:
        """Record everything up to a version as applied without running it. Raises UsageError without that version."""
        from sqlmig.actions import recording

        return recording.baseline(self._place, version, yes=yes)

    def new(
        self,
        name: str,
        *,
        timestamp: bool = False,
        transaction: bool = True,
        template: str | None = None,
        values: Mapping[str, str] | None = None,
    ) -> NewResult:
        """Write the next pair of files. Raises UsageError for a name that makes none; never writes over a file.

        With a template they are written from it and its keys' ``values``; raises UsageError for one that is missing or
        can be none. Only a template that reads the database connects to it.
        """
        from sqlmig.actions import making

        texts = None
        if template is not None:
            from sqlmig.actions import templating

            texts = templating.texts(self._place, template, " ".join(name.split()), values or {})
        return making.new(self._place, name, timestamp=timestamp, transaction=transaction, texts=texts)

    def seed_run(self, names: Sequence[str] = (), **options: Unpack[RunOptions]) -> RunResult:
        """Run seeds, all of them or these, in order of name, each in one transaction. Raises like ``apply``."""
        from sqlmig.actions import seeding

        return seeding.run(self._place, tuple(names), **options)

    def seed_new(self, name: str, *, only: str | None = None) -> SeedFileResult:
        """Write a seed to begin with, for all environments or ``only`` for one; never writes over a file."""
        from sqlmig.actions import seeding

        return seeding.new(self._place, name, only)

    def templates(self) -> TemplatesResult:
        """All templates by name, the project's own among them. Raises FileError for one that cannot be used."""
        from sqlmig.actions import templating

        return templating.listed(self._place)

    def template(self, name: str) -> Template:
        """One template: what it needs to know. Raises UsageError where there is none of this name."""
        from sqlmig.actions import templating

        return templating.find(self._place, name)

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


def _folders(directory: Folder | Sequence[Folder]) -> Sequence[Folder]:
    return directory if isinstance(directory, Sequence) and not isinstance(directory, str) else (directory,)


def _origin(folders: Sequence[Folder], migrations: Iterable[Migration] | None) -> Callable[[], Discovery] | None:
    """What finds the migrations; None where they are files in folders on disk."""
    if migrations is not None and folders:
        raise UsageError("directory and migrations contradict each other; give one of them")
    if migrations is None and all(isinstance(folder, str | os.PathLike) for folder in folders):
        return None
    from sqlmig import resources

    if migrations is not None:
        found = resources.given(migrations)
        return lambda: found
    places = [Path(folder) if isinstance(folder, str) else folder for folder in folders]
    return lambda: resources.discover_resources(places)


@overload
def require_current(
    connection: Connection,
    *,
    directory: Folder | Sequence[Folder] = (),
    migrations: Iterable[Migration] | None = None,
    env: str | None = None,
    config: Path | str | None = None,
) -> None: ...


@overload
def require_current(
    connection: AsyncConnection,
    *,
    directory: Folder | Sequence[Folder] = (),
    migrations: Iterable[Migration] | None = None,
    env: str | None = None,
    config: Path | str | None = None,
) -> Coroutine[Any, Any, None]: ...


def require_current(connection: Connection | AsyncConnection, **where: Any) -> Coroutine[Any, Any, None] | None:
    """For an application's start: raise CheckFailed, naming what is not applied, unless all migrations are.

    One round trip on the caller's connection, which may be in a transaction and stays as it is; on a connection of
    asyncio's the check is awaited. What is applied beyond these migrations is none of its business: an older release
    starts beside a newer one. Raises MissingPrivilege, with the GRANT, where the role may not read the history.
    """
    from sqlmig.actions import requiring

    return requiring.require_current(lambda: Project(offline=True, **where)._place, connection)


def init(folder: Path) -> InitResult:
    """Write sqlmig.toml and the folder for migrations. What is there already is kept."""
    from sqlmig.actions import making

    return making.init(folder)
