"""``check --format``, and how commands print in CI."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from tests.cli.terminal import at_terminal
from tests.support.project import Project

FORMATS = ("github", "gitlab", "junit", "sarif")


def codes(name: str, document: str) -> list[str]:
    """The codes of the findings in a document."""
    if name == "github":
        return [line.partition("title=sqlmig ")[2].partition("::")[0] for line in document.splitlines()]
    if name == "gitlab":
        return [issue["check_name"] for issue in json.loads(document)]
    if name == "junit":
        return [str(case.get("classname")).removeprefix("sqlmig.") for case in ET.fromstring(document).iter("testcase")]
    return [result["ruleId"] for result in json.loads(document)["runs"][0]["results"]]


@pytest.mark.parametrize("name", FORMATS)
def test_offline(offline_project: Project, name: str) -> None:
    """stdout holds the document alone, stderr what a person reads; the exit code is the same as without."""
    offline_project.write("001_a.up.sql", "CREATE TABLE a ();\nCOMMIT;")
    done = offline_project.invoke("check", "--offline", "--format", name)
    plain = offline_project.invoke("check", "--offline", "--format", "text")
    assert codes(name, done.stdout) == ["transaction_control"]
    assert done.exit_code == plain.exit_code == 2
    assert done.stderr == plain.stdout


@pytest.mark.parametrize("name", FORMATS)
def test_history_and_files(project: Project, name: str) -> None:
    """Drift, a file that is gone, one that is pending: all of it, with its exit code."""
    for number in ("001_a", "002_b"):
        project.write(f"{number}.up.sql", "SELECT 1;")
    assert codes(name, project.invoke("check", "--format", name).stdout) == ["pending", "pending"]
    project.invoke("apply")
    clean = project.invoke("check", "--format", name)
    assert clean.exit_code == 0
    assert codes(name, clean.stdout) in ([], ["sqlmig"])
    project.write("001_a.up.sql", "SELECT 2;")
    (project.sql / "002_b.up.sql").unlink()
    done = project.invoke("check", "--format", name)
    assert (codes(name, done.stdout), done.exit_code) == (["drift", "missing"], 3)
    assert "+SELECT 2;" in done.stderr


@pytest.mark.parametrize("name", FORMATS)
def test_rehearsed(project: Project, name: str) -> None:
    """What a rehearsal finds is a finding like the others."""
    project.write("001_a.up.sql", "CREATE TABLE a ();\nCREATE TABLE b ();")
    project.write("001_a.down.sql", "DROP TABLE a;")
    done = project.invoke("check", "--rehearse", "--pending-ok", "--format", name)
    plain = project.invoke("check", "--rehearse", "--pending-ok", "--json")
    assert codes(name, done.stdout) == [problem["code"] for problem in plain.json["problems"]] != []
    assert done.exit_code == plain.exit_code == 3


@pytest.mark.parametrize("name", FORMATS)
def test_where_there_is_no_check_the_document_says_why(offline_project: Project, name: str) -> None:
    """A job that uploads the document finds one, whatever happened."""
    done = offline_project.invoke("check", "--format", name, "--url", "postgresql://127.0.0.1:1/x")
    assert codes(name, done.stdout) == ["no_connection"]
    assert done.exit_code == 5
    assert "error: no connection" in done.stderr


def test_json_is_another_format(offline_project: Project) -> None:
    """Both cannot be on stdout; and a format that there is not is named with those there are."""
    both = offline_project.invoke("check", "--offline", "--format", "github", "--json")
    assert (both.exit_code, both.json["error"]["code"]) == (2, "usage")
    assert "--format and --json contradict each other" in both.json["error"]["message"]
    wrong = offline_project.invoke("check", "--offline", "--format", "xml")
    assert wrong.exit_code == 2
    assert "none of text, github, gitlab, junit, sarif" in wrong.stderr


def test_in_ci_lines_are_plain(project: Project) -> None:
    """No colours, no carriage returns, no line that is written over: also where a build is waited for and one fails."""
    project.write("001_a.up.sql", "CREATE TABLE a (id int);\nDO $$BEGIN RAISE NOTICE E'\\x1b[31mred\\r'; END$$;")
    project.write("002_b.up.sql", "-- sqlmig: no-transaction\nCREATE INDEX CONCURRENTLY a_id ON a (id);")
    project.write("003_c.up.sql", "SELECT pg_sleep(1.2);\nSELECT 1/0;")
    done = project.run("apply", env={"CI": "true", "GITHUB_ACTIONS": "true", "TERM": "xterm-256color"})
    assert done.exit_code == 1
    assert done.output.replace("\n", "").isprintable(), done
    assert "applied  001_a" in done.stdout


def test_in_ci_nobody_sits_at_the_terminal(project: Project) -> None:
    """Some systems run jobs at one: nothing is drawn there, and nobody is asked, which would wait for ever."""
    project.write("001_a.up.sql", "CREATE TABLE a ();\nSELECT pg_sleep(0.6);")
    applied = at_terminal(project, "apply", env={"CI": "true"})
    assert applied.exit_code == 0
    assert applied.text.replace("\n", "").isprintable(), applied
    project.write_config("protected = true")
    project.write("002_b.up.sql", "CREATE TABLE b ();")
    asked = at_terminal(project, "apply", env={"CI": "true"})
    assert asked.exit_code == 2
    assert "type the name" not in asked.text


@pytest.mark.parametrize("value", ["", "0", "false"])
def test_a_variable_that_says_no_is_none(project: Project, value: str) -> None:
    project.write("001_a.up.sql", "CREATE TABLE a ();")
    assert "\x1b[" in at_terminal(project, "apply", env={"CI": value}).text
