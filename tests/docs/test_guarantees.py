"""Each promise of docs/guarantees.md names the tests that hold it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.documents import ROOT, SPAN, sections

PAGE = ROOT / "docs" / "guarantees.md"

PROMISE = re.compile(r"^- \*\*(.+?)\*\*(.*?)(?=^- |\Z)", re.M | re.S)

WITHOUT_TESTS = "What is not promised"


def promises() -> dict[str, list[str]]:
    """What is promised, and the tests that are named with it."""
    found = {}
    for heading, text in sections(PAGE.read_text()):
        if heading != WITHOUT_TESTS:
            for promise, rest in PROMISE.findall(text):
                found[promise] = [span for span in SPAN.findall(rest) if "::" in span]
    return found


@cache
def named_in(path: Path) -> frozenset[str]:
    """The names of the tests in a file, which is read and not imported."""
    if not path.is_file():
        return frozenset()
    defined = (node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef))
    return frozenset(node.name for node in defined if node.name.startswith("test_"))


def is_there(test: str) -> bool:
    path, _, name = test.partition("::")
    return path.startswith("tests/") and name in named_in(ROOT / path)


def test_each_promise_names_tests_that_exist() -> None:
    """At least one, and none that was renamed or removed."""
    found = promises()
    assert [promise for promise, tests in found.items() if not tests] == []
    assert [test for tests in found.values() for test in tests if not is_there(test)] == []


def test_nothing_is_promised_in_another_way() -> None:
    """Every item of a list is a promise, but for what is not promised."""
    items = [text.count("\n- ") for heading, text in sections(PAGE.read_text()) if heading != WITHOUT_TESTS]
    assert sum(items) == len(promises()) > 40


@pytest.mark.parametrize(
    "test",
    [
        "tests/docs/test_guarantees.py::test_that_is_not_there",
        "tests/docs/test_nowhere.py::test_links_lead_somewhere",
        "tests/docs/test_guarantees.py::promises",
        "docs/generate.py::test_x",
    ],
)
def test_a_name_that_leads_nowhere_is_found(test: str) -> None:
    """A file, a function or a folder that is not there; a function that is no test."""
    assert not is_there(test)
    assert is_there("tests/docs/test_guarantees.py::test_a_name_that_leads_nowhere_is_found")
