"""Reads the schema of a database: catalogs in, snapshot out."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from sqlmig.database import Reply, Row, Session, literal
from sqlmig.errors import DatabaseError, UnsupportedServer
from sqlmig.frozen import dataclass
from sqlmig.queries import query
from sqlmig.schema.catalogs import Reading, catalogs_in, readings
from sqlmig.schema.describe import MISSING, Address, Describer
from sqlmig.schema.ignore import NONE, Ignore
from sqlmig.schema.knowledge import CLASSES
from sqlmig.schema.names import spoken
from sqlmig.schema.notes import Notes
from sqlmig.schema.own import BUILTIN, digests
from sqlmig.schema.snapshot import Description, Snapshot

OLDEST = 140000
"""Since 14 a server tells what its catalogs refer to (pg_get_catalog_foreign_keys)."""

ATTEMPTS = 25
"""How often reading starts again because an object went away meanwhile."""

PASSING = frozenset({"XX000", "42P01", "42704", "42883", "42703", "55P03", "40P01"})
"""What the server says of an object that was dropped after the snapshot of the catalogs was taken (the pg_get_*def
family sees the present), and of one that somebody is about to drop."""

FORBIDDEN = "42501"

EXTRAS = (
    "members",
    "roles",
    "tablespaces",
    "composites",
    "comments",
    "own_objects",
    "own_comments",
    "dependencies",
    "additions",
    "not_null",
)
"""The blocks that are read besides the catalogs; each is one statement."""

NAMED_NOT_NULL = 180000
"""Since 18 not-null constraints are objects (documentation, "Release Notes")."""

Names = dict[Address, tuple[str, str]]


BEING_CHANGED = "the schema is being changed while it is read"
LATER = "try again when whoever changes it is done"


class Vanished(DatabaseError):
    """Something was dropped between the snapshot of the catalogs and the look at it, or is locked for that."""


@dataclass(frozen=True)
class Server:
    """What is known of a server and does not change while it runs."""

    tables: dict[int, str]
    """The names of the catalogs by OID."""
    readings: tuple[Reading, ...]
    own: str
    """The statement that reads the digests of PostgreSQL's own objects."""
    names: Names
    """Of PostgreSQL's own objects, as far as they were asked for."""


_servers: dict[tuple[object, ...], Server] = {}


def inspect(session: Session, ignore: Ignore = NONE, *, history: str | None = "sqlmig") -> Snapshot:
    """The schema of the session's database.

    Without a transaction it is read in one of its own, REPEATABLE READ and READ ONLY; inside an open transaction it
    holds what that transaction sees, and leaves the transaction and its settings as they were. Left out are what
    ``ignore`` names, the schema ``history``, temporary objects, and the members of extensions.

    Raises UnsupportedServer before PostgreSQL 14, and DatabaseError; an open transaction stays open then.
    """
    if session.server_version < OLDEST:
        raise UnsupportedServer(
            f"a schema snapshot needs PostgreSQL 14 or newer; this is {session.server_version // 10000}"
        )
    server_known = _key(session) in _servers
    for last in (*[False] * (ATTEMPTS - 1), True):
        try:
            return ignore.apply(Snapshot(_objects(session, history, last), session.server_version))
        except Vanished:
            if last:
                raise
        except DatabaseError as error:
            state = error.server.sqlstate if error.server else None
            if state == FORBIDDEN and server_known:  # what it may read has changed
                server_known = False
                del _servers[_key(session)]
            elif state not in PASSING:
                raise
            elif last:
                raise Vanished(f"{BEING_CHANGED}: {error.message}", server=error.server, next_step=LATER) from error
    raise AssertionError


def _objects(session: Session, history: str | None, last: bool) -> dict[str, Description]:
    inside = "_inside" if session.in_transaction else ""
    end = query("schema", f"end{inside}")
    try:
        opening = [query("schema", f"begin{inside}"), query("schema", "settings").format(encoding=_encoding(session))]
        describer = _read(session, history, opening, end)
        if describer.vanished or (describer.dangling and not last):
            raise Vanished(BEING_CHANGED, next_step=LATER)
        return describer.objects()
    except DatabaseError:
        if not inside:
            session.roll_back()
        elif session.alive:
            _run(session, [end])
        raise


