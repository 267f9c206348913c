"""What a database holds apart from its data: every object by its name, each with a description that is its own."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from functools import cached_property
from typing import TypeAlias

from sqlmig.frozen import dataclass

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Description: TypeAlias = Mapping[str, Json]

FORMAT = 1
"""The version of what ``to_json`` writes."""


@dataclass(frozen=True)
class Snapshot:
    """The schema of one database at one moment.

    Two databases with the same schema have equal objects and the same fingerprint, however and in whatever order they
    were built, provided that both servers have the same major version: a newer one describes more.
    """

    objects: Mapping[str, Description]
    """By identity, in a person's words: ``table app.users``, ``column app.users.email``, ``function app.f(integer)``.

    In a description ``of`` is the identity of the object that this one is a part of, ``schema`` the schema it is in.
    What is not there is false, zero, empty or the default.
    """
    server_version: int
    """As in 150018. The fingerprint does not cover it: a minor upgrade changes no schema."""

    @property
    def major(self) -> int:
        """The server's major version, as in 15."""
        return self.server_version // 10000

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the objects as canonical JSON, in hexadecimal."""
        return hashlib.sha256(_canonical(self.objects).encode()).hexdigest()

    def to_json(self) -> str:
        """One line for each object, sorted: the same snapshot is always the same text. Ends with a line break."""
        lines = ",\n".join(f"  {_canonical(name)}: {_canonical(self.objects[name])}" for name in sorted(self.objects))
        objects = f"{{\n{lines}\n }}" if lines else "{}"
        return f'{{\n "format": {FORMAT},\n "server_version": {self.server_version},\n "objects": {objects}\n}}\n'

    @classmethod
    def from_json(cls, text: str) -> Snapshot:
        """What ``to_json`` wrote. Raises ValueError where it is something else."""
        document = json.loads(text)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise ValueError(f"this is no schema snapshot of format {FORMAT}")
        objects, version = document.get("objects"), document.get("server_version")
        if not isinstance(objects, dict) or not isinstance(version, int):
            raise ValueError("a schema snapshot holds objects and the server's version")
        return cls(objects, version)

    def packed(self) -> bytes:
        """The JSON, compressed. Small enough to be kept: about a tenth of the text."""
        return zlib.compress(self.to_json().encode(), 6)

    @classmethod
    def unpacked(cls, data: bytes) -> Snapshot:
        """What ``packed`` made. Raises ValueError where it is something else."""
        try:
            text = zlib.decompress(data).decode()
        except zlib.error as error:
            raise ValueError(f"this is no packed schema snapshot: {error}") from error
        return cls.from_json(text)


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
