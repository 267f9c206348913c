"""A fingerprint of a script's tokens: what stays the same when only comments and white space change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sqlmig.statements.lexer import tokens
from sqlmig.statements.pieces import CopyData, Statement
from sqlmig.statements.scanner import scan

digest_version = 1


def token_digest(source: str | Iterable[str]) -> str:
    digest = hashlib.sha256()
    for piece in scan(source):
        if isinstance(piece, Statement):
            for _, start, end in tokens(piece.text):
                digest.update(_lines(piece.text[start:end]).encode() + b"\0")
        elif isinstance(piece, CopyData):
            digest.update(_lines(piece.data).encode())
            if piece.last:
                digest.update(b"\0")
    return digest.hexdigest()


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
