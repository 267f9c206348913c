"""A proxy before a server that breaks connections where it is told to, and lets tests see what passes."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from sqlmig.embedded import Server
from sqlmig.embedded.sockets import SOCKET

TO_SERVER = "to server"
TO_CLIENT = "to client"

Watch = Callable[[str, bytes], bool]
"""Called with a direction and each whole message before it is passed on; where it is false, everything ends there."""


@dataclass
class Proxy:
    """Listens on TCP, passes everything on to a socket, and counts it.

    ``cut`` ends all connections, at once, as soon as that many bytes went in one direction; no byte more is passed on.
    ``watch`` sees each message of the protocol. Either ends connections once: those made afterwards are left alone.
    ``replace`` changes bytes on their way to the client. ``lingering`` keeps the end of the server's side from it.
    """

    target: Path
    """The socket of a server, or of what stands before one."""
    cut: dict[str, int] = field(default_factory=dict)
    watch: Watch | None = None
    replace: tuple[bytes, bytes] | None = None
    lingering: threading.Event | None = None
    passed: dict[str, int] = field(default_factory=lambda: {TO_SERVER: 0, TO_CLIENT: 0})
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _open: set[socket.socket] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def url(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{quote(user)}@127.0.0.1:{self.port}/{database}?sslmode=disable&gssencmode=disable"

    def close(self) -> None:
        """Stop listening and end every connection."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.end_all()
        for thread in self._threads:
            thread.join(timeout=10)

    def end_all(self) -> None:
        """End every connection that is open now."""
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            upstream = socket.socket(socket.AF_UNIX)
            try:
                upstream.connect(str(self.target))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open |= {client, upstream}
            thread = threading.Thread(target=self._serve, args=(client, upstream), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket, upstream: socket.socket) -> None:
        """Pass on in both directions. Closes nothing that a thread may be at: the next socket takes its number."""
        back = threading.Thread(target=self._pump, args=(upstream, client, TO_CLIENT), daemon=True)
        back.start()
        self._pump(client, upstream, TO_SERVER)
        back.join()
        with self._lock:
            for one in (client, upstream):
                self._open.remove(one)
                one.close()

    def _pump(self, source: socket.socket, sink: socket.socket, direction: str) -> None:
        with contextlib.suppress(OSError):
            for data in _messages(source, direction) if self.watch else iter(lambda: source.recv(1 << 16), b""):
                if not self._pass(data, sink, direction):
                    break
        if self.lingering is not None and direction == TO_CLIENT:
            self.lingering.wait(120)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _pass(self, data: bytes, sink: socket.socket, direction: str) -> bool:
        with self._lock:
            if self.watch and not self.watch(direction, data):
                self.watch = None
                self.end_all()
                return False
            if self.replace and direction == TO_CLIENT:
                data = data.replace(*self.replace)
            limit = self.cut.get(direction)
            allowed = data if limit is None else data[: max(limit - self.passed[direction], 0)]
            self.passed[direction] += len(allowed)
            with contextlib.suppress(OSError):
                sink.sendall(allowed)
            if len(allowed) < len(data):
                self.cut = {}
                self.end_all()
                return False
        return True


def _messages(source: socket.socket, direction: str) -> Iterator[bytes]:
    """Whole messages: PostgreSQL documentation, "Message Formats". The first one of a client has no type."""
    typed = direction == TO_CLIENT
    while True:
        head = _exactly(source, 5 if typed else 4)
        if not head:
            return
        (length,) = struct.unpack("!I", head[-4:])
        yield head + _exactly(source, length - 4)
        typed = True


def _exactly(source: socket.socket, size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        part = source.recv(size - len(parts))
        if not part:
            return b""
        parts += part
    return parts


@contextlib.contextmanager
def proxy(target: Server | Path) -> Iterator[Proxy]:
    """A proxy before a server, or before a socket, which passes everything on until told otherwise."""
    made = Proxy(target if isinstance(target, Path) else target.socket_folder / SOCKET)
    try:
        yield made
    finally:
        made.close()
