"""``-- sqlmig: require SELECT ...`` and ``-- sqlmig: ensure SELECT ...``: what has to be true before and after."""

from __future__ import annotations

from sqlmig import statements
from sqlmig.errors import Place, ScriptError
from sqlmig.frozen import dataclass
from sqlmig.patterns import pattern
from sqlmig.statements import Directive

REQUIRE = "require"
ENSURE = "ensure"
EXAMPLE = "SELECT count(*) = 0 FROM orphan"
QUERIES = ("SELECT", "WITH", "VALUES", "TABLE")


@dataclass(frozen=True)
class Assertion:
    """A query that has to return one row with the value true."""

    kind: str
    """``require`` or ``ensure``."""
    query: str
    """As it is written, without a semicolon."""
    line: int
    column: int
    """Where its directive begins."""

    @property
    def outcome(self) -> str:
        """Its part of the checksum of SQL: without comments and the white space between tokens."""
        return f"{self.kind} {statements.token_digest(self.query)}"


WORD = pattern(rf"(?P<kind>{REQUIRE}|{ENSURE})(?![\w-])")


def assertion_kind(directive: Directive) -> str | None:
    """Which of the two a directive is, well written or not; None for any other."""
    found = WORD.match(directive.text)
    return found["kind"] if found else None


def read_assertion(directive: Directive, file: str) -> Assertion:
    """What a directive asserts. Raises ScriptError where it is not one query."""
    kind = assertion_kind(directive) or REQUIRE
    place = Place(file, directive.line, directive.column)
    example = f"write, say: -- sqlmig: {kind} {EXAMPLE}"
    try:
        found = [statement for statement in statements.split(directive.text[len(kind) :]) if not statement.is_empty]
    except ScriptError as error:
        raise ScriptError(f"{kind}: {error.message}", place=place, next_step=example) from error
    if not found:
        raise ScriptError(f"{kind} needs a query, in the same line", place=place, next_step=example)
    if len(found) > 1:
        raise ScriptError(f"{kind} takes one query, and these are {len(found)}", place=place, next_step=example)
    if found[0].command not in QUERIES:
        told = f"{kind} takes a query, and this is {found[0].command or 'none'}"
        raise ScriptError(told, place=place, next_step=example)
    return Assertion(kind, found[0].text.removesuffix(";").rstrip(), directive.line, directive.column)
