"""A server with a standby; and what PostgreSQL 13 cannot do is not tested with it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sqlmig import embedded
from sqlmig.embedded import Server
from tests.support.session import reads_its_schema, server_environment
from tests.support.standby import following

collect_ignore_glob = [] if reads_its_schema() else ["test_schema_*", "test_rehearse*", "test_shadow*", "test_dump*"]


@pytest.fixture(scope="module")
def primary() -> Iterator[Server]:
    """A server for the tests of one module; stopped and started where ``standby`` copies it."""
    with tempfile.TemporaryDirectory(prefix="sqlmig-test-") as top:
        folder = Path(top) / "primary"
        yield embedded.start(folder, environ=server_environment())
        embedded.stop(folder)


@pytest.fixture(scope="module")
def standby(primary: Server) -> Iterator[Server]:
    """A copy of the primary that follows it."""
    with following(primary) as server:
        yield server
