"""The two commands of the README, as far as they can be run without installing anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.documents import ROOT
from tests.support.database import client_environment
from tests.support.processes import is_alive, until


@dataclass(frozen=True)
class Clone:
    """A copy of what a clone holds for `make`, with programs of ours before those of the machine."""

    folder: Path
    programs: Path

    def make(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.programs}:{os.environ['PATH']}"
        environment = {**client_environment(), "PATH": path, "PYTHONPATH": str(ROOT), **variables}
        for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):  # of the make that runs these tests
            environment.pop(name, None)
        return subprocess.run(
            ["make", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def program(self, name: str, script: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    folder, programs = tmp_path / "a clone", tmp_path / "programs"
    folder.mkdir()
    programs.mkdir()
    for name in ("Makefile", "pyproject.toml", "sqlmig.toml"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "sql", folder / "sql")
    return Clone(folder, programs)


@pytest.fixture
def installed(clone: Clone) -> Iterator[Clone]:
    """The clone after its installation: this Python in the place of the one in .venv."""
    binaries = clone.folder / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "pip").touch()
    (binaries / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (binaries / "python").chmod(0o755)
    for extra in ("embedded", "test", "lint"):
        (clone.folder / ".venv" / f"installed-{extra}").touch()
    yield clone
    clone.make("clean")


def test_make_demo_applies_the_samples_and_shows_them_again_and_again(installed: Clone) -> None:
    """The first command of the README; the second time there is nothing to do, and that is no failure."""
    first = installed.make("demo")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "10 migrations applied" in first.stdout
    assert "10 migrations: 10 applied" in first.stdout
    again = installed.make("demo")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "nothing to do" in again.stdout
    assert "10 migrations: 10 applied" in again.stdout


def test_make_demo_leaves_other_databases_alone(installed: Clone) -> None:
    """A database that the environment names is not the demo's."""
    done = installed.make("demo", SQLMIG_URL="postgresql://nowhere.invalid/production", SQLMIG_ENV="production")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "(embedded)" in done.stdout


def test_make_clean_stops_the_server_and_removes_its_data(installed: Clone) -> None:
    """Afterwards the clone is as it was, and no server runs on a folder that is gone."""
    assert installed.make("demo").returncode == 0
    (pid_file,) = (installed.folder / ".sqlmig").rglob("postmaster.pid")
    pid = int(pid_file.read_text().splitlines()[0])
    done = installed.make("clean")
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in installed.folder.iterdir()) == sorted(
        ["Makefile", "pyproject.toml", "sqlmig.toml", "sql"]
    )
    until(lambda: not is_alive(pid), "the end of the server")


def test_make_test_runs_the_tests_in_parallel(installed: Clone) -> None:
    """The second command of the README is pytest with as many workers as there are processors."""
    done = installed.make("--dry-run", "test")
    assert done.stdout.splitlines() == [".venv/bin/python -m pytest --numprocesses auto"]


def test_make_installs_into_a_virtual_environment_and_nowhere_else(clone: Clone) -> None:
    """Where the system's pip refuses, nothing is asked of it: .venv is made first and its own pip is used."""
    planned = clone.make("--dry-run", "demo").stdout.splitlines()
    venv = planned.index("python3 -m venv --clear .venv")
    (install,) = (line for line in planned if "pip install" in line)
    assert install.startswith(".venv/bin/python -m pip install ")
    assert planned.index(install) > venv


def test_make_says_which_package_is_missing(clone: Clone) -> None:
    """A Python without ensurepip, as Debian has it, and nobody who could install it: the package is named."""
    clone.program("python3", f'case "$*" in *ensurepip*) exit 1;; esac\nexec "{sys.executable}" "$@"')
    clone.program("id", "echo 1000")
    done = clone.make("demo")
    assert done.returncode == 2
    assert "sudo apt-get install python3-venv" in done.stderr
    assert not (clone.folder / ".venv").exists()


def test_make_as_root_installs_the_missing_package(clone: Clone) -> None:
    """As root it is installed, with fresh package lists where there are none."""
    log = clone.folder.parent / "apt.log"
    clone.program("id", "echo 0")
    clone.program("apt-get", f'echo "$*" >> "{log}"\n[ "$1" = update ] || [ "$(wc -l < "{log}")" -gt 1 ]')
    clone.program("python3", 'case "$*" in *ensurepip*) exit 1;; *venv*) exit 7;; esac')
    done = clone.make("demo")
    assert log.read_text().splitlines() == [
        "install -y python3-venv",
        "update",
        "install -y python3-venv",
    ], done.stdout + done.stderr


def test_make_refuses_a_python_that_is_too_old(clone: Clone) -> None:
    """The version that is needed, and how to name another Python."""
    clone.program("python3", "exit 1")
    done = clone.make("demo")
    assert done.returncode == 2
    assert "Python 3.11" in done.stderr
    assert "make demo PYTHON=" in done.stderr
