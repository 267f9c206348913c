"""What a script is cut into: pieces that, joined, are the script again."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmig.statements import kinds
from sqlmig.statements.kinds import TransactionRule


@dataclass(frozen=True, slots=True)
class Directive:
    """A ``-- sqlmig:`` line comment, wherever one stands outside literals, quoted names and dollar-quoted bodies."""

    text: str
    """What stands after the colon, without white space around it."""
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Gap:
    """White space and comments between statements; also a byte order mark and pg_dump's ``\\restrict`` lines."""

    text: str
    start: int
    end: int
    line: int
    column: int
    directives: tuple[Directive, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """The exact slice of the script that is sent: ``source[start:end] == text``, its ``;`` included where it has one.

    Lines and columns count from 1, in characters, a tab being one. ``\\n``, ``\\r\\n`` and ``\\r`` end a line.
    What is said about the statement beyond its place is looked up when asked for.
    """

    text: str
    start: int
    end: int
    line: int
    column: int
    directives: tuple[Directive, ...] = ()

    @property
    def kind(self) -> str:
        """The statement in a few words for people: ``CREATE INDEX users_email_idx``."""
        return kinds.describe(self.text).kind

    @property
    def command(self) -> str:
        """The command words alone, in capitals: ``CREATE INDEX CONCURRENTLY``."""
        return kinds.describe(self.text).command

    @property
    def is_empty(self) -> bool:
        """Whether it is a lone ``;``, for which the server gives no result inside a message of several statements."""
        return self.text == ";"

    @property
    def transaction(self) -> TransactionRule:
        """How it gets on with a transaction around it."""
        return kinds.describe(self.text).transaction

    @property
    def copy(self) -> str | None:
        """``in`` for COPY FROM STDIN, ``out`` for COPY TO STDOUT."""
        return kinds.describe(self.text).copy

    @property
    def index(self) -> str | None:
        """The index that a CONCURRENTLY names, as it is written; None where it names none."""
        return kinds.describe(self.text).index

    @property
    def index_table(self) -> str | None:
        """The table of a CREATE INDEX CONCURRENTLY, as it is written."""
        return kinds.describe(self.text).index_table

    @property
    def changes_session(self) -> bool:
        """Whether it can change how later text is read: a batch must end after it."""
        return kinds.describe(self.text).changes_session


@dataclass(frozen=True, slots=True)
class CopyData:
    """A part of the data of the COPY statement before it; the part that ends the block has ``last`` set."""

    text: str
    start: int
    end: int
    line: int
    column: int
    data: str
    """What goes to the server; empty for the line ``\\.`` that ends the block."""
    last: bool


Piece = Gap | Statement | CopyData
