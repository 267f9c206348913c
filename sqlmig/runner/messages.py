"""Messages: pieces of SQL that travel together, and which of them failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

from sqlmig.database import Reply, Session
from sqlmig.errors import ConnectionLost, DatabaseError, ServerReport
from sqlmig.plan import Step
from sqlmig.script import Assertion
from sqlmig.statements import CopyData, Run, Statement


class Piece(NamedTuple):
    """One statement on its way: a migration's own, with its number in the script, or one or more of ours."""

    text: str
    step: Step
    statement: Statement | None = None
    number: int = 0
    note: str = ""
    """Which of ours: ``begin``, ``constraints``, ``guard``, ``record``, ``commit``."""
    assertion: Assertion | None = None
    """What a piece of ours asks for that the script requires or ensures."""
    replies: int = 1
    """How many statements it is."""
    run: Run | None = None
    """A script's own statements, the first of which has the number: they are told apart when one of them fails."""

    @classmethod
    def of_run(cls, run: Run, step: Step, number: int) -> Piece:
        bodies = [body for _, body, _ in run.found]
        return cls("\n".join(bodies), step, None, number, replies=len(bodies), run=run)

    @property
    def apart(self) -> list[Piece]:
        """Itself, or a piece for each statement of its run."""
        if self.run is None:
            return [self]
        return [
            Piece(statement.text, self.step, statement, number)
            for number, statement in enumerate(self.run.statements, self.number)
        ]


class PieceFailed(Exception):
    """The server refused one piece; everything before it in its message was run, nothing behind it."""

    def __init__(self, piece: Piece, report: ServerReport, position: int | None) -> None:
        super().__init__(report.message)
        self.piece = piece
        self.report = report
        self.position = position
        """In characters from 1 within the piece."""


class ParsedTooEarly(Exception):
    """Nothing of a message ran, since the server parses all of it first and one piece does not parse.

    ``piece`` is that one, where the server gave its position: what stands before it has to be sent before it.
    """

    def __init__(self, pieces: list[Piece], piece: Piece | None) -> None:
        super().__init__("a message was refused as a whole")
        self.pieces = pieces
        self.piece = piece


HEARD = ("", "begin", "record", "commit")
"""Notes of pieces whose replies say something beside that they are done: those of a script's own have none."""

HEED_EVERY = 1 << 15
"""Characters that are queued, at most, before we look again what the server has answered."""

EARLY = 150_000
"""Characters that are sent to a server that has nothing to do, though more would fit into the message."""

NEARBY = 0.005
"""Seconds of a round trip: to make as much ready takes longer, so that it is worth a message of its own."""


