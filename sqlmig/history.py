"""The history: what is applied, and the log of what happened. The tables live in a schema of their own.

Records are returned as SQL text, so that they travel in the message and the transaction of the migration itself.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlmig.database import LOCK_LOST, Row, Session, literal, quote_identifier
from sqlmig.errors import ConnectionLost, DatabaseError, MissingPrivilege, ReadOnlyServer, UnsupportedServer
from sqlmig.frozen import dataclass
from sqlmig.migration import Applied, Checksum, Direction, Migration, Progress, Script
from sqlmig.queries import query
from sqlmig.results import LogEntry
from sqlmig.script import TextSource

FORMAT = 1
"""The version of the tables that this code writes."""

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"

OWN_SETTINGS = (
    "SET LOCAL SESSION AUTHORIZATION DEFAULT",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL lock_timeout = 0",
)
"""For what we write ourselves, whatever a non-transactional script did to the session's settings."""

PLAINLY = ("SET LOCAL client_encoding = 'UTF8'", "SET LOCAL standard_conforming_strings = on")
"""What has to be sent before a message that is not read as we mean it."""

LOOK_ALIKES = ("CockroachDB", "Yugabyte", "-YB-", "Redshift", "Materialize", "CrateDB", "QuestDB")
OLDEST = 130000


@dataclass(frozen=True)
class ServerFacts:
    """What the first round trip told about server, session and history."""

    version: str
    in_recovery: bool
    read_only: bool
    session_user: str
    current_user: str
    database: str
    schema_exists: bool
    tables_exist: bool

    @property
    def sees_clients_end(self) -> bool:
        """Whether the server can notice while it works that a client is gone (client_connection_check_interval)."""
        major = re.match(r"PostgreSQL (\d+).* on [^ ]*-linux", self.version)
        return major is not None and int(major[1]) >= 14

    @property
    def look_alike(self) -> bool:
        """Whether the server is not PostgreSQL, though it speaks its protocol."""
        return any(name in self.version for name in LOOK_ALIKES)


@dataclass(frozen=True)
class Actor:
    """Who writes into the history: kept with every record and every line of the log."""

    host: str
    sqlmig_version: str
    commit: Callable[[], str | None] = lambda: None
    """Finds the commit that is checked out: asked for by what writes alone."""


