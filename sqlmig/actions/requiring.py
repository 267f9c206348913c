"""What an application asks when it starts: is everything applied that it was written for?"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from sqlmig.actions.workplace import Workplace
from sqlmig.errors import CheckFailed, DatabaseError, MissingPrivilege, Place, Problem
from sqlmig.migration import Migration, Progress
from sqlmig.queries import query, quote_identifier

if TYPE_CHECKING:
    from sqlmig.borrowed import AsyncConnection, Connection
    from sqlmig.database import Session

NO_HISTORY = ("42P01", "3F000")
"""undefined_table and invalid_schema_name: nothing was ever applied here."""


def require_current(
    find: Callable[[], Workplace], connection: Connection | AsyncConnection
) -> Coroutine[Any, Any, None] | None:
    """Raise CheckFailed, naming them all, unless every migration is applied, all of it; where that is, ``find`` tells.

    On a connection of asyncio's the check is returned, to be awaited: it blocks no loop.
    """
    from sqlmig.borrowed import looking, of_asyncio

    of_a_loop = of_asyncio(connection)
    if of_a_loop is not None:
        return _require_current_async(find, of_a_loop)
    place = find()
    migrations = place.migrations()
    with looking(connection) as session:
        _require(place, migrations, session)
    return None


async def _require_current_async(find: Callable[[], Workplace], connection: AsyncConnection) -> None:
    from sqlmig.borrowed import looking_async
    from sqlmig.threads import Workers

    workers = Workers(1)
    place = await workers.run(find)
    migrations = await workers.run(place.migrations)
    async with looking_async(connection) as session:
        await workers.run(lambda: _require(place, migrations, session))


def _require(place: Workplace, migrations: Sequence[Migration], session: Session) -> None:
    known = _progress(place, session)
    lacking = [migration for migration in migrations if known.get(migration.version) is not Progress.DONE]
    if not lacking:
        return
    problems = [_problem(migration, known.get(migration.version), max(known, default=-1)) for migration in lacking]
    names = ", ".join(map(str, lacking))
    verb = "migration is" if len(lacking) == 1 else "migrations are"
    raise CheckFailed(problems, f"{len(lacking)} {verb} not applied: {names}")


def _progress(place: Workplace, session: Session) -> dict[int, Progress]:
    """How far each recorded migration is. In a transaction of the caller's, which goes on whatever the answer is."""
    environment = place.environment
    schema = environment.history_schema
    text = query("history", "progress").format(schema=quote_identifier(schema))
    try:
        rows = session.ask_gently(text) if session.in_transaction else session.ask(text)
    except DatabaseError as error:
        state = error.server.sqlstate if error.server else None
        if state in NO_HISTORY:
            return {}
        if state != "42501":
            raise
        role = quote_identifier(session.user)
        raise MissingPrivilege(
            f"the role may not read the history: {error.message}",
            server=error.server,
            next_step=f"GRANT USAGE ON SCHEMA {quote_identifier(schema)} TO {role}; "
            f"GRANT SELECT ON {quote_identifier(schema)}.migration TO {role};",
        ) from None
    return {int(version or 0): Progress(progress or "") for version, progress in rows}


def _problem(migration: Migration, progress: Progress | None, highest: int) -> Problem:
    place = Place(migration.up.file)
    if progress is not None:
        return Problem("failed", f"{migration} stopped half way", place, migration.version, next_step="sqlmig status")
    code = "out_of_order" if migration.version < highest else "pending"
    return Problem(code, f"{migration} is pending", place, migration.version, next_step="sqlmig apply")
