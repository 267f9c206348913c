"""The connection: opening it, and sending messages."""

from sqlmig.database.connecting import connect
from sqlmig.database.opening import Opening
from sqlmig.database.replies import Reply, Row
from sqlmig.database.session import IDLE_CHECK, Session
from sqlmig.queries import literal, quote_identifier

__all__ = ["IDLE_CHECK", "Opening", "Reply", "Row", "Session", "connect", "literal", "quote_identifier"]