@dataclass(frozen=True)
class History:
    """Reads and writes the history tables of one schema. ``role`` is set for every transaction of ours."""

    schema: str
    actor: Actor
    role: str | None = None
    store_up_limit: int = 1 << 20
    """Bytes of up SQL that are stored; a longer up is recorded by its checksums alone. The down is always stored."""
    claim: str = ""
    """What each transaction of ours begins with: fails (division by zero) where the runner's lock was lost."""

    @property
    def quoted_schema(self) -> str:
        return quote_identifier(self.schema)

    @property
    def set_role(self) -> str:
        return f"SET LOCAL ROLE {quote_identifier(self.role)};" if self.role else ""

    @property
    def elapsed(self) -> str:
        """Milliseconds of the transaction so far, as SQL.

        Every transaction of a message has the message's arrival as its timestamp, so that the last line of the log,
        which the step before wrote, may be the later beginning.
        """
        last = f"(SELECT at FROM {self.quoted_schema}.event ORDER BY id DESC LIMIT 1)"  # noqa: S608 - a name of ours, quoted
        begun = f"GREATEST(pg_catalog.transaction_timestamp(), {last})"
        return f"extract(epoch FROM pg_catalog.clock_timestamp() - {begun}) * 1000"

    def probe(self, session: Session) -> ServerFacts:
        """Where we are, in one round trip. Raises UnsupportedServer for what is not PostgreSQL 13 or later."""
        text = query("history", "probe").format(role=self.set_role, schema_name=literal(self.schema))
        version = ""
        rows: list[Row] = []
        try:
            for reply in session.run(text):
                version = version or (reply.rows[0][0] or "" if reply.rows else "")
                rows = reply.rows or rows
        except DatabaseError as error:
            session.roll_back()
            if any(name in version for name in LOOK_ALIKES):
                return ServerFacts(version, False, False, "", "", "", False, False)
            raise self.explain(error, session) from error
        recovery, read_only, session_user, current_user, database, schema_exists, tables_exist, pid = rows[0]
        session.pooled = pid != str(session.backend_pid)
        return ServerFacts(
            version,
            recovery == "t",
            read_only == "on",
            session_user or "",
            current_user or "",
            database or "",
            schema_exists == "t",
            tables_exist == "t",
        )

    def read(self, session: Session, *, sources: bool = False) -> tuple[Applied, ...]:
        """Everything that is applied, in order of application; with the stored downs where asked. One round trip.

        The tables must exist. Raises MissingPrivilege with the GRANT that is missing.
        """
        text = query("history", "read").format(
            role=self.set_role,
            schema=self.quoted_schema,
            sources="pg_catalog.encode(down_source, 'base64')" if sources else "NULL",
        )
        replies = self._run(session, text)
        _check_format(replies)
        return tuple(_applied(row) for row in replies[-2])

    def stored(self, session: Session, versions: Sequence[int]) -> dict[int, tuple[str | None, str | None]]:
        """The up and down SQL that was stored for some versions; None where there is none."""
        if not versions:
            return {}
        text = query("history", "stored").format(
            role=self.set_role, schema=self.quoted_schema, versions=", ".join(map(str, versions))
        )
        return {int(row[0] or 0): (_unpacked(row[1]), _unpacked(row[2])) for row in self._run(session, text)[-2]}

    def events(self, session: Session, limit: int | None = None) -> tuple[LogEntry, ...]:
        """The log, oldest first; only the newest ``limit`` lines where one is given."""
        text = query("history", "events").format(
            role=self.set_role, schema=self.quoted_schema, limit="ALL" if limit is None else limit
        )
        return tuple(_event(row) for row in self._run(session, text)[-2])

    def create(self, session: Session, place: ServerFacts, *, schema_exists: bool) -> None:
        """Create the tables, and the schema where it is missing, in one transaction. The runner's lock must be held.

        Raises MissingPrivilege with the one GRANT that is missing, ReadOnlyServer on a standby; neither leaves a trace.
        """
        parts = ["BEGIN", self.claim, self.set_role.rstrip(";")]
        if not schema_exists:
            parts.append(query("history", "create_schema").format(schema=self.quoted_schema).rstrip(";"))
        parts.append(query("history", "create_tables").format(schema=self.quoted_schema).rstrip(";"))
        try:
            session.ask("; ".join(part for part in [*parts, "COMMIT"] if part))
        except DatabaseError as error:
            raise self.explain(error, session, place) from error

    def explain(self, error: DatabaseError, session: Session, place: ServerFacts | None = None) -> DatabaseError:
        """The same refusal with the way out, where it is about privileges, a read-only server, or the role.

        Raises ConnectionLost where it is the claim that was refused.
        """
        state = error.server.sqlstate if error.server else None
        if state == "22012" and self.claim:
            raise ConnectionLost(LOCK_LOST) from error
        if state == "42501":
            return MissingPrivilege(
                f"the role may not use the history: {error.message}",
                server=error.server,
                next_step=self._grant(self.role or session.user, place),
            )
        if state == "25006":
            return ReadOnlyServer(
                f"the server is read-only: {error.message}",
                server=error.server,
                next_step="connect to the primary, with a session that may write",
            )
        if self.role is not None and state in ("22023", "42704", "0LP01", "0L000"):
            return DatabaseError(
                f"the role {self.role} cannot be set: {error.message}",
                server=error.server,
                next_step="correct role in the configuration",
            )
        return error

    def _grant(self, user: str, place: ServerFacts | None) -> str:
        role = quote_identifier(user)
        if place is not None:
            if not place.schema_exists:
                return f"GRANT CREATE ON DATABASE {quote_identifier(place.database)} TO {role};"
            if not place.tables_exist:
                return f"GRANT USAGE, CREATE ON SCHEMA {self.quoted_schema} TO {role};"
        return (
            f"GRANT USAGE ON SCHEMA {self.quoted_schema} TO {role}; "
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {self.quoted_schema} TO {role};"
        )

    def _run(self, session: Session, text: str) -> list[list[Row]]:
        try:
            return [reply.rows for reply in session.run(text)]
        except DatabaseError as error:
            session.roll_back()
            raise self.explain(error, session) from error

    # What follows returns SQL: statements without a trailing semicolon, to be sent in a transaction of the caller's.

    def record(
        self,
        migration: Migration,
        batch: int,
        *,
        duration: str = "NULL",
        baseline: bool = False,
        progress: Progress = Progress.DONE,
    ) -> str:
        """Insert the record of a migration. Violates the primary key where there is one already."""
        return query("history", "record").format(
            schema=self.quoted_schema,
            batch=batch,
            baseline=literal(baseline),
            progress=literal(progress.value),
            statement="NULL" if progress is Progress.DONE else "1",
            duration=duration,
            **self._files(migration),
            **self._actor(),
        )

    def accept(self, migration: Migration) -> str:
        """Make what the files say now the record."""
        return query("history", "accept").format(schema=self.quoted_schema, **self._files(migration))

    def retire(self, version: int) -> str:
        """Accept that a migration's file is gone."""
        return query("history", "retire").format(schema=self.quoted_schema, version=version)

    def finished(self, migration: Migration, duration: str) -> str:
        """Mark a non-transactional up as complete, with the files as they are now."""
        return query("history", "finished").format(
            schema=self.quoted_schema, duration=duration, **self._files(migration)
        )

    def reached(
        self, version: int, progress: Progress, direction: Direction, statement: int | None, **facts: object
    ) -> str:
        """Record which statement of a non-transactional script is under way, or failed."""
        return query("history", "reached").format(
            schema=self.quoted_schema,
            version=version,
            progress=literal(progress.value),
            direction=literal(direction.value),
            statement=literal(statement),
            statements=literal(facts.get("statements")),
            prefix=literal(facts.get("prefix")),
            evidence=literal(facts.get("evidence")),
            error=literal(facts.get("error")),
        )

    def stopped(self, version: int, error: str) -> str:
        """Record why a non-transactional script went no further than was recorded."""
        return query("history", "stopped").format(schema=self.quoted_schema, version=version, error=literal(error))

    def unrecord(self, version: int) -> str:
        """Remove a record of which nothing was done."""
        return query("history", "unrecord").format(schema=self.quoted_schema, version=version)

    def forget(
        self, applied: Applied, *, event: str = "rollback", duration: str = "NULL", detail: str | None = None
    ) -> str:
        """Remove a record and log it, in one statement that fails where there is no record to remove."""
        return query("history", "forget").format(
            schema=self.quoted_schema,
            event=literal(event),
            version=applied.version,
            label=literal(applied.label),
            name=literal(applied.name),
            batch=applied.batch,
            duration=duration,
            detail=literal(detail),
            **self._actor(),
        )

    def clear(self) -> str:
        """Remove all records; the log stays."""
        return query("history", "clear").format(schema=self.quoted_schema)

    def log(
        self,
        event: str,
        subject: Migration | Applied | None = None,
        *,
        batch: int | None = None,
        duration: str = "NULL",
        detail: str | None = None,
    ) -> str:
        """Insert a line into the log."""
        return query("history", "log").format(
            schema=self.quoted_schema,
            event=literal(event),
            version="NULL" if subject is None else subject.version,
            label=literal(subject.label if subject else None),
            name=literal(subject.name if subject else None),
            batch="NULL" if batch is None else batch,
            duration=duration,
            detail=literal(detail),
            **self._actor(),
        )

    def write(self, session: Session, statements: Sequence[str], *, within: bool = False) -> None:
        """Run statements of ours in one transaction of their own; or ``within`` the open one, which ends with them.

        Raises like ``read``; a failure leaves nothing of the transaction.
        """
        opening = [] if within else [BEGIN]
        try:
            if not session.reads_plainly:
                session.ask(";\n".join((*opening, *PLAINLY)))
                opening = []
            parts = [*opening, *OWN_SETTINGS, self.claim, self.set_role.rstrip(";"), *statements, "COMMIT"]
            session.ask(";\n".join(part for part in parts if part))
        except DatabaseError as error:
            raise self.explain(error, session) from error

    def _actor(self) -> dict[str, str]:
        return {
            "host": literal(self.actor.host),
            "sqlmig_version": literal(self.actor.sqlmig_version),
            "git_commit": literal(self.actor.commit()),
        }

    def _files(self, migration: Migration) -> dict[str, object]:
        up, down = migration.up.survey, migration.down.survey if migration.down is not None else None
        return {
            "version": migration.version,
            "label": literal(migration.label),
            "name": literal(migration.name),
            "reversible": literal(migration.reversible),
            "algorithm": up.checksum.algorithm,
            "up_checksum": literal(up.checksum.raw),
            "up_sql_checksum": literal(up.checksum.sql),
            "down_checksum": literal(down.checksum.raw if down else None),
            "down_sql_checksum": literal(down.checksum.sql if down else None),
            "up_source": _packed(migration.up, self.store_up_limit),
            "down_source": _packed(migration.down),
            "statements": up.statements,
        }


