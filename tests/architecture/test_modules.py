"""Files that can be read in one sitting, and say what they are."""

from __future__ import annotations

import ast
import re

import pytest

import sqlmig
from sqlmig.version import VERSION
from tests.architecture.modules import MODULES, ROOT, Module, project

LONGEST = 400


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_no_file_is_too_long(module: Module) -> None:
    """Trust is earned by being read."""
    lines = module.source.count("\n")
    assert lines <= LONGEST


def wanted_elsewhere() -> set[tuple[str, str]]:
    """Layer and name of everything that another layer imports, or that a package exports."""
    imported = {
        (name.split(".")[1], name.split(".")[-1])
        for module in MODULES
        for _, name in module.imports()
        if name.startswith("sqlmig.") and name.split(".")[1] != module.layer
    }
    return imported | {(module.layer, name) for module in MODULES for name in module.exports()}


PUBLIC = wanted_elsewhere()


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_everything_public_says_what_it_guarantees(module: Module) -> None:
    """The module, and each class and function that is for more than its own layer."""
    assert ast.get_docstring(module.tree)
    silent = [node.name for node in module.definitions() if not ast.get_docstring(node)]
    assert [name for name in silent if (module.layer, name) in PUBLIC] == []


def test_what_is_exported_is_sorted_and_there() -> None:
    """Each name once, in order, and none that does not exist."""
    exported = list(getattr(sqlmig, "__all__", ()))
    assert exported == sorted(set(exported))
    assert [name for name in exported if not hasattr(sqlmig, name)] == []


def test_the_version_stands_in_one_place() -> None:
    """The package's metadata are made from it; no other file repeats it."""
    pyproject = project()
    assert "version" not in pyproject["project"]
    assert pyproject["project"]["dynamic"] == ["version"]
    where = pyproject["tool"]["hatch"]["version"]
    found = re.search(where["pattern"], (ROOT / where["path"]).read_text())
    assert found is not None
    assert found["version"] == VERSION
    assert [module.name for module in MODULES if f'"{VERSION}"' in module.source] == ["sqlmig.version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)


def test_the_package_is_typed() -> None:
    """Type checkers of those who use it look into it."""
    assert (ROOT / "sqlmig" / "py.typed").exists()
