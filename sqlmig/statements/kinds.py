"""What a statement is called: its command words, and a few words for people."""

from __future__ import annotations

from typing import NamedTuple

from sqlmig.statements.head import Token, head, keys, name_at, name_end, options


class Kind(NamedTuple):
    """``CREATE INDEX CONCURRENTLY`` and ``users_email_idx``; ``table`` is the one an index statement names."""

    command: str
    name: str = ""
    table: str = ""
    and_others: bool = False

    def __str__(self) -> str:
        about = self.name or (f"ON {self.table}" if self.table else "")
        return " ".join(filter(None, (self.command, about))) + (", …" if self.and_others else "")


def _phrases(lines: str) -> list[list[str]]:
    """Phrases of one or more words, with ``|`` or line breaks between them, longer ones before their beginnings."""
    return [phrase.split() for line in lines.strip().splitlines() for phrase in line.split("|")]


_OBJECTS = _phrases("""
    ACCESS METHOD|AGGREGATE|CAST|COLLATION|COLUMN|CONSTRAINT|CONVERSION|DATABASE|DEFAULT PRIVILEGES|DOMAIN
    EVENT TRIGGER|EXTENSION|FOREIGN DATA WRAPPER|FOREIGN TABLE|FUNCTION|GROUP|INDEX|LANGUAGE|LARGE OBJECT
    MATERIALIZED VIEW|OPERATOR CLASS|OPERATOR FAMILY|OPERATOR|OWNED|POLICY|PROCEDURE|PUBLICATION|ROLE|ROUTINE|RULE
    SCHEMA|SEQUENCE|SERVER|STATISTICS|SUBSCRIPTION|SYSTEM|TABLE|TABLESPACE|TEXT SEARCH CONFIGURATION
    TEXT SEARCH DICTIONARY|TEXT SEARCH PARSER|TEXT SEARCH TEMPLATE|TRANSFORM|TRIGGER|TYPE|USER MAPPING|USER|VIEW
""")
_NAMELESS = _phrases("CAST|DEFAULT PRIVILEGES|LARGE OBJECT|OWNED|SYSTEM|TRANSFORM|USER MAPPING")
_MODIFIERS = _phrases("""
    OR|REPLACE|GLOBAL|LOCAL|TEMP|TEMPORARY|UNLOGGED|UNIQUE|RECURSIVE|TRUSTED|PROCEDURAL|DEFAULT|CONSTRAINT
""")
_NAMED = _phrases("""
    INSERT INTO|UPDATE|DELETE FROM|MERGE INTO|TRUNCATE TABLE|TRUNCATE|COPY BINARY|COPY|LOCK TABLE|LOCK|CALL|EXECUTE
    ANALYZE|ANALYSE|VACUUM|CLUSTER|REFRESH MATERIALIZED VIEW CONCURRENTLY|REFRESH MATERIALIZED VIEW|SAVEPOINT
    RELEASE SAVEPOINT|RELEASE|DECLARE|CLOSE|LISTEN|UNLISTEN|NOTIFY|PREPARE|DEALLOCATE|TABLE|SET SESSION|SET LOCAL|SET
    RESET|IMPORT FOREIGN SCHEMA|DISCARD|SHOW
""")
_ALONE = _phrases("""
    START TRANSACTION|PREPARE TRANSACTION|COMMIT PREPARED|ROLLBACK PREPARED|SET TRANSACTION|SET CONSTRAINTS
    SET SESSION CHARACTERISTICS|SET SESSION AUTHORIZATION|RESET SESSION AUTHORIZATION|SECURITY LABEL|REASSIGN OWNED
    DISCARD ALL|RESET ALL|SET TIME ZONE|SET NAMES
""")
_BEFORE_NAMES = _phrases("IF NOT EXISTS|IF EXISTS|ONLY|FULL|FREEZE|VERBOSE|ANALYZE|ANALYSE|AUTHORIZATION")
"""What may stand between the command and the name, in this order."""
_LONG = 4000
"""How many tokens are looked at for what a WITH leads to."""
_QUERIES = ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE")
_EMPTY = "empty statement"


def kind_of(text: str) -> Kind:
    """What a statement is called. Never fails: of what is no statement it is the first word."""
    found = head(text)
    return _kind(head(text, _LONG) if found and found[0].key in ("WITH", "(") else found)


def _kind(found: list[Token]) -> Kind:
    words = keys(found)
    command = words[0] if words else _EMPTY
    if command in ("CREATE", "ALTER", "DROP"):
        return _object_kind(command, found)
    if command in ("COMMENT", "GRANT", "REVOKE"):
        return _kind_on(command, found)
    if command == "REINDEX":
        return _reindex_kind(found)
    if command in ("WITH", "("):
        return _query_kind(found)
    if command == "ROLLBACK" and "TO" in words[1:3]:
        return Kind("ROLLBACK TO SAVEPOINT", found[-1].raw)
    if alone := _phrase_at(_ALONE, words, 0):
        return Kind(" ".join(alone))
    if words[:2] == ["COPY", "("]:
        return Kind(command)
    if named := _phrase_at(_NAMED, words, 0):
        return Kind(" ".join(named), name_at(found, _name_start(found, len(named))))
    return Kind(command)


def _phrase_at(phrases: list[list[str]], words: list[str], at: int) -> list[str]:
    return next((phrase for phrase in phrases if words[at : at + len(phrase)] == phrase), [])


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
    while at < len(words) and [words[at]] in _MODIFIERS and words[at : at + 2] != ["DEFAULT", "PRIVILEGES"]:
        at += 1
    phrase = _phrase_at(_OBJECTS, words, at)
    kind, at = " ".join((command, *phrase)), at + len(phrase)
    if not phrase or phrase in _NAMELESS:
        return Kind(kind)
    if phrase == ["INDEX"]:
        return _index_kind(command, found, at)
    if phrase == ["OPERATOR"]:
        return Kind(kind, _operator_name(found, at))
    at = _name_start(found, at)
    return Kind(kind, name_at(found, at), and_others=_and_others(found, at))


def _and_others(found: list[Token], at: int) -> bool:
    after = name_end(found, at)
    return found[0].key == "DROP" and after < len(found) and found[after].raw == ","


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
        return Kind(command, name, and_others=_and_others(found, at))
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
    what = 4 if words[2:4] == ["OPTION", "FOR"] else 1
    if "ON" not in words:
        return Kind(command, name_at(found, what))
    at = words.index("ON") + 1
    objects = words[at : at + 4] if words[at : at + 1] == ["ALL"] else _phrase_at(_OBJECTS, words, at)
    name = name_at(found, at + len(objects))
    if command == "COMMENT":
        return Kind(" ".join((command, "ON", *objects)), name)
    return Kind(command, " ".join((*words[what : what + 1], "ON", *objects, name)))


def _query_kind(found: list[Token]) -> Kind:
    """What a WITH leads to, or what stands in parentheses; it may lie beyond the tokens that were looked at."""
    depth = 0
    in_parentheses = found[0].raw == "("
    for at, token in enumerate(found):
        depth += (token.raw == "(") - (token.raw == ")")
        if (depth == 0 or in_parentheses) and token.key in _QUERIES:
            return _kind(found[at:])
    return Kind("SELECT" if in_parentheses else "WITH")
