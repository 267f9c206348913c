"""One direction of a migration: its text, what that says, and what in it must not run."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import field, replace
from enum import StrEnum
from functools import cached_property
from itertools import chain
from typing import TypeVar

from sqlmig import statements
from sqlmig.errors import FileError, Place, Problem, ScriptError
from sqlmig.frozen import dataclass
from sqlmig.hashing import Background, Digest
from sqlmig.script.assertion import Assertion
from sqlmig.script.behind import Behind
from sqlmig.script.checksum import CHECKSUM_ALGORITHM, Checksum, RawDigest, raw_checksum, sql_checksum
from sqlmig.script.header import PLAIN, Header, read_header
from sqlmig.script.look import Look
from sqlmig.script.repeat import Repeat
from sqlmig.script.shelf import Shelf
from sqlmig.script.source import Source

CHUNK = 1 << 20
"""Bytes read at a time. Memory does not grow with a file."""

SHORT = 1 << 16
"""Bytes of a file: a shorter one is read in one go for its checksum."""

DIRECTIVE_NAME = "sqlmig"
"""What a text without any directive does not contain."""

BOM = "\ufeff"
"""The byte order mark: no part of the text where it begins a file."""

UNKNOWN = Checksum("")
"""That of a file that cannot be read."""

P = TypeVar("P")


class Direction(StrEnum):
    """Which of a migration's two scripts."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True)
class Survey:
    """What a whole reading of a script found: made before anything runs."""

    header: Header
    statements: int
    checksum: Checksum
    """The raw one alone."""
    size: int
    """Characters of the text."""
    problems: tuple[Problem, ...]
    ensures: tuple[Assertion, ...] = ()
    """What has to be true behind the last statement."""
    repeats: tuple[Repeat, ...] = ()
    """The statements that run until they affect no row."""

    @property
    def behind(self) -> tuple[Assertion | Repeat, ...]:
        """What directives behind the header say."""
        return (*self.ensures, *self.repeats)


