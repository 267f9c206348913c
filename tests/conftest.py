"""One server for each run, one database for each test."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from sqlmig import embedded
from sqlmig.embedded import Server, find_binaries
from sqlmig.errors import SqlmigError
from tests.support.database import Database
from tests.support.project import Project
from tests.support.session import SessionServer, ask, server_environment, use_fast_temporary_folder

# A busy machine is no reason to fail.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

MAIN = pytest.StashKey[SessionServer]()

LEADS_ELSEWHERE = ("PG", "SQLMIG_", "GIT_")
FOR_THE_TESTS = ("SQLMIG_TEST_", "SQLMIG_CHAOS")


def is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    for name in [*os.environ]:  # what the caller works on is nothing to the tests
        if name.startswith(LEADS_ELSEWHERE) and not name.startswith(FOR_THE_TESTS):
            del os.environ[name]
    for number in (signal.SIGINT, signal.SIGHUP):  # a shell, or nohup, has what runs in the background ignore them
        signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)
    if is_worker(config):
        os.environ.pop("COLUMNS", None)  # pytest-xdist sets it, and output would be cut as for a terminal
        return
    use_fast_temporary_folder()
    config.stash[MAIN] = SessionServer(server_environment())


def pytest_unconfigure(config: pytest.Config) -> None:
    if not is_worker(config):
        config.stash[MAIN].close()


class Distribution:
    """Hooks that only pytest-xdist calls."""

    def __init__(self, main: SessionServer) -> None:
        self.address = main.listen()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["sqlmig_server"] = self.address


def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    if not is_worker(config) and getattr(config.option, "dist", "no") != "no":
        config.pluginmanager.register(Distribution(config.stash[MAIN]))


def pytest_report_header(config: pytest.Config) -> str:
    try:
        binaries = find_binaries(server_environment())
    except SqlmigError as error:
        return f"PostgreSQL: {error}"
    return f"PostgreSQL: {binaries.version} ({binaries.source}, {binaries.bindir})"


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Server:
    """The server of this run: fsync off, everybody trusted but roles with a password."""
    config = request.config
    return ask(config.workerinput["sqlmig_server"]) if is_worker(config) else config.stash[MAIN].server()


@pytest.fixture(scope="session")
def admin(server: Server) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection to the database ``postgres``, for what concerns the whole server."""
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        yield connection


@pytest.fixture
def database(server: Server, admin: psycopg.Connection[Any]) -> Iterator[Database]:
    """An empty database of this test's own, dropped afterwards."""
    database = Database(server, admin)
    yield database
    database.drop()


@pytest.fixture
def project(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A folder with an empty ``sql``, whose commands go to ``database``."""
    yield from make_project(tmp_path / "project", database, monkeypatch)


@pytest.fixture
def offline_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A folder with an empty ``sql`` and no database at all."""
    yield from make_project(tmp_path / "project", None, monkeypatch)


def make_project(folder: Path, database: Database | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    folder.mkdir()
    yield Project(folder, database, monkeypatch)
    embedded.stop(folder / ".sqlmig")


@pytest.fixture
def workplace() -> Iterator[Path]:
    """A folder with a short path, for clusters. They are large, so it goes even where the test fails."""
    with tempfile.TemporaryDirectory(prefix="sqlmig-test-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def prepared_cluster() -> Iterator[Path]:
    """A development cluster that was made and stopped, to be copied."""
    with tempfile.TemporaryDirectory(prefix="sqlmig-test-") as top:
        folder = Path(top) / ".sqlmig"
        embedded.start(folder, environ=server_environment())
        embedded.stop(folder)
        yield folder


@pytest.fixture
def fresh_folder(workplace: Path) -> Iterator[Path]:
    """Where a development cluster can be made; its server is stopped afterwards."""
    yield workplace / ".sqlmig"
    embedded.stop(workplace / ".sqlmig")


@pytest.fixture
def folder(fresh_folder: Path, prepared_cluster: Path) -> Path:
    """A development cluster that has been made; its server is stopped afterwards."""
    subprocess.run(["cp", "-a", prepared_cluster, fresh_folder], check=True)
    return fresh_folder


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed does not depend on who runs the tests; pytest-xdist gives its workers a COLUMNS."""
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
