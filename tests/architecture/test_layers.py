"""The order of layers: each module imports only from below its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.architecture.modules import MODULES, PACKAGE, ROOT, Module, project

(CONTRACT,) = project()["tool"]["importlinter"]["contracts"]
LAYERS: list[list[str]] = [line.replace("|", ":").replace(" ", "").split(":") for line in CONTRACT["layers"]]
DEPTH = {layer: depth for depth, line in enumerate(LAYERS) for layer in line}

FOREIGN = {
    "psycopg": {"sqlmig.database", "sqlmig.borrowed", "sqlmig.testing", "sqlmig.config.conninfo"},
    "sqlparse": {"sqlmig.statements"},
    "typer": {"sqlmig.cli"},
}
"""Where a library may be imported: in these modules, and in packages of these names."""

WITHOUT_DATABASE = [
    *("errors", "version", "config", "statements", "script", "migration", "files", "standing", "plan", "events"),
    *("results", "queries", "audit", "api", "report", "cli"),
]
"""What can be imported where no driver is installed, and is imported by commands that need no database."""

IMPORT_EACH_ALONE = """
import importlib, sys, traceback
for name in sys.argv[1:]:
    for loaded in [module for module in sys.modules if module.partition(".")[0] == "sqlmig"]:
        del sys.modules[loaded]
    try:
        importlib.import_module(name)
    except BaseException:
        sys.exit(f"{name} cannot be imported alone:\\n{traceback.format_exc()}")
"""

IMPORT_WITHOUT = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    found = {"psycopg", "sqlparse"} & set(sys.modules)
    if found:
        sys.exit(f"{name} imports {found}")
"""


def run(program: str, *names: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program, *names], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr


def test_every_module_has_a_place_in_the_order() -> None:
    """The contract in pyproject.toml, which import-linter checks too, knows every module and no other."""
    assert CONTRACT["type"] == "layers"
    assert CONTRACT["exhaustive"] is True
    found = {module.layer for module in MODULES if module.layer}
    assert found <= set(DEPTH)
    on_disk = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert set(DEPTH) <= on_disk
    assert len(DEPTH) == sum(map(len, LAYERS))


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_modules_import_only_from_below(module: Module) -> None:
    """Also where an import stands in a function, or is for type checkers alone."""
    for line, name in module.imports():
        package, _, rest = name.partition(".")
        imported = rest.partition(".")[0]
        if package != "sqlmig" or not module.layer or imported == module.layer:
            continue
        assert imported in DEPTH, f"{module}:{line} imports {name}"
        assert DEPTH[imported] >= DEPTH[module.layer], f"{module}:{line} imports {name} from above"


def test_every_module_can_be_imported_alone() -> None:
    """As the first of all: nothing works only because something else was imported before it."""
    run(IMPORT_EACH_ALONE, *(module.name for module in MODULES if module.layer != "__main__"))


def test_the_core_needs_no_driver() -> None:
    """Neither psycopg nor sqlparse is loaded where nobody connects and no statement is looked into."""
    run(IMPORT_WITHOUT, *(f"sqlmig.{name}" for name in WITHOUT_DATABASE))


@pytest.mark.parametrize("library", FOREIGN)
def test_each_library_has_one_user(library: str) -> None:
    """What it does can be looked up, and replaced, in one place."""
    users = {module.name for module in MODULES for _, name in module.imports() if name.partition(".")[0] == library}
    strangers = {name for name in users if not any(f"{name}.".startswith(f"{user}.") for user in FOREIGN[library])}
    assert strangers == set()


def test_the_core_does_not_print() -> None:
    """Neither by print nor by way of the streams: report does, and says what the command line has to say."""
    for module in MODULES:
        if module.layer != "report":
            assert module.calls("print") == [], module
            assert not {"sys.stdout", "sys.stderr"} & {name for _, name in module.imports()}, module
            assert "sys.stdout" not in module.source, module
            assert "sys.stderr" not in module.source, module
