"""A TCP proxy in front of a server's socket that delays both directions and counts round trips."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

READY = b"Z\0\0\0\5"
"""The message with which a server ends the start-up of a connection."""


class Proxy:
    """Counts since the last ``take``. A round trip begins when a client speaks after the server did.

    What a connection needs to be opened (encryption asked for, start-up, password) and closed does not count.
    """

    def __init__(self, socket: Path, delay: float) -> None:
        self.socket = socket
        self.delay = delay
        self.port = 0
        self.connections = 0
        self.round_trips = 0
        self.loop = asyncio.new_event_loop()
        self.writers: list[asyncio.StreamWriter] = []

    def url(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{quote(user)}@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def take(self) -> tuple[int, int]:
        """Connections and round trips so far; counting begins again."""
        counted = self.connections, self.round_trips
        self.connections = self.round_trips = 0
        return counted

    async def serve(self, listening: threading.Event) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=1 << 20)
        self.port = server.sockets[0].getsockname()[1]
        listening.set()
        with suppress(asyncio.CancelledError):
            await server.serve_forever()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_unix_connection(str(self.socket), limit=1 << 20)
        self.writers += [writer, upstream_writer]
        self.connections += 1
        opened = False
        answered = False

        def from_client(data: bytes) -> None:
            nonlocal answered
            self.round_trips += opened and answered and data[:1] != b"X"
            answered = False

        def from_server(data: bytes) -> None:
            nonlocal answered, opened
            answered = True
            opened = opened or READY in data

        await asyncio.gather(
            self._pump(reader, upstream_writer, from_client), self._pump(upstream_reader, writer, from_server)
        )

    async def abort(self) -> None:
        """Cut what is still open; the loop has to go round once more for each connection to be gone."""
        for writer in self.writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Callable[[bytes], None]
    ) -> None:
        """Copy bytes in order, each ``delay`` seconds after it arrived."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        delivery = asyncio.ensure_future(self._deliver(waiting, writer))
        with suppress(ConnectionError):
            while data := await reader.read(1 << 18):
                seen(data)
                waiting.put_nowait((self.loop.time() + self.delay, data))
        waiting.put_nowait((self.loop.time() + self.delay, b""))
        with suppress(ConnectionError):
            await delivery

    async def _deliver(self, waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        while True:
            due, data = await waiting.get()
            if (remaining := due - self.loop.time()) > 0.0005:  # the loop rounds up to milliseconds
                await asyncio.sleep(remaining - 0.0005)
            if not data:
                writer.close()
                return
            writer.write(data)
            await writer.drain()


@contextmanager
def proxy(socket: Path, *, round_trip: float = 0.0) -> Iterator[Proxy]:
    """A proxy that adds ``round_trip`` seconds to each round trip, gone when the block ends."""
    made = Proxy(socket, round_trip / 2)
    listening = threading.Event()

    def run() -> None:
        asyncio.set_event_loop(made.loop)
        made.loop.run_until_complete(made.serve(listening))
        rest = asyncio.all_tasks(made.loop)
        for task in rest:
            task.cancel()
        made.loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
        made.loop.run_until_complete(made.abort())
        made.loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    listening.wait()
    try:
        yield made
    finally:
        made.loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(made.loop)])
        thread.join()
