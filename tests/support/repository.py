"""A real git repository around a project's folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.database import client_environment

IDENTITY = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"} | {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Ann"), ("EMAIL", "ann@example.com"))
}


class Repository:
    """A repository whose first branch is ``main``; its commands raise where git refuses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch", "main")

    def git(self, *arguments: str, check: bool = True) -> str:
        """What a git command printed."""
        environment = {name: value for name, value in client_environment().items() if not name.startswith("GIT_")}
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env={**environment, **IDENTITY}, capture_output=True, text=True
        )
        assert done.returncode == 0 or not check, f"git {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def commit(self, message: str = "work") -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def branch(self, name: str, start: str = "main") -> None:
        """Begin a branch and check it out."""
        self.git("checkout", "--quiet", "-b", name, start)

    def checkout(self, name: str) -> None:
        self.git("checkout", "--quiet", name)
