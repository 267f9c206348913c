"""SARIF 2.1.0, which code scanning reads (OASIS, "Static Analysis Results Interchange Format")."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from sqlmig.report.formats.findings import Finding, Findings
from sqlmig.version import VERSION

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
NO_FILE = "."
"""GitHub's code scanning takes no result without a location."""


def rendered(findings: Findings) -> str:
    """A log with one run; the codes of the findings are its rules."""
    rules = sorted({finding.code for finding in findings.found})
    run = {
        "tool": {"driver": {"name": "sqlmig", "semanticVersion": VERSION, "rules": [_rule(code) for code in rules]}},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": findings.complete, "exitCode": findings.exit_code}],
        "results": [_result(finding, rules.index(finding.code)) for finding in findings.found],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(code: str) -> dict[str, Any]:
    words = code.replace("_", " ")
    name = "".join(word.capitalize() for word in code.split("_"))
    return {"id": code, "name": name, "shortDescription": {"text": words[:1].upper() + words[1:]}}


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": _artifact(finding.file or NO_FILE)}
    if finding.line:
        location["region"] = {"startLine": finding.line}
        if finding.column:
            location["region"]["startColumn"] = finding.column
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": "warning" if finding.warning else "error",
        "message": {"text": finding.advice},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"sqlmig/v1": finding.fingerprint},
    }


def _artifact(file: str) -> dict[str, str]:
    """Relative to the repository; what lies outside has no base (SARIF, 3.4.4)."""
    if file.startswith("/"):
        return {"uri": f"file://{quote(file)}"}
    return {"uri": quote(file), "uriBaseId": "%SRCROOT%"}
