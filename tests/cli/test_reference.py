"""docs/commands.md is what the command line says of itself."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sqlmig.cli.app import AllCommands, command_line
from sqlmig.cli.commands import Commands
from sqlmig.cli.invocation import Invocation

DOCS = Path(__file__).resolve().parents[2] / "docs"
HIDDEN = {"refresh", "current-version"}


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_reference_is_fresh() -> None:
    """Run ``python docs/generate.py`` where this fails."""
    assert (DOCS / "commands.md").read_text(encoding="utf-8") == generator().page()


def every_command() -> dict[str, Any]:
    root = command_line()
    context = root.make_context("sqlmig", ["status"], obj=Invocation([]))
    found = {}
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        if isinstance(command, Commands):
            found |= {f"{name} {sub}": command.get_command(context, sub) for sub in command.list_commands(context)}
        else:
            found[name] = command
    return found


@pytest.mark.parametrize("name", sorted(every_command()))
def test_every_option_explains_itself(name: str) -> None:
    """No command without a line of help, no option without one, and both fit where help shows them."""
    command = every_command()[name]
    with command.make_context(name, [], obj=Invocation([]), resilient_parsing=True) as context:
        parameters = command.get_params(context)
    assert re.fullmatch(r"[A-Z][^\n]{5,60}\.(\n\n.+)?", command.help.strip(), re.DOTALL)
    for parameter in parameters:
        assert parameter.help.endswith("."), parameter.name


def test_hidden_commands_are_in_no_help_and_no_reference() -> None:
    assert {name for name, command in every_command().items() if command.hidden} == HIDDEN
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert not any(f"sqlmig {name}" in page for name in HIDDEN)


def test_other_names_lead_to_commands() -> None:
    """None of them hides a command of the same name."""
    assert set(AllCommands.aliases.values()) <= set(AllCommands.table)
    assert not set(AllCommands.aliases) & set(AllCommands.table)
