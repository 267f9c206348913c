"""Our own SQL: named blocks in ``.sql`` files beside this one.

A block begins with ``-- name: NAME``; the comment lines below it say what it is for, and are not sent.
``{placeholders}`` are filled by ``str.format`` with text that was quoted before.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def _blocks(file: str) -> dict[str, str]:
    text = Path(__file__).with_name(f"{file}.sql").read_text(encoding="utf-8")
    blocks: dict[str, str] = {}
    for block in text.split("-- name:")[1:]:
        name, _, body = block.partition("\n")
        lines = [line for line in body.splitlines() if not line.startswith("--")]
        blocks[name.strip()] = "\n".join(lines).strip()
    return blocks


def query(file: str, name: str) -> str:
    """The text of one named block. Raises KeyError where there is none."""
    return _blocks(file)[name]


def quote_identifier(name: str) -> str:
    """As PostgreSQL's quote_ident, always quoted."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """A value as SQL that means the same whatever standard_conforming_strings says."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = str(value).replace("'", "''")
    return "E'" + text.replace("\\", "\\\\") + "'" if "\\" in text else f"'{text}'"
