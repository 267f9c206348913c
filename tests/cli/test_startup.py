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


def modules(project: Project, *arguments: str, show: str = SHOW_MODULES) -> set[str]:
    """What was imported when the command ended, or what else ``show`` tells."""
    kept = project.folder / "modules.json"
    done = subprocess.run(
        [sys.executable, "-c", show, *arguments],
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


ENDS = """
import sys
from sqlmig import cli
cli.main = lambda: print("told", end="") or print("aside", end="", file=sys.stderr) or 3
{}
cli.program()
"""


@pytest.mark.parametrize(
    "before",
    ["", "sys.settrace(lambda *_: None)", "sys.setprofile(lambda *_: None)"],
    ids=["alone", "traced", "profiled"],
)
def test_a_program_that_ends_at_once_has_said_everything(before: str) -> None:
    """Nothing stays in a buffer, and the exit code is the command's; whoever traces it sees an ordinary end."""
    watched = "import atexit; atexit.register(print, ' at exit')\n" + ENDS.format(before)
    done = subprocess.run([sys.executable, "-c", watched], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (3, "aside")
    assert done.stdout == ("told at exit\n" if before else "told")


def test_the_connection_is_begun_before_most_is_loaded(project: Project) -> None:
    """Its thread has what it needs, while plans, scripts and reports are still to come."""
    watching = SHOW_MODULES.replace(
        "from sqlmig.cli import main",
        "from sqlmig.cli import main, invocation\n"
        "begin = invocation._opening\n"
        "invocation._opening = lambda settings, **more: (loaded.extend(sys.modules), begin(settings, **more))[1]\n"
        "loaded = []",
    ).replace("sorted(sys.modules)", "sorted(loaded)")
    project.write("001_a.up.sql", "CREATE TABLE a (id int)")
    project.write("001_a.down.sql", "DROP TABLE a")
    for command in ("apply", "status", "check", "rollback"):
        loaded = modules(project, command, "--dir", "sql", show=watching)
        assert "psycopg" in loaded
        assert not loaded & {"sqlmig.api", "sqlmig.plan", "sqlmig.script", "sqlmig.runner", "sqlmig.report.reporter"}