class Sender:
    """Collects pieces and sends them, as many at a time as ``size`` characters hold.

    While the server works on one message the next is collected; a server nearby does not wait until that is full. An
    error of the message under way is raised by whichever method notices it; then nothing that was queued behind it was
    sent.
    """

    def __init__(self, session: Session, size: int, on_reply: Callable[[Piece, Reply], None]) -> None:
        self.session = session
        self.size = size
        self.on_reply = on_reply
        self.pieces: list[Piece] = []
        self.length = 0
        self.unheeded = 0
        """Characters queued since we last looked what the server has answered."""
        self.flight: list[Piece] = []
        """The pieces of the message under way."""
        self.done = 0
        """How many pieces of the message under way are answered."""
        self.awaited = 0
        """How many more replies the next of them has to get."""
        self.current: Piece | None = None
        """The piece whose reply is awaited: what a notice belongs to."""
        self.before_send: Callable[[Piece], None] = lambda piece: None
        self.tells_each = True
        """Whether the reply to each statement of a run is handed over, or only that to the last."""

    def add(self, piece: Piece) -> None:
        """Queue a piece; sends what is queued before it where both are too long together. Raises like ``flush``."""
        length = len(piece.text)
        if self.pieces and self.length + length > self.size:
            self._send()
        self.pieces.append(piece)
        self.length += length + 2
        self.unheeded += length
        if self.unheeded > HEED_EVERY:
            self.unheeded = 0
            self._heed(wait=False)
            if self.length > EARLY and not self.flight and self.session.round_trip < NEARBY:
                self._send()

    def drop(self) -> None:
        """Forget what is queued and what is under way: the caller sees to it that the server does, too."""
        self.pieces, self.length, self.flight = [], 0, []

    def flush(self) -> None:
        """Send what is queued and hand over each reply.

        Raises PieceFailed or ParsedTooEarly, and ConnectionLost; the rest of the message did not run.
        """
        self._send()
        self._heed(wait=True)

    def finish(self) -> None:
        """Hand over the replies to the message under way, and forget what is queued. Raises like ``flush``."""
        self.pieces, self.length = [], 0
        self.session.settle()
        self._heed(wait=True)

    def copy(self, piece: Piece, data: Iterable[str]) -> None:
        """Send COPY ... FROM STDIN and its data. Raises like ``flush``."""
        self.flush()
        self.before_send(piece)
        self.current = piece
        try:
            reply = self.session.copy_in(piece.text, data)
        except ConnectionLost:
            raise
        except DatabaseError as error:
            report = error.server or ServerReport(error.message)
            raise PieceFailed(piece, report, report.position) from None
        self.on_reply(piece, reply)
        self.current = None

    def _send(self) -> None:
        """Send what is queued, once the message before it has ended."""
        self._heed(wait=True)
        self.session.settle()
        while self.pieces:
            pieces, self.pieces = self._divided()
            self.length = sum(len(piece.text) + 2 for piece in self.pieces)
            self.before_send(pieces[0])
            self.flight, self.done, self.current, self.awaited = pieces, 0, pieces[0], pieces[0].replies
            self.session.send("".join(map(_ended, pieces)))
            if self.pieces:
                self._heed(wait=True)

    def _divided(self) -> tuple[list[Piece], list[Piece]]:
        """What is queued, up to our first record or the next part, where those would not be read as they are meant."""
        if not self.session.reads_plainly:
            for index, piece in enumerate(self.pieces):
                if index and piece.note in ("record", "part"):
                    return self.pieces[:index], self.pieces[index:]
        return self.pieces, []

    def _heed(self, *, wait: bool) -> None:
        """Hand over the replies to the message under way: all of them, or those that have come."""
        pieces = self.flight
        if not pieces:
            return
        try:
            for reply in self.session.replies(wait=wait):
                self._hand_over(pieces[self.done], reply)
                self._pass_over()
        except ConnectionLost:
            raise
        except DatabaseError as error:
            report = error.server or ServerReport(error.message)
            self.flight = []
            nothing_ran = self.done == 0 and self.awaited == pieces[0].replies
            before, rest = _apart(pieces[: self.done]), _apart(pieces[self.done :])
            answered = self.current.replies - self.awaited if self.current and self.current.run else 0
            raise _failure([*before, *rest], len(before) + answered, report, nothing_ran=nothing_ran) from None
        if not self.session.busy:
            self.flight = []
            if self.done != len(pieces):
                raise DatabaseError(f"the server gave results for {self.done} of {len(pieces)} pieces of a message")

    def _is_heard(self, piece: Piece) -> bool:
        """Whether somebody wants its replies."""
        return piece.note in HEARD if piece.run is None else self.tells_each

    def _hand_over(self, piece: Piece, reply: Reply) -> None:
        self.awaited -= 1
        if self.awaited == 0 or piece.run is not None:
            self.on_reply(piece, reply)
        if self.awaited == 0:
            self._advance()

    def _pass_over(self) -> None:
        """Take the replies that have come to the next pieces, up to one whose replies somebody wants."""
        while self.current is not None and not self._is_heard(self.current):
            self.awaited -= self.session.pass_over(self.awaited)
            if self.awaited:
                return
            self._advance()

    def _advance(self) -> None:
        self.done += 1
        self.current = self.flight[self.done] if self.done < len(self.flight) else None
        self.awaited = self.current.replies if self.current is not None else 0


def _ended(piece: Piece) -> str:
    """As it stands in a message."""
    return piece.text + ("\n" if piece.text.endswith(";") else "\n;")


def _apart(pieces: list[Piece]) -> list[Piece]:
    return [single for piece in pieces for single in piece.apart]


def _failure(pieces: list[Piece], done: int, report: ServerReport, *, nothing_ran: bool) -> Exception:
    if report.position is None:
        unparsed = nothing_ran and len(pieces) > 1 and pieces[0].note == "begin"
        return ParsedTooEarly(pieces, None) if unparsed else PieceFailed(_at(pieces, done), report, None)
    offset = report.position - 1
    starts = [0, *accumulate(len(_ended(piece)) for piece in pieces[:-1])]
    index = max((number for number, start in enumerate(starts) if start <= offset), default=0)
    if nothing_ran and index > 0:
        return ParsedTooEarly(pieces, pieces[index])
    return PieceFailed(_at(pieces, done), report, offset - starts[min(done, len(starts) - 1)] + 1)


def _at(pieces: list[Piece], index: int) -> Piece:
    return pieces[min(index, len(pieces) - 1)]


def copy_data(rest: Iterator[object]) -> Iterator[str]:
    """The data that follow a COPY ... FROM STDIN among the pieces of a script; takes no piece behind them."""
    for piece in rest:
        if isinstance(piece, CopyData):
            if piece.data:
                yield piece.data
            if piece.last:
                return
