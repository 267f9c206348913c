"""Hashing beside other work: hashlib lets other threads go on while it is busy with much data."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

MUCH = 1 << 17
"""Bytes. To hand over less takes longer than to hash it."""


class Digest(Protocol):
    """What is fed with bytes, in order."""

    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


class Background:
    """A digest that a thread feeds: of what it was given last, one piece may still be waited for."""

    def __init__(self, digest: Digest) -> None:
        self._digest = digest
        self._fed: Future[None] | None = None

    def update(self, data: bytes) -> None:
        """Take the next bytes; returns before they are hashed where there are many."""
        self._settle()
        if len(data) < MUCH:
            self._digest.update(data)
        else:
            self._fed = _threads().submit(self._digest.update, data)

    def hexdigest(self) -> str:
        self._settle()
        return self._digest.hexdigest()

    def _settle(self) -> None:
        fed, self._fed = self._fed, None
        if fed is not None:
            fed.result()


@cache
def _threads() -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(2, thread_name_prefix="sqlmig-hash")
