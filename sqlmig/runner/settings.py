"""The configured baseline of a session, as SQL: what every migration starts from and what it is brought back to."""

from __future__ import annotations

import random
from collections.abc import Iterator

from sqlmig.database import literal, quote_identifier
from sqlmig.frozen import dataclass
from sqlmig.script import Header


@dataclass(frozen=True)
class Settings:
    """How migrations are run; durations are PostgreSQL's spelling (``3s``)."""

    role: str | None = None
    search_path: str | None = None
    lock_timeout: str | None = "3s"
    statement_timeout: str | None = None
    lock_retries: int = 5
    """How often a transactional migration that met a lock starts again."""
    watched: bool = False
    """Whether the server is to look, while it works, if we are still there: else it goes on without us."""
    message_size: int = 1 << 19
    """Characters that travel together at most; 0 sends each statement alone."""

    def baseline(self, header: Header, *, local: bool) -> Iterator[str]:
        """SET statements for one script: its header first, then the configuration.

        ``local`` ones end with the transaction. A script that builds indexes concurrently has no lock_timeout unless
        its header says so: the wait for old transactions would break it for no reason of its own.
        """
        scope = "LOCAL" if local else "SESSION"
        if self.watched:
            yield f"SET {scope} client_connection_check_interval = '1s'"
        lock_timeout = header.lock_timeout or (self.lock_timeout if header.transaction else None)
        values = {
            "search_path": self.search_path,
            "lock_timeout": lock_timeout and literal(lock_timeout),
            "statement_timeout": (header.statement_timeout or self.statement_timeout)
            and literal(header.statement_timeout or self.statement_timeout),
        }
        for name, value in values.items():
            if value:
                yield f"SET {scope} {name} = {value}"
        role = header.role or self.role
        if role:
            yield f"SET {scope} ROLE {quote_identifier(role)}"


def retry_delay(attempt: int) -> float:
    """Seconds to wait before a run that met a lock is tried again; ``attempt`` counts from 1.

    At most 30, and not the same for two runners that met each other.
    """
    return random.uniform(0.5, 1.0) * min(0.5 * 2.0**attempt, 30.0)  # noqa: S311 - jitter, not a secret


END_OF_SCRIPT = (
    "CLOSE ALL",
    "RESET SESSION AUTHORIZATION",
    "RESET ROLE",
    "RESET ALL",
    "UNLISTEN *",
    "SELECT pg_catalog.pg_advisory_unlock_all()",
    "DISCARD TEMP",
    "DISCARD SEQUENCES",
    "DEALLOCATE ALL",
)
"""What DISCARD ALL does (documentation, "DISCARD"), which itself cannot run in a transaction."""
