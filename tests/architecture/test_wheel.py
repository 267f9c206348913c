"""What is installed: all of the package, and what it needs and no more."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from tests.architecture.modules import PACKAGE, ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel of this tree, made by the build backend without any network."""
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    with zipfile.ZipFile(path) as opened:
        yield opened


def read(wheel: zipfile.ZipFile, name: str) -> str:
    """One of the files that describe the wheel."""
    (path,) = (path for path in wheel.namelist() if re.fullmatch(rf"sqlmig-[^/]+\.dist-info/{name}", path))
    return wheel.read(path).decode()


def test_all_of_the_package_is_in_it(wheel: zipfile.ZipFile) -> None:
    """Modules, our own SQL, the templates, the mark that types are there; and nothing that is not of the package."""
    on_disk = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in path.relative_to(ROOT).parts)
    }
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == on_disk
    assert {"sqlmig/py.typed", "sqlmig/queries/history.sql", "sqlmig/templates/sql/add-index.up.sql"} <= packed


def test_what_it_installs(wheel: zipfile.ZipFile) -> None:
    """The driver with its own libpq, the parser, the command line: nothing else comes without an extra."""
    metadata = Parser().parsestr(read(wheel, "METADATA"))
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert sorted(re.split("[<>=]", line)[0].strip() for line in required) == ["psycopg[binary]", "sqlparse", "typer"]
    assert metadata["Requires-Python"] == ">=3.11"
    assert "embedded" in metadata.get_all("Provides-Extra", [])


def test_what_it_offers_to_others(wheel: zipfile.ZipFile) -> None:
    """A command, and a plugin that pytest finds by itself; both name what exists."""
    entry_points = read(wheel, "entry_points.txt")
    assert "[console_scripts]\nsqlmig = sqlmig.cli:program\n" in entry_points
    assert "[pytest11]\nsqlmig = sqlmig.pytest_plugin\n" in entry_points
    assert (Path(PACKAGE) / "pytest_plugin.py").exists()
