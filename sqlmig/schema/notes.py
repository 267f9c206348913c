"""What is told of objects outside their own catalogs: comments, security labels, ownership, firing of triggers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from sqlmig.database import Row
from sqlmig.schema.describe import Address, Describer, Thing

ADDITIONS = {"t": "toast options", "s": "statistics targets", "f": "triggers"}
"""What the rows of the block ``additions`` are called."""


class Notes:
    """The rows of the blocks besides the catalogs, by the name of the block."""

    def __init__(self, tables: Mapping[int, str], rows: Mapping[str, list[Row]]) -> None:
        self.tables = tables
        self.rows = rows

    def addresses(self) -> Iterator[Address]:
        """The objects that are told of."""
        yield from (self._address(row) for row in self.rows["comments"] if row[3] == "0")
        for row in self.rows["dependencies"]:
            yield self._address(row)
            yield self.tables[int(row[3] or 0)], int(row[4] or 0)
        yield from (self._address(row) for row in self.rows["additions"])

    def add_to(self, describer: Describer) -> None:
        """Tell it with the objects."""
        for row in self.rows["comments"]:
            path = ("comment",) if row[0] == "c" else ("security labels", row[5] or "")
            describer.note(self._address(row), int(row[3] or 0), path, row[4])
        own = {name or "": digest for name, digest in (*self.rows["own_objects"], *self.rows["own_comments"]) if digest}
        describer.things["", 0] = Thing("PostgreSQL's", "own objects", own)
        for row in self.rows["additions"]:
            describer.note(self._address(row), 0, (ADDITIONS[row[0] or ""],), _value(row[3] or ""))
        for row in sorted(self.rows["dependencies"], key=lambda row: row[0] or ""):
            self._depends(describer, row)
        for relation, number, text in self.rows.get("not_null", ()):
            facts = {name: value for name, value in json.loads(text or "{}").items() if value}
            if facts:
                describer.note(("pg_class", int(relation or 0)), int(number or 0), ("not null constraint",), facts)

    def _depends(self, describer: Describer, row: Row) -> None:
        address, other, number = self._address(row), (self.tables[int(row[3] or 0)], int(row[4] or 0)), int(row[5] or 0)
        if row[0] == "o" and (other[1], number) in describer.columns:
            describer.note(address, 0, ("owned by",), describer.columns[other[1], number].identity)
        elif row[0] == "x":
            describer.note(address, 0, ("depends on extension", describer.names[other][1]), True)
        elif row[0] == "i" and other in describer.things and address in describer.things:
            describer.note(address, 0, ("of",), describer.things[other].identity)

    def _address(self, row: Row) -> Address:
        return self.tables[int(row[1] or 0)], int(row[2] or 0)


def _value(text: str) -> object:
    value = json.loads(text)
    return dict(option.partition("=")[::2] for option in value) if isinstance(value, list) else value
