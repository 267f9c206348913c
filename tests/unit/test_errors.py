"""The tree of errors: what is drawn, what is raised, what a script may rely on."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from collections.abc import Iterator

import pytest

from sqlmig import errors
from sqlmig.errors import (
    CheckFailed,
    FilesInvalid,
    Interrupted,
    Place,
    Problem,
    ServerReport,
    SqlmigError,
    StatementFailed,
    Terminated,
)

INDENT = 4

PROMISED = {
    "usage": 2,
    "confirmation_required": 2,
    "not_allowed": 2,
    "configuration": 2,
    "file_format": 2,
    "script": 2,
    "files": 2,
    "check_failed": 3,
    "database": 1,
    "statement_failed": 1,
    "assertion_failed": 1,
    "transaction_ended": 1,
    "missing_privilege": 1,
    "read_only": 1,
    "unsupported_server": 1,
    "undecided": 1,
    "lock_held": 4,
    "no_connection": 5,
    "connection_lost": 5,
    "no_server": 5,
    "interrupted": 130,
}
"""Scripts rely on these: a code that stands here never changes, and never leaves."""


def classes(root: type[SqlmigError]) -> Iterator[type[SqlmigError]]:
    for below in root.__subclasses__():
        yield below
        yield from classes(below)


ALL = [kind for kind in classes(SqlmigError) if kind.__module__ == errors.__name__]


def drawn() -> Iterator[tuple[str, str, int, str]]:
    """Parent, name, exit code and code of each class in the docstring of the module."""
    above = {0: "SqlmigError"}
    for line in (errors.__doc__ or "").splitlines():
        if match := re.fullmatch(r" {4}([ │├└─]+)(\w+) +(\d+) +(\w+)(?: .*)?", line):
            depth = len(match[1]) // INDENT
            above[depth] = match[2]
            yield above[depth - 1], match[2], int(match[3]), match[4]


def one_of(kind: type[SqlmigError]) -> SqlmigError:
    problems = [Problem("drift", "a file changed", Place("a.sql", 3), next_step="undo it"), Problem("missing", "gone")]
    if issubclass(kind, FilesInvalid | CheckFailed):
        return kind(problems)
    if issubclass(kind, Interrupted):
        return kind("interrupted", exit_code=143, left_behind="nothing")
    return kind(
        "it failed",
        place=Place("a.sql", 3, 7, "SELECT x"),
        next_step="try again",
        server=ServerReport("no x", "42703", hint="perhaps y"),
        statement=2,
        statements=3,
        left_behind="nothing",
        notes=["a", "b"],
    )


def test_the_tree_is_drawn_as_it_is() -> None:
    """Each class below its parent, with its exit code and its code; none is left out, none is made up."""
    expected = {(kind.__base__.__name__, kind.__name__, kind.exit_code, kind.code) for kind in ALL if kind.__base__}
    found = list(drawn())
    assert set(found) == expected
    assert len(found) == len(ALL)


def test_codes_and_exit_codes_are_those_that_were_promised() -> None:
    """And no two classes share a code."""
    assert len({kind.code for kind in ALL}) == len(ALL)
    assert {kind.code: kind.exit_code for kind in ALL} == PROMISED


@pytest.mark.parametrize("kind", ALL)
def test_every_error_says_what_it_means(kind: type[SqlmigError]) -> None:
    """In a docstring of its own, in sentences."""
    assert kind.__doc__ is not None
    assert kind.__doc__ != (kind.__base__.__doc__ if kind.__base__ else None)
    assert inspect.cleandoc(kind.__doc__).endswith((".", "`"))


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_an_error_survives_a_copy_and_another_process(kind: type[SqlmigError], again: object) -> None:
    """With all that it says."""
    assert callable(again)
    error = one_of(kind)
    error.result = ("applied", 2)
    twin = again(error)
    assert type(twin) is kind
    assert (str(twin), twin.args) == (str(error), error.args)
    assert twin.__dict__ == error.__dict__
    assert twin.exit_code == error.exit_code


def test_an_error_holds_what_it_was_told() -> None:
    """Field by field; its text is the message."""
    error = one_of(StatementFailed)
    assert str(error) == error.message == "it failed"
    assert (str(error.place), error.next_step, error.left_behind) == ("a.sql:3:7", "try again", "nothing")
    assert (error.statement, error.statements, error.notes, error.result) == (2, 3, ("a", "b"), None)
    assert error.server is not None
    assert (error.server.severity, error.server.hint) == ("ERROR", "perhaps y")


@pytest.mark.parametrize("kind", [FilesInvalid, CheckFailed])
def test_an_error_about_several_findings_holds_them_all(kind: type[FilesInvalid] | type[CheckFailed]) -> None:
    """It speaks of the first, and says how many more there are."""
    findings = [Problem("drift", "a file changed", Place("a.sql", 3), next_step="undo it"), Problem("missing", "gone")]
    error = kind(iter(findings))
    assert error.problems == tuple(findings)
    assert error.message == "a file changed (and 1 more)"
    assert (str(error.place), error.next_step) == ("a.sql:3", "undo it")
    assert kind(findings[1:]).message == "gone"


def test_what_is_next_after_findings_without_advice() -> None:
    """The files can be looked at without a database; a check may have a message of its own."""
    assert FilesInvalid([Problem("script", "x")]).next_step == "sqlmig check --offline"
    assert CheckFailed([Problem("drift", "x")], "2 things").message == "2 things"


def test_an_interruption_has_the_exit_code_of_its_signal() -> None:
    """130 for Ctrl-C, 143 for SIGTERM, which goes the way of Ctrl-C."""
    assert Interrupted("interrupted").exit_code == 130
    assert Interrupted("interrupted", exit_code=Terminated.exit_code).exit_code == 143
    assert issubclass(Terminated, KeyboardInterrupt)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place("a.sql"), "a.sql"),
        (Place("a.sql", 3), "a.sql:3"),
        (Place("a.sql", 3, 7), "a.sql:3:7"),
        (Place("a.sql", 3, 7, "x"), "a.sql:3:7"),
    ],
)
def test_a_place_is_what_editors_open(place: Place, text: str) -> None:
    """File, line, column, as far as they are known."""
    assert str(place) == text
