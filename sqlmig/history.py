"""The history: what is applied, and the log of what happened. The tables live in a schema of their own.

Records are returned as SQL text, so that they travel in the message and the transaction of the migration itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlmig import probing
from sqlmig.database import Row, Session, literal, quote_identifier
from sqlmig.errors import ConnectionLost, DatabaseError, MissingPrivilege, ReadOnlyServer, UnsupportedServer
from sqlmig.frozen import dataclass
from sqlmig.lock import LOCK_LOST
from sqlmig.migration import Applied, Direction, Migration, Progress
from sqlmig.queries import query
from sqlmig.records import applied_in, event_in, packed, unpacked
from sqlmig.results import LogEntry

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
    def on_linux(self) -> bool:
        return "-linux" in self.version

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
        return probing.set_role(self.role)

    @property
    def elapsed(self) -> str:
        """Milliseconds of the transaction so far, as SQL.

        Every transaction of a message has the message's arrival as its timestamp, so that the last line of the log,
        which the step before wrote, may be the later beginning.
        """
        last = f"(SELECT at FROM {self.quoted_schema}.event ORDER BY id DESC LIMIT 1)"  # noqa: S608 - a name of ours, quoted
        begun = f"GREATEST(pg_catalog.transaction_timestamp(), {last})"
        return f"pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - {begun}) * 1000"

    def recorded_duration(self, version: int) -> str:
        """What ``elapsed`` was for the record of a migration, as SQL: sooner than working it out again."""
        return f"(SELECT duration_ms FROM {self.quoted_schema}.migration WHERE version = {version})"  # noqa: S608 - quoted

    def probe(self, session: Session) -> ServerFacts:
        """Where we are, in one round trip. Raises UnsupportedServer for what is not PostgreSQL 13 or later."""
        text = probing.probe(self.schema, self.role)
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
        return tuple(applied_in(row) for row in replies[-2])

    def stored(self, session: Session, versions: Sequence[int]) -> dict[int, tuple[str | None, str | None]]:
        """The up and down SQL that was stored for some versions; None where there is none."""
        if not versions:
            return {}
        text = query("history", "stored").format(
            role=self.set_role, schema=self.quoted_schema, versions=", ".join(map(str, versions))
        )
        return {int(row[0] or 0): (unpacked(row[1]), unpacked(row[2])) for row in self._run(session, text)[-2]}

    def events(self, session: Session, limit: int | None = None) -> tuple[LogEntry, ...]:
        """The log, oldest first; only the newest ``limit`` lines where one is given."""
        text = query("history", "events").format(
            role=self.set_role, schema=self.quoted_schema, limit="ALL" if limit is None else limit
        )
        return tuple(event_in(row) for row in self._run(session, text)[-2])

    def create(self, session: Session, place: ServerFacts, *, schema_exists: bool) -> None:
        """Create the tables, and the schema where it is missing, in one transaction. The runner's lock must be held.

        Whoever uses the session next, or settles it, waits for that, and raises MissingPrivilege with the one GRANT
        that is missing, ReadOnlyServer on a standby; neither leaves a trace.
        """
        parts = ["BEGIN", self.claim, self.set_role.rstrip(";")]
        if not schema_exists:
            parts.append(query("history", "create_schema").format(schema=self.quoted_schema).rstrip(";"))
        parts.append(query("history", "create_tables").format(schema=self.quoted_schema).rstrip(";"))
        session.tell("; ".join(part for part in [*parts, "COMMIT"] if part), lambda e: self.explain(e, session, place))

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
        name: str | None = None,
        batch: int | None = None,
        duration: str = "NULL",
        detail: str | None = None,
    ) -> str:
        """Insert a line into the log, about a migration or about what has a ``name`` alone."""
        return query("history", "log").format(
            schema=self.quoted_schema,
            event=literal(event),
            version="NULL" if subject is None else subject.version,
            label=literal(subject.label if subject else None),
            name=literal(subject.name if subject else name),
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
        up, down = migration.up.recorded_checksum, migration.down.recorded_checksum if migration.down else None
        return {
            "version": migration.version,
            "label": literal(migration.label),
            "name": literal(migration.name),
            "reversible": literal(migration.reversible),
            "algorithm": up.algorithm,
            "up_checksum": literal(up.raw),
            "up_sql_checksum": literal(up.sql),
            "down_checksum": literal(down.raw if down else None),
            "down_sql_checksum": literal(down.sql if down else None),
            "up_source": packed(migration.up, self.store_up_limit),
            "down_source": packed(migration.down),
            "statements": migration.up.survey.statements,
        }


def _check_format(replies: list[list[Row]]) -> None:
    found = next((int(row[0] or 0) for rows in replies for row in rows if len(row) == 1), FORMAT)
    if found > FORMAT:
        raise UnsupportedServer(
            f"the history tables are of format {found}, which a later sqlmig wrote; this one knows {FORMAT}",
            next_step="pip install --upgrade sqlmig",
        )
