"""Work in threads for asyncio: the loop goes on, and a task that is cancelled stops its thread as Ctrl-C would."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from sqlmig.errors import Interrupted
from sqlmig.stopping import Order, obey

T = TypeVar("T")


class Workers:
    """So many threads at most; more work than that waits for its turn. They end when nobody has the value any more."""

    def __init__(self, most: int) -> None:
        self._executor = ThreadPoolExecutor(most, thread_name_prefix="sqlmig")

    async def run(self, act: Callable[[], T]) -> T:
        """What ``act`` returns in a thread of its own.

        When the task is cancelled, the statement that runs is cancelled, and CancelledError is raised after the thread
        has ended and undone what has to be undone: not before, and with the error that tells how it ended as its cause.
        """
        order = Order()
        job = self._executor.submit(_obedient, order, act)
        future = asyncio.wrap_future(job)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError as cancelled:
            if job.cancel():
                raise
            order.stop()
            while not future.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([future])
            raise cancelled from future.exception()


def _obedient(order: Order, act: Callable[[], T]) -> T:
    with order:
        try:
            obey()
            return act()
        except KeyboardInterrupt:
            raise Interrupted("interrupted") from None
