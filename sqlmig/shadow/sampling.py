"""Some rows of each table of the target, copied into a shadow, so that what changes data has data to change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from sqlmig.database import Row, Session, literal, quote_identifier
from sqlmig.errors import DatabaseError
from sqlmig.queries import query

BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL lock_timeout = '3s'"
"""We stand in nobody's way for long: not in the queue for a table's lock either."""

ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
"""Of a value in COPY's text format (documentation, "COPY", File Formats)."""


def copy_sample(source: Session, shadow: Session, count: int, left_out: Sequence[str], role: str | None) -> None:
    """Copy up to ``count`` rows of each table that both have, and the positions of sequences; then drop the rows whose
    parents did not come along. ``source`` is only read, in one transaction.

    Raises DatabaseError where a row cannot be read or does not fit the shadow's table.
    """
    listed = query("shadow", "columns").format(left_out=", ".join(map(literal, left_out)))
    ours = _columns(shadow.ask(listed))
    theirs = _columns(source.ask(f"{BEGIN}; {listed}"))
    deletions = [statement or "" for (statement,) in shadow.ask(query("shadow", "orphans"))]
    brought_back = _unhook(shadow, role)
    for table in sorted(ours.keys() & theirs.keys()):
        columns = _common(ours[table], theirs[table])
        if columns:
            rows = source.ask(f"SELECT {columns} FROM ONLY {table} LIMIT {count}")  # noqa: S608 - names quoted by the server
            shadow.copy_in(f"COPY {table} ({columns}) FROM STDIN", _lines(rows))
    positions = query("shadow", "positions").format(left_out=", ".join(map(literal, left_out)))
    for sequence, value in source.ask(positions):
        with suppress(DatabaseError):  # it is not in the shadow
            shadow.ask(f"SELECT pg_catalog.setval({literal(sequence)}, {value})")
    source.roll_back()
    _delete_orphans(shadow, deletions)
    for statement in brought_back:
        shadow.ask(statement)


def _columns(rows: Iterable[Row]) -> dict[str, str]:
    return {row[0] or "": row[1] or "" for row in rows}


def _common(ours: str, theirs: str) -> str:
    """The columns that are in both lists."""
    known = set(theirs.split("\n"))
    return ", ".join(column for column in ours.split("\n") if column in known)


def _lines(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        yield "\t".join("\\N" if value is None else value.translate(ESCAPES) for value in row) + "\n"


def _unhook(shadow: Session, role: str | None) -> list[str]:
    """Let rows come in any order; the statements that bring back what was taken away for it."""
    try:
        shadow.ask("SET session_replication_role = replica")
    except DatabaseError:
        if role is not None:
            shadow.ask(f"SET ROLE {quote_identifier(role)}")
        pairs = shadow.ask(query("shadow", "unhook"))
        for away, _ in pairs:
            shadow.ask(away or "")
        return [back or "" for _, back in pairs]
    return []


def _delete_orphans(shadow: Session, deletions: Sequence[str]) -> None:
    """Until there are none: the child of one that went is one."""
    while sum(int(reply.tag.rpartition(" ")[2]) for deletion in deletions for reply in shadow.run(deletion)):
        pass
