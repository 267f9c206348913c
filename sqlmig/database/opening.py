"""Connections that are opened while something else goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import wait

from sqlmig import stopping
from sqlmig.database.session import Session

FAR = 0.012
"""Seconds until a session is open, beyond which the server is taken to be far away."""


class Opening:
    """A session that a thread opens while this one goes on.

    Where another may be needed later, and this one takes its time, that is begun as well: it need not be waited for
    in turn then.
    """

    def __init__(self, open_session: Callable[[], Session], another: Callable[[], Session] | None = None) -> None:
        self._future = stopping.begun(open_session)
        self._taken = False
        self._another = another
        self._second: Opening | None = None
        self._one_at_a_time = threading.Lock()
        if another is not None:
            stopping.begun(self._look_how_far)

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

    def another(self) -> Opening | None:
        """The second one, begun now at the latest, for the first who asks; None for all others."""
        with self._one_at_a_time:
            self._begin_another()
            self._another, self._second, second = None, None, self._second
        return second

    def close(self) -> None:
        """Close each session, now or as soon as it is open, unless it is somebody's."""
        with self._one_at_a_time:
            self._another, second = None, self._second
        if second is not None:
            second.close()
        if not self._taken:
            self._taken = True
            self._discard()

    def _look_how_far(self) -> None:
        if not wait([self._future], timeout=FAR).done:
            with self._one_at_a_time:
                self._begin_another()

    def _begin_another(self) -> None:
        if self._another is not None and self._second is None:
            self._second = Opening(self._another)

    def _discard(self) -> None:
        self._future.add_done_callback(lambda done: None if done.exception() else done.result().close())
