"""The directives that stand behind the header, each by its place: before a statement, or at the end of the script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sqlmig.errors import Place, Problem, ScriptError
from sqlmig.script.assertion import ENSURE, Assertion, assertion_kind, read_assertion
from sqlmig.script.repeat import Repeat, is_repeat, objections, read_repeat
from sqlmig.statements import Directive, Gap, Statement


class Behind:
    """Follows the pieces of a script, and keeps what its directives say."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.transaction = False
        """Whether the script is one transaction, which nothing can be repeated in."""
        self.ensures: list[Assertion] = []
        self.repeats: list[Repeat] = []
        self.problems: list[Problem] = []
        self.waiting: list[Directive] = []
        """Those that stand before whatever comes next."""

    def follow(self, piece: Gap | Statement, number: int, *, in_head: bool) -> None:
        """Take the next piece; ``number`` is how many statements that are sent there are up to it.

        May be spared for a piece without directives while nothing waits.
        """
        if isinstance(piece, Gap):
            self.waiting += filter(stands_behind, piece.directives)
            if not in_head:
                self._misplaced(directive for directive in piece.directives if not stands_behind(directive))
            return
        if not piece.is_empty:
            self._before(piece, number)
        self._misplaced(piece.directives)

    def end(self) -> None:
        """There are no more pieces."""
        for directive in self.waiting:
            if assertion_kind(directive) == ENSURE:
                with self._noted():
                    self.ensures.append(read_assertion(directive, self.file))
            else:
                self._misplaced([directive])
        self.waiting = []

    def _before(self, statement: Statement, number: int) -> None:
        for directive in self.waiting:
            repeated = self.repeats[-1:] and self.repeats[-1].statement == number
            if not is_repeat(directive):
                self._misplaced([directive])
            elif repeated:
                self._told(directive, "stands here a second time", "remove one of the two")
            else:
                with self._noted():
                    self.repeats.append(read_repeat(directive, number, self.file))
                self.problems += objections(directive, statement, self.file, transaction=self.transaction)
        self.waiting = []

    def _misplaced(self, directives: Iterable[Directive]) -> None:
        for directive in directives:
            if is_repeat(directive):
                self._told(directive, "stands before no statement", "put it above the statement that it is about")
            elif assertion_kind(directive) == ENSURE:
                self._told(directive, "stands before the last statement", "move it to the end of the file")
            else:
                advice = "move it into the comments at the top of the file"
                self._told(directive, "stands after the first statement", advice)

    def _told(self, directive: Directive, what: str, advice: str) -> None:
        place = Place(self.file, directive.line, directive.column)
        message = f"-- sqlmig: {directive.text} {what}"
        self.problems.append(Problem("misplaced_directive", message, place, next_step=advice))

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except ScriptError as error:
            self.problems.append(Problem(error.code, error.message, error.place, next_step=error.next_step))


def stands_behind(directive: Directive) -> bool:
    """Whether it belongs to a statement or to the end of the script, and to no header."""
    return is_repeat(directive) or assertion_kind(directive) == ENSURE
