"""docs/branches.md, run from its first command to its last in a real repository."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from sqlmig import embedded
from tests.docs.documents import ROOT, blocks, calls
from tests.docs.test_examples import settled
from tests.support.project import Project
from tests.support.repository import Repository

PAGE = (ROOT / "docs" / "branches.md").read_text()


@pytest.fixture
def repository(offline_project: Project) -> Repository:
    """``sqlmig init`` in a new repository; the server is the project's own."""
    assert offline_project.run("init").exit_code == 0
    (offline_project.folder / ".gitignore").write_text(".sqlmig/\n")
    return Repository(offline_project.folder)


def test_every_command_prints_what_the_page_says(offline_project: Project, repository: Repository) -> None:
    """git's as well: that it reports the conflict is what the sum file is for."""
    other = []
    try:
        for block in blocks(PAGE):
            if block.file is not None:
                offline_project.write(block.file.removeprefix("sql/"), block.body)
            for call in calls(block) if block.language == "console" else ():
                program, *words = shlex.split(call.command)
                if program == "git":
                    output = repository.git(*words, check=not call.output)
                else:
                    output = offline_project.run(*words, env={"COLUMNS": None}).output
                if settled(output) != settled(call.output):
                    other.append(f"$ {call.command}\n{output}")
    finally:
        embedded.stop(offline_project.folder / ".sqlmig")
    assert other == []


def test_the_hook_runs_switch_for_branches_alone(
    offline_project: Project, repository: Repository, tmp_path: Path
) -> None:
    """Not for the checkout of a file."""
    (script,) = (block.body for block in blocks(PAGE) if block.language == "sh")
    called = tmp_path / "called"
    command = tmp_path / "sqlmig"
    command.write_text(f'#!/bin/sh\necho "$@" >> "{called}"\n')
    command.chmod(0o755)
    hook = offline_project.folder / ".git" / "hooks" / "post-checkout"
    hook.write_text(script.replace("exec sqlmig", f'exec "{command}"'))
    hook.chmod(0o755)
    repository.commit()
    repository.git("checkout", "--quiet", "--", "sqlmig.toml")
    assert not called.exists()
    repository.branch("other")
    assert called.read_text() == "switch --env development\n"
