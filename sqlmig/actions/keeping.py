"""What commands that change the database keep of its schema, so that ``drift`` can tell what was changed since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmig.actions.workplace import Workplace
from sqlmig.errors import Problem, SqlmigError
from sqlmig.events import Warned

if TYPE_CHECKING:
    from sqlmig.access import Desk
    from sqlmig.schema.snapshot import Snapshot


def keep_snapshot(place: Workplace, desk: Desk, command: str) -> None:
    """Store what the schema is by now, where that is configured. The runner's lock is held.

    What was done stays done: a failure only warns.
    """
    if not place.environment.keeps_snapshots or not desk.session.alive:
        return
    try:
        _store(place, desk, command)
    except SqlmigError as error:
        told = f"no snapshot of the schema was stored: {error.message}"
        place.listener(Warned(Problem("no_snapshot", told, warning=True, next_step="sqlmig drift --accept")))


def _store(place: Workplace, desk: Desk, reason: str) -> None:
    from sqlmig.snapshots import Snapshots

    texts = Snapshots(desk.history).texts(desk.session, present_schema(place, desk), reason)
    desk.history.write(desk.session, texts)


def present_schema(place: Workplace, desk: Desk) -> Snapshot:
    """What the schema is now, without the history and what the configuration leaves out. Raises like ``inspect``."""
    from sqlmig.schema.ignore import Ignore
    from sqlmig.schema.inspect import inspect

    return inspect(desk.session, Ignore.parse(place.environment.ignore), history=desk.history.schema)
