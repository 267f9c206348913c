"""Privileges in words, told as what differs from the default."""

from __future__ import annotations

import json
import re

WORDS = {
    "r": "SELECT",
    "w": "UPDATE",
    "a": "INSERT",
    "d": "DELETE",
    "D": "TRUNCATE",
    "x": "REFERENCES",
    "t": "TRIGGER",
    "m": "MAINTAIN",
    "X": "EXECUTE",
    "U": "USAGE",
    "C": "CREATE",
    "T": "TEMPORARY",
    "c": "CONNECT",
    "s": "SET",
    "A": "ALTER SYSTEM",
}
"""The letters of an ACL (documentation, "Privileges")."""

ITEM = re.compile(r'("(?:[^"]|"")*"|[^=]*)=([A-Za-z*]*)/(.*)', re.DOTALL)

Grants = set[tuple[str, str]]


def privileges(text: str) -> dict[str, list[str]] | None:
    """By grantee, what was granted beyond the default (``SELECT``) and what of it was revoked (``no EXECUTE``).

    The text is a JSON list: the ACL, the default ACL (null for none), and the owner. A grantor is named where it is
    somebody else. None where nothing differs: an ACL equal to the default is none.
    """
    acl, usual, owner = json.loads(text)
    present, default = _grants(acl, owner), _grants(usual or [], owner)
    words: dict[str, list[str]] = {}
    for grantee, privilege in sorted(present - default):
        words.setdefault(grantee, []).append(privilege)
    for grantee, privilege in sorted(default - present):
        words.setdefault(grantee, []).append(f"no {privilege}")
    return words or None


def _grants(acl: list[str], owner: str) -> Grants:
    return {grant for item in acl for grant in _granted(item, owner)}


def _granted(item: str, owner: str) -> Grants:
    found = ITEM.fullmatch(item)
    if found is None:
        return {(item, "")}
    grantee, letters, grantor = (_plain(part) for part in found.groups())
    by = "" if grantor == owner else f" granted by {grantor}"
    grants = set()
    for letter, option in re.findall(r"([A-Za-z])(\*?)", letters):
        with_option = " with grant option" if option else ""
        grants.add((grantee or "PUBLIC", f"{WORDS.get(letter, letter)}{with_option}{by}"))
    return grants


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
