"""What git knows of migration files: which are this branch's own, and which it met."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

from sqlmig.errors import UsageError
from sqlmig.frozen import dataclass
from sqlmig.migration import FileName

SECONDS = 60.0

OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
"""What git sets for its hooks, relative to their folder and not to the one that is asked about."""

Tree = dict[str, str]
"""Blobs by their path from the top of the work tree."""


@dataclass(frozen=True)
class Ancestry:
    """The files of one folder, told apart by where they came from."""

    own: frozenset[Path]
    """Those that neither the other branch has, nor the commit where the two parted."""
    met: frozenset[int]
    """The versions that the other branch has."""


def ancestry(directory: Path, paths: Collection[Path], reference: str) -> Ancestry:
    """Tell the branch's own files apart from those that ``reference`` has, or had when the two parted.

    Files count as they lie in the work tree, committed or not. A file that only moved to another folder is not new.
    Raises UsageError without git, outside a repository, for a reference that git does not know, and where the two
    have nothing in common.
    """
    top = Path(_ask(directory, "rev-parse", "--show-toplevel").rstrip("\n"))
    other = _commit(directory, reference)
    base = _parting(directory, reference, other)
    places = {path: _below(top, path) for path in paths}
    folders = {_below(top, directory), *(str(PurePosixPath(place).parent) for place in places.values())}
    known, theirs = _tree(top, base, folders), _tree(top, other, folders)
    moved = {(PurePosixPath(path).name, blob) for tree in (known, theirs) for path, blob in tree.items()}
    new = [path for path in paths if places[path] not in known]
    blobs = dict(zip(new, _blobs(top, [places[path] for path in new]), strict=True))
    own = {path for path in new if (path.name, blobs[path]) not in moved}
    return Ancestry(frozenset(own), frozenset(version for path in theirs if (version := _version(path)) is not None))


def _commit(directory: Path, reference: str) -> str:
    try:
        found = _ask(directory, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
    except UsageError:
        raise UsageError(
            f"git knows no commit {reference!r}",
            next_step="git branch --all lists what it knows, git fetch brings more",
        ) from None
    return found.strip()


def _parting(directory: Path, reference: str, other: str) -> str:
    try:
        return _ask(directory, "merge-base", other, "HEAD").strip()
    except UsageError:
        raise UsageError(f"git finds no commit that this branch and {reference!r} have in common") from None


def _below(top: Path, path: Path) -> str:
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(top):
        raise UsageError(f"{path} is not in the git repository {top}")
    return real.relative_to(top).as_posix()


def _tree(top: Path, commit: str, folders: Collection[str]) -> Tree:
    wanted = [] if "." in folders else sorted(folders)
    listing = _ask(top, "ls-tree", "-r", "-z", "--full-tree", commit, "--", *wanted)
    entries = (entry.partition("\t") for entry in listing.split("\0") if entry)
    return {path: facts.split()[2] for facts, _, path in entries}


def _blobs(top: Path, paths: Sequence[str]) -> list[str]:
    if not paths:
        return []
    return _ask(top, "hash-object", "--stdin-paths", given="".join(f"{path}\n" for path in paths)).split()


def _version(path: str) -> int | None:
    parts = PurePosixPath(path).parts
    found = None if any(part.startswith(".") for part in parts) else FileName.parse(parts[-1])
    return found.version if found is not None else None


def _ask(folder: Path, *arguments: str, given: str = "") -> str:
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            input=given,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=SECONDS,
            env={name: value for name, value in os.environ.items() if name not in OF_A_HOOK} | {"LC_ALL": "C.UTF-8"},
        )
    except FileNotFoundError:
        raise UsageError("git is not installed", next_step="name the migrations: sqlmig renumber --help") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"git {arguments[0]} gave no answer within {SECONDS:.0f} s") from None
    if answer.returncode:
        said = answer.stderr.strip().partition("\n")[0].removeprefix("fatal: ") or f"exit code {answer.returncode}"
        raise UsageError(f"git {arguments[0]} in {folder}: {said}", next_step="sqlmig renumber --help")
    return answer.stdout
