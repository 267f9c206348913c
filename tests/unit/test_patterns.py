"""Patterns that are compiled late."""

from __future__ import annotations

import re

import pytest

from sqlmig.patterns import METHODS, pattern


@pytest.mark.parametrize("method", METHODS)
def test_each_method_is_that_of_the_compiled_pattern(method: str) -> None:
    """At its first call and at the next ones."""
    late, compiled = pattern("(?P<word>b+)", re.IGNORECASE), re.compile("(?P<word>b+)", re.IGNORECASE)
    arguments = ("-", "aBBc b") if method == "sub" else ("aBBc b",)

    def found(expression: re.Pattern[str]) -> object:
        result = getattr(expression, method)(*arguments)
        if method == "finditer":
            return [match["word"] for match in result]
        return result["word"] if isinstance(result, re.Match) else result

    assert found(late) == found(late) == found(compiled)


def test_a_mistake_shows_when_it_is_used() -> None:
    """Not when the module is imported."""
    late = pattern("(")
    with pytest.raises(re.error):
        late.match("")
