"""One direction of a migration: where its text comes from, its header, its checksums, and what must not be in it."""

from sqlmig.script.assertion import Assertion
from sqlmig.script.checksum import CHECKSUM_ALGORITHM, Checksum, RawDigest
from sqlmig.script.header import Header, read_header
from sqlmig.script.repeat import Repeat
from sqlmig.script.shelf import Shelf
from sqlmig.script.source import FileSource, Source, TextSource
from sqlmig.script.text import Direction, Script, Survey

__all__ = [
    "CHECKSUM_ALGORITHM",
    "Assertion",
    "Checksum",
    "Direction",
    "FileSource",
    "Header",
    "RawDigest",
    "Repeat",
    "Script",
    "Shelf",
    "Source",
    "Survey",
    "TextSource",
    "read_header",
]
