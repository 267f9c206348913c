"""Cases for schema snapshots, read from the text file beside the tests that use them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

WORDS = ("first", "do", "undo", "make", "drop", "class", "since")


@dataclass(frozen=True)
class Case:
    """Doing is seen, and names the object; undoing restores the snapshot."""

    named: str
    """The identity of an object that the difference must name."""
    do: str
    undo: str | None
    first: tuple[str, ...] = ()
    category: str | None = None
    """The class that one of the changes must be of."""
    since: int = 14

    def __str__(self) -> str:
        return " ".join(re.sub(r"[^\w.]+", " ", self.do).split())[:70]


def read_cases(path: Path) -> tuple[list[str], list[Case]]:
    """The statements of the ground, and the cases, two for each ``make`` and ``drop``."""
    ground: list[str] = []
    cases: list[Case] = []
    for name, fields in _blocks(path.read_text().splitlines()):
        first = tuple(fields.get("first", []))
        if name == "ground":
            ground.extend(first)
            continue
        since = int(fields.get("since", ["14"])[0])
        category = fields.get("class", [None])[0]
        if "make" in fields:
            make, drop = fields["make"][0], fields["drop"][0]
            cases.append(Case(name, make, drop, first, category, since))
            cases.append(Case(name, drop, make, (*first, make), category, since))
        else:
            cases.append(Case(name, fields["do"][0], fields.get("undo", [None])[0], first, category, since))
    return ground, cases


def _blocks(lines: list[str]) -> Iterator[tuple[str, dict[str, list[str]]]]:
    name, fields = "", dict[str, list[str]]()
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        if line[0] != " ":
            if name:
                yield name, fields
            name, fields = line, {}
        else:
            word, _, text = line.strip().partition(" ")
            assert word in WORDS, f"{word} is no word of a case: {line}"
            fields.setdefault(word, []).append(text)
    yield name, fields
