"""The first question to a server, known before most of the program is loaded."""

from __future__ import annotations

from sqlmig.queries import literal, query, quote_identifier


def set_role(role: str | None) -> str:
    """What begins a transaction of ours: the role of the configuration, where there is one."""
    return f"SET LOCAL ROLE {quote_identifier(role)};" if role else ""


def probe(history_schema: str, role: str | None) -> str:
    """Asks where we are, and which of our tables exist."""
    return query("history", "probe").format(role=set_role(role), schema_name=literal(history_schema))
