"""What all formats tell of a check: findings without secrets, with the paths that a CI system knows."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sqlmig.errors import Place, Problem, SqlmigError
from sqlmig.frozen import dataclass
from sqlmig.report.text import harmless

ROOTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Where the repository is checked out; paths in annotations begin there, wherever the command runs."""


@dataclass(frozen=True)
class Finding:
    """One problem or warning, or the error for which there was no check."""

    code: str
    message: str
    file: str | None
    line: int | None
    column: int | None
    warning: bool
    next_step: str | None
    fingerprint: str
    """The same for the same finding in every run, wherever it moves within its file; another for each finding."""

    @property
    def advice(self) -> str:
        """The message, with what to do about it."""
        return f"{self.message}\nnext: {self.next_step}" if self.next_step else self.message


@dataclass(frozen=True)
class Findings:
    """All of one check."""

    found: tuple[Finding, ...]
    checked: int
    exit_code: int
    complete: bool = True
    """Whether there was a check; else the finding is why there was none."""


def findings(
    problems: Iterable[Problem],
    checked: int,
    exit_code: int,
    *,
    strict: bool = False,
    complete: bool = True,
    secrets: Callable[[str], str] = str,
    environ: Mapping[str, str] = os.environ,
) -> Findings:
    """The findings, in their order. Strictly, a warning is a problem."""
    seen: dict[str, int] = {}
    found = []
    for problem in problems:
        place = problem.place or Place("")
        file = repository_path(place.file, environ) if place.file else None
        message = harmless(secrets(problem.message))
        identity = "\0".join([problem.code, file or "", str(problem.version), message])
        seen[identity] = seen.get(identity, 0) + 1
        found.append(
            Finding(
                problem.code,
                message,
                file,
                place.line,
                place.column,
                problem.warning and not strict,
                harmless(secrets(problem.next_step)) if problem.next_step else None,
                hashlib.sha256(f"{identity}\0{seen[identity]}".encode()).hexdigest(),
            )
        )
    return Findings(tuple(found), checked, exit_code, complete)


def of_error(error: SqlmigError) -> Sequence[Problem]:
    """What an error found, or the error itself where that is all."""
    problems: Sequence[Problem] = getattr(error, "problems", ())
    if problems:
        return [replace(problem, warning=False) for problem in problems]
    return [Problem(error.code, error.message, error.place, next_step=error.next_step)]


def repository_path(file: str, environ: Mapping[str, str]) -> str:
    """The path from the top of the repository, where the CI system says where that is; else as it was shown."""
    for name in ROOTS:
        root = environ.get(name)
        if root and (found := Path.cwd() / file).is_relative_to(root):
            return found.relative_to(root).as_posix()
    return Path(file).as_posix()
