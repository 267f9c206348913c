"""The connection: opening it, and sending messages."""

from sqlmig.database.connecting import connect
from sqlmig.database.session import IDLE_CHECK, Reply, Row, Session
from sqlmig.queries import literal, quote_identifier

__all__ = ["IDLE_CHECK", "Reply", "Row", "Session", "connect", "literal", "quote_identifier"]
