"""How statements get on with the transaction around them, and with the text that follows them."""

from __future__ import annotations

from enum import Enum

from sqlmig.patterns import pattern
from sqlmig.statements.head import Token, head, is_on, keys, name_at, name_end, options
from sqlmig.statements.kinds import kind_of
from sqlmig.statements.lexer import GAP, WORD_END, keyword, tokens


class TransactionRule(Enum):
    """How a statement gets on with a transaction around it."""

    INSIDE = "inside"
    """It runs in a transaction, and outside of one too."""
    OUTSIDE = "outside"
    """The server refuses it in a transaction, and in a message with other statements."""
    ENDS = "ends"
    """It begins or ends a transaction."""
    SAVEPOINT = "savepoint"
    """It works with a savepoint, and leaves the transaction open."""


_FIRST = pattern(rf"{GAP}([A-Za-z]++{WORD_END})")

_ENDING = frozenset(("BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "PREPARE"))
_SAVEPOINTS = frozenset(("SAVEPOINT", "RELEASE"))
_SUSPECTS = frozenset(("CREATE", "DROP", "ALTER", "REINDEX", "VACUUM", "CLUSTER", "DISCARD", "COMMIT", "ROLLBACK"))


def first_word(text: str) -> str:
    """The first word in capitals; empty if something else comes first."""
    match = _FIRST.match(text)
    return match[1].upper() if match else ""


_BLANK = r"[ \t\n\r]++"
_PLAIN = pattern(
    rf"(?ai:insert|update|delete|comment|grant|revoke|create{_BLANK}table"
    rf"|drop{_BLANK}(?:table|view|type|function|trigger|policy|sequence|schema)"
    rf"|create{_BLANK}(?:unique{_BLANK})?index{_BLANK}(?!concurrently)[a-z][a-z0-9_]*+){WORD_END}"
)


def is_plain(text: str) -> bool:
    """Whether the first word alone says that none of the questions below has an unusual answer."""
    return _PLAIN.match(text) is not None


def runs_anywhere(text: str) -> bool:
    """Whether a statement gets on with a transaction around it and without one."""
    return _PLAIN.match(text) is not None or transaction_rule(text) is TransactionRule.INSIDE


def transaction_rule(text: str) -> TransactionRule:
    """How one statement gets on with a transaction, as far as its text tells."""
    first = first_word(text)
    if first in _SAVEPOINTS:
        return TransactionRule.SAVEPOINT
    if first in _ENDING:
        return _control_rule(keys(head(text, 6)))
    return TransactionRule.OUTSIDE if outside_reason(text) else TransactionRule.INSIDE


def _control_rule(words: list[str]) -> TransactionRule:
    if words[1:2] == ["PREPARED"]:
        return TransactionRule.OUTSIDE
    if words[0] in ("START", "PREPARE") and words[1:2] != ["TRANSACTION"]:
        return TransactionRule.INSIDE
    if words[0] == "ROLLBACK" and "TO" in words[1:3]:
        return TransactionRule.SAVEPOINT
    return TransactionRule.ENDS


def outside_reason(text: str) -> str | None:
    """What the server calls the statement that it refuses in a transaction; None if it runs in one.

    These are the callers of ``PreventInTransactionBlock`` in PostgreSQL 13 to 18. What only the server can know is
    left to it: that a table in REINDEX or CLUSTER is partitioned, that a procedure commits, that a subscription has no
    replication slot.
    """
    first = first_word(text)
    if first not in _SUSPECTS:
        return None
    if first == "ALTER":
        return _altered_outside(text) if _TELLTALE.search(text) else None
    if first in ("CREATE", "DROP") and not _SUSPICIOUS.match(text):
        return None
    words = keys(head(text, 3))
    two = " ".join(words[:2])
    if first == "VACUUM" or two in _ALWAYS_OUTSIDE:
        return first if first == "VACUUM" else two
    if first == "REINDEX":
        return _reindexed_outside(head(text))
    if first == "CLUSTER":
        return _clustered_outside(head(text))
    if two == "CREATE SUBSCRIPTION":
        return _subscribed_outside(text)
    if "INDEX" not in words:
        return None
    command = kind_of(text).command
    return command if command in ("CREATE INDEX CONCURRENTLY", "DROP INDEX CONCURRENTLY") else None


_TELLTALE = pattern(r"(?ai)concurrently|database|subscription|system")
"""What every ALTER below has somewhere: most statements are told apart without taking them apart."""
_CONCURRENTLY = rf"(?ai:index){GAP}(?:(?ai:concurrently)|/\*)"
_SUSPICIOUS = pattern(
    rf"[A-Za-z]++{GAP}(?:(?ai:database|tablespace|subscription)|{_CONCURRENTLY}|(?ai:unique){GAP}(?:{_CONCURRENTLY}|/\*)|/\*)"
)
"""How every CREATE and DROP below begins; a comment inside a comment may hide the words."""

_ALWAYS_OUTSIDE = frozenset(
    (
        "CREATE DATABASE",
        "DROP DATABASE",
        "CREATE TABLESPACE",
        "DROP TABLESPACE",
        "DROP SUBSCRIPTION",
        "DISCARD ALL",
        "COMMIT PREPARED",
        "ROLLBACK PREPARED",
    )
)


def _reindexed_outside(found: list[Token]) -> str | None:
    words = keys(found)
    chosen, at = options(found, 1) if words[1:2] == ["("] else ({}, 1)
    if words[at : at + 1] in (["DATABASE"], ["SYSTEM"], ["SCHEMA"]):
        return f"REINDEX {words[at]}"
    concurrently = words[at + 1 : at + 2] == ["CONCURRENTLY"] or is_on(chosen.get("CONCURRENTLY", "off"))
    return "REINDEX CONCURRENTLY" if concurrently else None


def _clustered_outside(found: list[Token]) -> str | None:
    at = 1
    if at < len(found) and found[at].raw == "(":
        at = options(found, at)[1]
    if at < len(found) and found[at].key == "VERBOSE":
        at += 1
    return "CLUSTER without a table" if at >= len(found) else None


def _subscribed_outside(text: str) -> str | None:
    chosen = _with_options(head(text, 400))
    connects = is_on(chosen.get("CONNECT", "on"))
    if is_on(chosen.get("CREATE_SLOT", "on" if connects else "off")):
        return "CREATE SUBSCRIPTION with a replication slot"
    return None


def _with_options(found: list[Token]) -> dict[str, str]:
    for at, token in enumerate(found):
        if token.key in ("WITH", "SET") and at + 1 < len(found) and found[at + 1].raw == "(":
            return options(found, at + 1)[0]
    return {}


def _altered_outside(text: str) -> str | None:
    found = head(text, 400)
    words = keys(found)
    if words[1:2] == ["SYSTEM"]:
        return "ALTER SYSTEM"
    if words[1:2] == ["DATABASE"]:
        after = name_end(found, 2)
        moved = words[after : after + 2] == ["SET", "TABLESPACE"] or words[after : after + 1] == ["TABLESPACE"]
        moved = moved or words[after : after + 2] == ["WITH", "TABLESPACE"]
        return "ALTER DATABASE SET TABLESPACE" if moved else None
    if words[1:2] == ["SUBSCRIPTION"]:
        return _altered_subscription(found)
    if words[1:2] == ["TABLE"]:
        return _detached_outside(found)
    return None


def _detached_outside(found: list[Token]) -> str | None:
    words = keys(found)
    for at in range(len(words) - 1):
        if words[at : at + 2] == ["DETACH", "PARTITION"] and name_at(found, at + 2):
            after = name_end(found, at + 2)
            if words[after : after + 1] == ["CONCURRENTLY"]:
                return "ALTER TABLE ... DETACH PARTITION CONCURRENTLY"
    return None


def _altered_subscription(found: list[Token]) -> str | None:
    """A refresh, and the options that are kept in the replication slot as well."""
    words = keys(found)
    chosen = _with_options(found)
    action = words[3:5]
    if action[:1] == ["REFRESH"]:
        return "ALTER SUBSCRIPTION ... REFRESH"
    if action[1:2] == ["PUBLICATION"] and action[0] in ("SET", "ADD", "DROP"):
        return "ALTER SUBSCRIPTION with refresh" if is_on(chosen.get("REFRESH", "on")) else None
    kept_in_slot = [name for name in ("FAILOVER", "TWO_PHASE") if name in chosen]
    return f"ALTER SUBSCRIPTION ... SET ({kept_in_slot[0].lower()})" if kept_in_slot else None


_COPY_START = pattern(rf"(?ai:copy){WORD_END}")
_COPY_SOURCES = {"FROM": "in", "TO": "out"}
_COLUMN = r'(?:[A-Za-z0-9_]++|"[^"]*+")'
_DUMPED_COPY = pattern(
    rf"COPY (?!(?ai:binary) ){_COLUMN}(?:\.{_COLUMN})? (?:\((?:{_COLUMN}(?:, )?)*+\) )?(?ai:from stdin);"
)
"""How pg_dump writes it, always in the same way: dumps of many small tables have many."""


def copy_direction(text: str) -> str | None:
    """``in`` for COPY FROM STDIN, ``out`` for COPY TO STDOUT. The server reads either name in both places."""
    if not _COPY_START.match(text):
        return None
    if _DUMPED_COPY.fullmatch(text):
        return "in"
    depth = 0
    before = ""
    for _, start, end in tokens(text):
        word = keyword(text[start:end])
        depth += (word == "(") - (word == ")")
        if depth == 0 and before in _COPY_SOURCES:
            return _COPY_SOURCES[before] if word in ("STDIN", "STDOUT") else None
        before = word
    return None


def copies_binary(text: str) -> bool:
    """Whether a COPY asks for the binary format, which no text file can hold."""
    if _DUMPED_COPY.fullmatch(text):
        return False
    found = head(text, _LONGEST_COPY)
    words = keys(found)
    if words[1:2] == ["BINARY"]:
        return True
    after = words.index("FROM") + 2 if "FROM" in words else len(words)
    at = after + (words[after : after + 1] == ["WITH"])
    if words[at : at + 1] == ["("]:
        return options(found, at)[0].get("FORMAT", "").strip('"') == "binary"
    until = words.index("WHERE", after) if "WHERE" in words[after:] else len(words)
    return "BINARY" in words[after:until]


_LONGEST_COPY = 4000
"""Tokens: no table has more columns than 1,600."""


_SET_CONFIG = pattern(r"(?ai)set_config")
_READING = frozenset(("STANDARD_CONFORMING_STRINGS", "CLIENT_ENCODING", "BACKSLASH_QUOTE", "ALL", "NAMES"))


def changes_session(text: str) -> bool:
    """Whether a statement can change how the server reads the text after it.

    The server takes a message apart before it runs any of its statements, so the message must end here. A function or
    a DO block can do the same unseen.
    """
    first = first_word(text)
    if first in ("SET", "RESET"):
        words = [word.strip('"').upper() for word in keys(head(text, 4))]
        return not _READING.isdisjoint(words)
    if first == "ROLLBACK":
        return transaction_rule(text) is TransactionRule.SAVEPOINT
    return first == "DISCARD" or (first in ("SELECT", "WITH", "VALUES") and bool(_SET_CONFIG.search(text)))
