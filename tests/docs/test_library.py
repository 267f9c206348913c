"""The programs of docs/library.md and docs/testing.md: type-checked, and run as they are printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.documents import ROOT, blocks, sections
from tests.support.database import Database
from tests.support.project import Project

LIBRARY = (ROOT / "docs" / "library.md").read_text()
TESTING = (ROOT / "docs" / "testing.md").read_text()


def programs(text: str) -> dict[str, str]:
    """Each Python block by the heading above it."""
    return {
        heading: block.body for heading, body in sections(text) for block in blocks(body) if block.language == "python"
    }


def test_every_program_type_checks(tmp_path: Path) -> None:
    """As strictly as this project itself: what a reader copies works in an editor."""
    texts = [*programs(LIBRARY).values(), *programs(TESTING).values()]
    paths = []
    for number, text in enumerate(texts):
        paths.append(tmp_path / f"program_{number}.py")
        paths[-1].write_text(text)
    cache = str(tmp_path / "cache")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", cache, "--config-file=", *map(str, paths)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def shop(project: Project) -> Project:
    """What the programs find where they run: migrations in a folder, the same in a package, a configuration."""
    for folder in ("sql", "shop/sql"):
        path = project.folder / folder / "001_person.up.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("CREATE TABLE person (id int, name text UNIQUE);")
    (project.folder / "shop" / "__init__.py").touch()
    project.write_config('history_schema = "tenants"', "tenants.toml")
    return project


@pytest.mark.parametrize("heading", programs(LIBRARY))
def test_programs_run(shop: Project, database: Database, heading: str) -> None:
    """Each alone, on an empty database unless it asks what is applied; comments tell what is printed."""
    text = programs(LIBRARY)[heading]
    if "require_current" in text:
        shop.invoke("apply")
    environment = {"DATABASE_URL": database.url, "SQLMIG_URL": None, "PYTHONPATH": f"{shop.folder}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        cwd=shop.folder,
        env=shop.environment(environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    promised = [match[1] for match in re.finditer(r"print\(.*\)  # (.*)", text) if "Interrupted" not in match[1]]
    assert [line for line in done.stdout.splitlines() if line in promised] == promised


def test_the_tests_of_the_page_pass(shop: Project, database: Database) -> None:
    """With the command of the page, on a server that is given so that none need be started."""
    (text,) = programs(TESTING).values()
    (shop.folder / "test_person.py").write_text(text)
    plugin = ["-p", "no:sqlmig", "-p", "sqlmig.pytest_plugin"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, "--sqlmig-dir", "sql", "--sqlmig-url", database.url],
        cwd=shop.folder,
        env=shop.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    marked = f"shobj_description(oid, 'pg_database') LIKE '%by way of {database.name}'"
    for (template,) in database.rows(f"SELECT datname FROM pg_database WHERE {marked}"):
        database.execute(f'DROP DATABASE "{template}"')
