"""What a statement is called: its command words, and a few words for people."""

from __future__ import annotations

from typing import NamedTuple

from sqlmig.statements.head import Token, head, keys, name_at, name_end, options


class Kind(NamedTuple):
    """``CREATE INDEX CONCURRENTLY`` and ``users_email_idx``; ``table`` is the one an index statement names."""

    command: str
    name: str = ""
    table: str = ""

    def __str__(self) -> str:
        return f"{self.command} {self.name}" if self.name else self.command


_OBJECTS = """
    ACCESS METHOD|AGGREGATE|CAST|COLLATION|CONVERSION|DATABASE|DEFAULT PRIVILEGES|DOMAIN|EVENT TRIGGER|EXTENSION
    FOREIGN DATA WRAPPER|FOREIGN TABLE|FUNCTION|GROUP|INDEX|LANGUAGE|LARGE OBJECT|MATERIALIZED VIEW|OPERATOR CLASS
    OPERATOR FAMILY|OPERATOR|OWNED|POLICY|PROCEDURE|PUBLICATION|ROLE|ROUTINE|RULE|SCHEMA|SEQUENCE|SERVER|STATISTICS
    SUBSCRIPTION|SYSTEM|TABLE|TABLESPACE|TEXT SEARCH CONFIGURATION|TEXT SEARCH DICTIONARY|TEXT SEARCH PARSER
    TEXT SEARCH TEMPLATE|TRANSFORM|TRIGGER|TYPE|USER MAPPING|USER|VIEW|COLUMN|CONSTRAINT
"""
_OBJECT_WORDS = [entry.split() for line in _OBJECTS.split("\n") for entry in line.strip().split("|") if entry]
_MODIFIERS = frozenset(
    [
        "OR",
        "REPLACE",
        "GLOBAL",
        "LOCAL",
        "TEMP",
        "TEMPORARY",
        "UNLOGGED",
        "UNIQUE",
        "RECURSIVE",
        "TRUSTED",
        "PROCEDURAL",
        "DEFAULT",
        "CONSTRAINT",
    ]
)
_NAMELESS = frozenset(("CAST", "TRANSFORM", "DEFAULT PRIVILEGES", "USER MAPPING", "OWNED", "LARGE OBJECT"))
_BEFORE_NAMES = (["IF", "NOT", "EXISTS"], ["IF", "EXISTS"], ["ONLY"])

_PHRASES = (
    "INSERT INTO|UPDATE|DELETE FROM|MERGE INTO|TRUNCATE TABLE|TRUNCATE|COPY BINARY|COPY|LOCK TABLE|LOCK|CALL|EXECUTE"
    "|ANALYZE|ANALYSE|VACUUM|CLUSTER|REFRESH MATERIALIZED VIEW CONCURRENTLY|REFRESH MATERIALIZED VIEW|SAVEPOINT"
    "|RELEASE SAVEPOINT|RELEASE|DECLARE|CLOSE|LISTEN|UNLISTEN|NOTIFY|PREPARE|DEALLOCATE|TABLE|SET SESSION|SET LOCAL"
    "|SET|RESET|IMPORT FOREIGN SCHEMA|DISCARD|SHOW"
)
_NAMED = [phrase.split() for phrase in _PHRASES.split("|")]
_ALONE = [
    phrase.split()
    for phrase in [
        "START TRANSACTION",
        "PREPARE TRANSACTION",
        "COMMIT PREPARED",
        "ROLLBACK PREPARED",
        "SET TRANSACTION",
        "SET CONSTRAINTS",
        "SET SESSION CHARACTERISTICS",
        "SET SESSION AUTHORIZATION",
        "RESET SESSION AUTHORIZATION",
        "SECURITY LABEL",
        "REASSIGN OWNED",
        "DISCARD ALL",
        "RESET ALL",
        "SET TIME ZONE",
        "SET NAMES",
    ]
]
_LONG = 4000
"""How many tokens are looked at for what a WITH leads to."""
_QUERIES = ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE")


def kind_of(text: str) -> Kind:
    """What a statement is called. Never fails: of what is no statement it is the first word."""
    found = head(text)
    return _kind(head(text, _LONG) if found and found[0].key == "WITH" else found)


