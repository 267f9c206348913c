"""A protected environment: a person types its name, a script says --yes."""

from __future__ import annotations

import re

import pytest

from tests.cli.terminal import at_terminal
from tests.support.project import Project

CONFIG = """
[env.production]
url = "{url}"
protected = true
allow_rollback = {allow}
"""


def protect(project: Project, *, allow_rollback: bool = True) -> None:
    assert project.database is not None
    project.write_config(CONFIG.format(url=project.database.url, allow=str(allow_rollback).lower()))


@pytest.fixture
def protected(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """One pending migration, and a database that matters, chosen by SQLMIG_ENV."""
    project.write("001_a.up.sql", "CREATE TABLE a (id int);\n")
    project.write("001_a.down.sql", "DROP TABLE a;\n")
    protect(project)
    plain = project.environment

    def environment(changes: object = None) -> dict[str, str]:
        return plain({"SQLMIG_URL": None, "SQLMIG_ENV": "production", **(changes or {})})  # type: ignore[dict-item]

    monkeypatch.setattr(project, "environment", environment)
    return project


def is_applied(project: Project) -> bool:
    assert project.database is not None
    return bool(project.database.value("SELECT to_regclass('a') IS NOT NULL"))


def test_name_that_is_typed_confirms(protected: Project) -> None:
    """The plan is shown before the question, so that it is known what is confirmed."""
    seen = at_terminal(protected, "apply", typed="production\n")
    assert seen.exit_code == 0
    assert is_applied(protected)
    plan, question, rest = re.split(r"(type the name of the environment to go on: )", seen.text, maxsplit=1)
    assert "sql/001_a.up.sql:1" in plan
    assert "production is protected" in plan
    assert question
    assert "001_a" in rest


@pytest.mark.parametrize("typed", ["prod\n", "\n", "y\n", "Production\n", "\x04"])
def test_anything_else_does_not(protected: Project, typed: str) -> None:
    seen = at_terminal(protected, "apply", typed=typed)
    assert seen.exit_code == 2
    assert not is_applied(protected)
    assert "\x1b[31merror:" in seen.text


def test_yes_asks_nothing(protected: Project) -> None:
    seen = at_terminal(protected, "apply", "--yes")
    assert seen.exit_code == 0
    assert "type the name" not in seen.text
    assert is_applied(protected)


def test_nothing_to_do_asks_nothing(protected: Project) -> None:
    assert protected.invoke("apply", "--yes").exit_code == 0
    seen = at_terminal(protected, "apply")
    assert seen.exit_code == 0
    assert "nothing to do" in seen.text
    assert "type the name" not in seen.text


def test_without_a_terminal_it_is_an_error(protected: Project) -> None:
    outcome = protected.invoke("apply")
    assert outcome.exit_code == 2
    assert "--yes" in outcome.stderr
    assert not is_applied(protected)
    assert protected.invoke("apply", "--yes").exit_code == 0


def test_name_piped_in_is_not_typed(protected: Project) -> None:
    """``yes production | sqlmig apply`` is no confirmation."""
    outcome = protected.run("apply", input="production\n" * 5)
    assert outcome.exit_code == 2
    assert not is_applied(protected)


def test_nobody_is_asked_where_a_document_is_wanted(protected: Project) -> None:
    """The document says what would be done, and how to confirm it."""
    seen = at_terminal(protected, "apply", "--json", typed="production\n")
    assert seen.exit_code == 2
    assert "type the name" not in seen.text
    document = protected.invoke("apply", "--json").json
    assert document["error"]["code"] == "confirmation_required"
    assert "--yes" in document["error"]["next_step"]
    assert [step["outcome"] for step in document["steps"]] == ["planned"]


@pytest.mark.parametrize("words", [["rollback"], ["down"], ["redo"], ["refresh"], ["reset"]], ids=" ".join)
def test_way_back_is_confirmed_too(protected: Project, words: list[str]) -> None:
    assert protected.invoke("apply", "--yes").exit_code == 0
    assert protected.invoke(*words).exit_code == 2
    assert is_applied(protected)
    assert protected.invoke(*words, "--yes").exit_code == 0


@pytest.mark.parametrize("words", [["rollback"], ["redo"], ["reset"], ["fresh"]], ids=" ".join)
def test_what_the_configuration_forbids_is_not_asked(protected: Project, words: list[str]) -> None:
    """Neither --yes nor a name typed makes it happen."""
    assert protected.invoke("apply", "--yes").exit_code == 0
    protect(protected, allow_rollback=False)
    outcome = protected.invoke(*words, "--yes", "--json")
    assert (outcome.exit_code, outcome.json["error"]["code"]) == (2, "not_allowed")
    seen = at_terminal(protected, *words, typed="production\n")
    assert seen.exit_code == 2
    assert "type the name" not in seen.text
    assert is_applied(protected)


def test_repair_and_baseline_are_confirmed(protected: Project) -> None:
    assert protected.invoke("baseline", "1").exit_code == 2
    seen = at_terminal(protected, "baseline", "1", typed="production\n")
    assert seen.exit_code == 0
    protected.write("001_a.up.sql", "CREATE TABLE a (id bigint);\n")
    assert protected.invoke("repair").exit_code == 2
    seen = at_terminal(protected, "repair", typed="production\n")
    assert seen.exit_code == 0
    assert "+CREATE TABLE a (id bigint);" in seen.text.partition("type the name")[0]
    assert protected.invoke("check").exit_code == 0


@pytest.mark.parametrize("words", [["apply", "--dry-run"], ["plan"], ["status"], ["check"], ["history"]], ids=" ".join)
def test_reading_asks_nothing(protected: Project, words: list[str]) -> None:
    assert protected.invoke(*words).exit_code in (0, 3)


def test_terminal_of_60_columns_is_enough(protected: Project) -> None:
    """Nothing that is a line of ours is broken by the terminal."""
    protected.write("002_a_name_that_is_longer_than_any_reasonable_person_would_choose.up.sql", "SELECT 1;\n")
    assert at_terminal(protected, "apply", "--yes", columns=60).exit_code == 0
    seen = at_terminal(protected, "status", columns=60)
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in seen.text.splitlines()]
    assert all(len(line) <= 60 or " " not in line.strip() for line in lines)
    assert "\x1b[32mapplied\x1b[0m" in seen.text
