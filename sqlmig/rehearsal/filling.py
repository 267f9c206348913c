"""Bringing an empty shadow to where the target is: by its migrations or by its schema, and with some of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from sqlmig.access import Desk
from sqlmig.database import Session, quote_identifier
from sqlmig.dumping import dump_schema
from sqlmig.errors import DatabaseError, Interrupted
from sqlmig.events import Listener, Warned
from sqlmig.frozen import dataclass
from sqlmig.rehearsal.course import Course
from sqlmig.rehearsal.rows import FIXED
from sqlmig.rehearsal.stage import FAILURES, Stage, up
from sqlmig.schema.ignore import Ignore
from sqlmig.shadow import Shadow, open_shadow
from sqlmig.shadow.sampling import copy_sample

INSUFFICIENT_PRIVILEGE = "42501"


@dataclass(frozen=True)
class Filling:
    """How a shadow of the target of ``desk`` is filled."""

    desk: Desk
    course: Course
    from_schema: bool = False
    sample: int | None = None

    @contextmanager
    def stage(self, shadow_url: str | None, ignore: Ignore, listener: Listener) -> Iterator[Stage]:
        """A stage on an empty shadow, where nothing has run yet; ``listener`` is told what to know of that shadow.

        Raises what ``open_shadow`` and ``furnish`` raise. Whatever ran on it, an interruption leaves nothing behind.
        """
        run = self.course
        with open_shadow(self.desk, shadow_url, apart=run.shared, roles_made=run.roles_made) as shadow:
            for problem in shadow.warnings:
                listener(Warned(problem))
            try:
                with Stage(shadow, ignore, self.furnish) as stage:
                    yield stage
            except Interrupted as interrupt:
                interrupt.left_behind = "the shadow is dropped, and the target was not touched"
                raise

    def furnish(self, shadow: Shadow) -> None:
        """Before anything runs: the target's schema, where that was asked for.

        Raises NoServer without a pg_dump that fits, DatabaseError where the shadow cannot take the schema.
        """
        if not self.from_schema:
            return
        with closing(shadow.access.open()) as session:
            try:
                session.ask(self._schema())
            except DatabaseError as error:
                if error.server is None or error.server.sqlstate != INSUFFICIENT_PRIVILEGE:
                    raise _explained(error) from None
                self._furnish_as_owner(session)

    def _schema(self, *options: str) -> str:
        environment = self.desk.access.environment
        return dump_schema(
            self.desk.session, environment.history_schema, environment.role, "--no-subscriptions", *options
        )

    def _furnish_as_owner(self, session: Session) -> None:
        """The same where we may not give objects to those who own them: all are the migrations' role's, or ours."""
        role = self.desk.access.environment.role
        try:
            if role is not None:
                session.ask(f"SET ROLE {quote_identifier(role)}")
            session.ask(self._schema("--no-owner"))
        except DatabaseError as error:
            raise _explained(error) from None

    def fill(self, stage: Stage) -> None:
        """Run what is applied, and copy the sample. Raises what running a migration raises, with the way out."""
        if self.course.filling:
            try:
                stage.play([up(migration) for migration in self.course.filling])
            except FAILURES as error:
                error.notes = (
                    *error.notes,
                    "while filling the shadow with the migrations before those that are rehearsed",
                )
                error.next_step = "begin with the schema of the target instead: --from-schema"
                error.left_behind = None
                raise
        if self.sample is not None:
            self._copy_sample(stage)

    def _copy_sample(self, stage: Stage) -> None:
        access = stage.shadow.access
        with closing(access.open()) as shadow, closing(self.desk.access.open()) as source:
            for session in (shadow, source):
                session.ask(FIXED)
            copy_sample(source, shadow, self.sample or 0, stage.shadow.left_out, access.environment.role)


def _explained(error: DatabaseError) -> DatabaseError:
    error.notes = (*error.notes, "while giving the shadow the schema of the target")
    error.next_step = "rehearse as a role that may do that, or in a server of our own: --shadow-url embedded"
    return error