def _read(session: Session, history: str | None, opening: list[str], end: str) -> Describer:
    server = _servers.get(_key(session))
    if server is None:
        rows = _run(session, [*opening, query("schema", "catalogs")])[-1]
        server = _servers[_key(session)] = _server(rows)
        opening = []
    blocks = [name for name in EXTRAS if name != "not_null" or session.server_version >= NAMED_NOT_NULL]
    statements = [query("schema", "hidden").format(history=literal(history))]
    statements += [server.own if name == "own_objects" else query("schema", name) for name in blocks] + [
        reading.statement for reading in server.readings
    ]
    hidden, *results = _run(session, [*opening, *statements])[len(opening) :]
    extras = dict(zip(blocks, results, strict=False))
    describer = Describer([(server.tables[oid], number) for oid, number in _pairs(hidden)])
    describer.members = frozenset((server.tables[oid], number) for oid, number in _pairs(extras["members"]))
    describer.composites = dict(_pairs(extras["composites"]))
    describer.names |= server.names
    for catalog, block in (("pg_authid", "roles"), ("pg_tablespace", "tablespaces")):
        describer.names |= {(catalog, int(oid or 0)): ("", name or "") for oid, name in extras[block]}
    for reading, rows in zip(server.readings, results[len(blocks) :], strict=True):
        describer.take(reading, rows)
    notes = Notes(server.tables, extras)
    noted = frozenset(notes.addresses())
    lacking = describer.lacking(noted)
    if lacking:
        rows = _run(session, [_identify(server, lacking, history), end])[0]
        found = _identified(server, rows)
        describer.names |= found
        describer.dangling = any(name == MISSING and address not in noted for address, name in found.items())
        describer.hidden |= {address for address, row in zip(found, rows, strict=True) if row[4] == "t"}
        server.names.update({address: name for address, name in found.items() if address[1] < BUILTIN})
    else:
        _run(session, [end])
    describer.describe()
    notes.add_to(describer)
    return describer


def _run(session: Session, statements: list[str]) -> list[list[Row]]:
    """The rows of each statement; all travel in one message."""
    return [_rows(reply) for reply in session.run(";\n".join(statements))]


def _rows(reply: Reply) -> list[Row]:
    """Whatever bytes a database without an encoding (SQL_ASCII) holds."""
    if reply.result is None:
        return []
    value, columns = reply.result.get_value, range(reply.result.nfields)
    return [tuple([_text(value(row, column)) for column in columns]) for row in range(reply.result.ntuples)]


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors=IN_HEXADECIMAL)


def _in_hexadecimal(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return f"<{error.object[error.start : error.end].hex()}>", error.end


IN_HEXADECIMAL = "sqlmig.in_hexadecimal"
codecs.register_error(IN_HEXADECIMAL, _in_hexadecimal)


def _encoding(session: Session) -> str:
    """A server without an encoding converts nothing, and refuses to send bytes as what they are not."""
    plain = session.pgconn.parameter_status(b"server_encoding") == b"SQL_ASCII"
    return "'SQL_ASCII'" if plain else "'UTF8'"


def _pairs(rows: list[Row]) -> Iterator[tuple[int, int]]:
    return ((int(first or 0), int(second or 0)) for first, second in rows)


def _server(rows: list[Row]) -> Server:
    catalogs = catalogs_in(rows)
    addressed = {name: catalog for catalog, name in CLASSES.items()}
    tables = {catalog.oid: addressed.get(catalog.name, catalog.name) for catalog in catalogs}
    return Server(tables, tuple(readings(catalogs)), digests(catalogs), {})


def _identify(server: Server, addresses: list[Address], history: str | None) -> str:
    oids = {name: oid for oid, name in reversed(server.tables.items())}
    return query("schema", "identify").format(
        classes=", ".join(str(oids[catalog]) for catalog, _ in addresses),
        objects=", ".join(str(oid) for _, oid in addresses),
        history=literal(history),
    )


def _identified(server: Server, rows: list[Row]) -> Names:
    return {
        (server.tables[int(catalog or 0)], int(oid or 0)): spoken(kind, identity) if kind and identity else MISSING
        for catalog, oid, kind, identity, _ in rows
    }


def _key(session: Session) -> tuple[object, ...]:
    """What the statements depend on: the server's build, and which catalogs the role may read."""
    connection = session.pgconn
    told = (b"server_version", b"is_superuser", b"session_authorization")
    return (connection.host, connection.port, session.server_version, *map(connection.parameter_status, told))
