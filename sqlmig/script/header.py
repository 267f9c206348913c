"""The ``-- sqlmig:`` directives at the top of a script."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmig.config.units import server_duration
from sqlmig.errors import Place, ScriptError
from sqlmig.frozen import dataclass
from sqlmig.script.assertion import ENSURE, REQUIRE, Assertion, assertion_kind, read_assertion
from sqlmig.script.behind import stands_behind
from sqlmig.script.repeat import REPEAT
from sqlmig.statements import Directive


@dataclass(frozen=True)
class Header:
    """The ``-- sqlmig:`` directives of one script."""

    transaction: bool = True
    lock_timeout: str | None = None
    statement_timeout: str | None = None
    role: str | None = None
    irreversible: bool = False
    requires: tuple[Assertion, ...] = ()
    """What has to be true before the first statement."""

    @property
    def outcome(self) -> str:
        """What it says about the outcome of the script, spelled in one way; empty where that is nothing."""
        said = ["" if self.transaction else "no-transaction", "irreversible" if self.irreversible else ""]
        required = (assertion.outcome for assertion in self.requires)
        return "\n".join(filter(None, [*said, f"role = {self.role}" if self.role else "", *required]))


PLAIN = Header()
"""That of most scripts: nothing."""

FLAGS = ("no-transaction", "irreversible")
VALUES = ("lock_timeout", "role", "statement_timeout")
QUERIES = (REQUIRE, ENSURE)


def read_header(directives: Sequence[Directive], file: str) -> tuple[Header, tuple[ScriptError, ...]]:
    """The header that these directives make up, and an error with its place for each that is none.

    A directive is an error where it is unknown, repeated, or has a value it cannot have. Those that belong to a
    statement, or to the end of the script, are passed over.
    """
    if not directives:
        return PLAIN, ()
    found: dict[str, str | None] = {}
    requires: list[Assertion] = []
    errors: list[ScriptError] = []
    for directive in directives:
        if stands_behind(directive):
            continue
        place = Place(file, directive.line, directive.column)
        try:
            if assertion_kind(directive) is not None:
                requires.append(read_assertion(directive, file))
                continue
            word, value = _directive(directive, place)
        except ScriptError as error:
            errors.append(error)
            continue
        if word in found:
            message = f"the directive {word} stands here a second time"
            errors.append(ScriptError(message, place=place, next_step="remove one of the two"))
        found.setdefault(word, value)
    header = Header(
        transaction="no-transaction" not in found,
        lock_timeout=found.get("lock_timeout"),
        statement_timeout=found.get("statement_timeout"),
        role=found.get("role"),
        irreversible="irreversible" in found,
        requires=tuple(requires),
    )
    return header, tuple(errors)


def _directive(directive: Directive, place: Place) -> tuple[str, str | None]:
    word, equals, value = (part.strip() for part in directive.text.partition("="))
    if word in FLAGS:
        if equals:
            raise ScriptError(f"{word} takes no value", place=place, next_step=f"write: -- sqlmig: {word}")
        return word, None
    if word not in VALUES:
        raise ScriptError(f"unknown directive {word!r}", place=place, next_step=_suggestion(word))
    if not value:
        raise ScriptError(f"{word} needs a value", place=place, next_step=f"write: -- sqlmig: {word} = ...")
    if word.endswith("_timeout"):
        try:
            server_duration(value)
        except ValueError as error:
            advice = f"write, say: -- sqlmig: {word} = 30s"
            raise ScriptError(f"{word}: {error}", place=place, next_step=advice) from None
    return word, _unquoted(value)


def _unquoted(value: str) -> str:
    """The name in a quoted identifier; anything else as it stands."""
    if len(value) > 2 and value.startswith('"') and value.endswith('"'):
        return value[1:-1].replace('""', '"')
    return value


def _suggestion(word: str) -> str:
    import difflib

    spelled = {name.replace("_", "-"): name for name in (*FLAGS, *VALUES, *QUERIES, REPEAT)}
    for attempt in (word, *word.split()[:1]):
        for near in difflib.get_close_matches(attempt.lower().replace("_", "-"), spelled, 1):
            rest = " = ..." if spelled[near] in VALUES else " SELECT ..." if spelled[near] in QUERIES else ""
            return f"did you mean: -- sqlmig: {spelled[near]}{rest}"
    return "known directives: " + ", ".join(spelled.values())
