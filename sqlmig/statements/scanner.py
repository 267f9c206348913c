"""Cuts a script into pieces, exactly where psql and the server would."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sqlmig.errors import Place, ScriptError
from sqlmig.statements import boundaries
from sqlmig.statements.boundaries import UNKNOWN, Unreadable
from sqlmig.statements.copying import data_end, line_end, part_end
from sqlmig.statements.lexer import simple_statement_pattern, token_at, token_end
from sqlmig.statements.lines import LINE_BREAK, after, line_around
from sqlmig.statements.pieces import CopyData, Directive, Gap, Part, Piece, Run, Statement
from sqlmig.statements.psql import RESTRICT
from sqlmig.statements.rules import copies_binary, copy_direction
from sqlmig.statements.session import StandardStrings

_MARK = "\ufeff"
_WINDOW = 1 << 16
"""How much text is cut in one go. Pieces of that much wait at most."""
_SHORT = 2048
"""A rest that is cut by code alone, as long as that is less work than compiling the pattern for simple statements."""
_WORTH_COMPILING = 150
"""Statements that are cut by code in the time in which that pattern is compiled."""
_DATA = 1 << 18
"""The longest part of COPY data that is handed over at once."""
_LONGEST_LINE = 4096
"""How much of an unfinished line is kept for the excerpt of an error, when a stream is read."""

SETTING = re.compile("_[cC][oO][nN][fF][oO][rR][mM][iI][nN][gG]_")
_DIRECTIVE = re.compile(r"--[ \t]*[sS][qQ][lL][mM][iI][gG][ \t]*:([^\n\r]*)")


def scan(
    source: str | Iterable[str], *, standard_conforming_strings: bool = True, in_transaction: bool = True
) -> Iterator[Piece]:
    """The pieces of a script, in order. Joined, they are the script: nothing is dropped and nothing is added.

    The source is a text, or its parts in any sizes; of a stream no more is held than the longest statement, and of
    COPY data a part at a time. A COPY FROM STDIN is followed by a Gap, the rest of its line, and by at least one
    CopyData. ``standard_conforming_strings`` is the setting when the script begins, ``in_transaction`` says whether
    it will run in a transaction of sqlmig's (SET LOCAL has no effect outside of one).

    Raises ScriptError, with a place whose file is empty, when the trouble is reached: a NUL character, a literal,
    name or comment that is never closed, a command of psql's, text behind COPY ... FROM STDIN; on its line.
    """
    scanner = Scanner(source, standard_conforming_strings=standard_conforming_strings, in_transaction=in_transaction)
    return scanner.pieces(everything=True)


def split(
    source: str | Iterable[str], *, standard_conforming_strings: bool = True, in_transaction: bool = True
) -> Iterator[Statement]:
    """The statements of a script alone, without gaps and COPY data. Otherwise as ``scan``."""
    scanner = Scanner(source, standard_conforming_strings=standard_conforming_strings, in_transaction=in_transaction)
    return scanner.pieces(everything=False)  # type: ignore[return-value]  # only statements are left


def scan_in_runs(source: str | Iterable[str], *, in_transaction: bool = True) -> Iterator[Part]:
    """As ``scan``, with most statements in runs: for whoever looks closely at few of them. Takes half the time."""
    return Scanner(source, in_transaction=in_transaction).pieces_and_runs()


class Scanner:
    """Reads a source through a window: ``text`` begins at ``base`` in the source and is cut up to ``at``."""

    cut_by_code = 0
    """Statements, of all scripts: of many short ones the pattern is worth compiling as well."""

    def __init__(
        self,
        source: str | Iterable[str],
        *,
        standard_conforming_strings: bool = True,
        in_transaction: bool = True,
    ) -> None:
        self.final = isinstance(source, str)
        self.parts = iter(()) if isinstance(source, str) else iter(source)
        self.strings = StandardStrings(standard_conforming_strings, in_transaction=in_transaction)
        """What holds for the piece that was handed over last."""
        self.text = source if isinstance(source, str) else ""
        self.mark = ""
        self.base = 0
        self.at = 0
        self.line = 1
        self.column = 1
        self.has_lone_returns = False
        self.directives_end = 0
        self.follows_settings = False
        self.has_bodies = False
        self.has_atomic_bodies = False
        """Whether a statement was met that has, or may have, a body without a ``$``."""
        self.in_data = False
        """Whether the text is read for COPY data, which nobody has to look for code in."""

    def pieces(self, *, everything: bool) -> Iterator[Piece]:
        self._begin()
        while self._is_more():
            if run := self._simple_run():
                yield from run.cut(everything=everything)
            yield from self._next_pieces(everything)

    def pieces_and_runs(self) -> Iterator[Part]:
        self._begin()
        while self._is_more():
            if run := self._simple_run():
                yield run
            yield from self._next_pieces(True)

    def _begin(self) -> None:
        if self.final:
            self._look_over(0)
        else:
            self._read()

    def _is_more(self) -> bool:
        return self.at < len(self.text) or bool(self.mark) or self._read()

    def _read(self) -> bool:
        """Reads on: a window more, and at least twice as much as is not cut yet. False at the end of the source."""
        if self.final:
            return False
        to_line_start = min(self.column - 1, self.at)
        keep = self.at - to_line_start if to_line_start <= _LONGEST_LINE else self.at
        parts = [self.text[keep:]]
        wanted = max(_WINDOW, 2 * (len(self.text) - self.at))
        while wanted > 0:
            part = next(self.parts, None)
            if part is None:
                self.final = True
                break
            parts.append(part)
            wanted -= len(part)
        self.text = "".join(parts)
        self.base += keep
        self.at -= keep
        self._look_over(len(parts[0]))
        return self.at < len(self.text)

    def _look_over(self, start: int) -> None:
        if self.base == 0 and self.text.startswith(_MARK):
            self.mark, self.text, self.base = _MARK, self.text[1:], 1
        nul = self.text.find("\0", start)
        if nul >= 0:
            raise self._error(Unreadable(nul, "a NUL character: no text in PostgreSQL can hold one", "remove it"))
        self.has_lone_returns = "\r" in self.text and self.text.count("\r") != self.text.count("\r\n")
        if not self.in_data:
            self._look_over_code()

    def _look_over_code(self) -> None:
        directives = _DIRECTIVE.finditer(self.text) if "-" in self.text and "--" in self.text else ()
        self.directives_end = max((found.end() for found in directives), default=0)
        self.has_bodies = self.has_atomic_bodies or "$" in self.text
        self.follows_settings = self.follows_settings or SETTING.search(self.text) is not None

    def _simple(self) -> list[tuple[str, str, str]]:
        """Gaps and statements up to the first one that needs care: most of most scripts."""
        text, at = self.text, self.at
        if self.mark or at < self.directives_end or (self.final and len(text) - at < _SHORT and self._is_little()):
            return []
        pattern = simple_statement_pattern(self.strings.on, self.follows_settings, self.has_bodies)
        found = pattern.findall(text, at, min(at + _WINDOW, len(text)))
        while found and not found[-1][1]:
            found.pop()
        return found

    def _is_little(self) -> bool:
        return self.has_bodies or Scanner.cut_by_code < _WORTH_COMPILING

    def _simple_run(self) -> Run | None:
        found = self._simple()
        if not found:
            return None
        run = Run(found, self.base + self.at, self.line, self.column, self.has_lone_returns)
        self._move(self.at + sum(len(gap) + len(body) for gap, body, _ in found))
        return run

    def _next_pieces(self, everything: bool) -> Iterator[Piece]:
        """One gap and one statement with its data, whatever they are."""
        try:
            end = self._gap_end()
            if end > self.at or self.mark:
                gap = self._take_gap(end)
                if everything:
                    yield gap
            if self.at == len(self.text):
                return
            end, ended = self._statement_end()
            statement = self._take_statement(end)
        except Unreadable as trouble:
            raise self._error(trouble) from None
        yield statement
        if copy_direction(statement.text) == "in":
            yield from self._copy_data(everything, ended=ended)
        elif self.follows_settings:
            self.strings.follow(statement.text)

    def _gap_end(self) -> int:
        while True:
            end = self._gap_end_in_text()
            if end != UNKNOWN:
                return end
            self._read()

    def _gap_end_in_text(self) -> int:
        end = self.at
        while True:
            end = boundaries.gap_end(self.text, end, final=self.final)
            if end == UNKNOWN or not self.text.startswith("\\", end):
                return UNKNOWN if not self.final and end >= len(self.text) - 1 else end
            if not self.final and not LINE_BREAK.search(self.text, end):
                return UNKNOWN
            restricting = RESTRICT.match(self.text, end)
            if not restricting:
                return end
            end = restricting.end()

    def _statement_end(self) -> tuple[int, bool]:
        """Where the statement ends, and whether a ``;`` ends it or the source."""
        while True:
            end = boundaries.statement_end(self.text, self.at, self.strings.on, final=self.final)
            if end != UNKNOWN:
                return end, True
            if self.final:
                return boundaries.last_token_end(self.text, self.at, self.strings.on), False
            self._read()

    def _take_gap(self, end: int) -> Gap:
        text = self.text[self.at : end]
        start = self.base + self.at - len(self.mark)
        gap = Gap(self.mark + text, start, self.base + end, self.line, self.column, self._directives(text))
        self.mark = ""
        self._move(end)
        return gap

    def _take_statement(self, end: int) -> Statement:
        text = self.text[self.at : end]
        if copy_direction(text) == "in" and copies_binary(text):
            raise Unreadable(
                self.at, "the binary data of a COPY cannot stand in a script", "use the text or CSV format"
            )
        Scanner.cut_by_code += 1
        if not self.has_bodies and text[:6].upper() == "CREATE" and "ATOMIC" in text.upper():
            self.has_bodies = self.has_atomic_bodies = True
        start = self.base + self.at
        statement = Statement(text, start, start + len(text), self.line, self.column, self._directives(text))
        self._move(end)
        return statement

    def _move(self, end: int) -> None:
        self.line, self.column = after(self.text, self.at, end, self.line, self.column)
        self.at = end

    def _directives(self, text: str) -> tuple[Directive, ...]:
        if self.at >= self.directives_end or not _DIRECTIVE.search(text):
            return ()
        found = []
        at = known = 0
        place = self.line, self.column
        while at < len(text):
            match = token_at(text, at, self.strings.on)
            directive = match.lastgroup == "line" and _DIRECTIVE.match(match[0])
            if directive:
                place, known = after(text, known, at, *place), at
                found.append(Directive(directive[1].strip(), *place))
            at = token_end(text, match)
        return tuple(found)

    def _error(self, trouble: Unreadable) -> ScriptError:
        at = trouble.at
        while not self.final and not LINE_BREAK.search(self.text, at) and len(self.text) - at < _LONGEST_LINE:
            base = self.base
            self._read()
            at += base - self.base
        line, column = after(self.text, self.at, at, self.line, self.column)
        begin, end = line_around(self.text, at)
        excerpt = self.text[begin:end] if at - begin == column - 1 else None
        return ScriptError(trouble.message, place=Place("", line, column, excerpt), next_step=trouble.next_step)

    def _copy_data(self, everything: bool, *, ended: bool) -> Iterator[Piece]:
        if not ended:
            yield from self._data_parts(self.at, everything, last=True)
            return
        end = self._end_of_line()
        with_returns = self.text.endswith("\r", self.at, end)
        if end > self.at:
            gap = self._take_gap(end)
            if everything:
                yield gap
        begins_line = True
        while True:
            end, block_end = data_end(
                self.text, self.at, begins_line=begins_line, with_returns=with_returns, final=self.final
            )
            ends_with_file = self.final and block_end == UNKNOWN
            begins_line = begins_line if end == self.at else self.text[end - 1] in ("\n\r" if with_returns else "\n")
            yield from self._data_parts(end, everything, last=ends_with_file)
            if block_end != UNKNOWN:
                piece = self._take_data(block_end, data="", last=True)
                if everything:
                    yield piece
            if block_end != UNKNOWN or ends_with_file:
                break
            self.in_data = True
            self._read()
        if self.in_data:
            self.in_data = False
            self._look_over_code()

    def _end_of_line(self) -> int:
        while True:
            try:
                end = line_end(self.text, self.at, final=self.final)
            except Unreadable as trouble:
                raise self._error(trouble) from None
            if end != UNKNOWN:
                return end
            self._read()

    def _data_parts(self, end: int, everything: bool, *, last: bool) -> Iterator[CopyData]:
        if not everything:
            self._move(end)
        while everything and (self.at < end or last):
            cut = part_end(self.text, self.at, end, _DATA)
            text = self.text[self.at : cut]
            yield self._take_data(cut, data=text, last=last and cut == end)
            last = last and cut < end

    def _take_data(self, end: int, *, data: str, last: bool) -> CopyData:
        text = data or self.text[self.at : end]
        start = self.base + self.at
        piece = CopyData(text, start, start + len(text), self.line, self.column, data, last)
        self._move(end)
        return piece
