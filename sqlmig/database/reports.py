"""What the server said about an error or aside, as a value."""

from __future__ import annotations

import psycopg
from psycopg import pq

from sqlmig.errors import ServerReport


def first_line(text: str) -> str:
    """Without white space around it."""
    return text.strip().partition("\n")[0]


def report_of(diagnostic: psycopg.errors.Diagnostic) -> ServerReport:
    """What the server said, from psycopg's view of it."""
    return ServerReport(
        message=diagnostic.message_primary or "",
        sqlstate=diagnostic.sqlstate,
        severity=diagnostic.severity_nonlocalized or diagnostic.severity or "ERROR",
        detail=diagnostic.message_detail,
        hint=diagnostic.message_hint,
        context=diagnostic.context,
        position=int(diagnostic.statement_position) if diagnostic.statement_position else None,
        table=diagnostic.table_name,
        column=diagnostic.column_name,
        constraint=diagnostic.constraint_name,
        internal_query=diagnostic.internal_query,
        internal_position=int(diagnostic.internal_position) if diagnostic.internal_position else None,
    )


def report_of_result(result: pq.abc.PGresult) -> ServerReport:
    """What it said about the failure that a result is; where that is not the server's, what libpq says."""
    report = report_of(psycopg.errors.Diagnostic(result, "utf-8"))
    if report.message:
        return report
    return ServerReport(first_line(result.error_message.decode("utf-8", "replace")))
