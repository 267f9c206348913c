"""The connection: opening it, and sending messages."""

from sqlmig.database.connecting import connect
from sqlmig.database.opening import Opening
from sqlmig.database.session import IDLE_CHECK, Reply, Row, Session
from sqlmig.queries import literal, quote_identifier

__all__ = ["IDLE_CHECK", "Opening", "Reply", "Row", "Session", "connect", "literal", "quote_identifier"]
