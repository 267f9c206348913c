"""``AsyncProject``: the same for asyncio. The work is done in threads, and the loop goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, Unpack

from sqlmig.api import Project, ProjectOptions
from sqlmig.events import Event, Listener
from sqlmig.threads import Workers

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 4
"""What one project does at once; more waits for its turn. Each that changes the database has two connections."""


class Calls(threading.local):
    """What a thread works for."""

    loop: asyncio.AbstractEventLoop | None = None


def awaited(
    method: Callable[Concatenate[Project, P], T],
) -> Callable[Concatenate[AsyncProject, P], Coroutine[Any, Any, T]]:
    """A method of a project, done in a thread: takes, returns and raises the same."""

    @wraps(method)
    async def call(project: AsyncProject, /, *args: P.args, **options: P.kwargs) -> T:
        return await project.call(lambda theirs: method(theirs, *args, **options))

    return call


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

    status = awaited(Project.status)
    plan = awaited(Project.plan)
    apply = awaited(Project.apply)
    rollback = awaited(Project.rollback)
    redo = awaited(Project.redo)
    refresh = awaited(Project.refresh)
    reset = awaited(Project.reset)
    switch = awaited(Project.switch)
    fresh = awaited(Project.fresh)
    check = awaited(Project.check)
    rehearse = awaited(Project.rehearse)
    drift = awaited(Project.drift)
    history = awaited(Project.history)
    repair = awaited(Project.repair)
    baseline = awaited(Project.baseline)
    seed_run = awaited(Project.seed_run)

    async def call(self, act: Callable[[Project], T]) -> T:
        """What ``act`` returns, called with the project in a thread that is stopped when the task is cancelled."""
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
