"""A hot standby: it is looked at like any server, and told apart before anything is sent to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sqlmig import embedded
from sqlmig.embedded import Server
from sqlmig.errors import ReadOnlyServer
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
