"""Where a shadow is: the database that is named, one beside the target, or one in an ephemeral server of our own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from enum import StrEnum

from sqlmig.access import Access, Desk
from sqlmig.config import Environment, Secret, Target, known_redactor
from sqlmig.config.conninfo import MisreadError, in_database, parse
from sqlmig.config.secrets import secrets_in
from sqlmig.database import Session, connect, literal
from sqlmig.errors import ConfigError, DatabaseError, NoConnection, NoServer, Problem, SqlmigError, UsageError
from sqlmig.events import silent
from sqlmig.frozen import dataclass
from sqlmig.queries import query
from sqlmig.schema.inspect import OLDEST
from sqlmig.shadow.databases import Databases, Ground, ground_of
from sqlmig.shadow.given import MARK, Given

EMBEDDED = "embedded"


class Kind(StrEnum):
    """Where a shadow is."""

    NAMED = "named"
    BESIDE = "beside"
    EMBEDDED = "embedded"


TAKEN = ("postgres", "template0", "template1")
"""Databases that every server has."""


@dataclass
class Shadow:
    """A database that is ours to ruin. ``access`` opens sessions on it; none of the target's data is in it."""

    access: Access
    kind: Kind
    shares_server: bool
    """Whether the target is on the same server, so that roles and other things of all databases are the target's."""
    warnings: tuple[Problem, ...]
    renewed: Callable[[], str]
    """Empties the database, or makes another one and drops this; returns where it is."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """Schemas that are no part of what is rehearsed."""
        return (self.access.environment.history_schema, MARK)

    def renew(self) -> None:
        """Begin again with an empty database. Sessions on the former one are gone."""
        self.access = _access(self.access.environment, self.renewed())


@contextmanager
def open_shadow(
    desk: Desk, url: str | None = None, *, apart: str | None = None, roles_made: Sequence[str] = ()
) -> Iterator[Shadow]:
    """An empty shadow for the target of ``desk``; gone when the block ends, swept by the next where we are killed.

    In this order: the database of ``url`` (``embedded`` is a server of its own); one made beside the target from
    template0, where the role may, unless ``apart`` says why it must not be on the target's server; a server of our own,
    with a database of the target's name, and its roles but those of ``roles_made``. Writes nothing to the target.

    Raises UsageError or LockHeld where the named one must not be used, NoServer where there is no place at all.
    """
    with ExitStack() as stack:
        ground = ground_of(desk.session, desk.access.environment.role or desk.session.user)
        if url is not None and url.strip() != EMBEDDED:
            yield _named(desk.access, url.strip(), ground, stack, apart)
            return
        reason = "it was asked for" if url is not None else apart or _why_not_beside(desk, ground)
        if reason is None:
            beside = _beside(desk.access, ground, stack)
            if isinstance(beside, Shadow):
                yield beside
                return
            reason = beside
        yield _embedded(desk, ground, stack, reason, roles_made)


def _why_not_beside(desk: Desk, ground: Ground) -> str | None:
    if ground.version < OLDEST:
        return f"the target is PostgreSQL {ground.version // 10000}, whose schema cannot be read as a whole"
    if not ground.may_create:
        return f"{desk.session.user} may not create databases"
    if desk.facts.in_recovery or desk.facts.read_only:
        return "the target is read-only"
    return "a pooler stands before the target" if desk.session.pooled else None


def _access(environment: Environment, conninfo: str) -> Access:
    """The way to a shadow: everything as in the target's environment, but for the place; nobody is told of it."""
    redactor = environment.secrets.knowing(secrets_in(conninfo))
    target = Target(False, Secret(conninfo), "shadow")
    return Access(replace(environment, target=target, secrets=redactor), silent)


def _named(access: Access, url: str, ground: Ground, stack: ExitStack, apart: str | None) -> Shadow:
    try:
        parse(url)
    except MisreadError as error:
        raise ConfigError(f"--shadow-url: {error.message}", next_step=error.next_step) from None
    given = Given(*(_open_named(url, stack) for _ in range(2)))
    found = given.take(ground)
    stack.callback(given.give_back)
    shares_server = found.system == ground.system
    if shares_server and apart is not None:
        raise UsageError(
            f"{apart}, and --shadow-url names a database on the target's own",
            next_step="rehearse it in a server of its own: --shadow-url embedded",
        )

    def renewed() -> str:
        given.empty_and_mark()
        return url

    shadow = _access(access.environment, url)
    return Shadow(shadow, Kind.NAMED, shares_server, _older(found.version, ground), renewed)


