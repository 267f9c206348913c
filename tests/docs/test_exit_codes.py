"""docs/exit-codes.md says what the tree of errors says."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmig import errors
from sqlmig.errors import SqlmigError
from tests.docs.documents import ROOT, table


def descendants(kind: type[SqlmigError]) -> Iterator[type[SqlmigError]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


OURS = [kind for kind in descendants(SqlmigError) if kind.__module__ == errors.__name__]
"""Not those that a module keeps for itself: whether one of them is there depends on what was imported."""

PAGE = (ROOT / "docs" / "exit-codes.md").read_text()


def documented_errors() -> list[tuple[str, int, bool]]:
    """Code, exit code and whether it is shown as a special case, in the order of the page."""
    return [
        (code.removeprefix("· ").strip("`"), int(exit_code), code.startswith("·"))
        for code, exit_code, _ in table(PAGE, "code", "exit", "raised when")
    ]


def test_each_error_code_is_documented_with_its_exit_code() -> None:
    """The table of error codes is the tree: nothing missing, nothing made up."""
    documented = {code: exit_code for code, exit_code, _ in documented_errors()}
    assert documented == {kind.code: kind.exit_code for kind in OURS}


def test_special_cases_stand_below_the_code_that_they_belong_to() -> None:
    """An indented code is a subclass of the nearest code above that is not indented."""
    kinds = {kind.code: kind for kind in OURS}
    general = None
    for code, _, special in documented_errors():
        if special:
            assert general is not None
            assert issubclass(kinds[code], general), code
        else:
            general = kinds[code]
            assert general.__base__ is SqlmigError, code


def test_error_codes_are_unique() -> None:
    """A script that looks at the code knows the error."""
    assert len({kind.code for kind in OURS}) == len(OURS)


def test_each_exit_code_is_documented() -> None:
    """The table of exit codes has each that an error can end with, and 0 and 143."""
    documented = {int(code) for code, *_ in table(PAGE, "exit", "meaning", "what to do in a pipeline")}
    assert documented == {0, 143} | {kind.exit_code for kind in OURS}
