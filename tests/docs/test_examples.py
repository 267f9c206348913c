"""The examples of the documents: files are written as they are printed, commands print what the page says."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator

import pytest

from tests.docs.documents import ROOT, Call, blocks, calls, sections
from tests.support.project import Project

FILE_FORMAT = [
    pytest.param(body, id=heading)
    for heading, body in sections((ROOT / "docs" / "file-format.md").read_text())
    if any(block.language == "console" for block in blocks(body))
]


def settled(output: str) -> str:
    """The output without what differs from run to run: durations, times, the server's version."""
    output = re.sub(r" +<?\d+(\.\d+)? (ms|s|min)\b", " 1 ms", output)
    output = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "2026-01-01 00:00", output)
    output = re.sub(r"PostgreSQL \d+(\.\d+)?", "PostgreSQL 18", output)
    return output.rstrip()


def unlike(project: Project, text: str) -> Iterator[tuple[Call, str]]:
    """Write the files and run the commands of a text in its order; the calls that say something else, and what."""
    for block in blocks(text):
        if block.file is not None:
            assert block.file.startswith("sql/")
            project.write(block.file.removeprefix("sql/"), block.body)
        elif block.language == "console":
            for call in calls(block):
                program, *arguments = shlex.split(call.command)
                assert program == "sqlmig"
                output = project.run(*arguments, env={"COLUMNS": None}).output
                if settled(output) != settled(call.output):
                    yield call, output


@pytest.mark.parametrize("section", FILE_FORMAT)
def test_file_format_examples(offline_project: Project, section: str) -> None:
    """Each section of the page is a project of its own, checked without a database."""
    assert list(unlike(offline_project, section)) == []


def test_readme_transcript(offline_project: Project) -> None:
    """The README's commands, run in a copy of the samples with a server of its own, print what it shows."""
    shutil.copytree(ROOT / "sql", offline_project.sql, dirs_exist_ok=True)
    shutil.copy(ROOT / "sqlmig.toml", offline_project.folder)
    try:
        assert list(unlike(offline_project, (ROOT / "README.md").read_text())) == []
    finally:
        offline_project.run("db", "stop")
