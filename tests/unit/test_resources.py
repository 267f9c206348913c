"""Migrations from packages, zips and programs."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

import sqlmig
from sqlmig.errors import FileError, FilesInvalid, UsageError
from sqlmig.migration import Migration
from sqlmig.resources import discover_resources, given

CONTENT = {
    "shop/__init__.py": "",
    "shop/sql/001_a.up.sql": "CREATE TABLE a ();",
    "shop/sql/001_a.down.sql": "DROP TABLE a;",
    "shop/sql/later/010_c.up.sql": "CREATE TABLE c ();",
    "shop/sql/2_b.up.sql": "CREATE TABLE b ();",
    "shop/sql/.hidden/009_x.up.sql": "SELECT 9;",
    "shop/sql/README.md": "prose",
}


@pytest.fixture
def zipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package inside a zip on the path."""
    path = tmp_path / "shop.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in CONTENT.items():
            archive.writestr(name, text)
    monkeypatch.syspath_prepend(str(path))
    yield path
    sys.modules.pop("shop", None)


def test_a_package_inside_a_zip(zipped: Path) -> None:
    """Subfolders count, order is by version alone, hidden folders do not count, texts are read from the zip."""
    found = discover_resources([files("shop") / "sql"])
    assert list(map(str, found.migrations)) == ["001_a", "2_b", "010_c"]
    assert found.problems == ()
    first = found.migrations[0]
    assert (first.up.text(), first.reversible) == ("CREATE TABLE a ();", True)
    assert first.up.file == f"{zipped}/shop/sql/001_a.up.sql"


def test_a_project_of_a_package_is_checked_without_a_database(zipped: Path) -> None:
    """As files are: what must not run is found, with its place."""
    with zipfile.ZipFile(zipped, "a") as archive:
        archive.writestr("shop/sql/011_d.up.sql", "CREATE TABLE d ();\n  COMMIT;")
    project = sqlmig.Project(directory=files("shop") / "sql", offline=True)
    result = project.check(offline=True)
    (problem,) = result.problems
    assert problem.code == "transaction_control"
    assert str(problem.place) == f"{zipped}/shop/sql/011_d.up.sql:2:3"
    with pytest.raises(UsageError, match="do not lie in a folder"):
        project.new("more")


def test_an_installed_package_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are called as a person would open them."""
    for name, text in CONTENT.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    try:
        project = sqlmig.Project(directory=[str(files("shop") / "sql")], offline=True)
        assert project.check(offline=True).checked == 3
        assert sqlmig.Project(directory=files("shop") / "sql", offline=True).check(offline=True).checked == 3
        assert discover_resources([files("shop") / "sql"]).migrations[0].up.file == "shop/sql/001_a.up.sql"
    finally:
        sys.modules.pop("shop", None)


def test_a_folder_that_is_not_in_the_package(zipped: Path) -> None:
    with pytest.raises(FileError, match=r"shop/sqll is not a folder of the package"):
        discover_resources([files("shop") / "sqll"])


def test_a_damaged_zip_is_an_error_of_its_file(zipped: Path) -> None:
    """What cannot be read is named, as on disk."""
    zipped.write_bytes(zipped.read_bytes().replace(b"CREATE TABLE b", b"CREATE TABLE x"))
    with pytest.raises(FileError, match=r"2_b\.up\.sql cannot be read"):
        discover_resources([files("shop") / "sql"]).migrations[1].up.text()


def test_a_migration_of_texts() -> None:
    """It has what one of files has: headers, checksums, a way back, statements with places."""
    made = Migration.from_text("007_users", "-- sqlmig: no-transaction\nVACUUM;", "SELECT 1;")
    assert (made.version, made.label, made.name, str(made)) == (7, "007", "users", "007_users")
    assert made.up.file == "007_users.up.sql"
    assert not made.up.header.transaction
    assert made.reversible
    assert not Migration.from_text("7_users", "SELECT 1;").reversible
    other = Migration.from_text("007_users", "-- sqlmig: no-transaction\r\nVACUUM;")
    assert other.up.checksum == made.up.checksum


@pytest.mark.parametrize("name", ["users", "007", "007_", "_users", "007_a/b", "007-users", ""])
def test_a_name_that_no_file_could_have(name: str) -> None:
    with pytest.raises(FileError, match="is not the name of a migration"):
        Migration.from_text(name, "SELECT 1;")


def test_migrations_that_a_program_made() -> None:
    """Any iterable will do, in any order, and is looked through once."""
    made = (Migration.from_text(name, "SELECT 1;") for name in ("10_c", "2_b", "001_a"))
    project = sqlmig.Project(migrations=made, offline=True)
    assert [project.check(offline=True).checked for _ in range(2)] == [3, 3]


def test_two_migrations_of_one_version_are_refused() -> None:
    made = [Migration.from_text(name, "SELECT 1;") for name in ("1_a", "001_b", "2_c")]
    with pytest.raises(FilesInvalid, match="version 1 has 2 migrations: 1_a, 001_b"):
        given(made).raise_for_problems()


def test_a_folder_and_migrations_contradict_each_other() -> None:
    with pytest.raises(UsageError, match="directory and migrations"):
        sqlmig.Project(directory="sql", migrations=[], offline=True)
