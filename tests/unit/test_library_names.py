"""What ``import sqlmig`` offers, and what it costs."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import sqlmig
from sqlmig import errors
from sqlmig.aio import AsyncProject
from sqlmig.version import VERSION

NAMES = """
    Apply AssertionFailed AsyncProject BaselineResult CheckFailed CheckResult ConfigError ConfirmationRequired
    ConnectionLost DatabaseError Direction DriftResult Event FileError FilesInvalid Goal HistoryResult Interrupted
    Listener LockHeld LogEntry Migration MissingPrivilege NoConnection NoServer NotAllowed Noticed Outcome Place Plan
    Problem Progressed Project ReadOnlyServer Redo Refresh Rehearsed RehearsalResult Rehearsing RenumberResult
    RepairResult Repeated Retrying Rollback RunResult RunStarted ScriptError ServerReport SqlmigError Standing State
    StatementDone StatementFailed StatusResult Step StepDone StepResult StepStarted SumResult Switch TestDatabase
    TransactionEnded Undecided UnsupportedServer UsageError Verdict Waiting Warned Where __version__ require_current
"""


def test_the_public_names() -> None:
    """A name that was there stays: programs import it."""
    assert set(NAMES.split()) <= set(sqlmig.__all__)
    assert set(sqlmig.__all__) <= set(dir(sqlmig))
    assert sqlmig.__version__ == VERSION


def test_every_error_is_exported() -> None:
    """Whatever is raised can be caught by a public name."""
    kinds = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, errors.SqlmigError)]
    assert {kind.__name__ for kind in kinds} <= set(sqlmig.__all__)


def test_type_checkers_see_the_same_names() -> None:
    """What stands there for type checkers alone is what a program gets, and from the same module."""
    tree = ast.parse(Path(sqlmig.__file__).read_text())
    seen = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("sqlmig.")
        for alias in node.names
        if alias.name != "VERSION"
    }
    assert {*seen, "__version__"} == set(sqlmig.__all__)
    assert {name: f"sqlmig.{sqlmig.HOMES.get(name, 'errors')}" for name in seen} == seen


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="'sqlmig' has no attribute 'Projekt'"):
        _ = sqlmig.Projekt


def test_importing_the_package_imports_nothing_else() -> None:
    """The command line goes through it: names are looked up when they are used."""
    program = "import sys, sqlmig; print(*(name for name in sys.modules if name.startswith('sqlmig')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["sqlmig"]


def test_the_asyncio_form_has_the_same_methods() -> None:
    """With the same parameters: one page describes both."""
    for name, method in inspect.getmembers(AsyncProject, inspect.iscoroutinefunction):
        if not name.startswith("_") and name != "call":
            assert inspect.signature(method) == inspect.signature(getattr(sqlmig.Project, name)), name
    awaited = {name for name in vars(AsyncProject) if not name.startswith("_")}
    assert awaited >= {"status", "plan", "apply", "rollback", "check"}
