"""Objects that are left out of a snapshot because the configuration says so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import translate

from sqlmig.errors import ConfigError
from sqlmig.frozen import dataclass
from sqlmig.schema.names import column_name, quoted
from sqlmig.schema.snapshot import Description, Json, Snapshot

PARTS = ("of", "schema", "owned by")
"""The properties that name what an object goes with: the table, the schema, the column that owns a sequence."""


@dataclass(frozen=True)
class Ignore:
    """Patterns of the form ``kind:name``, both with ``*`` and ``?``: ``schema:partman``, ``table:app.part_*``."""

    patterns: tuple[str, ...] = ()

    @classmethod
    def parse(cls, patterns: Iterable[str]) -> Ignore:
        """Raises ConfigError for a pattern without a kind or a name."""
        checked = tuple(patterns)
        for pattern in checked:
            kind, colon, name = pattern.partition(":")
            if not (kind.strip() and colon and name.strip()):
                raise ConfigError(
                    f'ignore = "{pattern}" names no kind of object',
                    next_step='write it as kind:name, as in "schema:partman" or "table:app.part_*"',
                )
        return cls(checked)

    def apply(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot without the objects that a pattern names, and without whatever is a part of one of them.

        Parts of a table are its columns, indexes, constraints, triggers, policies, rules, partitions and the sequences
        that its columns own; everything in a schema goes with it.
        """
        if not self.patterns:
            return snapshot
        named = re.compile("|".join(_expression(pattern) for pattern in self.patterns))
        verdicts: dict[str, bool] = {}
        kept = {
            identity: description
            for identity, description in snapshot.objects.items()
            if not _goes(identity, snapshot.objects, named, verdicts)
        }
        for identity, columns in _columns_gone(snapshot.objects, kept).items():
            kept[identity] = _without(kept[identity], columns)
        return Snapshot(kept, snapshot.server_version)


NONE = Ignore()


def _expression(pattern: str) -> str:
    kind, _, name = pattern.partition(":")
    return f"{translate(kind.strip())[:-2]} {translate(name.strip())}"


def _goes(identity: str, objects: Mapping[str, Description], named: re.Pattern[str], verdicts: dict[str, bool]) -> bool:
    if identity not in verdicts:
        verdicts[identity] = False  # ends a circle
        verdicts[identity] = bool(named.fullmatch(identity)) or any(
            _goes(owner, objects, named, verdicts) for owner in _owners(objects.get(identity, {}))
        )
    return verdicts[identity]


def _columns_gone(objects: Mapping[str, Description], kept: Mapping[str, Description]) -> dict[str, set[str]]:
    """The quoted names of the columns that are ignored though their relation is not."""
    gone: dict[str, set[str]] = {}
    for identity in objects.keys() - kept.keys():
        owner = str(objects[identity].get("of", ""))
        column = column_name(identity, owner)
        if owner in kept and column is not None:
            gone.setdefault(owner, set()).add(column)
    return gone


def _without(description: Description, columns: set[str]) -> Description:
    order = description.get("column order")
    if not isinstance(order, list):
        return description
    left: list[Json] = [name for name in order if quoted(str(name)) not in columns]
    return {**description, "column order": left}


def _owners(description: Description) -> Iterator[str]:
    for part in PARTS:
        owner = description.get(part)
        if isinstance(owner, str):
            yield f"schema {owner}" if part == "schema" else owner
