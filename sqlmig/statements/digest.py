"""A fingerprint of a script's tokens: it stays the same when only comments and white space change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from sqlmig.hashing import Background
from sqlmig.statements.lexer import tokens_of_all
from sqlmig.statements.pieces import CopyData, Part, Run, Statement
from sqlmig.statements.scanner import SETTING, Scanner

digest_version = 1
"""Names what ``token_digest`` computes. It changes if any script's digest does."""


_BATCH = 1 << 16


def token_digest(source: str | Iterable[str]) -> str:
    """SHA-256, in hexadecimal, of the tokens and COPY data of a script, each with a NUL character behind it.

    Comments, white space between tokens, a byte order mark and pg_dump's ``\\restrict`` lines do not count. Literals,
    quoted names, dollar-quoted bodies and COPY data count exactly, but for their line ends, which count as ``\\n``.
    A literal that goes on on another line is one token, its parts with ``\\n`` between them.
    Raises ScriptError as ``scan`` does.
    """
    digested = Digested(source)
    for _ in digested.pieces_and_runs():
        pass
    return digested.hexdigest()


def pieces_digest(pieces: Sequence[Part], *, in_transaction: bool = True) -> str:
    """The ``token_digest`` of a script that was cut into these pieces before."""
    tokens = _Tokens()
    if not any(SETTING.search(piece.text) for piece in pieces):
        for piece in pieces:
            tokens.take(piece, standard=True)
        return tokens.hexdigest()
    digested = Digested((piece.text for piece in pieces), in_transaction=in_transaction)
    for _ in digested.pieces_and_runs():
        pass
    return digested.hexdigest()


class Digested:
    """``scan_in_runs`` and ``token_digest`` in one reading: the digest is that of the pieces that were handed over."""

    def __init__(self, source: str | Iterable[str], *, in_transaction: bool = True) -> None:
        self._scanner = Scanner(source, in_transaction=in_transaction)
        self._tokens = _Tokens()

    def pieces_and_runs(self) -> Iterator[Part]:
        """As ``scan_in_runs`` gives them, and raising what it raises."""
        strings, take = self._scanner.strings, self._tokens.take
        for piece in self._scanner.pieces_and_runs():
            take(piece, standard=strings.on)
            yield piece

    def hexdigest(self) -> str:
        return self._tokens.hexdigest()


class _Tokens:
    """The digest of pieces, statement by statement."""

    def __init__(self) -> None:
        self._digest = Background(hashlib.sha256())
        self._statements: list[str] = []
        """Their tokens are taken together: of most statements one by one costs twice as much."""
        self._size = 0
        self._standard_strings = True
        """How the statements that wait are read."""

    def take(self, piece: Part, *, standard: bool) -> None:
        if isinstance(piece, Statement | Run):
            if standard is not self._standard_strings:
                self._digest_statements()
                self._standard_strings = standard
            if isinstance(piece, Run):
                self._statements += [body for _, body, _ in piece.found]
                self._digest_statements()
                return
            self._statements.append(piece.text)
            self._size += len(piece.text)
            if self._size >= _BATCH:
                self._digest_statements()
        elif isinstance(piece, CopyData):
            self._digest_statements()
            self._digest.update(_encoded(piece.data + "\0" * piece.last))

    def hexdigest(self) -> str:
        self._digest_statements()
        return self._digest.hexdigest()

    def _digest_statements(self) -> None:
        if self._statements:
            tokens = tokens_of_all(self._statements, self._standard_strings)
            self._digest.update(_encoded("\0".join((*tokens, ""))))
            self._statements.clear()
            self._size = 0


def _encoded(text: str) -> bytes:
    return (text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text).encode()
