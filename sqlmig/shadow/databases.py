"""Databases of our own on a server: made, dropped, and those of runs that died found again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import field

from sqlmig.database import Session, literal, quote_identifier
from sqlmig.errors import ConnectionLost, DatabaseError, SqlmigError
from sqlmig.frozen import dataclass
from sqlmig.lock import lock_key
from sqlmig.queries import query

PREFIX = "sqlmig_shadow_"
PROVIDERS = {"c": ("libc", ""), "i": ("icu", "ICU_LOCALE"), "b": ("builtin", "BUILTIN_LOCALE")}
"""Of pg_database.datlocprovider: how CREATE DATABASE calls it, and the option that names its locale."""


@dataclass(frozen=True)
class Ground:
    """What a shadow has to have in common with its target."""

    may_create: bool
    encoding: str
    database: dict[str, str | None]
    """The target's row of pg_database: its columns differ from version to version."""
    owner: str | None
    """The target's owner, where we may give a database to that role."""
    system: str
    """Which server this is: the system identifier."""
    oid: str
    creates_in_public: bool
    """Whether the role of the migrations may create in the schema public."""
    version: int


def ground_of(session: Session, role: str) -> Ground:
    """Ask the target. Writes nothing."""
    set_role = "SET" if session.server_version >= 160000 else "MEMBER"
    text = query("shadow", "server").format(set_role=literal(set_role), role=literal(role))
    ((may, encoding, row, owner, system, oid, creates),) = session.ask(text)
    return Ground(
        may == "t",
        encoding or "UTF8",
        json.loads(row or "{}"),
        owner,
        system or "",
        oid or "",
        creates == "t",
        session.server_version,
    )


def new_name() -> str:
    """A name that is our mark: nobody else makes its last eight characters fit the others."""
    token = os.urandom(6).hex()
    return PREFIX + token + _check(token)


def is_ours(name: str) -> bool:
    """Whether ``new_name`` made a name."""
    token, check = name.removeprefix(PREFIX)[:12], name.removeprefix(PREFIX)[12:]
    return name.startswith(PREFIX) and len(token) == 12 and check == _check(token)


def _check(token: str) -> str:
    return hashlib.sha256(f"{PREFIX}{token}".encode()).hexdigest()[:8]


def hold(session: Session, key: int) -> bool:
    """Take an advisory lock in a transaction that stays open as long as the session; False where another has it."""
    more = "SET LOCAL transaction_timeout = 0;" if session.server_version >= 170000 else ""
    return session.ask(query("shadow", "hold").format(key=key, more=more))[0][0] == "t"


@dataclass
class Databases:
    """Makes and drops databases of ours, through a session on another database of the same server.

    Each is made under a lock that dies with us, so that what is not locked has no owner any more. The lock is taken
    before the database is there, by a session of its own, since CREATE DATABASE cannot be in a transaction.
    """

    session: Session
    open: Callable[[], Session]
    """Another session on the same database."""
    ground: Ground
    name: str | None = None
    """What to call it where the server is ours alone."""
    holders: dict[str, Session] = field(default_factory=dict)

    def make(self) -> str:
        """An empty database with the target's encoding and locale; its name.

        Raises DatabaseError where the server refuses; then nothing is left.
        """
        name = self.name or new_name()
        self.holders[name] = holder = self.open()
        hold(holder, lock_key(name, "shadow"))
        try:
            self.session.ask(self._create(name))
        except BaseException:
            self.drop(name)
            raise
        return name

    def _create(self, name: str) -> str:
        row = self.ground.database
        words = [
            f"CREATE DATABASE {quote_identifier(name)} TEMPLATE template0 ENCODING {literal(self.ground.encoding)}"
        ]
        words += [f"LC_COLLATE {literal(row['datcollate'])} LC_CTYPE {literal(row['datctype'])}"]
        if self.session.server_version >= 150000 and (provider := row.get("datlocprovider")) in PROVIDERS:
            called, option = PROVIDERS[provider]
            words += [f"LOCALE_PROVIDER {called}"]
            if option:
                words += [f"{option} {literal(row.get('datlocale') or row.get('daticulocale'))}"]
            if row.get("daticurules"):
                words += [f"ICU_RULES {literal(row['daticurules'])}"]
        if self.ground.owner:
            words += [f"OWNER {quote_identifier(self.ground.owner)}"]
        return " ".join(words)

    def drop(self, name: str) -> None:
        """Drop a database of ours and whoever is connected to it; what cannot be dropped now the next run sweeps."""
        with suppress(SqlmigError):
            if not self.session.alive:
                self.session = self.open()
            self.session.roll_back()
            self.session.ask(f"DROP DATABASE IF EXISTS {quote_identifier(name)} WITH (FORCE)")
        holder = self.holders.pop(name, None)
        if holder is not None:
            holder.close()

    def sweep(self) -> None:
        """Drop the databases of runs that are gone; those that belong to another role are left to it."""
        for (name,) in self.session.ask(query("shadow", "named")):
            if name is None or not is_ours(name) or self._is_held(name):
                continue
            with suppress(DatabaseError):
                self.session.ask(f"DROP DATABASE IF EXISTS {quote_identifier(name)} WITH (FORCE)")

    def _is_held(self, name: str) -> bool:
        return self.session.ask(query("shadow", "held").format(key=lock_key(name, "shadow")))[0][0] == "t"

    def close(self) -> None:
        """Drop what is left, and close every session."""
        for name in [*self.holders]:
            self.drop(name)
        with suppress(ConnectionLost):
            self.session.close()
