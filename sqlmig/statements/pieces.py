"""What a script is cut into: pieces that, joined, are the script again.

They are named tuples because a file has many of them: a frozen dataclass takes three times as long to make.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlmig.statements import kinds, rules
from sqlmig.statements.lines import after
from sqlmig.statements.rules import TransactionRule

_BLANK = frozenset(("\n", "\n\n", "\n\n\n"))
"""What stands between most statements."""


class Directive(NamedTuple):
    """A ``-- sqlmig:`` line comment, wherever one stands outside literals, quoted names and dollar-quoted bodies."""

    text: str
    """What stands after the colon, without white space around it."""
    line: int
    column: int


class Gap(NamedTuple):
    """White space and comments between statements; also a byte order mark and pg_dump's ``\\restrict`` lines."""

    text: str
    start: int
    end: int
    line: int
    column: int
    directives: tuple[Directive, ...] = ()


class Statement(NamedTuple):
    """The exact slice of the script that is sent: ``source[start:end] == text``, its ``;`` included where it has one.

    Lines and columns count from 1, in characters, a tab being one. ``\\n``, ``\\r\\n`` and ``\\r`` end a line.
    What is said beyond its place is looked up when asked for.
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
        return str(kinds.kind_of(self.text))

    @property
    def command(self) -> str:
        """The command words alone, in capitals: ``CREATE INDEX CONCURRENTLY``."""
        return kinds.kind_of(self.text).command

    @property
    def is_empty(self) -> bool:
        """Whether it is a lone ``;``, for which the server gives no result inside a message of several statements."""
        return self.text == ";"

    @property
    def is_plain(self) -> bool:
        """Whether it is certainly no transaction control, no COPY, and changes nothing in how later text is read.

        Most statements of a long script are; asking costs a tenth of asking for each of these things.
        """
        return rules.is_plain(self.text)

    @property
    def transaction(self) -> TransactionRule:
        """How it gets on with a transaction around it."""
        return rules.transaction_rule(self.text)

    @property
    def outside_reason(self) -> str | None:
        """What the server calls it when it refuses it in a transaction; None if it can run in one."""
        return rules.outside_reason(self.text)

    @property
    def copy(self) -> str | None:
        """``in`` for COPY FROM STDIN, whose data follow in the script, ``out`` for COPY TO STDOUT."""
        return rules.copy_direction(self.text)

    @property
    def index(self) -> str | None:  # type: ignore[override]  # nobody asks a statement for the place of an item
        """The index that a CREATE, DROP or REINDEX INDEX CONCURRENTLY names, as it is written."""
        kind = self._concurrent_kind()
        return kind.name or None if kind and "INDEX" in kind.command.split() else None

    @property
    def index_table(self) -> str | None:
        """The table that a CREATE INDEX or REINDEX TABLE CONCURRENTLY names, as it is written."""
        kind = self._concurrent_kind()
        return kind.table or None if kind else None

    @property
    def changes_session(self) -> bool:
        """Whether it can change how later text is read: a message with several statements must end after it."""
        return rules.changes_session(self.text)

    def _concurrent_kind(self) -> kinds.Kind | None:
        if rules.first_word(self.text) not in ("CREATE", "DROP", "REINDEX") or not self.outside_reason:
            return None
        return kinds.kind_of(self.text)


class Run(NamedTuple):
    """Statements in a row that are cut without care, and the gaps before them; no directive is in any of them."""

    found: list[tuple[str, str, str]]
    """Gap and statement of each, and something that does not matter."""
    start: int
    line: int
    column: int
    has_lone_returns: bool
    """Whether a ``\\r`` that no ``\\n`` follows may be in it."""

    @property
    def text(self) -> str:
        return "".join([gap + body for gap, body, _ in self.found])

    @property
    def pieces(self) -> Iterator[Piece]:
        """What ``scan`` gives for them."""
        return self.cut(everything=True)

    @property
    def statements(self) -> Iterator[Statement]:
        """The statements among them."""
        return self.cut(everything=False)  # type: ignore[return-value]  # only statements are left

    @property
    def is_plain(self) -> bool:
        """Whether all of its statements are."""
        return all(rules.is_plain(body) for _, body, _ in self.found)

    def cut(self, *, everything: bool) -> Iterator[Piece]:
        """The same, or the statements alone. Every step here counts."""
        found, start, line, column, has_lone_returns = self
        new = tuple.__new__
        for gap, body, _ in found:
            end = start + len(gap)
            if everything and gap:
                yield new(Gap, (gap, start, end, line, column, ()))
            if gap in _BLANK:
                line, column = line + len(gap), 1
            elif has_lone_returns:
                line, column = after(gap, 0, len(gap), line, column)
            elif "\n" in gap:
                line, column = line + gap.count("\n"), len(gap) - gap.rfind("\n")
            else:
                column += len(gap)
            start, end = end, end + len(body)
            yield new(Statement, (body, start, end, line, column, ()))
            if has_lone_returns:
                line, column = after(body, 0, len(body), line, column)
            elif "\n" in body:
                line, column = line + body.count("\n"), len(body) - body.rfind("\n")
            else:
                column += len(body)
            start = end


class CopyData(NamedTuple):
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


Part = Piece | Run


def in_pieces(parts: Iterable[Part]) -> Iterator[Piece]:
    """With the runs among them cut up."""
    for part in parts:
        if isinstance(part, Run):
            yield from part.pieces
        else:
            yield part
