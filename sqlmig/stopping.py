"""Stopping the work of one thread from another, as Ctrl-C stops that of the main thread."""

from __future__ import annotations

import selectors
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

GLANCE = 0.05
"""Seconds between two looks at whether to stop, where another thread is waited for."""


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


def result(future: Future[T]) -> T:
    """What another thread works out; KeyboardInterrupt where this one is told to stop before."""
    while STOPPER.order is not None and not wait([future], timeout=GLANCE).done:
        obey()
    return future.result()


def made(make: Callable[[], T], *, discard: Callable[[T], object]) -> T:
    """What ``make`` returns, though it looks at nothing while it waits.

    Where this thread is told to stop, KeyboardInterrupt: what is made all the same is discarded as soon as it is there.
    """
    if STOPPER.order is None:
        return make()
    future = begun(make)
    try:
        return result(future)
    except KeyboardInterrupt:
        future.add_done_callback(lambda done: None if done.exception() else discard(done.result()))
        raise


def begun(make: Callable[[], T]) -> Future[T]:
    """What ``make`` returns or raises, worked out by a thread of its own while this one goes on."""
    future: Future[T] = Future()
    threading.Thread(target=_fulfil, args=(future, make), daemon=True).start()
    return future


def _fulfil(future: Future[T], make: Callable[[], T]) -> None:
    try:
        future.set_result(make())
    except BaseException as error:
        future.set_exception(error)


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


class InterruptsHeld(threading.local):
    """Lets Ctrl-C and SIGTERM wait: an exception in a callback from libpq would be printed and forgotten."""

    def __enter__(self) -> None:
        if hasattr(signal, "pthread_sigmask"):
            self.before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))

    def __exit__(self, *_: object) -> None:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_SETMASK, self.before)


INTERRUPTS_HELD = InterruptsHeld()
