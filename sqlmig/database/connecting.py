"""Opening a connection, at once or when the server is ready for it."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sqlmig import stopping
from sqlmig.database.session import Session
from sqlmig.errors import NoConnection
from sqlmig.events import Listener, Waiting

CONNECTION_DEFAULTS = {
    "fallback_application_name": "sqlmig",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}
"""What libpq is told unless the connection string says otherwise: a peer that vanished is noticed within a minute."""

CURABLE = (
    "refused",
    "no such file",
    "is the server running",
    "starting up",
    "not yet accepting",
    "shutting down",
    "recovery mode",
    "consistent recovery state",
    "could not translate host name",
    "timeout",
    "timed out",
    "closed the connection unexpectedly",
    "unreachable",
    "no route",
    "reset by peer",
    "too many clients",
)
"""Parts of libpq's messages for what may go away by itself. A wrong password or database is none of them."""


def connect(conninfo: str, *, wait: float = 0, redact: Callable[[str], str] = str, listener: Listener) -> Session:
    """Open a connection.

    Tries again for ``wait`` seconds while waiting can cure the failure: a server that is starting, not a password
    that is wrong. Raises NoConnection with what libpq said, redacted.
    """
    deadline = time.monotonic() + wait
    pause = 0.1
    while True:
        try:
            return Session(stopping.made(lambda: _open(conninfo), discard=psycopg.Connection.close))
        except psycopg.Error as error:
            said = redact(" ".join(str(error).split()))
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not any(part in said.lower() for part in CURABLE):
                raise _no_connection(said) from None
            listener(Waiting(said, remaining))
            stopping.pause(min(pause, remaining))
            pause = min(pause * 1.5, 2.0)


def _open(conninfo: str) -> psycopg.Connection:
    given = conninfo_to_dict(conninfo)
    defaults = {key: value for key, value in CONNECTION_DEFAULTS.items() if key not in given}
    full = make_conninfo(conninfo, **defaults, client_encoding="UTF8")
    return psycopg.Connection.connect(full, autocommit=True, prepare_threshold=None)


def _no_connection(said: str) -> NoConnection:
    curable = any(part in said.lower() for part in CURABLE)
    advice = (
        "is the server up? --wait 30s waits for one that is starting" if curable else "correct the connection settings"
    )
    return NoConnection(f"no connection: {said.removeprefix('connection failed: ')}", next_step=advice)
