"""For pytest: ``sqlmig_db`` gives each test a database of its own with every migration applied.

Loaded by every pytest where sqlmig is installed, so it imports nothing before a test asks for a database.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sqlmig.errors import SqlmigError
    from sqlmig.testing import Recipe, TestDatabase, TestDatabases


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options, and the same as settings of pytest's configuration."""
    group = parser.getgroup("sqlmig", "databases by sqlmig")
    group.addoption(
        "--sqlmig-dir", action="append", metavar="DIR", help="a folder of migrations; else as sqlmig.toml says, or sql"
    )
    group.addoption(
        "--sqlmig-url", metavar="URL", help="a database on the server to use, as a role that may create databases"
    )
    parser.addini("sqlmig_dir", "folders of migrations, relative to this file", type="paths", default=[])
    parser.addini("sqlmig_url", "a database on the server to use; else a PostgreSQL is started", default="")


@pytest.fixture
def sqlmig_db(sqlmig_databases: TestDatabases) -> Iterator[TestDatabase]:
    """A database of this test's own with every migration applied, gone afterwards: url, conninfo, name, connect()."""
    with sqlmig_databases.copy() as database:
        yield database


@pytest.fixture(scope="session")
def sqlmig_databases(request: pytest.FixtureRequest) -> Iterator[TestDatabases]:
    """Where the databases of ``sqlmig_db`` come from."""
    from sqlmig.errors import SqlmigError
    from sqlmig.testing import databases

    config = request.config
    url = config.getoption("--sqlmig-url") or config.getini("sqlmig_url") or None
    with ExitStack() as stack:
        try:
            made = stack.enter_context(databases(url, config.rootpath / ".sqlmig" / "test", _recipe(config)))
        except SqlmigError as error:
            pytest.fail(_told(error, url or ""), pytrace=False)
        yield made


def _recipe(config: pytest.Config) -> Recipe:
    from sqlmig.config import find_config
    from sqlmig.testing import Recipe

    given = config.getoption("--sqlmig-dir") or []
    folders = [config.invocation_params.dir / folder for folder in given] or list(
        map(Path, config.getini("sqlmig_dir"))
    )
    return Recipe(str(config.rootpath), folders, find_config(config.rootpath))


def _told(error: SqlmigError, url: str) -> str:
    from sqlmig.config import known_redactor
    from sqlmig.report.failures import error_lines
    from sqlmig.report.style import without_marks

    secrets = known_redactor(os.environ, url)
    return "\n".join(secrets(without_marks(line)) for line in error_lines(error, secrets, None))
