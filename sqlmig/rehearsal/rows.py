"""The rows of a shadow's tables as numbers, so that two moments can be compared whatever the order of the rows is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from sqlmig.database import Session, literal, quote_identifier
from sqlmig.frozen import dataclass
from sqlmig.queries import query
from sqlmig.verdicts import RowDifference

TOGETHER = 100
"""Tables that are read in one message."""

FIXED = (
    "SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET timezone = 'UTC'; SET extra_float_digits = 1; "
    "SET jit = off; SET bytea_output = 'hex'; SET xmloption = 'content'; SET lc_monetary = 'C'"
)
"""What the text of a value depends on."""


@dataclass(frozen=True)
class TableRows:
    """The rows of one table. Those of two moments can be compared where the columns are the same."""

    columns: str
    numbers: tuple[int, ...]


Rows = Mapping[str, TableRows]
"""By the table's name."""


class Wanted(NamedTuple):
    """A table whose rows are to be read."""

    oid: int
    name: str
    columns: str
    owner: str
    """The role to read it as; empty where that is the session's own."""


def read_rows(session: Session, left_out: Sequence[str], known: Rows, written: Iterable[int] | None) -> Rows:
    """The rows of every table by now; those that are known and not among the ``written`` OIDs are not read again.

    Raises DatabaseError where a table cannot be read: its rows would be lost without a word.
    """
    changed = None if written is None else set(written)
    text = query("rehearsal", "tables").format(left_out=", ".join(map(literal, left_out)))
    found: dict[str, TableRows] = {}
    wanted: list[Wanted] = []
    for oid, name, columns, owner in session.ask(text):
        table = Wanted(int(oid or 0), name or "", columns or "", owner or "")
        former = known.get(table.name)
        if changed is not None and former is not None and table.oid not in changed and former.columns == columns:
            found[table.name] = former
        else:
            wanted.append(table)
    wanted.sort(key=lambda table: table.owner)
    for owner, tables in groupby(wanted, key=lambda table: table.owner):
        found |= _read_as(session, owner, list(tables))
    return found


def _read_as(session: Session, owner: str, tables: Sequence[Wanted]) -> dict[str, TableRows]:
    found: dict[str, TableRows] = {}
    if owner:
        session.ask(f"SET ROLE {quote_identifier(owner)}")
    for start in range(0, len(tables), TOGETHER):
        part = {table.oid: table for table in tables[start : start + TOGETHER]}
        for oid, numbers in session.ask("\nUNION ALL\n".join(map(_select, part.values()))):
            table = part[int(oid or 0)]
            found[table.name] = TableRows(table.columns, _numbers(numbers or "{}"))
    if owner:
        session.ask("RESET ROLE")
    return found


def _select(table: Wanted) -> str:
    return query("rehearsal", "rows").format(oid=table.oid, columns=table.columns, table=table.name)


def _numbers(array: str) -> tuple[int, ...]:
    return tuple(int(number) for number in array[1:-1].split(",") if number)


def rows_lost(before: Rows, after: Rows) -> tuple[RowDifference, ...]:
    """The tables of before whose rows are not what they were. A table whose columns differ is the schema's matter."""
    return tuple(
        _difference("down", name, rows, after[name])
        for name, rows in sorted(before.items())
        if name in after and after[name] != rows and after[name].columns == rows.columns
    )


def counts_changed(first: Rows, second: Rows) -> tuple[RowDifference, ...]:
    """The tables that hold another number of rows. Their values may differ: times and identifiers are made anew."""
    return tuple(
        RowDifference(
            "up",
            name,
            max(0, len(rows.numbers) - len(second[name].numbers)),
            max(0, len(second[name].numbers) - len(rows.numbers)),
        )
        for name, rows in sorted(first.items())
        if name in second and len(second[name].numbers) != len(rows.numbers)
    )


def _difference(direction: str, name: str, before: TableRows, after: TableRows) -> RowDifference:
    former, present = Counter(before.numbers), Counter(after.numbers)
    return RowDifference(direction, name, (former - present).total(), (present - former).total())
