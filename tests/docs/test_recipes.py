"""The shell recipes of docs/coming-from.md, run as they are printed there on small projects of each tool."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sqlmig.files import discover
from tests.docs.documents import ROOT, blocks, sections
from tests.support.database import client_environment

PAGE = dict(sections((ROOT / "docs" / "coming-from.md").read_text()))

Recipe = Callable[[str, Mapping[str, str]], dict[str, str]]


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """Runs the shell block of a section in a folder with these files; returns what is in sql/ afterwards."""

    def run(heading: str, files: Mapping[str, str]) -> dict[str, str]:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        programs = tmp_path / "programs"
        programs.mkdir()
        command = programs / "sqlmig"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sqlmig "$@"\n')
        command.chmod(0o755)
        (script,) = (block.body for block in blocks(PAGE[heading]) if block.language == "sh")
        environment = {**client_environment(), "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            ["sh", "-eu", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert discover([tmp_path / "sql"]).problems == ()
        return {path.name: path.read_text() for path in sorted((tmp_path / "sql").iterdir())}

    return run


def test_dbmate_file_becomes_two(recipe: Recipe) -> None:
    """The parts of a dbmate file are parted, and `transaction:false` becomes the header, in the part that had it."""
    made = recipe(
        "dbmate",
        {
            "db/migrations/20240101000000_create_person.sql": (
                "-- migrate:up\nCREATE TABLE person (id int);\n\n-- migrate:down\nDROP TABLE person;\n"
            ),
            "db/migrations/20240102000000_index_person.sql": (
                "--migrate:up transaction:false\nCREATE INDEX CONCURRENTLY i ON person (id);\n"
                "-- migrate:down transaction:false\nDROP INDEX CONCURRENTLY i;\n"
            ),
        },
    )
    assert made == {
        "20240101000000_create_person.up.sql": "CREATE TABLE person (id int);\n\n",
        "20240101000000_create_person.down.sql": "DROP TABLE person;\n",
        "20240102000000_index_person.up.sql": (
            "-- sqlmig: no-transaction\nCREATE INDEX CONCURRENTLY i ON person (id);\n"
        ),
        "20240102000000_index_person.down.sql": "-- sqlmig: no-transaction\nDROP INDEX CONCURRENTLY i;\n",
    }


def test_dbmate_file_with_several_pairs_keeps_their_order(recipe: Recipe) -> None:
    """All up parts of a file come into one up file and all down parts into one down file, as dbmate runs them."""
    made = recipe(
        "dbmate",
        {
            "db/migrations/1_two.sql": (
                "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT -1;\n"
                "-- migrate:up\nSELECT 2;\n-- migrate:down\nSELECT -2;\n"
            )
        },
    )
    assert made == {"1_two.up.sql": "SELECT 1;\nSELECT 2;\n", "1_two.down.sql": "SELECT -1;\nSELECT -2;\n"}


def test_goose_file_becomes_two(recipe: Recipe) -> None:
    """The parts of a goose file are parted; a function body keeps its lines and ends, with or without a semicolon."""
    made = recipe(
        "goose",
        {
            "migrations/00001_function.sql": (
                "-- +goose Up\n-- +goose StatementBegin\nCREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\n"
                "BEGIN\n    RETURN 1;\nEND\n$$\n-- +goose StatementEnd\nSELECT f();\n\n"
                "-- +goose Down\nDROP FUNCTION f();\n"
            )
        },
    )
    assert made == {
        "00001_function.up.sql": (
            "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n    RETURN 1;\nEND\n$$\n;\nSELECT f();\n\n"
        ),
        "00001_function.down.sql": "DROP FUNCTION f();\n",
    }


def test_goose_no_transaction_becomes_the_header_of_both(recipe: Recipe) -> None:
    """goose's mark holds for the whole file, wherever it stands, so both files get the header."""
    made = recipe(
        "goose",
        {
            "migrations/2_index.sql": (
                "-- +goose Up\n-- +goose NO TRANSACTION\nCREATE INDEX CONCURRENTLY i ON t (a);\n"
                "-- +goose Down\nDROP INDEX CONCURRENTLY i;\n"
            )
        },
    )
    assert made == {
        "2_index.up.sql": "-- sqlmig: no-transaction\nCREATE INDEX CONCURRENTLY i ON t (a);\n",
        "2_index.down.sql": "-- sqlmig: no-transaction\nDROP INDEX CONCURRENTLY i;\n",
    }


def test_flyway_files_are_numbered_in_flyways_order(recipe: Recipe) -> None:
    """Dotted and underscored versions become whole numbers in order; undo files follow; repeatable ones stay behind."""
    made = recipe(
        "Flyway",
        {
            "flyway/V1__create_person.sql": "SELECT 1;",
            "flyway/V1_1__add_email.sql": "SELECT 11;",
            "flyway/V1.1.1__more.sql": "SELECT 111;",
            "flyway/V2__Big_change.sql": "SELECT 2;",
            "flyway/V10__last.sql": "SELECT 10;",
            "flyway/U1_1__add_email.sql": "SELECT -11;",
            "flyway/R__view.sql": "SELECT 0;",
        },
    )
    assert made == {
        "001_create_person.up.sql": "SELECT 1;",
        "002_add_email.up.sql": "SELECT 11;",
        "002_add_email.down.sql": "SELECT -11;",
        "003_more.up.sql": "SELECT 111;",
        "004_Big_change.up.sql": "SELECT 2;",
        "005_last.up.sql": "SELECT 10;",
    }


def test_sqitch_plan_gives_the_numbers(recipe: Recipe) -> None:
    """The order of the plan, not of the names, becomes the order of the versions; BEGIN and COMMIT are left out."""
    plan = (
        "%syntax-version=1.0.0\n%project=shop\n\n"
        "schema 2024-01-01T00:00:00Z A <a@example.org> # the schema\n"
        "@v1 2024-01-02T00:00:00Z A <a@example.org> # first\n\n"
        "app/person [schema] 2024-01-03T00:00:00Z A <a@example.org> # people\n"
    )
    made = recipe(
        "Sqitch",
        {
            "sqitch.plan": plan,
            "deploy/schema.sql": "-- Deploy\nBEGIN;\nCREATE SCHEMA shop;\nCOMMIT;\n",
            "revert/schema.sql": "BEGIN;\nDROP SCHEMA shop;\nCOMMIT;\n",
            "deploy/app/person.sql": "BEGIN;\nCREATE TABLE shop.person ();\nCOMMIT;\n",
            "revert/app/person.sql": "BEGIN;\nDROP TABLE shop.person;\nCOMMIT;\n",
        },
    )
    assert made == {
        "001_schema.up.sql": "-- Deploy\nCREATE SCHEMA shop;\n",
        "001_schema.down.sql": "DROP SCHEMA shop;\n",
        "002_app_person.up.sql": "CREATE TABLE shop.person ();\n",
        "002_app_person.down.sql": "DROP TABLE shop.person;\n",
    }
