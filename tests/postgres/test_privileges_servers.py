"""Servers that cannot, or should not, be written: told apart before anything is sent to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sqlmig import embedded
from sqlmig.embedded import Server
from sqlmig.errors import ReadOnlyServer, UnsupportedServer
from sqlmig.plan import Apply
from tests.support.project import Project
from tests.support.runner import Runs
from tests.support.session import server_environment


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "server"
    yield folder
    embedded.stop(folder)


def start(folder: Path) -> Server:
    return embedded.start(folder, environ=server_environment())


def test_a_hot_standby(project: Project, folder: Path) -> None:
    """Status, plan and check work there; apply does where nothing is pending, and else says what the server is."""
    runs = Runs(project, url=start(folder).conninfo)
    runs.write("001_a", "SELECT 1", "SELECT 1")
    runs.apply()
    embedded.stop(folder)
    (folder / "data" / "standby.signal").touch()
    start(folder)
    assert runs.states() == {"001_a": "applied"}
    assert runs.check().exit_code == 0
    assert runs.apply().steps == ()
    assert len(runs.log()) == 1
    runs.write("002_b", "SELECT 1")
    assert runs.check().exit_code == 3
    assert len(runs.api.plan(Apply()).steps) == 1
    for command in (runs.apply, runs.rollback, runs.api.fresh, lambda: runs.api.baseline(2)):
        error = runs.fails(ReadOnlyServer, command)
        assert "standby" in error.message
        assert "primary" in (error.next_step or "")


@pytest.mark.parametrize(
    "version",
    [
        "CockroachDB CCL v23.1.0 (x86_64)",
        "PostgreSQL 11.2-YB-2.20.0.0-b0",
        "PostgreSQL 8.0.2, compiled by Redshift 1.0",
    ],
)
def test_servers_that_look_alike(project: Project, version: str) -> None:
    """Refused before anything is written; whoever insists goes on."""
    runs = Runs(project)
    runs.database.execute(f"CREATE FUNCTION public.version() RETURNS text LANGUAGE sql AS $$SELECT '{version}'$$")
    runs.database.execute(f'ALTER DATABASE "{runs.database.name}" SET search_path = public, pg_catalog')
    runs.write("001_a", "CREATE TABLE a (x int)")
    error = runs.fails(UnsupportedServer)
    assert version in error.message
    assert "--unsupported-server" in (error.next_step or "")
    assert runs.exists("a", "sqlmig.migration") == [False, False]
    runs.apply(unsupported_server=True)
    assert runs.applied() == ["001_a"]


def test_a_fork_of_postgresql_is_postgresql(project: Project) -> None:
    """What only adds to it is not refused."""
    runs = Runs(project)
    version = "PostgreSQL 16.4 (Debian) on x86_64, compiled by gcc, Citus 12.1, TimescaleDB"
    runs.database.execute(f"CREATE FUNCTION public.version() RETURNS text LANGUAGE sql AS $$SELECT '{version}'$$")
    runs.database.execute(f'ALTER DATABASE "{runs.database.name}" SET search_path = public, pg_catalog')
    runs.write("001_a", "CREATE TABLE a (x int)")
    runs.apply()
    assert runs.applied() == ["001_a"]
