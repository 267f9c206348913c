"""PostgreSQL's programs where the server's account can run them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlmig.embedded.binaries import VARIABLE, Binaries, ask_version, find_binaries
from sqlmig.embedded.processes import Account, server_environment
from sqlmig.errors import NoServer

SYSTEM_CACHE = Path("/var/cache")
"""Where copies for another account go: every folder on the way belongs to root and is open to all for reading."""

SHELL_SAFE = re.compile(r'[^"$`\\\n]*')
"""initdb hands its own folder to a shell between double quotes."""


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


def find_programs(account: Account, environ: Mapping[str, str]) -> Programs:
    """What ``find_binaries`` finds, copied once to a cache where it lies where ``account`` cannot run it.

    Raises NoServer where it cannot be copied, and what ``find_binaries`` raises.
    """
    binaries = find_binaries(environ)
    if account.dropped:
        _become(account)
    if _is_usable(binaries.bindir, account, environ):
        return Programs(binaries, account, environ)
    bindir = _cached(binaries.bindir, _cache(account, environ))
    if not ask_version(bindir, environ, account):
        raise NoServer(
            f"the user {account.name} cannot run {bindir / 'postgres'}",
            next_step=f"set {VARIABLE} to a folder that the user {account.name} can read",
        )
    return Programs(replace(binaries, bindir=bindir), account, environ)


def _become(account: Account) -> None:
    """Raise NoServer where root may not become ``account``: in a container it can be root over itself alone."""
    import subprocess

    try:
        subprocess.run(["/bin/sh", "-c", ":"], cwd="/", check=True, **account.popen)
    except OSError as error:
        raise NoServer(
            f"PostgreSQL refuses to run as root, and this root cannot become the user {account.name}: {error.strerror}",
            next_step="run sqlmig as an ordinary user",
        ) from error


def _is_usable(bindir: Path, account: Account, environ: Mapping[str, str]) -> bool:
    runs = not account.dropped or ask_version(bindir, environ, account)
    return bool(runs and SHELL_SAFE.fullmatch(str(bindir)))


def _cache(account: Account, environ: Mapping[str, str]) -> Path:
    """A folder of ours that ``account`` can read and that nobody else can have prepared."""
    for folder in (Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"), SYSTEM_CACHE):
        with suppress(OSError):
            cache = folder.resolve() / "sqlmig"
            above = [parent for parent in cache.parents if parent.exists()]
            if SHELL_SAFE.fullmatch(str(cache)) and all(_is_safe(parent, account) for parent in above):
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
