"""A connection that is opened while something else goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from sqlmig import stopping
from sqlmig.database.session import Session


class Opening:
    """A session that a thread opens while this one goes on."""

    def __init__(self, open_session: Callable[[], Session]) -> None:
        self._future: Future[Session] = Future()
        self._taken = False
        threading.Thread(target=self._fulfil, args=(open_session,), daemon=True).start()

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

    def _fulfil(self, open_session: Callable[[], Session]) -> None:
        try:
            self._future.set_result(open_session())
        except Exception as error:
            self._future.set_exception(error)