def _open_named(url: str, stack: ExitStack) -> Session:
    try:
        session = connect(url, redact=known_redactor(os.environ, url), listener=silent)
    except NoConnection as error:
        error.notes = (*error.notes, "this is about the database that --shadow-url names")
        raise
    stack.callback(session.close)
    return session


def _beside(access: Access, ground: Ground, stack: ExitStack) -> Shadow | str:
    """A database beside the target, or why there is none."""
    databases = Databases(access.open(), access.open, ground)
    stack.callback(databases.close)
    databases.sweep()
    try:
        shadow = _made(access, access.conninfo, databases, databases.session, Kind.BESIDE)
        shadow.access.open().close()  # not every database may be open to us: pg_hba.conf, a pooler
    except SqlmigError as error:
        databases.close()
        return f"none can be made beside the target: {error.message}"
    return shadow


def _embedded(desk: Desk, ground: Ground, stack: ExitStack, reason: str, roles_made: Sequence[str]) -> Shadow:
    from sqlmig import embedded

    try:
        server = stack.enter_context(embedded.ephemeral())
    except NoServer as error:
        error.notes = (*error.notes, f"no shadow database beside the target: {reason}")
        error.next_step = "name an empty database: --shadow-url URL; or " + (error.next_step or "install PostgreSQL")
        raise
    admin = connect(server.conninfo, listener=silent)
    name = desk.facts.database if desk.facts.database not in TAKEN else None
    databases = Databases(admin, lambda: connect(server.conninfo, listener=silent), ground, name)
    stack.callback(databases.close)
    _copy_roles(desk.session, admin, roles_made)
    try:
        shadow = _made(desk.access, server.conninfo, databases, desk.session, Kind.EMBEDDED)
    except DatabaseError:  # a locale or an encoding that this build does not know
        databases.ground = replace(ground, encoding="UTF8", database={"datcollate": "C", "datctype": "C"})
        shadow = _made(desk.access, server.conninfo, databases, desk.session, Kind.EMBEDDED)
    shadow.warnings = _older(admin.server_version, ground)
    return shadow


def _made(access: Access, conninfo: str, databases: Databases, source: Session, kind: Kind) -> Shadow:
    """A shadow that ``databases`` makes, and makes anew, with what is set and granted for the target's database."""

    def made() -> str:
        for former in [*databases.holders]:
            databases.drop(former)
        name = databases.make()
        place = in_database(conninfo, name)
        _furnish(source, databases, name, _access(access.environment, place))
        return place

    shadow = _access(access.environment, made())
    return Shadow(shadow, kind, kind is Kind.BESIDE, (), made)


def _furnish(source: Session, databases: Databases, name: str, access: Access) -> None:
    """Set and grant for a shadow what is for the target, as far as we may; the migrations' role may work in it."""
    for (statement,) in source.ask(query("shadow", "ground").format(name=literal(name))):
        _try(databases.session, statement or "")
    role = access.environment.role
    if role is None:
        return
    in_public = literal(databases.ground.creates_in_public)
    text = query("shadow", "missing").format(role=literal(role), in_public=in_public)
    with closing(access.open()) as session:
        for (statement,) in session.ask(text):
            _try(session, statement or "")


def _copy_roles(source: Session, admin: Session, left_out: Sequence[str]) -> None:
    """Make the target's roles, without their passwords, in a server of our own."""
    for name, statement in source.ask(query("shadow", "roles")):
        if name not in left_out:
            _try(admin, statement or "")


def _try(session: Session, statement: str) -> None:
    """What the server refuses is not needed by everybody, and is missed where it is."""
    with suppress(DatabaseError):
        session.ask(statement)


def _older(version: int, ground: Ground) -> tuple[Problem, ...]:
    """A warning where the shadow's PostgreSQL is of another major version."""
    if version // 10000 == ground.version // 10000:
        return ()
    return (
        Problem(
            "shadow_version",
            f"the shadow is PostgreSQL {version // 10000}, the target is PostgreSQL {ground.version // 10000}: "
            "what one of them does differently is not seen",
            warning=True,
            next_step="name an empty database on a server of the target's version: --shadow-url URL",
        ),
    )
