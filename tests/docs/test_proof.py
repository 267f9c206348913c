"""docs/proof.md, from its first line to its last: the files are written, the commands print what the page shows."""

from __future__ import annotations

import re
import shlex

import psycopg

from tests.docs.documents import ROOT, Call, blocks, calls
from tests.docs.test_examples import settled
from tests.support.project import Outcome, Project

PAGE = (ROOT / "docs" / "proof.md").read_text()


def plain(output: str) -> str:
    """The output without fingerprints, which differ from version to version, and with one space between columns."""
    output = re.sub(r"\([0-9a-f]{12}\)", "(fingerprint)", settled(output))
    return re.sub(r"(?m)(?<=\S) {2,}", "  ", output)


def play(project: Project, call: Call) -> Outcome:
    program, *arguments = shlex.split(call.command)
    if program == "psql":
        with psycopg.connect(project.run("db", "url").stdout.strip()) as connection:
            connection.execute(arguments[-1].encode())
        return Outcome(tuple(arguments), 0, "", "")
    assert program == "sqlmig"
    if "--check" in arguments:
        (project.folder / arguments[-1]).write_text(project.run("dump").stdout)
    return project.run(*arguments, env={"COLUMNS": None})


def test_page_is_what_happens(offline_project: Project) -> None:
    """One project through the whole page, on a server of its own."""
    exits: dict[str, list[int]] = {}
    try:
        for block in blocks(PAGE):
            if block.file is not None:
                offline_project.write(block.file.removeprefix("sql/"), block.body)
            elif block.language == "console":
                for call in calls(block):
                    done = play(offline_project, call)
                    assert plain(done.stderr + done.stdout) == plain(call.output), done
                    exits.setdefault(call.command.split()[1], []).append(done.exit_code)
    finally:
        offline_project.run("db", "stop")
    assert exits["rehearse"] == [3]
    assert exits["check"] == [3]
    assert exits["drift"] == [3, 0, 0]
    assert exits["dump"] == [0]
    assert exits["plan"] == [0]
