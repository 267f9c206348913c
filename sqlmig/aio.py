"""``AsyncProject``: the same for asyncio. The work is done in threads, and the loop goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar, Unpack

from sqlmig.api import Project, ProjectOptions
from sqlmig.events import Event, Listener
from sqlmig.plan import Apply, Goal, Rollback
from sqlmig.results import BaselineResult, CheckResult, HistoryResult, RepairResult, RunResult, StatusResult
from sqlmig.threads import Workers

if TYPE_CHECKING:
    from sqlmig.actions.running import ApplyOptions, FreshOptions, RunOptions

T = TypeVar("T")

THREADS = 4
"""What one project does at once; more waits for its turn. Each that changes the database has two connections."""


class Calls(threading.local):
    """What a thread works for."""

    loop: asyncio.AbstractEventLoop | None = None


class AsyncProject:
    """A ``Project`` whose methods are awaited; takes the same arguments, and its methods raise the same errors.

    Nothing is read before the first method is awaited. The listener is called in the loop, in the order of events, and
    before the method returns. A task that is cancelled gets its CancelledError when the running statement was cancelled
    and its transaction rolled back; ``__cause__`` is the ``Interrupted`` that tells what was applied before.
    """

    def __init__(self, *, listener: Listener | None = None, **arguments: Unpack[ProjectOptions]) -> None:
        self._arguments = arguments
        self._listener = listener
        self._workers = Workers(1 if arguments.get("connection") is not None else THREADS)
        self._making = threading.Lock()
        self._project: Project | None = None
        self._calls = Calls()

    async def status(self) -> StatusResult:
        return await self._call(lambda project: project.status())

    async def plan(self, goal: Goal | None = None, *, strict: bool = False, wait: float = 0) -> RunResult:
        return await self._call(lambda project: project.plan(goal, strict=strict, wait=wait))

    async def apply(self, goal: Apply | None = None, **options: Unpack[ApplyOptions]) -> RunResult:
        return await self._call(lambda project: project.apply(goal, **options))

    async def rollback(self, goal: Rollback | None = None, **options: Unpack[RunOptions]) -> RunResult:
        return await self._call(lambda project: project.rollback(goal, **options))

    async def redo(self, **options: Unpack[RunOptions]) -> RunResult:
        return await self._call(lambda project: project.redo(**options))

    async def refresh(self, **options: Unpack[RunOptions]) -> RunResult:
        return await self._call(lambda project: project.refresh(**options))

    async def reset(self, **options: Unpack[RunOptions]) -> RunResult:
        return await self._call(lambda project: project.reset(**options))

    async def fresh(self, **options: Unpack[FreshOptions]) -> RunResult:
        return await self._call(lambda project: project.fresh(**options))

    async def seed_run(self, names: Sequence[str] = (), **options: Unpack[RunOptions]) -> RunResult:
        return await self._call(lambda project: project.seed_run(names, **options))

    async def check(self, *, offline: bool = False, pending_ok: bool = False, strict: bool = False) -> CheckResult:
        return await self._call(lambda project: project.check(offline=offline, pending_ok=pending_ok, strict=strict))

    async def history(self, limit: int | None = None) -> HistoryResult:
        return await self._call(lambda project: project.history(limit))

    async def repair(
        self, names: Sequence[str] = (), *, mark: str | None = None, resume_at: int | None = None, yes: bool = False
    ) -> RepairResult:
        return await self._call(lambda project: project.repair(names, mark=mark, resume_at=resume_at, yes=yes))

    async def baseline(self, version: int, *, yes: bool = False) -> BaselineResult:
        return await self._call(lambda project: project.baseline(version, yes=yes))

    async def _call(self, act: Callable[[Project], T]) -> T:
        loop = asyncio.get_running_loop()

        def work() -> T:
            self._calls.loop = loop
            with self._making:
                self._project = self._project or Project(**self._arguments, listener=self._tell)
            return act(self._project)

        return await self._workers.run(work)

    def _tell(self, event: Event) -> None:
        if self._listener is not None and self._calls.loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._calls.loop.call_soon_threadsafe(self._listener, event)
