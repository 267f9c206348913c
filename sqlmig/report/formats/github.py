"""Annotations of GitHub Actions: one workflow command a line (GitHub documentation, "Workflow commands")."""

from __future__ import annotations

from sqlmig.report.formats.findings import Finding, Findings


def rendered(findings: Findings) -> str:
    """An ``::error`` or ``::warning`` for each finding, at its file and line."""
    return "\n".join(map(_annotation, findings.found))


def _annotation(finding: Finding) -> str:
    parameters = {"file": finding.file, "line": finding.line, "col": finding.column, "title": f"sqlmig {finding.code}"}
    given = ",".join(f"{name}={_property(str(value))}" for name, value in parameters.items() if value is not None)
    return f"::{'warning' if finding.warning else 'error'} {given}::{_data(finding.advice)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
