"""``dump``: the schema as text, always the same for the same schema."""

from __future__ import annotations

import json

import pytest

from tests.support.project import Project
from tests.support.runner import Runs

SCHEMA = """\
CREATE TABLE a (id int PRIMARY KEY, note text DEFAULT E'two\\nlines');
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT '


SET transaction_timeout = 0;
-- Dumped from nowhere
' $$;
"""


@pytest.fixture
def runs(project: Project) -> Runs:
    runs = Runs(project)
    runs.write("001_a", SCHEMA, "DROP TABLE a; DROP FUNCTION f();")
    runs.apply()
    return runs


@pytest.mark.parametrize("arguments", [[], ["--sql"]], ids=["json", "sql"])
def test_dump_is_the_same_each_time_and_without_the_history(runs: Runs, arguments: list[str]) -> None:
    """Neither rows nor the log of what was applied change it."""
    first = runs.project.invoke("dump", *arguments)
    assert first.exit_code == 0, first
    assert "migration" not in first.stdout
    runs.database.execute(["INSERT INTO a VALUES (1)", " VACUUM a"][0])
    assert runs.project.invoke("dump", *arguments).stdout == first.stdout


@pytest.mark.parametrize("name", ["schema.json", "schema.sql"])
def test_kept_dump_is_compared_with_the_database(runs: Runs, name: str) -> None:
    """A file of the repository that was printed by dump, for review: it agrees until the schema changes."""
    path = runs.project.folder / name
    path.write_text(runs.project.invoke("dump", *(["--sql"] if name.endswith("sql") else [])).stdout)
    assert runs.project.invoke("dump", "--check", name).exit_code == 0
    runs.database.execute("ALTER TABLE a ADD COLUMN by_hand text")
    done = runs.project.invoke("dump", "--check", name)
    assert done.exit_code == 3, done
    assert any(line.startswith("+") and "by_hand" in line for line in done.stdout.splitlines()), done
    document = runs.project.invoke("dump", "--check", name, "--json").json
    assert (document["exit_code"], document["file"]) == (3, name)
    assert "by_hand" in document["diff"]
    if name.endswith("json"):
        assert [change["sentence"] for change in document["differences"]] == [
            "table public.a: column by_hand: only after"
        ]


def test_json_dump_is_a_document_of_its_own(runs: Runs) -> None:
    """The text is JSON by itself, and stands whole in the command's document."""
    text = runs.project.invoke("dump").stdout
    document = runs.project.invoke("dump", "--json").json
    assert document["schema"] == json.loads(text)
    assert document["sql"] is None
    assert "table public.a" in document["schema"]["objects"]


def test_sql_dump_keeps_bodies_as_they_are_and_leaves_out_versions(runs: Runs) -> None:
    """What pg_dump says of itself goes; the same words in a function stay."""
    text = runs.project.invoke("dump", "--sql").stdout
    assert "restrict" not in text
    assert "-- Dumped by" not in text
    assert "'\n\n\nSET transaction_timeout = 0;\n-- Dumped from nowhere\n'" in text


def test_sql_dump_builds_the_schema_again(runs: Runs) -> None:
    """Run in an empty database it makes the same."""
    sql = runs.project.invoke("dump", "--sql").stdout
    before = runs.project.invoke("dump").stdout
    runs.database.execute("DROP TABLE a; DROP FUNCTION f()")
    runs.database.execute(sql)
    assert runs.project.invoke("dump").stdout == before


@pytest.mark.parametrize("text", ["no json", "{}", '{"format": 99}', "[]"])
def test_file_that_is_no_dump_is_an_error(runs: Runs, text: str) -> None:
    (runs.project.folder / "schema.json").write_text(text)
    assert runs.project.invoke("dump", "--check", "schema.json").exit_code == 2


def test_missing_file_is_an_error(runs: Runs) -> None:
    assert runs.project.invoke("dump", "--check", "nowhere.json").exit_code == 2


def test_ignored_objects_are_left_out(runs: Runs) -> None:
    runs.configure(ignore=["function:*"])
    assert "function" not in runs.project.invoke("dump").stdout


def test_password_is_in_no_argument_of_pg_dump(project: Project) -> None:
    """A role that needs one can dump, and no output has it."""
    assert project.database is not None
    secret = " p4ss:w@rd/x\\"
    role = project.database.role("keen", "LOGIN SUPERUSER", password=secret)
    done = project.run("dump", "--sql", "--dir", "sql", env={"SQLMIG_URL": project.database.url_as(role, secret)})
    assert done.exit_code == 0, done
    assert secret.strip() not in done.output
