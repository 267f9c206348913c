"""A test report as JUnit's, which most CI systems read: a case for each finding, or one that passed."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from sqlmig.report.formats.findings import Finding, Findings
from sqlmig.report.text import count

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0, 2.2 "Characters": what may not stand in a document, not even escaped."""


def rendered(findings: Findings) -> str:
    """A document with one suite. A warning is a case that passed, with what it says as its output."""
    bad = sum(not finding.warning for finding in findings.found)
    failures, errors = (bad, 0) if findings.complete else (0, bad)
    counts = {"tests": len(findings.found) or 1, "failures": failures, "errors": errors, "skipped": 0}
    attributes = {name: str(number) for name, number in counts.items()}
    suites = ET.Element("testsuites", {"name": "sqlmig", **attributes})
    suite = ET.SubElement(suites, "testsuite", {"name": "sqlmig check", **attributes})
    for finding in findings.found:
        _case(suite, finding, "failure" if findings.complete else "error")
    if not findings.found:
        ET.SubElement(suite, "testcase", {"classname": "sqlmig", "name": count(findings.checked, "migration")})
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode")


def _case(suite: ET.Element, finding: Finding, bad: str) -> None:
    name = f"{finding.file}: {finding.message}" if finding.file else finding.message
    attributes = {"classname": f"sqlmig.{finding.code}", "name": _plain(name)}
    if finding.file:
        attributes["file"] = _plain(finding.file)
    if finding.line:
        attributes["line"] = str(finding.line)
    case = ET.SubElement(suite, "testcase", attributes)
    if finding.warning:
        ET.SubElement(case, "system-out").text = _plain(finding.advice)
        return
    place = ":".join(str(part) for part in (finding.file, finding.line, finding.column) if part is not None)
    told = ET.SubElement(case, bad, {"type": finding.code, "message": _plain(finding.message)})
    told.text = _plain(f"{place}\n{finding.advice}" if place else finding.advice)


def _plain(text: str) -> str:
    return FORBIDDEN.sub("\ufffd", text)
