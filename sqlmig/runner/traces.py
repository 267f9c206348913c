"""What became of a statement that could not commit together with its record.

Such a statement runs alone, and the process, the connection or the server may end within it. What there is to see of
it beforehand is noted in the record, so that afterwards it can be told whether it took effect.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlmig.database import Session, literal
from sqlmig.errors import ServerReport
from sqlmig.frozen import dataclass
from sqlmig.queries import query
from sqlmig.statements import Statement

Facts = Mapping[str, object]


@dataclass
class Trace:
    """One statement, and what can be seen of it: nothing, unless a kind of statement knows better."""

    session: Session
    statement: Statement

    def awaited(self) -> tuple[str, ...]:
        """Other sessions, in words, that have to be done before the statement is sent."""
        return ()

    def note(self) -> Facts:
        """What is to be remembered from before the statement. Changes nothing."""
        return {}

    def clear(self, before: Facts | None) -> tuple[str, ...]:
        """Remove what an earlier attempt left in the way; ``before`` was noted by that attempt, where one is known.

        Returns what there is to tell about it. Raises DatabaseError where it cannot be removed.
        """
        return ()

    def completed(self, before: Facts) -> bool | None:
        """Whether the attempt that noted ``before`` took effect; None where nobody can tell."""
        return None

    def trouble(self, before: Facts) -> ServerReport | None:
        """What is wrong although the server reported success."""
        return None

    def left(self, before: Facts) -> tuple[str, ...]:
        """After a failure, in words: what it left behind."""
        return ()


@dataclass
class Repeatable(Trace):
    """Running it again does no harm, whether or not it took effect."""

    def completed(self, before: Facts) -> bool | None:
        return False


@dataclass
class Procedure(Trace):
    """CALL, and DO with a COMMIT in it: what it has committed on its way is not undone when it fails."""

    def left(self, before: Facts) -> tuple[str, ...]:
        return (f"what {self.statement.command} committed on its way stays",)


@dataclass
class Existence(Trace):
    """Creates or removes an object that a catalog of the whole server knows."""

    catalog: str
    name: str

    def note(self) -> Facts:
        return {"exists": self.exists()}

    def completed(self, before: Facts) -> bool | None:
        return before.get("exists") != self.exists()

    def exists(self) -> bool:
        return self.session.ask(query("trace", f"exists_{self.catalog}").format(name=self.name))[0][0] == "t"


@dataclass
class Detachment(Trace):
    """ALTER TABLE ... DETACH PARTITION ... CONCURRENTLY: two transactions; FINALIZE completes the first one."""

    parent: str
    partition: str

    def note(self) -> Facts:
        return {"attached": self._pending() is not None}

    def completed(self, before: Facts) -> bool | None:
        pending = self._pending()
        if pending:
            self.session.ask(f"ALTER TABLE {self.parent} DETACH PARTITION {self.partition} FINALIZE")
        return before.get("attached") is True and pending is not False

    def left(self, before: Facts) -> tuple[str, ...]:
        if not self._pending():
            return ()
        return (
            f"partition {self.partition} is half detached: sqlmig finishes that with DETACH PARTITION ... FINALIZE",
        )

    def _pending(self) -> bool | None:
        """None where it is no partition of this parent."""
        text = query("trace", "partition").format(parent=literal(self.parent), partition=literal(self.partition))
        rows = self.session.ask(text)
        return rows[0][0] == "t" if rows else None
