"""A shadow database that the user names: used where it is empty or was left by us, and left as empty as it was."""

from __future__ import annotations

from contextlib import suppress

from sqlmig.database import Session, literal
from sqlmig.errors import LockHeld, SqlmigError, UsageError
from sqlmig.frozen import dataclass
from sqlmig.lock import lock_key
from sqlmig.queries import query
from sqlmig.shadow.databases import Ground, ground_of, hold

MARK = "sqlmig_shadow"
"""A schema that says, with its comment, that all there is in the database is ours."""

COMMENT = "sqlmig made everything in this database, and drops it"


@dataclass
class Given:
    """One named database, held by ``holder`` against other rehearsals."""

    session: Session
    holder: Session

    def take(self, target: Ground) -> Ground:
        """Make it ours; what a run that died left there goes.

        Raises LockHeld where another run uses it, UsageError where it is the target, or holds anything that is not
        ours; then nothing was changed.
        """
        found = ground_of(self.session, self.session.user)
        name = self.session.dbname
        if (found.system, found.oid) == (target.system, target.oid):
            raise UsageError(
                f"--shadow-url names {name}, the target itself", next_step="name an empty database to try things on"
            )
        if not hold(self.holder, lock_key(MARK, "shadow")):
            raise LockHeld(f"another rehearsal uses the shadow database {name}", next_step="give each run its own")
        text = query("shadow", "contents").format(mark=literal(MARK), comment=literal(COMMENT))
        ((what, marked),) = self.session.ask(text)
        if what is not None and marked != "t":
            raise UsageError(
                f"the shadow database {name} is not empty, it has {what}; nothing in it was changed",
                next_step="name an empty database",
            )
        self.empty_and_mark()
        return found

    def empty(self) -> None:
        """Drop everything in it, in one transaction; the mark goes last."""
        everything = query("fresh", "drop_everything").format(schema_name=literal(MARK))
        self.session.ask(f"BEGIN; {everything}; DROP SCHEMA IF EXISTS {MARK} CASCADE; COMMIT")

    def empty_and_mark(self) -> None:
        """Empty it, and say that whatever comes in is ours."""
        self.empty()
        self.session.ask(f"BEGIN; CREATE SCHEMA {MARK}; COMMENT ON SCHEMA {MARK} IS {literal(COMMENT)}; COMMIT")

    def give_back(self) -> None:
        """Leave it empty, as it was; where that fails, the mark lets the next run do it."""
        with suppress(SqlmigError):
            self.session.roll_back()
            self.empty()
        self.session.close()
        self.holder.close()
