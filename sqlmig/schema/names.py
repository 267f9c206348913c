"""What objects are called."""

from __future__ import annotations

import re

PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")

KINDS = {
    "table constraint": "constraint",
    "default acl": "default privileges",
    "foreign-data wrapper": "foreign data wrapper",
    "statistics object": "statistics",
    "operator of access method": "family",
    "function of access method": "family",
}
"""What pg_identify_object calls a kind of object, and what a person does."""

ARGUMENT_TYPES = re.compile(r"(?<=[(,])pg_catalog\.|(?<= AS )pg_catalog\.|(?<=, )pg_catalog\.")


def quoted(name: str) -> str:
    """As PostgreSQL writes an identifier; key words stay as they are, since none is ambiguous here."""
    return name if PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def spoken(kind: str, identity: str) -> tuple[str, str]:
    """Kind and name from what pg_identify_object gives: types of PostgreSQL's own without their schema."""
    if kind == "type":
        return kind, identity.removeprefix("pg_catalog.")
    if kind == "transform":
        identity = identity.replace(" on language ", " language ")  # as PostgreSQL 14 has it
    return KINDS.get(kind, kind), ARGUMENT_TYPES.sub("", identity)


def column_name(identity: str, owner: str) -> str | None:
    """The quoted name of a column, from its identity and that of the relation or type that has it.

    None where the identity is not that of a column. A kind may be of several words: ``materialized view app.m``.
    """
    words = owner.split(" ")
    prefixes = (f"column {' '.join(words[start:])}." for start in range(1, len(words)))
    return next((identity.removeprefix(prefix) for prefix in prefixes if identity.startswith(prefix)), None)
