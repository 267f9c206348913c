"""A look at all the pieces of a script: what it consists of, and what of it must not run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlmig import statements
from sqlmig.errors import Place, Problem
from sqlmig.script.assertion import Assertion
from sqlmig.script.behind import Behind
from sqlmig.script.header import PLAIN
from sqlmig.script.repeat import Repeat
from sqlmig.statements import CopyData, Directive, Part, Piece, Run, Statement, TransactionRule


class Look:
    """What was found so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.header = PLAIN
        self.directives: list[Directive] = []
        """Those of the header."""
        self.follows = Behind(file)
        """Those behind it."""
        self.count = 0
        """Statements that are sent."""
        self.size = 0
        """Characters."""
        self.problems: list[Problem] = []
        self.kept: list[Part] | None = None
        """All pieces, where somebody wants them again."""
        self._in_head = True

    @property
    def behind(self) -> tuple[Assertion | Repeat, ...]:
        return (*self.follows.ensures, *self.follows.repeats)

    def at(self, pieces: Iterable[Part], *, whole: bool) -> None:
        """Take all of them; ``whole`` says that no directive of the header is in doubt. Raises what they raise."""
        self.follows.transaction = self.header.transaction and whole
        for piece in pieces:
            if self.kept is not None:
                self.kept.append(piece)
            if not isinstance(piece, Run):
                self._take(piece, whole)
            elif self.follows.waiting:
                for part in piece.pieces:
                    self._take(part, whole)
            else:
                self._take_run(piece, whole)
        self.follows.end()

    def _take_run(self, run: Run, whole: bool) -> None:
        self._in_head = False
        bodies = [body for _, body, _ in run.found]
        self.size += sum(map(len, bodies)) + sum(len(gap) for gap, _, _ in run.found)
        self.count += len(bodies) - bodies.count(";")
        if not all(map(statements.runs_anywhere, bodies)):
            for piece in run.pieces:
                if isinstance(piece, Statement):
                    self.problems.extend(self._objections(piece, whole))

    def _take(self, piece: Piece, whole: bool) -> None:
        self.size += len(piece.text)
        if isinstance(piece, Statement):
            self._in_head = False
            if not piece.is_empty:
                self.count += 1
            if not piece.is_plain:
                self.problems.extend(self._objections(piece, whole))
        if isinstance(piece, CopyData) or not (piece.directives or self.follows.waiting):
            return
        if self._in_head:
            self.directives.extend(piece.directives)
        self.follows.follow(piece, self.count, in_head=self._in_head)

    def _objections(self, statement: Statement, whole: bool) -> Iterator[Problem]:
        rule, together = statement.transaction, self.header.transaction
        if rule is TransactionRule.INSIDE:
            return
        place = Place(self.file, statement.line, statement.column)
        if rule is TransactionRule.ENDS and together:
            yield Problem(
                "transaction_control",
                f"{statement.command} would end the transaction that sqlmig keeps around this file",
                place,
                next_step="remove it: each migration runs in one transaction anyway",
            )
        elif rule in (TransactionRule.ENDS, TransactionRule.SAVEPOINT) and not self.header.transaction:
            yield Problem(
                "transaction_control",
                f"{statement.command} cannot be used under no-transaction, where each statement commits by itself",
                place,
                next_step="remove it, or remove -- sqlmig: no-transaction",
            )
        elif rule is TransactionRule.OUTSIDE and together and whole:
            yield Problem(
                "needs_no_transaction",
                f"{statement.outside_reason} cannot run inside a transaction",
                place,
                next_step="add this line at the top of the file: -- sqlmig: no-transaction",
            )
