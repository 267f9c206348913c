"""What DROP COLUMN takes away, read from the catalogs as the SQL that makes it again. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmig.database import Row, Session
from sqlmig.errors import UsageError
from sqlmig.frozen import dataclass
from sqlmig.queries import literal, query
from sqlmig.templates.values import Value
from sqlmig.templates.words import identifier

TABLES = ("r", "p")
"""Tables and partitioned tables, as pg_class.relkind says it."""


@dataclass(frozen=True)
class Relation:
    """A table as the catalog knows it, its name with its schema."""

    oid: str
    name: str
    kind: str


@dataclass(frozen=True)
class Column:
    """A column as ADD COLUMN makes it."""

    number: int
    owner: str
    name: str
    type: str
    collation: str
    default: str | None
    generated: str
    identity: str
    required: bool
    has_children: bool
    followed: bool
    """Whether other columns stand behind it."""


@dataclass(frozen=True)
class Sequence:
    """The sequence that a column owns."""

    name: str
    options: str
    type: str
    of_identity: bool
    start: str
    owner: str | None
    """Who owns it, where that is not the role that reads."""
    comment: str | None
    unlogged: bool
    descending: bool
    rights: tuple[str, ...] = ()


@dataclass(frozen=True)
class Removal:
    """The parts of a template about a column that goes: SQL, and comments that say what does not come back."""

    column: Column
    saved: str | None
    """The table that keeps the values; None where they are lost."""
    key: Row = ()
    sequence: Sequence | None = None
    details: tuple[str, ...] = ()
    not_null: tuple[str, ...] = ()
    """From PostgreSQL 18 on a constraint, with a name."""
    around: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    """Those of the table that see an UPDATE."""
    wanted: bool = True
    """Whether the values were to be kept."""

    @property
    def values(self) -> dict[str, Value | None]:
        """What the placeholders stand for."""
        parts = {
            "save": self._save(),
            "restore": "\n\n".join(f"{statement};" for statement in self._restore()),
            "losses": "\n".join(_comment(line) for line in self._losses()),
            "notes": "\n".join(_comment(line) for line in self._notes()),
        }
        return {name: Value(text) for name, text in parts.items()}

    @property
    def _facts(self) -> dict[str, object]:
        key, of_saved, of_owner = self.key or ("", "", "")
        return {
            "owner": self.column.owner,
            "column": identifier(self.column.name),
            "saved": self.saved,
            "key": key,
            "of_saved": of_saved,
            "of_owner": of_owner,
        }

    def _save(self) -> str:
        if self.saved is None:
            return ""
        why = "-- Nobody may write meanwhile: what is kept has to be what goes."
        return f"{why}\n{query('column', 'save').format(**self._facts)}"

    def _restore(self) -> Iterator[str]:
        column, sequence = self.column, self.sequence
        name = identifier(column.name)
        alter = f"ALTER TABLE {column.owner} ALTER COLUMN {name}"
        if sequence is not None and not sequence.of_identity:
            unlogged = "UNLOGGED " if sequence.unlogged else ""
            yield f"CREATE {unlogged}SEQUENCE {sequence.name} AS {sequence.type} {sequence.options}"
        yield f"ALTER TABLE {column.owner} ADD COLUMN {name} {column.type}{column.collation}{self._filling()}"
        if self.saved is not None:
            yield query("column", "fill").format(**self._facts)
            if column.identity:
                yield query("column", "number").format(**self._facts)
            yield f"DROP TABLE {self.saved}"
        if column.required and (self.saved is not None or not column.identity):
            yield from self.not_null or (f"{alter} SET NOT NULL",)
        if column.identity and self.saved is not None:
            yield f"{alter} ADD {self._identity()}"
        if sequence is not None:
            yield from self._sequence(sequence, name)
        yield from self.details
        yield from self.around

    def _filling(self) -> str:
        column = self.column
        if column.generated:
            stored = " STORED" if column.generated == "s" else " VIRTUAL"
            return f" GENERATED ALWAYS AS ({column.default}){stored}"
        if column.identity:
            return "" if self.saved is not None else f" {self._identity()}"
        return f" DEFAULT {column.default}" if column.default is not None else ""

    def _identity(self) -> str:
        sequence = self.sequence
        options = f" (SEQUENCE NAME {sequence.name} {sequence.options})" if sequence is not None else ""
        return f"GENERATED {'ALWAYS' if self.column.identity == 'a' else 'BY DEFAULT'} AS IDENTITY{options}"

    def _sequence(self, sequence: Sequence, name: str) -> Iterator[str]:
        owner = self.column.owner
        if not sequence.of_identity:
            if sequence.owner is not None:
                yield f"ALTER SEQUENCE {sequence.name} OWNER TO {sequence.owner}"
            yield f"ALTER SEQUENCE {sequence.name} OWNED BY {owner}.{name}"
        last = f"{'min' if sequence.descending else 'max'}({name})"
        facts = {"sequence": literal(sequence.name), "last": last, "start": sequence.start, "owner": owner}
        yield query("column", "go_on").format(**facts)
        if sequence.comment is not None:
            yield f"COMMENT ON SEQUENCE {sequence.name} IS {literal(sequence.comment)}"
        yield from sequence.rights

    def _losses(self) -> Iterator[str]:
        yield ""
        if self.saved is not None:
            yield f"What it holds is kept in {self.saved} for the way back; drop that when it is not needed any more."
        elif self.column.generated:
            yield "It is computed from other columns: nothing is lost."
        elif self.wanted:
            yield "What it holds is lost: without it the table has no key by which rows could be told apart."
        else:
            yield "What it holds is lost."

    def _notes(self) -> Iterator[str]:
        column = self.column
        yield ""
        if column.followed:
            yield "It comes back as the last column of its table: PostgreSQL puts none between others."
        if self.saved is None and not column.generated:
            yield "What it held is lost."
            if column.required and not column.identity and column.default is None:
                yield "It may not be NULL, and rows that exist have no value: put an UPDATE before SET NOT NULL."
        if self.saved is not None and self.triggers:
            yield f"The UPDATE that gives the values back is seen by triggers of the table: {', '.join(self.triggers)}."
        if column.has_children:
            yield "What single partitions or children had of their own for it (defaults, indexes, comments) stays away."
        if self.sequence is not None:
            yield "Its sequence goes on behind the highest number in use."


def find(session: Session, role: str, table: str) -> Relation:
    """The table that a name means; begins a transaction that reads. Raises UsageError where there is none."""
    rows = session.ask(query("column", "begin").format(role=role, table=literal(table)))
    if not rows:
        raise UsageError(f"there is no table {table} in the database", next_step="sqlmig status says which database")
    oid, name, kind = rows[0]
    if kind not in TABLES:
        raise UsageError(f"{table} is not a table", next_step="name a table")
    return Relation(oid or "", name or "", kind)


def removal(session: Session, table: Relation, column: str, saved: str | None) -> Removal:
    """What it takes to drop a column and to make it again; ``saved`` is where its values are kept, if they can be.

    Raises UsageError where there is no such column, or DROP COLUMN would refuse it or take more than the column.
    """
    try:
        found = _column(session, table, column)
        _refuse_dependents(session, table, found)
        facts = {"table": table.oid, "number": found.number, "owner": _braces(found.owner)}
        rows = session.ask(query("column", "key").format(**facts))
        keyed = bool(rows) and (table.kind == "p" or not found.has_children)
        keep = saved is not None and keyed and not found.generated
        around = session.ask(query("column", "around").format(**facts))
        return Removal(
            found,
            saved if keep else None,
            rows[0] if rows else (),
            _sequence(session, facts),
            tuple(row[1] or "" for row in session.ask(query("column", "details").format(**facts))),
            tuple(row[2] or "" for row in around if row[0] == "1"),
            tuple(row[2] or "" for row in around if row[0] != "1"),
            tuple(row[0] or "" for row in session.ask(query("column", "triggers").format(**facts))),
            saved is not None,
        )
    finally:
        session.roll_back()


def _column(session: Session, table: Relation, column: str) -> Column:
    rows = session.ask(query("column", "column").format(table=table.oid, column=literal(column)))
    if not rows:
        raise UsageError(f"{table.name} has no column {identifier(column)}", next_step="name a column that is there")
    number, written, collation, default, generated, identity, required, bound, children, followed = rows[0]
    if bound == "t":
        raise UsageError(
            f"{table.name}.{identifier(column)} is inherited, or its table is partitioned by it: it cannot be dropped",
            next_step="name the table that it comes from",
        )
    return Column(
        int(number or 0),
        table.name,
        column,
        written or "",
        collation or "",
        default,
        generated or "",
        identity or "",
        required == "t",
        children == "t",
        followed == "t",
    )


def _refuse_dependents(session: Session, table: Relation, column: Column) -> None:
    rows = session.ask(query("column", "dependents").format(table=table.oid, number=column.number))
    if rows:
        told = ", ".join(row[0] or "" for row in rows)
        raise UsageError(
            f"{column.owner}.{identifier(column.name)} cannot be dropped while this depends on it: {told}",
            next_step="drop that first, in a migration of its own",
        )


def _sequence(session: Session, facts: dict[str, object]) -> Sequence | None:
    rows = session.ask(query("column", "sequence").format(**facts))
    if not rows:
        return None
    name, options, kind, identity, start, owner, comment, unlogged, descending = rows[0]
    text = query("column", "sequence_rights").format(sequence=_braces(name or ""), name=literal(name or ""))
    rights = tuple(row[0] or "" for row in session.ask(text))
    return Sequence(
        name or "",
        options or "",
        kind or "",
        identity == "t",
        start or "1",
        owner,
        comment,
        unlogged == "t",
        descending == "t",
        rights,
    )


def _braces(name: str) -> str:
    """The name as it stands within a literal that the server's ``format`` reads."""
    return name.replace("'", "''").replace("%", "%%")


def _comment(line: str) -> str:
    return f"-- {' '.join(line.splitlines())}".rstrip()