@dataclass(frozen=True)
class Script:
    """One direction of one migration: text that is read from its source each time it is needed.

    Where the shelf has room for it, the text of the survey is kept for running and storing.
    """

    direction: Direction
    source: Source
    shelf: Shelf = field(default_factory=Shelf, repr=False, compare=False)

    @property
    def file(self) -> str:
        return self.source.name

    def _data(self) -> Iterator[bytes]:
        try:
            with self.source.open() as file:
                while data := file.read(CHUNK):
                    yield data
        except OSError as error:
            reason = error.strerror or error
            raise FileError(f"{self.file} cannot be read: {reason}", place=Place(self.file)) from error

    def chunks(self) -> Iterator[str]:
        """The text in pieces, without its BOM, line breaks as they are.

        Raises FileError where it cannot be read, and with the byte offset where it is not UTF-8.
        """
        return self._decoded(self._data())

    def _decoded(self, parts: Iterable[bytes]) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")()
        offset = 0
        begun = False
        for data in parts:
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(data)
            except UnicodeDecodeError as error:
                raise self._not_utf8(offset - pending + error.start, error.object) from error
            offset += len(data)
            if text and not begun:
                text, begun = text.removeprefix(BOM), True
            if text:
                yield text
        rest = decoder.getstate()[0]
        if rest:
            raise self._not_utf8(offset - len(rest), rest)

    def _decoded_whole(self, data: bytes) -> str:
        try:
            return data.decode().removeprefix(BOM)
        except UnicodeDecodeError as error:
            raise self._not_utf8(error.start, data[error.start :]) from error

    def _not_utf8(self, offset: int, data: bytes) -> FileError:
        import shlex

        wide = offset == 0 and data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return FileError(
            f"{self.file} is not UTF-8: byte {offset} (counted from 0) cannot be decoded",
            place=Place(self.file),
            next_step=f"convert it: iconv -f {'UTF-16' if wide else 'LATIN1'} -t UTF-8 {shlex.quote(self.file)}",
        )

    def text(self) -> str:
        """The whole text; for people and for storing, never for running."""
        return "".join(self.chunks())

    @cached_property
    def checksum(self) -> Checksum:
        """The raw checksum alone: the cheap question whether a file changed."""
        return _raw(self._raw_checksum())

    def _raw_checksum(self) -> str:
        whole = getattr(self.source, "whole", None)
        if whole is not None:
            with suppress(OSError):
                if (short := whole(SHORT)) is not None:
                    return raw_checksum(short)
        data = self._data()
        return _raw_checksum(next(data, b""), next(data, b""), data)

    @cached_property
    def full_checksum(self) -> Checksum:
        """Both checksums. Raises ScriptError where the text has no tokens to hash: an unterminated literal, say."""
        if (kept := self._kept) is not None and not self._reading[1]:
            survey = self.survey
            digest = statements.pieces_digest(kept, in_transaction=survey.header.transaction)
            return _checksum(survey.checksum.raw, digest, survey.header, survey.behind)
        before = self.checksum.raw
        header = self._head[0]
        raw = Background(RawDigest())
        digested = statements.Digested(self._watched(raw, self.chunks()), in_transaction=header.transaction)
        behind = Behind(self.file)
        count = 0
        in_head = True
        for piece in self._located(statements.in_pieces(digested.pieces_and_runs())):
            if isinstance(piece, statements.Statement):
                in_head = False
                count += not piece.is_empty
            if not isinstance(piece, statements.CopyData) and (piece.directives or behind.waiting):
                behind.follow(piece, count, in_head=in_head)
        behind.end()
        if raw.hexdigest() != before:
            raise self._changed("while it was being read")
        return _checksum(raw.hexdigest(), digested.hexdigest(), header, (*behind.ensures, *behind.repeats))

    @property
    def recorded_checksum(self) -> Checksum:
        """Both checksums of the surveyed text. Raises FileError where it has changed since, or like ``survey``."""
        if self.full_checksum.raw != self.survey.checksum.raw:
            raise self._changed("since it was looked at")
        return self.full_checksum

    def _watched(self, digest: Digest, chunks: Iterable[str]) -> Iterator[str]:
        """The chunks, and their raw checksum in ``digest``; a second BOM is part of the text."""
        digest.update(codecs.BOM_UTF8)
        for chunk in chunks:
            digest.update(chunk.encode())
            yield chunk

    def _changed(self, when: str) -> FileError:
        return FileError(f"{self.file} changed {when}", place=Place(self.file), next_step="run the command again")

    def pieces(self) -> Iterator[statements.Piece]:
        """The lossless pieces of the text, read anew. Raises ScriptError with file, line and column."""
        return self._scan(self.chunks(), self._head[0])

    def _scan(self, chunks: Iterable[str], header: Header) -> Iterator[statements.Piece]:
        return self._located(statements.scan(chunks, in_transaction=header.transaction))

    def _located(self, pieces: Iterator[P]) -> Iterator[P]:
        """The pieces; an error among them names this file."""
        try:
            yield from pieces
        except ScriptError as error:
            raise _in_file(error, self.file) from error

    def verified_chunks(self) -> Iterator[str]:
        """The surveyed text once more, in pieces.

        Raises FileError before the first where it has changed since, and before the last where it changed on the way.
        """
        raw = self.survey.checksum.raw
        if (kept := self._kept) is not None:
            yield "".join([piece.text for piece in kept])
            return
        if self._stamp_of_survey is None or self._stamp != self._stamp_of_survey:
            data = self._data()
            first, second = next(data, b""), next(data, b"")
            if _raw_checksum(first, second, data) != raw:
                raise self._changed("since it was looked at")
            if not second:
                yield self._decoded_whole(first)
                return
        digest = Background(RawDigest())
        last = ""
        for chunk in self._watched(digest, self.chunks()):
            if last:
                yield last
            last = chunk
        if digest.hexdigest() != raw:
            raise self._changed("while it was being read")
        yield last

    @property
    def _stamp(self) -> object:
        """What tells whether the source was written to; None where nothing does."""
        with suppress(OSError):
            return getattr(self.source, "stamp", None)
        return None

    @property
    def _stamp_of_survey(self) -> object:
        """That of a long text, where it was the same before and after the survey."""
        return self.__dict__.get("_surveyed")

    def verified_pieces(self) -> Iterator[statements.Piece]:
        """The pieces once more, for running. Raises like ``verified_chunks``: before the last of them."""
        return statements.in_pieces(self.verified_parts())

    def verified_parts(self) -> Iterator[statements.Part]:
        """The same, with most statements in runs."""
        header = self.survey.header
        if (kept := self._kept) is not None:
            yield from kept
            return
        if "full_checksum" in self.__dict__:
            parts = statements.scan_in_runs(self.verified_chunks(), in_transaction=header.transaction)
            yield from self._located(parts)
            return
        digested = statements.Digested(self.verified_chunks(), in_transaction=header.transaction)
        yield from self._located(digested.pieces_and_runs())
        raw = self.survey.checksum.raw
        self._remember("full_checksum", _checksum(raw, digested.hexdigest(), header, self.survey.behind))

    @property
    def _kept(self) -> list[statements.Part] | None:
        """What the survey read, where that was kept."""
        return self.__dict__.get("_pieces")

    @cached_property
    def header(self) -> Header:
        """The directives before the first statement; reads no further than that. Raises ScriptError for a bad one."""
        header, errors = self._head
        if errors:
            raise errors[0]
        return header

    @cached_property
    def _head(self) -> tuple[Header, tuple[ScriptError, ...]]:
        return self._head_of(self.chunks())

    def _head_of(self, chunks: Iterable[str]) -> tuple[Header, tuple[ScriptError, ...]]:
        directives: list[statements.Directive] = []
        with suppress(ScriptError):  # what stands behind the header does not hide it, and is found by the survey
            for piece in self._scan(chunks, PLAIN):
                if not isinstance(piece, statements.Gap):
                    break
                directives.extend(piece.directives)
        return read_header(directives, self.file)

    @cached_property
    def survey(self) -> Survey:
        """A whole reading, with everything in it that must not run.

        Raises FileError where it cannot be read to its end, where its header is wrong, or where it is being changed.
        """
        errors = self._reading[1]
        if errors:
            raise errors[0]
        return self._reading[0]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything in it that must not run, and everything for which it cannot be read, by place. Never raises."""
        survey, errors = self._reading
        told = (Problem(error.code, error.message, error.place, next_step=error.next_step) for error in errors)
        return tuple(sorted((*told, *survey.problems), key=_line_and_column))

    @cached_property
    def _reading(self) -> tuple[Survey, tuple[FileError, ...]]:
        """The survey as far as it goes, and why it goes no further."""
        look = Look(self.file)
        checksum = UNKNOWN
        errors: list[FileError] = []
        raw = Background(RawDigest())
        try:
            data = self._data()
            start = [next(data, b""), next(data, b"")]
            pieces: Iterator[statements.Part]
            if start[1]:
                stamp = self._stamp
                look.header, wrong = self._head
                chunks = self._watched(raw, self._decoded(chain(start, data)))
                pieces = statements.scan_in_runs(chunks, in_transaction=look.header.transaction)
            else:
                text = self._decoded_whole(start[0])
                look.header, wrong = self._head_in(text)
                pieces = statements.scan_in_runs(text, in_transaction=look.header.transaction)
                if self.shelf.has_room_for(text):
                    look.kept = []
                    self._remember("_pieces", look.kept)
            errors.extend(wrong)
            look.at(pieces, whole=not wrong)
            if read_header(look.directives, self.file)[0] != look.header:
                raise self._changed("while it was being read")
            checksum = _raw(raw.hexdigest() if start[1] else raw_checksum(start[0]))
            if start[1] and stamp == self._stamp:
                self._remember("_surveyed", stamp)
            if not look.count and self.direction is Direction.DOWN and not look.header.irreversible:
                look.problems.append(self._empty_down())
        except ScriptError as error:
            errors.append(_in_file(error, self.file))
        except FileError as error:
            errors.append(error)
        problems = (*look.problems, *look.follows.problems)
        directed = tuple(look.follows.ensures), tuple(look.follows.repeats)
        return Survey(look.header, look.count, checksum, look.size, problems, *directed), tuple(errors)

    def _head_in(self, text: str) -> tuple[Header, tuple[ScriptError, ...]]:
        """The header of the whole text, remembered."""
        head = self._head_of([text]) if DIRECTIVE_NAME in text.lower() else (PLAIN, ())
        self._remember("_head", head)
        return head

    def _remember(self, name: str, value: object) -> None:
        """Fill a cached property with what was found on the way to another one."""
        self.__dict__[name] = value

    def _empty_down(self) -> Problem:
        advice = "write the way back, or -- sqlmig: irreversible"
        return Problem("empty_down", f"{self.file} has no statement", Place(self.file), next_step=advice)


def _raw_checksum(first: bytes, second: bytes, rest: Iterable[bytes]) -> str:
    """Of a short file in one go."""
    if not second:
        return raw_checksum(first)
    digest = RawDigest()
    for part in chain((first, second), rest):
        digest.update(part)
    return digest.hexdigest()


def _raw(digest: str) -> Checksum:
    return Checksum(digest, None, CHECKSUM_ALGORITHM)


def _checksum(raw: str, digest: str, header: Header, behind: tuple[Assertion | Repeat, ...]) -> Checksum:
    said = "\n".join(filter(None, (header.outcome, *(directive.outcome for directive in behind))))
    return Checksum(raw, sql_checksum(digest, said), CHECKSUM_ALGORITHM)


def _in_file(error: ScriptError, file: str) -> ScriptError:
    if error.place is not None and not error.place.file:
        error.place = replace(error.place, file=file)
    return error


def _line_and_column(problem: Problem) -> tuple[int, int]:
    place = problem.place
    return (place.line or 0, place.column or 0) if place is not None else (0, 0)
