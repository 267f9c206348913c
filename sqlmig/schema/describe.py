"""Makes a snapshot's objects from the rows of the catalogs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sqlmig.database import Row
from sqlmig.frozen import dataclass
from sqlmig.schema import knowledge
from sqlmig.schema.catalogs import INITDB, SUPERUSER, Field, Reading
from sqlmig.schema.expressions import settled
from sqlmig.schema.names import quoted, spoken
from sqlmig.schema.parts import ARRANGED, Rows
from sqlmig.schema.snapshot import Description

Address = tuple[str, int]
"""A catalog's name and an OID in it."""

Value = Callable[[str], Any]

MEMBERS_WITH_PARTS = ("pg_class", "pg_opfamily")

EVERYBODY = "PUBLIC"

MISSING = ("missing", "object")
"""What something is called that is referred to and is not there."""


@dataclass
class Thing:
    """One object that is being described."""

    kind: str
    name: str
    described: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def identity(self) -> str:
        return f"{self.kind} {self.name}" if self.kind != "database" else self.kind


class Describer:
    """Takes the rows, says which names it lacks, and then describes."""

    def __init__(self, hidden: Iterable[Address]) -> None:
        self.hidden = set(hidden)
        """What is neither described nor noted, with its parts."""
        self.members: frozenset[Address] = frozenset()
        """What extensions brought. Parts of their relations and operator families are theirs too."""
        self.composites: Mapping[int, int] = {}
        """The types whose columns a relation holds."""
        self.vanished: list[Address] = []
        """What was dropped before it could be identified."""
        self.dangling = False
        """Whether something is referred to that is not there."""
        self.names: dict[Address, tuple[str, str]] = {}
        self.attributes: dict[tuple[int, int], str] = {}
        self.read: list[tuple[Reading, list[Row]]] = []
        self.things: dict[Address, Thing] = {}
        self.columns: dict[tuple[int, int], Thing] = {}

    def take(self, reading: Reading, rows: list[Row]) -> None:
        """Rows of one catalog, to be described later."""
        catalog = reading.catalog.name
        self.read.append((reading, rows))
        if reading.catalog.identified:
            visible = self._visible(reading)
            for row in rows:
                address = (catalog, int(row[0] or 0))
                self.names[address] = spoken(row[1] or "", row[2] or "")
                if row[1] is None and reading.catalog.addressed and address not in self.hidden and visible(row):
                    self.vanished.append(address)
        elif catalog == "pg_attribute":
            name = next(index for index, field in enumerate(reading.fields) if field.column == "attname")
            number = next(index for index, field in enumerate(reading.fields) if field.word == "number")
            for row in rows:
                self.attributes[int(row[0] or 0), int(row[number] or 0)] = row[name] or ""

    def lacking(self, others: Iterable[Address]) -> list[Address]:
        """The objects that are referred to and were not read."""
        wanted = set(others)
        for reading, rows in self.read:
            if reading.catalog.whole and reading.deviating:
                wanted.update((self._whole(reading), int(row[0] or 0)) for row in rows)
            for index, field in enumerate(reading.fields):
                if field.target:
                    cells = {row[index] for row in rows} - {None, "0", ""}
                    wanted.update((field.target, int(oid)) for cell in cells for oid in str(cell).split())
        return sorted(address for address in wanted - self.hidden if address[1] and address not in self.names)

    def describe(self) -> None:
        """Make a thing of each row that is an object, and tell the other rows with theirs."""
        for reading, rows in sorted(self.read, key=lambda read: _turn(read[0])):
            if reading.deviating:
                self._deviations(reading, rows)
            elif reading.catalog.identified:
                self._objects(reading, rows)
            elif reading.catalog.name == "pg_attribute":
                self._attributes(reading, rows)
            elif reading.catalog.name == "pg_attrdef":
                self._defaults(rows)
            else:
                self._parts(reading, rows)

    def note(self, address: Address, number: int, path: tuple[str, ...], value: Any) -> None:
        """Add one property to an object, or to a column of it; make it known where it was not described."""
        thing = self.columns.get((address[1], number)) if number else self.things.get(address)
        if thing is None:
            if address in self.hidden or self.names.get(address, MISSING) == MISSING or number:
                return
            thing = self.things[address] = Thing(*self.names[address])
        place = thing.described
        for step in path[:-1]:
            place = place.setdefault(step, {})
        place[path[-1]] = value

    def objects(self) -> dict[str, Description]:
        """What was described, by identity."""
        for thing in self.things.values():
            if "bound" in thing.described and "inherits" in thing.described:
                thing.described["of"] = f"table {thing.described['inherits'][0]}"
        return {thing.identity: thing.described for thing in (*self.things.values(), *self.columns.values())}

    def _objects(self, reading: Reading, rows: list[Row]) -> None:
        catalog = reading.catalog
        values = list(self._values(reading))
        visible = self._visible(reading)
        for row in rows:
            oid = int(row[0] or 0)
            if not visible(row):
                self.hidden.add((catalog.name, oid))
            if (catalog.name, oid) not in self.hidden:
                described = _described(row, values)
                if catalog.namespace is not None and "of" in described:
                    described.pop("schema", None)
                self.things[catalog.name, oid] = self._thing(reading, oid, described)

    def _thing(self, reading: Reading, oid: int, described: dict[str, Any]) -> Thing:
        """An object by its name; by what makes it unique where the server has no name for it."""
        catalog = reading.catalog
        kind, name = self.names[catalog.name, oid]
        if not kind:
            unique = (
                field.word for field in reading.fields if field.column in catalog.unique and field.column != "oid"
            )
            kind = catalog.name.removeprefix("pg_").replace("_", " ")
            name = " ".join(str(described[word]) for word in unique if word in described)
            self.names[catalog.name, oid] = (kind, name)
        return Thing(kind, name, described)

    def _visible(self, reading: Reading) -> Callable[[Row], bool]:
        """Whether a row belongs neither to a hidden schema nor to something in it."""
        catalog = reading.catalog
        with_members = self.hidden | self.members
        deciding = [
            (index, field.target, with_members if field.target in MEMBERS_WITH_PARTS else self.hidden)
            for index, field in enumerate(reading.fields)
            if field.target and (field.word == "of" or field.column == catalog.namespace)
        ]
        return lambda row: all((target, int(row[index] or 0)) not in gone for index, target, gone in deciding)

    def _attributes(self, reading: Reading, rows: list[Row]) -> None:
        values = [value for value in self._values(reading) if value[1] not in ("whole", "number", "name")]
        numbered = sorted(self._numbered(reading, rows))
        for relation, number, row in numbered:
            owner = self._relation(relation)
            if owner is not None:
                name = quoted(self.attributes[relation, number])
                described = {"of": owner.identity} | _described(row, values)
                self.columns[relation, number] = Thing("column", f"{owner.name}.{name}", described)
                owner.described.setdefault("column order", []).append(self.attributes[relation, number])

    def _numbered(self, reading: Reading, rows: list[Row]) -> Iterator[tuple[int, int, Row]]:
        number = next(index for index, field in enumerate(reading.fields) if field.word == "number")
        return ((int(row[0] or 0), int(row[number] or 0), row) for row in rows)

    def _relation(self, oid: int) -> Thing | None:
        of_type = self.composites.get(oid)
        return self.things.get(("pg_type", of_type) if of_type else ("pg_class", oid))

    def _defaults(self, rows: list[Row]) -> None:
        for relation, number, expression in rows:
            column = self.columns.get((int(relation or 0), int(number or 0)))
            if column is not None:
                column.described["default"] = settled(expression or "")

    def _parts(self, reading: Reading, rows: list[Row]) -> None:
        """Tell rows with the object that they are about."""
        catalog = reading.catalog
        values = [value for value in self._values(reading) if value[1] != "whole"]
        visible = self._visible(reading)
        alone = catalog.key == (catalog.whole,)
        word = knowledge.PART_WORDS.get(catalog.name, catalog.name.removeprefix("pg_").replace("_", " "))
        for row in rows:
            thing = self.things.get((self._whole(reading), int(row[0] or 0)))
            if thing is None:
                continue
            if not visible(row):
                del self.things[self._whole(reading), int(row[0] or 0)]
                self.hidden.add((self._whole(reading), int(row[0] or 0)))
                continue
            described = _described(row, values)
            owner = described.pop("of", None)
            if owner is not None:
                thing.described["of"] = owner
                thing.described.pop("schema", None)
            if alone:
                if described:
                    thing.described[word] = described
            else:
                thing.described.setdefault(word, []).append(described)
        if not alone:
            self._arrange(self._whole(reading), word, ARRANGED.get(catalog.name))

    def _arrange(self, catalog: str, word: str, arranged: Callable[[Rows], Any] | None) -> None:
        """Put rows that are told with one object into an order that does not depend on how they are stored."""
        for (name, _), thing in self.things.items():
            rows = thing.described.get(word)
            if name == catalog and isinstance(rows, list):
                thing.described[word] = arranged(rows) if arranged else sorted(rows, key=_canonical)

    def _deviations(self, reading: Reading, rows: list[Row]) -> None:
        catalog = reading.catalog
        values = [value for value in self._values(reading) if value[1] in ("privileges", "owner", "schema")]
        visible = self._visible(reading)
        number = next((index for index, field in enumerate(reading.fields) if field.word == "number"), None)
        for row in rows:
            oid = int(row[0] or 0)
            described = _described(row, values)
            owner = next((row[i] for i, field in enumerate(reading.fields) if field.word == "owner"), None)
            if oid >= INITDB or owner == str(SUPERUSER):
                described.pop("owner", None)
            if not visible(row):
                self.hidden.add((catalog.name, oid))
            if not visible(row) or not described.keys() - {"schema"}:
                continue
            if number is None:
                self.things[catalog.name, oid] = Thing(*self.names[catalog.name, oid], described)
            else:
                _, relation = self.names[self._whole(reading), oid]
                name = quoted(self.attributes[oid, int(row[number] or 0)])
                self.columns[oid, int(row[number] or 0)] = Thing("column", f"{relation}.{name}", described)

    def _whole(self, reading: Reading) -> str:
        return reading.catalog.targets[reading.catalog.whole or ""]

    def _values(self, reading: Reading) -> Iterator[tuple[int, str, Value]]:
        for index, field in enumerate(reading.fields):
            if field.column != "oid":
                yield index, field.word, self._value(field)

    def _value(self, field: Field) -> Value:
        usual, value = knowledge.USUAL.get(field.column), self._plain_value(field)
        if usual is not None:
            return lambda text: None if text == usual else value(text)
        return (lambda text: value(text) or None) if field.zero_is_none else value

    def _plain_value(self, field: Field) -> Value:
        target = field.target
        if target is None:
            return field.decode
        if field.word == "of":
            return lambda text: self._of(target, int(text))
        if not field.several:
            return lambda text: self._name(target, int(text))
        arranged = sorted if field.column in knowledge.UNORDERED else list
        return lambda text: arranged(self._name(target, int(oid)) or "" for oid in text.split())

    def _name(self, catalog: str | None, oid: int) -> str | None:
        if catalog == "pg_authid" and not oid:
            return EVERYBODY
        return self.names[catalog or "", oid][1] if oid else None

    def _of(self, catalog: str, oid: int) -> str | None:
        return " ".join(self.names[catalog, oid]) if oid else None


def _turn(reading: Reading) -> int:
    """Wholes come before their parts, objects before what is told with them."""
    if reading.catalog.identified or reading.deviating:
        return 1 if reading.catalog.parents else 0
    return 2 if reading.catalog.name == "pg_attribute" else 3


def _described(row: Row, values: list[tuple[int, str, Value]]) -> dict[str, Any]:
    described: dict[str, Any] = {}
    for index, word, value in values:
        text = row[index]
        if text is not None:
            worth = value(text)
            if worth is not None and described.get(word) is None:
                described[word] = worth
    return described


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True)
