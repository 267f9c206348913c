"""What a command does not need it does not import."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.project import Project

SHOW_MODULES = """
import atexit, json, os, sys
at_exit = os.environ["MODULES"]
atexit.register(lambda: json.dump(sorted(sys.modules), open(at_exit, "w")))
from sqlmig.cli import main
sys.exit(main())
"""

HEAVY = {"psycopg", "rich", "sqlparse", "pydantic", "asyncio"}


def modules(project: Project, *arguments: str) -> set[str]:
    """What was imported when the command ended."""
    kept = project.folder / "modules.json"
    done = subprocess.run(
        [sys.executable, "-c", SHOW_MODULES, *arguments],
        cwd=project.folder,
        env=project.environment({"MODULES": str(kept)}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done
    return set(json.loads(kept.read_text()))


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["--help"], ["apply", "--help"], ["new", "users"], ["init"], ["check", "--offline"]],
    ids=" ".join,
)
def test_light_commands_import_nothing_heavy(offline_project: Project, arguments: list[str]) -> None:
    offline_project.write("001_a.up.sql", "CREATE TABLE a (id int);\nCREATE INDEX ON a (id);\n")
    offline_project.write("001_a.down.sql", "DROP TABLE a;\n")
    assert not modules(offline_project, *arguments) & HEAVY


def test_commands_on_the_database_import_what_they_use(project: Project) -> None:
    """Values are read without pydantic there too, and nothing colours without rich being asked."""
    unused = {*HEAVY, "sqlmig.audit", "sqlmig.sums"} - {"psycopg", "asyncio"}
    assert not modules(project, "status", "--dir", "sql", "--json") & unused


def test_version_needs_no_parser(offline_project: Project) -> None:
    """It is asked for by scripts, again and again."""
    assert "typer" not in modules(offline_project, "--version")


def test_help_makes_no_plan(offline_project: Project) -> None:
    assert not modules(offline_project, "--help") & {"sqlmig.plan", "sqlmig.api", "sqlmig.config"}
