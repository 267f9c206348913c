"""What the server answers to one statement."""

from __future__ import annotations

from typing import NamedTuple

from psycopg import pq

Row = tuple[str | None, ...]

COPY_IN, COPY_OUT = int(pq.ExecStatus.COPY_IN), int(pq.ExecStatus.COPY_OUT)
COPYING = frozenset((COPY_IN, COPY_OUT, int(pq.ExecStatus.COPY_BOTH)))
"""In these states libpq has the same result for whoever asks again."""
DONE = frozenset((int(pq.ExecStatus.COMMAND_OK), int(pq.ExecStatus.TUPLES_OK)))
FAILED = frozenset((int(pq.ExecStatus.FATAL_ERROR), int(pq.ExecStatus.BAD_RESPONSE)))


class Reply(NamedTuple):
    """The answer to one statement: its command tag (``CREATE TABLE``, ``INSERT 0 1``) and, on demand, its rows."""

    tag: str
    result: pq.abc.PGresult | None = None

    @property
    def rows(self) -> list[Row]:
        """The rows as text. Only our own queries are read: a migration's may be in any encoding."""
        if self.result is None:
            return []
        columns, value = range(self.result.nfields), self.result.get_value
        return [
            tuple([None if (cell := value(row, column)) is None else cell.decode() for column in columns])
            for row in range(self.result.ntuples)
        ]
