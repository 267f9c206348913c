"""Which trace each kind of statement leaves, and which statements leave none because they commit with their record."""

from __future__ import annotations

import re

from sqlmig.database import Session, literal
from sqlmig.runner.indexes import Build, Drop, Rebuild
from sqlmig.runner.traces import Detachment, Existence, Procedure, Repeatable, Trace
from sqlmig.statements import Statement, TransactionRule
from sqlmig.statements.head import head, keys, name_at

REPEATABLE = (
    "VACUUM",
    "REINDEX",
    "CLUSTER",
    "ALTER SYSTEM",
    "ALTER DATABASE",
    "ALTER SUBSCRIPTION ... REFRESH",
    "ALTER SUBSCRIPTION ... SET",
    "DISCARD",
)
"""What the server calls statements that may simply run again."""

CATALOGS = {
    f"{verb} {kind}": kind.lower() for verb in ("CREATE", "DROP") for kind in ("DATABASE", "TABLESPACE", "SUBSCRIPTION")
}

MAY_COMMIT = re.compile(r"(?i)\b(commit|rollback|call)\b")
"""What a DO block contains that ends transactions of its own."""


def commits_with_its_record(statement: Statement) -> bool:
    """Whether a statement can share a transaction with ours, as far as its text tells."""
    if statement.transaction is not TransactionRule.INSIDE or statement.command == "CALL":
        return False
    return statement.command != "DO" or not MAY_COMMIT.search(statement.text)


def trace_of(session: Session, statement: Statement) -> Trace:
    """What can be seen of a statement that does not commit with its record."""
    reason = statement.outside_reason or statement.command
    if reason == "CREATE INDEX CONCURRENTLY":
        return Build(session, statement, statement.index_table, statement.index)
    if reason == "DROP INDEX CONCURRENTLY":
        return Drop(session, statement, statement.index)
    if reason == "REINDEX CONCURRENTLY":
        return Rebuild(session, statement)
    if statement.command in ("CALL", "DO"):
        return Procedure(session, statement)
    if reason.startswith("ALTER TABLE"):
        return _detachment(session, statement)
    if reason in ("COMMIT PREPARED", "ROLLBACK PREPARED"):
        return Existence(session, statement, "prepared", head(statement.text)[2].raw)
    for created, catalog in CATALOGS.items():
        if reason.startswith(created):
            return Existence(session, statement, catalog, literal(_name(statement)))
    return Repeatable(session, statement) if reason.startswith(REPEATABLE) else Trace(session, statement)


def _name(statement: Statement) -> str:
    found = head(statement.text)
    return name_at(found, 4 if keys(found)[2:4] == ["IF", "EXISTS"] else 2)


def _detachment(session: Session, statement: Statement) -> Trace:
    found = head(statement.text, 400)
    words = keys(found)
    at = words.index("DETACH")
    parent = next(number for number in range(2, at) if words[number] not in ("IF", "EXISTS", "ONLY"))
    return Detachment(session, statement, name_at(found, parent), name_at(found, at + 2))
