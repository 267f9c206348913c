"""A fingerprint of a script's tokens: it stays the same when only comments and white space change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from sqlmig.statements.lexer import tokens_of_all
from sqlmig.statements.pieces import CopyData, Piece, Statement
from sqlmig.statements.scanner import Scanner

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
    for _ in digested.pieces():
        pass
    return digested.hexdigest()


class Digested:
    """``scan`` and ``token_digest`` in one reading: the digest is that of the pieces that were handed over."""

    def __init__(self, source: str | Iterable[str], *, in_transaction: bool = True) -> None:
        self._scanner = Scanner(source, in_transaction=in_transaction)
        self._digest = hashlib.sha256()
        self._statements: list[str] = []
        """Their tokens are taken together: of most statements one by one costs twice as much."""
        self._standard_strings = True
        """How the statements that wait are read."""

    def pieces(self) -> Iterator[Piece]:
        """As ``scan`` gives them, and raising what it raises."""
        size = 0
        strings = self._scanner.strings
        for piece in self._scanner.pieces(everything=True):
            if isinstance(piece, Statement):
                if strings.on is not self._standard_strings:
                    self._take()
                    self._standard_strings = strings.on
                self._statements.append(piece.text)
                size += len(piece.text)
                if size >= _BATCH:
                    self._take()
                    size = 0
            elif isinstance(piece, CopyData):
                self._take()
                self._digest.update(_encoded(piece.data + "\0" * piece.last))
            yield piece

    def hexdigest(self) -> str:
        self._take()
        return self._digest.hexdigest()

    def _take(self) -> None:
        if self._statements:
            tokens = tokens_of_all(self._statements, self._standard_strings)
            self._digest.update(_encoded("\0".join((*tokens, ""))))
            self._statements.clear()


def _encoded(text: str) -> bytes:
    return (text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text).encode()
