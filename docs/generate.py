"""Writes docs/commands.md from the command line itself: ``python docs/generate.py``. A test fails where it is stale."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlmig.cli.app import NAME, command_line
from sqlmig.cli.commands import COMMON, Commands
from sqlmig.cli.invocation import Invocation

PAGE = Path(__file__).with_name("commands.md")

INTRODUCTION = """\
# Commands

Written by `python docs/generate.py` from the command line itself.

Results go to stdout; progress, notices of the server, warnings and errors to stderr. A command that does not need a
database does not look for one. What an exit code means is in [exit-codes.md](exit-codes.md), what `--json` prints in
[json.md](json.md), what can be configured in [configuration.md](configuration.md).

## Options of every command
"""

OWN_OPTIONS = """
## Options of sqlmig itself

| option | |
|---|---|
| `--version` | Show the version. |
| `--install-completion` | Install completion for the current shell: bash, zsh, fish, PowerShell. |
| `--show-completion` | Print what `--install-completion` would install. |
| `--help`, `-h` | Show what there is; behind a command, what it takes. |
"""


def page() -> str:
    """The whole document."""
    root = command_line()
    context = root.make_context(NAME, ["status"], obj=Invocation([]))
    commands = list(_commands(root, context, NAME))
    _, first = commands[0]
    common = [parameter for parameter in first.get_params(context) if parameter.name in COMMON]
    parts = [INTRODUCTION, *_options(common), ""]
    for name, command in commands:
        parts += [*_section(name, command, context), ""]
    return "\n".join(parts) + OWN_OPTIONS


def _commands(group: Any, context: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, Commands):
            yield from _commands(command, context, f"{path} {name}")
        elif not command.hidden:
            yield f"{path} {name}", command


def _section(name: str, command: Any, context: Any) -> Iterator[str]:
    own = [parameter for parameter in command.get_params(context) if parameter.name not in {*COMMON, "help"}]
    arguments = [parameter for parameter in own if parameter.param_type_name == "argument"]
    usage = " ".join([name, *map(_placeholder, arguments), "[OPTIONS]"])
    yield from (f"## `{name}`", "", f"    {usage}", "", inspect.cleandoc(command.help))
    if own:
        yield ""
        yield from _options(own)


def _placeholder(argument: Any) -> str:
    text = argument.metavar if argument.required else f"[{argument.metavar}]"
    return text + ("..." if argument.nargs == -1 else "")


def _options(parameters: list[Any]) -> Iterator[str]:
    yield from ("| option | |", "|---|---|")
    for parameter in parameters:
        if parameter.param_type_name == "argument":
            spelled = parameter.metavar
        else:
            value = f" {parameter.metavar}" if parameter.metavar else ""
            spelled = ", ".join(parameter.opts) + value
        yield f"| `{spelled}` | {parameter.help} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
