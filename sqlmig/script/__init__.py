"""One direction of a migration: where its text comes from, its header, its checksums, and what must not be in it."""

from sqlmig.script.checksum import CHECKSUM_ALGORITHM, Checksum, RawDigest
from sqlmig.script.header import Header, read_header
from sqlmig.script.source import FileSource, Source, TextSource
from sqlmig.script.text import Direction, Script, Survey

__all__ = [
    "CHECKSUM_ALGORITHM",
    "Checksum",
    "Direction",
    "FileSource",
    "Header",
    "RawDigest",
    "Script",
    "Source",
    "Survey",
    "TextSource",
    "read_header",
]
