"""The jobs of docs/ci.md, and the hook for pre-commit: valid, and made of commands that exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from sqlmig.cli.options import FORMATS
from tests.docs.documents import ROOT, blocks, table
from tests.docs.test_commands import accepts

PAGE = (ROOT / "docs" / "ci.md").read_text()
YAML_BLOCKS = {
    block.body.splitlines()[0].removeprefix("# "): block.body for block in blocks(PAGE) if block.language == "yaml"
}
HOOKS = ROOT / ".pre-commit-hooks.yaml"


def loaded(text: str) -> Any:
    return YAML(typ="safe").load(text)


def words(value: Any) -> Iterator[str]:
    """Every text in a document, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from words(item)
    elif isinstance(value, list):
        for item in value:
            yield from words(item)


def commands(text: str) -> list[str]:
    """The sqlmig commands of a document, without where their output goes."""
    lines = [line for value in words(loaded(text)) for line in value.splitlines()]
    return [line.partition(" > ")[0] for line in lines if line.startswith("sqlmig ")]


@pytest.mark.parametrize(
    ("file", "schema"),
    [(".github/workflows/migrations.yml", "vendor.github-workflows"), (".gitlab-ci.yml", "vendor.gitlab-ci")],
)
def test_the_jobs_are_valid(tmp_path: Path, file: str, schema: str) -> None:
    """By the schema of the system that reads them."""
    path = tmp_path / "jobs.yml"
    path.write_text(YAML_BLOCKS[file])
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", [".github/workflows/migrations.yml", ".gitlab-ci.yml"])
def test_every_command_of_the_jobs_parses(file: str) -> None:
    """Files on every request, a rehearsal, drift at night: all three are there, and each can be typed."""
    found = commands(YAML_BLOCKS[file])
    assert [command.split()[1] for command in found] == ["check", "rehearse", "check", "drift"]
    for command in found:
        accepts(shlex.split(command)[1:])


def test_a_wrong_command_would_be_found() -> None:
    """The test above can fail."""
    with pytest.raises(Exception, match="formt"):
        accepts(shlex.split(commands("- sqlmig check --formt github > x")[0])[1:])


def test_every_format_is_described() -> None:
    assert {cells[0].strip("`") for cells in table(PAGE, "format", "is")} == set(FORMATS) - {"text"}


def test_the_hook_of_pre_commit() -> None:
    """It has what pre-commit requires, its command parses, and it runs for every file that the command reads."""
    (hook,) = loaded(HOOKS.read_text())
    assert {"id", "name", "entry", "language"} <= hook.keys()
    (used,) = loaded(YAML_BLOCKS[".pre-commit-config.yaml"])["repos"]
    assert [item["id"] for item in used["hooks"]] == [hook["id"]]
    accepts(shlex.split(hook["entry"])[1:])
    assert hook["pass_filenames"] is False
    reads = {
        "sql/001_a.up.sql": True,
        "sqlmig.toml": True,
        "db/sqlmig.sum": True,
        "pyproject.toml": True,
        "a.py": False,
    }
    assert {name: re.search(hook["files"], name) is not None for name in reads} == reads
