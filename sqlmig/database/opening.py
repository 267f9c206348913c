"""A connection that is opened while something else goes on."""

from __future__ import annotations

from collections.abc import Callable

from sqlmig import stopping
from sqlmig.database.session import Session


class Opening:
    """A session that a thread opens while this one goes on."""

    def __init__(self, open_session: Callable[[], Session]) -> None:
        self._future = stopping.begun(open_session)
        self._taken = False

    def session(self) -> Session:
        """The session, once it is open; from here on it is the caller's. Raises what opening it raised."""
        self._taken = True
        try:
            return stopping.result(self._future)
        except KeyboardInterrupt:
            self._discard()
            raise

    def take(self) -> Session | None:
        """The same for the first who asks; None for all others."""
        return None if self._taken else self.session()

    def close(self) -> None:
        """Close the session, now or as soon as it is open, unless it is somebody's."""
        if not self._taken:
            self._taken = True
            self._discard()

    def _discard(self) -> None:
        self._future.add_done_callback(lambda done: None if done.exception() else done.result().close())
