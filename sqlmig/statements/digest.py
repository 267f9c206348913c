"""A fingerprint of a script's tokens: it stays the same when only comments and white space change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sqlmig.statements.lexer import token_texts
from sqlmig.statements.pieces import CopyData, Statement
from sqlmig.statements.scanner import Scanner

digest_version = 1
"""Names what ``token_digest`` computes. It changes if any script's digest does."""


_BATCH = 1 << 16


def token_digest(source: str | Iterable[str]) -> str:
    """SHA-256, in hexadecimal, of the tokens and COPY data of a script, each with a NUL character behind it.

    Comments, white space between tokens, a byte order mark and pg_dump's ``\\restrict`` lines do not count. Literals,
    quoted names, dollar-quoted bodies and COPY data count exactly, but for their line ends, which count as ``\\n``.
    Raises ScriptError as ``scan`` does.
    """
    digest = hashlib.sha256()
    scanner = Scanner(source)
    waiting: list[str] = []
    size = 0
    for piece in scanner.pieces(everything=True):
        if isinstance(piece, Statement):
            waiting.append("\0".join((*token_texts(piece.text, scanner.strings.on), "")))
        elif isinstance(piece, CopyData):
            waiting.append(piece.data + "\0" * piece.last)
        size += len(piece.text)
        if size >= _BATCH:
            digest.update(_encoded(waiting))
            waiting, size = [], 0
    digest.update(_encoded(waiting))
    return digest.hexdigest()


def _encoded(parts: list[str]) -> bytes:
    text = "".join(parts)
    return (text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text).encode()
