"""The two hashes of a script."""

from __future__ import annotations

import codecs
import hashlib
from typing import NamedTuple

CHECKSUM_ALGORITHM = 1
"""Names how both hashes of a script are made; stored with them, so that a later way can tell them apart."""


class Checksum(NamedTuple):
    """The two hashes of a script.

    ``raw`` covers the text with the BOM removed and every line break as LF; ``sql`` covers its tokens alone,
    without comments and the white space between them, and those headers that say what comes of them: whose it is,
    in which transaction, whether there is a way back. ``sql`` is None where it was never needed.
    """

    raw: str
    sql: str | None = None
    algorithm: int = CHECKSUM_ALGORITHM


def sql_checksum(tokens: str, header: str) -> str:
    """The hash of a script's tokens, or, where a header says what comes of them, of both."""
    return hashlib.sha256(f"{tokens}\n{header}".encode()).hexdigest() if header else tokens


def raw_checksum(data: bytes) -> str:
    """What ``RawDigest`` gives for all the bytes at once."""
    data = data.removeprefix(codecs.BOM_UTF8)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return hashlib.sha256(data).hexdigest()


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
