"""The ground that the other tests stand on: one server a run, one database a test, commands in a clean environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from tests import matrix
from tests.support.database import Database
from tests.support.processes import is_alive, until
from tests.support.project import Project
from tests.support.session import VARIABLE, server_environment

ROOT = Path(__file__).parents[2]


@contextmanager
def pytest_run(
    folder: Path, code: str, *options: str, environ: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A run of pytest with our fixtures over tests that are made up here."""
    (folder / "test_made_up.py").write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder), **(environ or {})}
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST", "PYTEST_ADDOPTS"):
        environment.pop(name, None)
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-q", *options, folder],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_all_workers_share_one_server(workplace: Path) -> None:
    """However many workers run, and whichever needs it first: one server, gone when the run is over."""
    code = """
import os, pathlib, pytest
@pytest.mark.parametrize("number", range(6))
def test_it(number, database):
    assert database.value("SELECT count(*) FROM pg_class WHERE relname = 'mine'") == 0
    database.execute("CREATE TABLE mine ()")
    pathlib.Path(__file__).with_name(f"{number}.txt").write_text(f"{database.server.pid} {os.getpid()}")
"""
    with pytest_run(workplace, code, "-n", "2", "--dist", "each") as process:
        output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    lines = [path.read_text().split() for path in workplace.glob("*.txt")]
    assert len({server for server, _ in lines}) == 1
    assert not is_alive(int(lines[0][0]))


@pytest.mark.parametrize("options", [[], ["-n", "1"]], ids=["alone", "workers"])
def test_the_server_dies_with_a_killed_run(workplace: Path, options: list[str]) -> None:
    """kill -9 of pytest leaves no server."""
    code = """
import pathlib, signal
def test_it(server):
    path = pathlib.Path(__file__).with_name("pid")
    path.with_suffix(".new").write_text(str(server.pid))
    path.with_suffix(".new").rename(path)
    signal.pause()
"""
    with pytest_run(workplace, code, *options) as process:
        until((workplace / "pid").exists, "the test to get its server")
        server = int((workplace / "pid").read_text())
        assert is_alive(server)
        process.kill()
        until(lambda: not is_alive(server), "the server to end")


def test_a_server_that_cannot_start_is_told_to_every_worker(workplace: Path) -> None:
    """The error of the main process is that of the test, and stands in the header."""
    code = "def test_it(server): pass\n"
    with pytest_run(workplace, code, "-n", "1", "-v", environ={VARIABLE: "/nonsense"}) as process:
        output, _ = process.communicate(timeout=240)
    assert process.returncode == 1
    assert "PostgreSQL: SQLMIG_PG_BIN names /nonsense" in output
    assert "sqlmig.errors.ConfigError: SQLMIG_PG_BIN names /nonsense" in output


def test_what_the_caller_works_on_is_nothing_to_the_tests(workplace: Path) -> None:
    """Nothing in the environment leads a connection, a project or git elsewhere."""
    code = """
import os
def test_it(database):
    assert database.value("SELECT current_schema()") == "public"
    assert not {"PGOPTIONS", "PGHOST", "SQLMIG_URL", "SQLMIG_ENV", "GIT_DIR"} & os.environ.keys()
"""
    elsewhere = {"PGOPTIONS": "-c search_path=x", "PGHOST": "/nowhere", "SQLMIG_URL": "x", "SQLMIG_ENV": "x"}
    with pytest_run(workplace, code, "-n", "1", environ={**elsewhere, "GIT_DIR": "/nowhere"}) as process:
        output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output


def test_which_server_is_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder or the number of a version; without either, what every user of the machine would get."""
    monkeypatch.setenv("SQLMIG_PG_BIN", "/elsewhere")
    monkeypatch.delenv(VARIABLE, raising=False)
    assert "SQLMIG_PG_BIN" not in server_environment()
    monkeypatch.setenv(VARIABLE, "/some/folder")
    assert server_environment()["SQLMIG_PG_BIN"] == "/some/folder"
    monkeypatch.setenv(VARIABLE, "15")
    assert server_environment()["SQLMIG_PG_BIN"] == str(matrix.bindir("15"))


def test_the_matrix_knows_its_versions(capsys: pytest.CaptureFixture[str]) -> None:
    """A version that is not there is named before anything is installed."""
    assert matrix.main(["12", "18", "99"]) == 2
    assert "no such version: 12, 99" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("script", "said"), [(None, "npm, which is missing: sudo apt-get install npm"), ("exit 7", "(exit code 7)")]
)
def test_the_matrix_says_what_it_lacks(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    script: str | None,
    said: str,
) -> None:
    """Where the versions cannot be installed, no test runs and the exit code is not that of success."""
    if script is not None:
        (tmp_path / "npm").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(matrix, "CACHE", tmp_path / "cache" / "postgres")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("sys.platform", "linux")
    assert matrix.main(["13", "--", "--version"]) == 2
    assert said in capsys.readouterr().err


def test_roles_come_and_go_with_their_test(database: Database) -> None:
    """A role is the test's own; with a password it must give it, without it is trusted."""
    trusted, strict = database.role("reader"), database.role("writer", password="p'w")
    assert trusted.startswith("reader_")
    with database.connect(trusted) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (trusted,)
    with psycopg.connect(database.url_as(strict, "p'w")) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (strict,)
    for wrong in ("other", None):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(database.url_as(strict, wrong))


def test_a_dump_has_nothing_that_changes_by_itself(database: Database) -> None:
    """Two dumps of one schema are equal text; rows are in it when they are wanted."""
    database.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (42)")
    assert database.dump() == database.dump()
    assert "CREATE TABLE public.t" in database.dump()
    assert "42" not in database.dump()
    assert "42" in database.dump(data=True)
    assert "restrict" not in database.dump()
    assert "Dumped" not in database.dump()


def test_a_dropped_database_may_be_in_use(database: Database, admin: psycopg.Connection[tuple[str]]) -> None:
    """Cleaning up does not wait for connections that a test left open, nor for roles that own something."""
    owner = database.role("owner")
    database.execute(f'ALTER SCHEMA public OWNER TO "{owner}"')
    connection = database.connect(owner)
    database.drop()
    query = "SELECT datname FROM pg_database WHERE datname = %s UNION SELECT rolname FROM pg_roles WHERE rolname = %s"
    assert admin.execute(query, [database.name, owner]).fetchall() == []
    connection.close()


def test_a_command_sees_a_clean_environment(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the developer's PG* and SQLMIG_* variables nor their home reach a command; a test may add and remove."""
    monkeypatch.setenv("PGHOST", "production")
    monkeypatch.setenv("SQLMIG_ENV", "production")
    environment = project.environment({"ADDED": "1", "SQLMIG_URL": None})
    assert "PGHOST" not in environment
    assert "SQLMIG_ENV" not in environment
    assert "SQLMIG_URL" not in environment
    assert environment["ADDED"] == "1"
    assert environment["HOME"] != os.environ["HOME"]
    assert project.database
    assert project.environment()["SQLMIG_URL"] == project.database.url


def test_a_command_runs_the_same_both_ways(project: Project) -> None:
    """In a process of its own and in this one: the same output, exit code and document."""
    project.write("001_first.up.sql", "CREATE TABLE t ();\n")
    for arguments in (["status", "--json"], ["check", "--offline"], ["nonsense"]):
        there, here = project.run(*arguments), project.invoke(*arguments)
        assert there.exit_code == here.exit_code
        assert there.stdout == here.stdout
    assert project.invoke("status", "--json").json == project.run("status", "--json").json
    with pytest.raises(AssertionError, match="not one JSON document"):
        _ = project.run("--help").json
