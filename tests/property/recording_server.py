"""A server that speaks just enough of PostgreSQL's protocol to write down what a client sends it."""

from __future__ import annotations

import queue
import re
import socket
import struct
import threading
from dataclasses import dataclass

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104
COPY_FROM_STDIN = re.compile(r"copy\b.*\bfrom\b[^\w'\"]+std(?:in|out)\b", re.IGNORECASE | re.DOTALL)
SET_STANDARD_STRINGS = re.compile(r"set\s+standard_conforming_strings\s*(?:=|to\s)\s*(on|off)\s*;", re.IGNORECASE)
GAP = re.compile(r"(?:\s|--[^\n\r]*)*")
COMMENT_MARK = re.compile(r"/\*|\*/")


@dataclass(frozen=True)
class Sent:
    """One message: a query as the client sent it, or all data of one COPY."""

    kind: str
    text: str


class RecordingServer:
    """Accepts one client, answers every query with success, and puts what was sent into ``messages``.

    COPY ... FROM STDIN is answered with a request for data, SET standard_conforming_strings with the news that it
    changed; a query that contains ``reset`` switches it on again.
    """

    def __init__(self, reset: str) -> None:
        self.messages: queue.Queue[Sent] = queue.Queue()
        self._reset = reset
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rb") as stream:
            self._connection = connection
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                (length,) = struct.unpack("!i", stream.read(4))
                (code,) = struct.unpack("!i", stream.read(length - 4)[:4])
                if code not in (SSL_REQUEST, GSS_REQUEST):
                    break
                connection.sendall(b"N")
            self._send((b"R", struct.pack("!i", 0)), (b"K", struct.pack("!ii", 1, 1)))
            for name, value in (("server_version", "18.0"), ("client_encoding", "UTF8"), ("server_encoding", "UTF8")):
                self._report(name, value)
            self._report("standard_conforming_strings", "on")
            self._send((b"Z", b"I"))
            while header := stream.read(5):
                kind, length = header[:1], struct.unpack("!i", header[1:])[0]
                self._answer(kind, stream.read(length - 4))

    def _answer(self, kind: bytes, payload: bytes) -> None:
        if kind == b"Q":
            query = payload[:-1].decode()
            self.messages.put(Sent("query", query))
            begin = first_word(query)
            if COPY_FROM_STDIN.match(query, begin):
                self._data = b""
                self._send((b"G", struct.pack("!bh", 0, 0)))
                return
            changed = SET_STANDARD_STRINGS.match(query, begin)
            if changed or self._reset in query:
                self._report("standard_conforming_strings", changed[1].lower() if changed else "on")
            self._send((b"C", b"DONE\0"), (b"Z", b"I"))
        elif kind == b"d":
            self._data += payload
        elif kind == b"c":
            self.messages.put(Sent("data", self._data.decode()))
            self._send((b"C", b"COPY 0\0"), (b"Z", b"I"))

    def _report(self, name: str, value: str) -> None:
        self._send((b"S", name.encode() + b"\0" + value.encode() + b"\0"))

    def _send(self, *messages: tuple[bytes, bytes]) -> None:
        self._connection.sendall(b"".join(kind + struct.pack("!i", len(body) + 4) + body for kind, body in messages))


def first_word(query: str) -> int:
    """Where a query begins behind its comments, which may be nested."""
    at = depth = 0
    while True:
        if depth == 0 and (gap := GAP.match(query, at)):
            at = gap.end()
        mark = COMMENT_MARK.search(query, at) if depth else COMMENT_MARK.match(query, at)
        if not mark or (not depth and mark[0] == "*/"):
            return at
        depth += 1 if mark[0] == "/*" else -1
        at = mark.end()
