"""A code quality report of GitLab CI (GitLab documentation, "Code Quality", "Code Quality report format")."""

from __future__ import annotations

import json

from sqlmig.report.formats.findings import Findings

NO_FILE = "."
"""GitLab takes no finding without a path."""


def rendered(findings: Findings) -> str:
    """A list with one object for each finding."""
    report = [
        {
            "description": finding.advice,
            "check_name": finding.code,
            "fingerprint": finding.fingerprint,
            "severity": "minor" if finding.warning else "major",
            "location": {"path": finding.file or NO_FILE, "lines": {"begin": finding.line or 1}},
        }
        for finding in findings.found
    ]
    return json.dumps(report, indent=2)
