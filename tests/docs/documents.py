"""Reads the project's own documents: their fenced blocks, their code spans, their links, their headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])

FENCE = re.compile(r"^(?P<marks>`{3,}|~{3,})(?P<language>\w*)[^\n]*\n(?P<body>.*?)^(?P=marks)[ \t]*$", re.M | re.S)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
HEADING = re.compile(r"^#+\s+(.+?)\s*$", re.M)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
TABLE = re.compile(r"(?:^\|.*\|[ \t]*$\n?)+", re.M)
FILE_COMMENT = re.compile(r"-- (\S+\.sql)\n")


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    language: str
    body: str
    line: int

    @property
    def file(self) -> str | None:
        """The path that the first line of an SQL block gives it, as ``-- sql/001_x.up.sql``."""
        named = FILE_COMMENT.match(self.body) if self.language == "sql" else None
        return named[1] if named else None


@dataclass(frozen=True)
class Call:
    """One command of a console block and what it prints there."""

    command: str
    output: str


def blocks(text: str) -> Iterator[Block]:
    for match in FENCE.finditer(text):
        yield Block(match["language"], match["body"], text.count("\n", 0, match.start()) + 1)


def calls(block: Block) -> Iterator[Call]:
    """What a reader would type, line by line after ``$``, with what the document says comes back."""
    command, output = None, ""
    for line in block.body.splitlines(keepends=True):
        if line.startswith("$ "):
            if command is not None:
                yield Call(command, output)
            command, output = line[2:].strip(), ""
        else:
            output += line
    if command is not None:
        yield Call(command, output)


def sections(text: str) -> Iterator[tuple[str, str]]:
    """Each heading with what stands below it up to the next one; hash signs inside fenced blocks are no headings."""
    hidden = FENCE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    found = list(HEADING.finditer(hidden))
    for heading, following in zip(found, [*found[1:], None], strict=True):
        yield heading[1], text[heading.end() : following.start() if following else len(text)]


def prose(text: str) -> str:
    """The document without its fenced blocks, line numbers kept."""
    return FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)


def tables(text: str) -> Iterator[list[list[str]]]:
    """Each table as rows of cells, its head first, without the line that rules it off."""
    for match in TABLE.finditer(prose(text)):
        head, _, *rows = match[0].splitlines()
        yield [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in (head, *rows)]


def table(text: str, *head: str) -> list[list[str]]:
    """The rows of the one table with this head."""
    (rows,) = (rows for first, *rows in tables(text) if first == list(head))
    return rows


def anchor(heading: str) -> str:
    """The fragment that a forge makes of a heading."""
    words = re.sub(r"[^\w\s-]", "", heading.lower())
    return re.sub(r"\s", "-", words.strip())
