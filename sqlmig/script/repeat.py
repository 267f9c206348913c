"""``-- sqlmig: repeat``: a statement that runs again and again until it affects no row."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlmig.config import parse_duration
from sqlmig.errors import ConfigError, Place, Problem, ScriptError
from sqlmig.frozen import dataclass
from sqlmig.patterns import pattern
from sqlmig.statements import Directive, Statement

REPEAT = "repeat"
OPTIONS = ("pause", "max_lag")
EXAMPLE = "write, say: -- sqlmig: repeat pause = 100ms, max_lag = 10s"

COUNTED = ("INSERT", "UPDATE", "DELETE", "MERGE")
"""Commands of which the server says how many rows they affected."""

WHERE = pattern(r"\bwhere\b", re.IGNORECASE)


@dataclass(frozen=True)
class Repeat:
    """How a statement is repeated; times are in seconds."""

    statement: int
    """Its number in the script, from 1."""
    pause: float = 0
    """How long to wait between two runs."""
    max_lag: float | None = None
    """How far a replica may be behind; None is not to look."""

    @property
    def outcome(self) -> str:
        """Its part of the checksum of SQL: how long is waited changes nothing in the end."""
        return f"{REPEAT} {self.statement}"


def is_repeat(directive: Directive) -> bool:
    """Whether a directive is one of these, well written or not."""
    return re.match(rf"{REPEAT}(?![\w-])", directive.text) is not None


def read_repeat(directive: Directive, statement: int, file: str) -> Repeat:
    """How a directive says to repeat a statement. Raises ScriptError where that cannot be read."""
    place = Place(file, directive.line, directive.column)
    given: dict[str, float] = {}
    rest = directive.text.removeprefix(REPEAT).strip()
    for part in rest.split(",") if rest else ():
        word, equals, value = (piece.strip() for piece in part.partition("="))
        if word not in OPTIONS or not equals or not value:
            raise ScriptError(f"repeat takes pause and max_lag, not {part.strip()!r}", place=place, next_step=EXAMPLE)
        if word in given:
            raise ScriptError(f"repeat has {word} twice", place=place, next_step="remove one of the two")
        try:
            given[word] = parse_duration(value)
        except ConfigError as error:
            raise ScriptError(f"{word}: {error.message}", place=place, next_step=EXAMPLE) from None
    return Repeat(statement, given.get("pause", 0), given.get("max_lag"))


def objections(directive: Directive, statement: Statement, file: str, *, transaction: bool) -> Iterator[Problem]:
    """Why a statement cannot be repeated."""
    place = Place(file, directive.line, directive.column)
    if transaction:
        yield Problem(
            "repeat",
            "repeat commits after each run, and this file is one transaction",
            place,
            next_step="add this line at the top of the file: -- sqlmig: no-transaction",
        )
    command = statement.command.partition(" ")[0]
    if command not in COUNTED:
        yield Problem(
            "repeat",
            f"{statement.command} does not say how many rows it affected, so it would never end",
            place,
            next_step="repeat an INSERT, UPDATE, DELETE or MERGE",
        )
    elif command == "UPDATE" and not WHERE.search(statement.text):
        yield Problem(
            "repeat",
            "an UPDATE without WHERE affects the same rows each time, so it would never end",
            place,
            next_step="add a condition that no longer holds for the rows that it has changed, and a limit",
        )