def _kind(found: list[Token]) -> Kind:
    words = keys(found)
    command = words[0] if words else ""
    if command in ("CREATE", "ALTER", "DROP"):
        return _object_kind(command, found)
    if command in ("COMMENT", "GRANT", "REVOKE"):
        return _kind_on(command, found)
    if command == "REINDEX":
        return _reindex_kind(found)
    if command == "WITH":
        return _query_kind(found)
    for phrase in _ALONE:
        if words[: len(phrase)] == phrase:
            return Kind(" ".join(phrase))
    if command == "ROLLBACK" and "TO" in words[:3]:
        return Kind("ROLLBACK TO SAVEPOINT", found[-1].raw)
    for phrase in _NAMED:
        if words[: len(phrase)] == phrase:
            return Kind(" ".join(phrase), name_at(found, _name_start(found, len(phrase))))
    return Kind(command if found and found[0].is_name else "")


def _name_start(found: list[Token], at: int) -> int:
    """The token where a name begins, after options in parentheses, IF [NOT] EXISTS and ONLY."""
    words = keys(found)
    if words[at : at + 1] == ["("]:
        at = options(found, at)[1]
    for skipped in _BEFORE_NAMES:
        if words[at : at + len(skipped)] == skipped:
            at += len(skipped)
    return at


def _object_kind(command: str, found: list[Token]) -> Kind:
    words = keys(found)
    at = 1
    while at < len(words) and words[at] in _MODIFIERS and words[at : at + 2] != ["DEFAULT", "PRIVILEGES"]:
        at += 1
    for phrase in _OBJECT_WORDS:
        if words[at : at + len(phrase)] == phrase:
            break
    else:
        return Kind(command)
    kind, at = " ".join(phrase), at + len(phrase)
    if kind in _NAMELESS:
        return Kind(f"{command} {kind}")
    if kind == "INDEX":
        return _index_kind(command, found, at)
    if kind == "OPERATOR":
        return Kind(f"{command} {kind}", _operator_name(found, at))
    at = _name_start(found, at)
    if kind == "SCHEMA" and words[at : at + 1] == ["AUTHORIZATION"]:
        at += 1
    name = name_at(found, at)
    return Kind(f"{command} {kind}", name + _and_others(found, at))


def _and_others(found: list[Token], at: int) -> str:
    after = name_end(found, at)
    return ", …" if found[0].key == "DROP" and after < len(found) and found[after].raw == "," else ""


def _operator_name(found: list[Token], at: int) -> str:
    at = _name_start(found, at)
    name = ""
    for token in found[at:]:
        if token.raw == "(":
            break
        name += token.raw
        if not token.is_name and token.raw != ".":
            break
    return name


def _index_kind(command: str, found: list[Token], at: int) -> Kind:
    words = keys(found)
    if words[at : at + 1] == ["CONCURRENTLY"]:
        command, at = f"{command} INDEX CONCURRENTLY", at + 1
    else:
        command = f"{command} INDEX"
    at = _name_start(found, at)
    name = "" if words[at : at + 1] == ["ON"] else name_at(found, at)
    if not command.startswith("CREATE"):
        return Kind(command, name + _and_others(found, at))
    on = name_end(found, at) if name else at
    table = name_at(found, _name_start(found, on + 1)) if words[on : on + 1] == ["ON"] else ""
    return Kind(command, name, table)


def _reindex_kind(found: list[Token]) -> Kind:
    words = keys(found)
    at = options(found, 1)[1] if words[1:2] == ["("] else 1
    command = " ".join(("REINDEX", *words[at : at + 1]))
    at += 1
    if words[at : at + 1] == ["CONCURRENTLY"]:
        command, at = f"{command} CONCURRENTLY", at + 1
    name = name_at(found, at)
    return Kind(command, name, name if command.startswith("REINDEX TABLE") else "")


def _kind_on(command: str, found: list[Token]) -> Kind:
    """COMMENT ON TABLE app.users, GRANT SELECT ON app.users, GRANT reader."""
    words = keys(found)
    if "ON" not in words:
        return Kind(command, name_at(found, 4 if words[2:4] == ["OPTION", "FOR"] else 1))
    at = words.index("ON") + 1
    objects = next((phrase for phrase in _OBJECT_WORDS if words[at : at + len(phrase)] == phrase), [])
    name = name_at(found, at + len(objects))
    if command == "COMMENT":
        return Kind(" ".join((command, "ON", *objects)), name)
    return Kind(command, " ".join((*words[1:2], "ON", *objects, name)))


def _query_kind(found: list[Token]) -> Kind:
    """What a WITH leads to, which may lie beyond the tokens that were looked at."""
    depth = 0
    for at, token in enumerate(found):
        depth += (token.raw == "(") - (token.raw == ")")
        if depth == 0 and token.key in _QUERIES:
            return _kind(found[at:])
    return Kind("WITH")
