"""Stopping the work of one thread from another, as Ctrl-C stops that of the main thread."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress


class Stopper(threading.local):
    """What this thread looks at wherever it waits; nothing where nobody can stop it."""

    order: Order | None = None


class Order:
    """Given to one thread, which obeys it once; another may call ``stop`` at any moment, more than once."""

    def __init__(self) -> None:
        self._given = threading.Event()
        self._pair: tuple[socket.socket, ...] = ()
        self.when_stopped: Callable[[], object] = lambda: None
        """What else is done to break off a wait that nobody can look at: called in a thread of its own."""

    def stop(self) -> None:
        """The thread raises KeyboardInterrupt at its next wait, or in the one that it is in. Returns at once."""
        if not self._given.is_set():
            self._given.set()
            with suppress(OSError):  # the thread is done
                for end in self._pair[1:]:
                    end.send(b"!")
            threading.Thread(target=self.when_stopped, daemon=True).start()

    @property
    def reading(self) -> socket.socket:
        """Can be read once the thread is told to stop."""
        return self._pair[0]

    def __enter__(self) -> Order:
        self._pair = socket.socketpair()
        STOPPER.order = self
        return self

    def __exit__(self, *_: object) -> None:
        STOPPER.order = None
        for end in self._pair:
            end.close()

    @property
    def given(self) -> bool:
        return self._given.is_set()

    def pause(self, seconds: float) -> None:
        self._given.wait(seconds)


STOPPER = Stopper()


def obey() -> None:
    """Raise KeyboardInterrupt where this thread was told to stop: once, so that what follows can tell how it ended."""
    order = STOPPER.order
    if order is not None and order.given:
        STOPPER.order = None
        raise KeyboardInterrupt


def pause(seconds: float) -> None:
    """Sleep, unless this thread is told to stop: then raise KeyboardInterrupt."""
    order = STOPPER.order
    (time.sleep if order is None else order.pause)(seconds)
    obey()


def watch(selector: selectors.BaseSelector) -> None:
    """Let a wait end when this thread is told to stop; ``obey`` comes next."""
    if STOPPER.order is not None:
        selector.register(STOPPER.order.reading, selectors.EVENT_READ)


class Stoppable:
    """A wait inside a library, broken off by ``act`` where this thread is told to stop."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act = act

    def __enter__(self) -> None:
        if STOPPER.order is not None:
            STOPPER.order.when_stopped = self.act
        obey()

    def __exit__(self, *_: object) -> None:
        order = STOPPER.order
        if order is not None:
            order.when_stopped = lambda: None
            obey()
