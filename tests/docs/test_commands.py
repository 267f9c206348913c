"""Every command that a document tells a reader to type is one that the command line takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from sqlmig.cli.app import command_line
from sqlmig.cli.invocation import Invocation
from sqlmig.config.settings import ENVIRONMENT_KEYS
from tests.docs.documents import DOCUMENTS, ROOT, SPAN, blocks, prose, tables
from tests.support.project import Project

PAGE = (ROOT / "docs" / "coming-from.md").read_text()
TOOLS = ["Knex", "Lucid", "golang-migrate", "dbmate", "goose", "Flyway", "Sqitch"]

VALUES = {"V": "1", "N": "1", "VERSION": "1", "K": "1", "B": "1"}
"""What a reader puts in the place of a placeholder that stands for a number."""


def typed(document: Path) -> Iterator[str]:
    """Commands in code spans, in shell and console blocks, and in indented lines."""
    text = document.read_text()
    lines = [line for block in blocks(text) if block.language in ("sh", "console") for line in block.body.splitlines()]
    lines += [line for line in prose(text).splitlines() if line.startswith("    ")]
    candidates = [*SPAN.findall(prose(text)), *(line.strip().removeprefix("$ ") for line in lines)]
    for candidate in candidates:
        if re.match(r"sqlmig [a-z]", candidate):
            yield re.split(r"\s+#|\s+>|[|;)]|&&|\.\.\.|\[", candidate)[0].strip()


def accepts(words: list[str]) -> None:
    """Parse a command as sqlmig does, without running it. Raises what the parser raises.

    A command alone, without arguments, is a mention: it has to exist.
    """
    command, rest = command_line(), words
    context = command.make_context("sqlmig", list(words), obj=Invocation(words))
    while hasattr(command, "resolve_command") and rest:
        name, command, rest = command.resolve_command(context, rest)
        if rest:
            context = command.make_context(name, list(rest), parent=context)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_documents_exist(document: Path) -> None:
    """Command, options and values parse; the test's own parser is that of the command line."""
    for command in typed(document):
        words = [VALUES.get(word, word) for word in shlex.split(command)[1:]]
        try:
            accepts(words)
        except Exception as error:
            raise AssertionError(f"{document.name}: {command}: {error}") from error


def test_parsing_alone_finds_a_wrong_option() -> None:
    """The test above can fail: neither a command nor an option nor a value that does not exist is taken."""
    for words in (["aply"], ["apply", "--too", "1"], ["apply", "--to", "one"], ["db", "begin"]):
        with pytest.raises(Exception, match=r"aply|too|one|begin"):
            accepts(words)


@pytest.mark.parametrize("tool", TOOLS)
def test_each_counterpart_is_a_command_an_option_or_a_setting(tool: str) -> None:
    """What stands alone in the second column, an option or a key of sqlmig.toml, exists under that name."""
    options = {
        option
        for command in command_line().list_commands(None)
        for option in re.findall(r"--[a-z-]+", " ".join(options_of(command)))
    }
    (rows,) = (rows for head, *rows in tables(PAGE) if head[:2] == [tool, "sqlmig"])
    for row in rows:
        for counterpart in SPAN.findall(row[1]):
            if re.match(r"--[a-z]", counterpart):
                assert counterpart.split()[0] in options, counterpart
            elif re.fullmatch(r"[a-z_]+", counterpart):
                assert counterpart in ENVIRONMENT_KEYS, counterpart


def options_of(command: str) -> list[str]:
    root = command_line()
    with root.make_context("sqlmig", [command], obj=Invocation([command])) as context:
        found = root.get_command(context, command)
        return [option for parameter in found.get_params(context) for option in parameter.opts]


@pytest.mark.parametrize("name", ["002", "2", "second", "002_second"])
def test_up_and_down_move_one_migration(project: Project, name: str) -> None:
    """As in Knex: the next one up, the last one down, or the one that is named."""
    for number, word in enumerate(["first", "second", "third"], start=1):
        project.write(f"00{number}_{word}.up.sql", "SELECT 1;")
        project.write(f"00{number}_{word}.down.sql", "SELECT -1;")

    def applied() -> list[int]:
        return [
            migration["version"]
            for migration in project.invoke("status", "--json").json["migrations"]
            if migration["state"] == "applied"
        ]

    assert project.invoke("up").exit_code == 0
    assert applied() == [1]
    assert project.invoke("up", name).exit_code == 0
    assert applied() == [1, 2]
    assert project.invoke("up").exit_code == 0
    assert project.invoke("down", name).exit_code == 0
    assert applied() == [1, 3]
    assert project.invoke("down").exit_code == 0
    assert applied() == [1]
    assert project.invoke("currentVersion").stdout == "001\n"
