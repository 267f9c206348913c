"""One direction of a migration: where its text comes from, its header, its checksums, and what must not be in it."""

from __future__ import annotations

import codecs
import difflib
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Protocol

from sqlmig import statements
from sqlmig.config.units import server_duration
from sqlmig.errors import FileError, Place, Problem, ScriptError

CHECKSUM_ALGORITHM = 1
"""Names how both hashes of a script are made; stored with them, so that a later way can tell them apart."""

CHUNK = 1 << 18
"""Bytes read at a time. Memory does not grow with a file."""


class Direction(StrEnum):
    """Which of a migration's two scripts."""

    UP = "up"
    DOWN = "down"


class Source(Protocol):
    """Where the bytes of a script come from; ``name`` is what a person would call the file."""

    @property
    def name(self) -> str: ...

    def open(self) -> BinaryIO: ...


@dataclass(frozen=True)
class FileSource:
    """A file on disk, opened anew by each reader."""

    path: Path
    name: str

    def open(self) -> BinaryIO:
        try:
            return self.path.open("rb")
        except OSError as error:
            raise FileError(f"{self.name} cannot be read: {error.strerror}", place=Place(self.name)) from error


@dataclass(frozen=True)
class TextSource:
    """Text held in memory: what the history stored when the migration was applied."""

    text: str = field(repr=False)
    name: str

    def open(self) -> BinaryIO:
        return io.BytesIO(self.text.encode())


@dataclass(frozen=True)
class Header:
    """The ``-- sqlmig:`` directives of one script."""

    transaction: bool = True
    lock_timeout: str | None = None
    statement_timeout: str | None = None
    role: str | None = None
    irreversible: bool = False


FLAGS = ("no-transaction", "irreversible")
VALUES = ("lock_timeout", "role", "statement_timeout")


def read_header(directives: list[statements.Directive], file: str) -> Header:
    """The header that these directives make up.

    Raises ScriptError, with the place, for a directive that is unknown, repeated, or has a value it cannot have.
    """
    found: dict[str, str | None] = {}
    for directive in directives:
        word, value = _directive(directive, file)
        if word in found:
            place = Place(file, directive.line, directive.column)
            raise ScriptError(f"the directive {word} stands here twice", place=place, next_step="remove one of the two")
        found[word] = value
    return Header(
        transaction="no-transaction" not in found,
        lock_timeout=found.get("lock_timeout"),
        statement_timeout=found.get("statement_timeout"),
        role=found.get("role"),
        irreversible="irreversible" in found,
    )


def _directive(directive: statements.Directive, file: str) -> tuple[str, str | None]:
    place = Place(file, directive.line, directive.column)
    word, equals, value = (part.strip() for part in directive.text.partition("="))
    if word in FLAGS:
        if equals:
            raise ScriptError(f"{word} takes no value", place=place, next_step=f"write: -- sqlmig: {word}")
        return word, None
    if word not in VALUES:
        raise ScriptError(f"unknown directive {word!r}", place=place, next_step=_suggestion(word))
    if not value:
        raise ScriptError(f"{word} needs a value", place=place, next_step=f"write: -- sqlmig: {word} = ...")
    if word.endswith("_timeout"):
        try:
            server_duration(value)
        except ValueError as error:
            advice = f"write, say: -- sqlmig: {word} = 30s"
            raise ScriptError(f"{word}: {error}", place=place, next_step=advice) from None
    return word, value


def _suggestion(word: str) -> str:
    known = [*FLAGS, *VALUES]
    near = difflib.get_close_matches(word.lower().replace("_", "-"), [name.replace("_", "-") for name in known], 1, 0.5)
    if near:
        meant = next(name for name in known if name.replace("_", "-") == near[0])
        return f"did you mean: -- sqlmig: {meant}" + (" = ..." if meant in VALUES else "")
    return "known directives: " + ", ".join(known)


@dataclass(frozen=True)
class Checksum:
    """The two hashes of a script.

    ``raw`` covers the text with the BOM removed and every line break as LF; ``sql`` covers its tokens alone,
    without comments and the white space between them. ``sql`` is None where it was never needed.
    """

    raw: str
    sql: str | None = None
    algorithm: int = CHECKSUM_ALGORITHM


