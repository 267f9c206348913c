"""What PostgreSQL 13 cannot do is not tested with it."""

from __future__ import annotations

from tests.support.session import reads_its_schema

collect_ignore_glob = [] if reads_its_schema() else ["test_schema_*", "test_rehearse*", "test_shadow*", "test_dump*"]
