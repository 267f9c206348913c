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
