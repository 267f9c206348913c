"""What differs between two snapshots, object by object, in a person's words. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping

from sqlmig.frozen import dataclass
from sqlmig.schema.names import column_name
from sqlmig.schema.snapshot import Description, Json, Snapshot

COLUMN_ORDER = "column order"
CLASSES = {COLUMN_ORDER: "column_order", "privileges": "privileges", "comment": "comment", "owner": "owner"}
"""Properties whose differences are of a class of their own. All others are part of the definition."""

MENTIONED = 70
"""Characters of a value that stand in a sentence. A longer one is shown as a unified diff."""

Path = tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """One difference between two snapshots."""

    identity: str
    kind: str
    """``added``: only the second has the object; ``removed``: only the first; ``changed``: it differs."""
    category: str
    """``column_order``, ``privileges``, ``comment``, ``owner`` or ``definition``."""
    sentence: str
    diff: str | None = None
    """A unified diff of the two values where they are long."""
    parts: tuple[str, ...] = ()
    """What was added or removed with the object: its columns, constraints, indexes, triggers."""


def diff(before: Snapshot, after: Snapshot, *, ignore_column_order: bool = False) -> tuple[Change, ...]:
    """Everything that differs, sorted, columns with their table; empty exactly where the objects are equal.

    An added or removed part of an added or removed object is named with it, in ``parts``. ``ignore_column_order``
    leaves out differences of the order of columns alone. Takes time in proportion to the size of the snapshots.
    """
    removed = _only_in(before.objects, after.objects)
    added = _only_in(after.objects, before.objects)
    changes = [*_whole(removed, "removed", "only before"), *_whole(added, "added", "only after")]
    for identity in before.objects.keys() & after.objects.keys():
        changes.extend(_changed(identity, before.objects[identity], after.objects[identity]))
    kept = (change for change in changes if not (ignore_column_order and change.category == "column_order"))
    return tuple(sorted(kept, key=lambda change: (change.sentence.split(": ", 1), change.identity)))


def _only_in(objects: Mapping[str, Description], others: Mapping[str, Description]) -> dict[str, Description]:
    return {identity: objects[identity] for identity in objects.keys() - others.keys()}


def _whole(objects: dict[str, Description], kind: str, words: str) -> Iterator[Change]:
    parts: dict[str, list[str]] = {}
    for identity in objects:
        parts.setdefault(_top(identity, objects), []).append(identity)
    for identity, names in parts.items():
        others = tuple(sorted(name for name in names if name != identity))
        sentence = f"{_subject(identity, objects[identity])}: {words}"
        yield Change(identity, kind, "definition", sentence, parts=others)


def _top(identity: str, objects: dict[str, Description]) -> str:
    seen = {identity}
    while (owner := _owner(objects[identity])) in objects and owner not in seen:
        identity = owner
        seen.add(owner)
    return identity


def _owner(description: Description) -> str:
    """What an object is a part of; a sequence is one of the column that owns it."""
    return str(description.get("of", description.get("owned by", "")))


def _subject(identity: str, description: Description) -> str:
    """A column is called by its table first."""
    owner = str(description.get("of", ""))
    column = column_name(identity, owner)
    return identity if column is None else f"{owner}: column {column}"


def _changed(identity: str, before: Description, after: Description) -> Iterator[Change]:
    if before == after and [*map(type, before.values())] == [*map(type, after.values())]:
        return
    subject = _subject(identity, after)
    for path, old, new in _differences((), dict(before), dict(after)):
        category = CLASSES.get(path[0], "definition")
        if category == "column_order":
            old, new = _common(old, new)
        if not _is_same(old, new):
            sentence, text = _told(f"{subject}: {' '.join(path)}", old, new)
            yield Change(identity, "changed", category, sentence, text)


def _differences(path: Path, before: dict[str, Json], after: dict[str, Json]) -> Iterator[tuple[Path, Json, Json]]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if isinstance(old or {}, dict) and isinstance(new or {}, dict) and (old or new):
            yield from _differences((*path, name), _mapping(old), _mapping(new))
        elif not _is_same(old, new):
            yield (*path, name), old, new


def _is_same(old: Json, new: Json) -> bool:
    """Also of one type: to Python false is 0, to the fingerprint it is not."""
    return type(old) is type(new) and old == new


def _mapping(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _common(old: Json, new: Json) -> tuple[Json, Json]:
    """Both orders without the columns that only one has: those are told by themselves."""
    if not isinstance(old, list) or not isinstance(new, list):
        return old, new
    before, after = {str(name) for name in old}, {str(name) for name in new}
    return [name for name in old if str(name) in after], [name for name in new if str(name) in before]


def _told(what: str, old: Json, new: Json) -> tuple[str, str | None]:
    former, present = _words(old, new), _words(new, old)
    if max(len(former), len(present)) <= MENTIONED and "\n" not in former + present:
        return f"{what}: {former} -> {present}", None
    lines = difflib.unified_diff(_lines(old), _lines(new), "before", "after", lineterm="")
    return f"{what} differs", "\n".join(lines) + "\n"


def _words(value: Json, other: Json) -> str:
    if value is None:
        return "no" if other is True else "yes" if other is False else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_words(item, None) for item in value) or "none"
    return str(value) if value != "" else "''"


def _lines(value: Json) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list):
        return [item if isinstance(item, str) else json.dumps(item, sort_keys=True) for item in value]
    return str(value).split("\n")
