"""What PostgreSQL 13 cannot do is not tested with it."""

from __future__ import annotations

from sqlmig.embedded import find_binaries
from sqlmig.errors import SqlmigError
from tests.support.session import server_environment

READS_ITS_SCHEMA = 14
"""The oldest version that tells what its catalogs refer to, on which snapshots of the schema rest."""


def _major() -> int:
    try:
        return find_binaries(server_environment()).major
    except SqlmigError:
        return READS_ITS_SCHEMA


collect_ignore_glob = (
    ["test_schema_*", "test_rehearse*", "test_shadow*", "test_dump*"] if _major() < READS_ITS_SCHEMA else []
)
