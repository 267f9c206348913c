"""What CI systems are told of a check."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from sqlmig.config import Redactor
from sqlmig.errors import NoConnection, Place, Problem
from sqlmig.report.formats import github, gitlab, junit, sarif
from sqlmig.report.formats.findings import Findings, findings, of_error, repository_path

CONTROL = Problem(
    "transaction_control", "COMMIT would end it: 100%, a\nb", Place("sql/00,1 é.up.sql", 3, 7), 1, next_step="remove it"
)
COMMENTS = Problem("comments_changed", '<x> & "y"', Place("sql/002_b.up.sql"), 2, warning=True)
MISSING = Problem("missing", "003_c was applied, and its file is gone", None, 3)
ALL = [CONTROL, COMMENTS, MISSING]


def told(problems: list[Problem] | None = None, **facts: Any) -> Findings:
    return findings(ALL if problems is None else problems, 12, 2, environ={}, **facts)


def test_github_annotations() -> None:
    """A workflow command a line: values are escaped, so that no text of a finding can be another command."""
    assert github.rendered(told()).splitlines() == [
        "::error file=sql/00%2C1 é.up.sql,line=3,col=7,title=sqlmig transaction_control"
        "::COMMIT would end it: 100%25, a%0Ab%0Anext: remove it",
        '::warning file=sql/002_b.up.sql,title=sqlmig comments_changed::<x> & "y"',
        "::error title=sqlmig missing::003_c was applied, and its file is gone",
    ]
    assert github.rendered(told([])) == ""


def test_gitlab_report() -> None:
    """Every key that GitLab asks for, in the form that it asks for."""
    report = json.loads(gitlab.rendered(told()))
    assert [issue["severity"] for issue in report] == ["major", "minor", "major"]
    assert [issue["check_name"] for issue in report] == ["transaction_control", "comments_changed", "missing"]
    assert [issue["location"] for issue in report] == [
        {"path": "sql/00,1 é.up.sql", "lines": {"begin": 3}},
        {"path": "sql/002_b.up.sql", "lines": {"begin": 1}},
        {"path": ".", "lines": {"begin": 1}},
    ]
    assert report[0]["description"] == "COMMIT would end it: 100%, a\nb\nnext: remove it"
    assert len({issue["fingerprint"] for issue in report}) == 3
    assert json.loads(gitlab.rendered(told([]))) == []


def test_junit_report() -> None:
    """A suite whose counts are those of its cases; a warning passes."""
    root = ET.fromstring(junit.rendered(told()))
    (suite,) = root
    for element in (root, suite):
        counts = {name: element.get(name) for name in ("tests", "failures", "errors", "skipped")}
        assert counts == {"tests": "3", "failures": "2", "errors": "0", "skipped": "0"}
    assert [case.get("classname") for case in suite] == [f"sqlmig.{problem.code}" for problem in ALL]
    assert [[child.tag for child in case] for case in suite] == [["failure"], ["system-out"], ["failure"]]
    failure = suite[0][0]
    assert failure.get("type") == "transaction_control"
    assert (failure.text or "").startswith("sql/00,1 é.up.sql:3:7\nCOMMIT")
    assert (suite[0].get("file"), suite[0].get("line")) == ("sql/00,1 é.up.sql", "3")


def test_junit_report_without_findings() -> None:
    """One case, which passed: a report without any would count as none."""
    root = ET.fromstring(junit.rendered(told([])))
    assert (root.get("tests"), root.get("failures")) == ("1", "0")
    assert [(case.get("name"), len(case)) for case in root[0]] == [("12 migrations", 0)]


def test_junit_report_is_xml_whatever_is_found() -> None:
    """Characters that no XML may hold are replaced."""
    nasty = Problem("drift", "\x00\x1b[31m\ufffe\ud800]]>", Place("sql/\x01.up.sql", 1), 1)
    root = ET.fromstring(junit.rendered(told([nasty])).encode())
    assert "]]>" in (root[0][0][0].text or "")


def test_sarif_log() -> None:
    """What version 2.1.0 requires: a driver with a name, messages with texts, levels, places from 1, rules by index."""
    log = json.loads(sarif.rendered(told()))
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("/sarif-schema-2.1.0.json")
    assert set(log) == {"$schema", "version", "runs"}
    (run,) = log["runs"]
    assert set(run) == {"tool", "columnKind", "invocations", "results"}
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    driver = run["tool"]["driver"]
    assert driver["name"] == "sqlmig"
    assert re.fullmatch(r"\d+\.\d+\.\d+", driver["semanticVersion"])
    assert run["invocations"] == [{"executionSuccessful": True, "exitCode": 2}]
    rules = [rule["id"] for rule in driver["rules"]]
    assert rules == sorted(set(rules)) == ["comments_changed", "missing", "transaction_control"]
    assert all(rule["shortDescription"]["text"] for rule in driver["rules"])
    for result, level in zip(run["results"], ["error", "warning", "error"], strict=True):
        assert set(result) == {"ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"}
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] == level
        assert result["message"]["text"]
        assert all(isinstance(value, str) for value in result["partialFingerprints"].values())
        (location,) = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uriBaseId"] == "%SRCROOT%"
    first, second, _ = (result["locations"][0]["physicalLocation"] for result in run["results"])
    assert first["artifactLocation"]["uri"] == "sql/00%2C1%20%C3%A9.up.sql"
    assert first["region"] == {"startLine": 3, "startColumn": 7}
    assert "region" not in second
    outside = json.loads(sarif.rendered(told([replace(CONTROL, place=Place("/far/1 a.sql"))])))["runs"][0]["results"][0]
    assert outside["locations"][0]["physicalLocation"] == {"artifactLocation": {"uri": "file:///far/1%20a.sql"}}


def test_fingerprints_are_those_of_the_finding() -> None:
    """Lines may move; another finding, also one that says the same, is another one."""
    moved = replace(CONTROL, place=Place("sql/00,1 é.up.sql", 30, 1))
    here, there = told([CONTROL]).found[0], told([MISSING, moved]).found[1]
    assert here.fingerprint == there.fingerprint
    twice = told([CONTROL, moved]).found
    assert twice[0].fingerprint == here.fingerprint != twice[1].fingerprint


def test_strictly_a_warning_is_a_problem() -> None:
    assert "::warning" not in github.rendered(told(strict=True))


@pytest.mark.parametrize("render", [github.rendered, gitlab.rendered, junit.rendered, sarif.rendered])
def test_passwords_do_not_show(render: Any) -> None:
    """They go before anything is quoted or encoded."""
    secret = "p@ss:w/ord%"
    problem = Problem("drift", f"says {secret}", Place("a.sql"), 1, next_step=f"look for {secret}")
    text = render(told([problem], secrets=Redactor([secret])))
    assert "***" in text
    assert "w/ord" not in text


def test_no_check_is_no_success() -> None:
    """The reason is the finding: an error, not a failure of what was checked."""
    error = NoConnection("no connection: refused", next_step="is the server up?")
    reason = findings(of_error(error), 0, 5, complete=False, environ={})
    assert github.rendered(reason).startswith("::error title=sqlmig no_connection::no connection: refused")
    assert ET.fromstring(junit.rendered(reason)).get("errors") == "1"
    (run,) = json.loads(sarif.rendered(reason))["runs"]
    assert run["invocations"] == [{"executionSuccessful": False, "exitCode": 5}]


def test_paths_begin_at_the_top_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the CI system says where that is, and the file is below it."""
    (tmp_path / "services" / "shop").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "services" / "shop")
    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        assert repository_path("sql/1_a.up.sql", {name: str(tmp_path)}) == "services/shop/sql/1_a.up.sql"
    assert repository_path("sql/1_a.up.sql", {"GITHUB_WORKSPACE": "/elsewhere"}) == "sql/1_a.up.sql"
    assert repository_path("/far/1_a.up.sql", {"GITHUB_WORKSPACE": str(tmp_path)}) == "/far/1_a.up.sql"