@dataclass(frozen=True)
class Survey:
    """What a whole reading of a script found: made before anything runs."""

    header: Header
    statements: int
    checksum: Checksum
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Script:
    """One direction of one migration: text that is read from its source each time it is needed."""

    direction: Direction
    source: Source

    @property
    def file(self) -> str:
        return self.source.name

    def chunks(self) -> Iterator[str]:
        """The text in pieces, without its BOM, line breaks as they are.

        Raises FileError with the byte offset where it is not UTF-8.
        """
        decoder = codecs.getincrementaldecoder("utf-8")()
        offset = 0
        with self.source.open() as file:
            first = file.read(CHUNK)
            if first.startswith(codecs.BOM_UTF8):
                first, offset = first[3:], 3
            data = first
            while data:
                pending = len(decoder.getstate()[0])
                try:
                    text = decoder.decode(data)
                except UnicodeDecodeError as error:
                    raise self._not_utf8(offset - pending + error.start) from error
                yield text
                offset += len(data)
                data = file.read(CHUNK)
            pending = len(decoder.getstate()[0])
            if pending:
                raise self._not_utf8(offset - pending)

    def _not_utf8(self, offset: int) -> FileError:
        return FileError(
            f"{self.file} is not UTF-8: byte {offset} (counted from 0) cannot be decoded",
            place=Place(self.file),
            next_step=f"convert it: iconv -f LATIN1 -t UTF-8 {self.file}",
        )

    def text(self) -> str:
        """The whole text; for people and for storing, never for running."""
        return "".join(self.chunks())

    @cached_property
    def checksum(self) -> Checksum:
        """The raw checksum alone: the cheap question whether a file changed."""
        digest = RawDigest()
        with self.source.open() as file:
            while data := file.read(CHUNK):
                digest.update(data)
        return Checksum(digest.hexdigest())

    @cached_property
    def full_checksum(self) -> Checksum:
        """Both checksums. Raises ScriptError where the text has no tokens to hash: an unterminated literal, say."""
        try:
            return replace(self.checksum, sql=statements.token_digest(self.chunks()))
        except ScriptError as error:
            raise _in_file(error, self.file) from error

    def pieces(self) -> Iterator[statements.Piece]:
        """The lossless pieces of the text, read anew. Raises ScriptError with file, line and column."""
        try:
            yield from statements.scan(self.chunks())
        except ScriptError as error:
            raise _in_file(error, self.file) from error

    def verified_pieces(self) -> Iterator[statements.Piece]:
        """The pieces once more, for running. Raises FileError at the end where the text is not the surveyed one."""
        digest = RawDigest()

        def watched() -> Iterator[str]:
            for chunk in self.chunks():
                digest.update(chunk.encode())
                yield chunk

        try:
            yield from statements.scan(watched())
        except ScriptError as error:
            raise _in_file(error, self.file) from error
        if digest.hexdigest() != self.survey.checksum.raw:
            raise FileError(
                f"{self.file} changed while it was being run",
                place=Place(self.file),
                next_step="run the command again",
            )

    @cached_property
    def header(self) -> Header:
        """The directives before the first statement; reads no further than that."""
        directives: list[statements.Directive] = []
        for piece in self.pieces():
            if not isinstance(piece, statements.Gap):
                break
            directives.extend(piece.directives)
        return read_header(directives, self.file)

    @cached_property
    def survey(self) -> Survey:
        """A whole reading, with everything in it that must not run. Raises FileError where it cannot be read."""
        header = self.header
        problems: list[Problem] = []
        count = 0
        for piece in self.pieces():
            if isinstance(piece, statements.Statement) and not piece.is_empty:
                count += 1
                problems.extend(self._objections(piece, header))
            if count and not isinstance(piece, statements.CopyData):
                problems.extend(self._misplaced(piece.directives))
        if not count and self.direction is Direction.DOWN and not header.irreversible:
            problems.append(
                Problem(
                    "empty_down",
                    f"{self.file} has no statement",
                    Place(self.file),
                    next_step="write the way back, or -- sqlmig: irreversible",
                )
            )
        return Survey(header, count, self.full_checksum, tuple(problems))

    def _misplaced(self, directives: tuple[statements.Directive, ...]) -> Iterator[Problem]:
        for directive in directives:
            yield Problem(
                "misplaced_directive",
                f"-- sqlmig: {directive.text} stands after the first statement",
                Place(self.file, directive.line, directive.column),
                next_step="move it into the comments at the top of the file",
            )

    def _objections(self, statement: statements.Statement, header: Header) -> Iterator[Problem]:
        rule = statement.transaction
        place = Place(self.file, statement.line, statement.column)
        if rule is statements.TransactionRule.ENDS and header.transaction:
            yield Problem(
                "transaction_control",
                f"{statement.command} would end the transaction that sqlmig keeps around this file",
                place,
                next_step="remove it: each migration runs in one transaction (or add: -- sqlmig: no-transaction)",
            )
        elif rule in (statements.TransactionRule.ENDS, statements.TransactionRule.SAVEPOINT) and not header.transaction:
            yield Problem(
                "transaction_control",
                f"{statement.command} cannot be used under no-transaction, where each statement commits by itself",
                place,
                next_step="remove it, or remove -- sqlmig: no-transaction",
            )
        elif rule is statements.TransactionRule.OUTSIDE and header.transaction:
            yield Problem(
                "needs_no_transaction",
                f"{statement.command} cannot run inside a transaction",
                place,
                next_step="add this line at the top of the file: -- sqlmig: no-transaction",
            )


def _in_file(error: ScriptError, file: str) -> ScriptError:
    if error.place is not None and not error.place.file:
        error.place = replace(error.place, file=file)
    return error


class RawDigest:
    """SHA-256 of bytes fed in pieces, with the BOM removed and CRLF and CR counted as LF."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._head = b""
        self._started = False
        self._after_cr = False

    def update(self, data: bytes) -> None:
        if not self._started:
            data = self._head + data
            if len(data) < len(codecs.BOM_UTF8):
                self._head = data
                return
            self._started, self._head = True, b""
            data = data.removeprefix(codecs.BOM_UTF8)
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._hash.update(data)

    def hexdigest(self) -> str:
        whole = self._hash.copy()
        whole.update(self._head.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
        return whole.hexdigest()