def _packed(script: Script | None, limit: int | None = None) -> str:
    if script is None:
        return "NULL"
    parts, size = [], 0
    for part in script.chunks():
        parts.append(part)
        size += len(part)
        if limit is not None and size > limit:
            return "NULL"
    packed = base64.b64encode(zlib.compress("".join(parts).encode(), 6)).decode()
    return f"pg_catalog.decode('{packed}', 'base64')"


def _unpacked(text: str | None) -> str | None:
    return None if text is None else zlib.decompress(base64.b64decode(text)).decode()


def _check_format(replies: list[list[Row]]) -> None:
    found = next((int(row[0] or 0) for rows in replies for row in rows if len(row) == 1), FORMAT)
    if found > FORMAT:
        raise UnsupportedServer(
            f"the history tables are of format {found}, which a later sqlmig wrote; this one knows {FORMAT}",
            next_step="pip install --upgrade sqlmig",
        )


def _applied(row: Row) -> Applied:
    stored = _unpacked(row[26])
    label, name = row[1] or "", row[2] or ""
    return Applied(
        version=int(row[0] or 0),
        label=label,
        name=name,
        up=Checksum(row[3] or "", row[4], int(row[7] or 0)),
        down=Checksum(row[5], row[6], int(row[7] or 0)) if row[5] is not None else None,
        reversible=row[8] == "t",
        batch=int(row[9] or 0),
        sequence=int(row[10] or 0),
        baseline=row[11] == "t",
        retired=row[12] == "t",
        stored_down=Script(Direction.DOWN, TextSource(stored, f"{label}_{name}.down.sql (as stored in the history)"))
        if stored is not None
        else None,
        progress=Progress(row[13] or ""),
        direction=Direction(row[14] or ""),
        statement=_int(row[15]),
        statements=_int(row[16]),
        prefix=row[17],
        error=row[18],
        applied_at=_time(row[19]),
        applied_by=row[20],
        role=row[21],
        host=row[22],
        duration_ms=_float(row[23]),
        sqlmig_version=row[24],
        git_commit=row[25],
        evidence=row[27],
    )


def _event(row: Row) -> LogEntry:
    return LogEntry(
        at=_time(row[0]) or datetime.fromtimestamp(0, UTC),
        event=row[1] or "",
        version=_int(row[2]),
        label=row[3],
        name=row[4],
        batch=_int(row[5]),
        user=row[6] or "",
        role=row[7] or "",
        host=row[8],
        duration_ms=_float(row[9]),
        sqlmig_version=row[10],
        git_commit=row[11],
        detail=row[12],
    )


def _int(text: str | None) -> int | None:
    return None if text is None else int(text)


def _float(text: str | None) -> float | None:
    return None if text is None else float(text)


def _time(epoch: str | None) -> datetime | None:
    return None if epoch is None else datetime.fromtimestamp(float(epoch), UTC)
