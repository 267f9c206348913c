"""The ``-- sqlmig:`` lines at the top of a script."""

from __future__ import annotations

import pytest

from sqlmig.errors import ScriptError
from sqlmig.script import Header
from tests.unit.making import down, of_bytes, up

LICENCE = """\
-- Copyright: nobody. sqlmig: is a word here, and --sqlmig: too

/* A block; with a semicolon, /* nested */ and a line
-- sqlmig: no-transaction
   that is none of ours. */
"""


KNOWN = "known directives: no-transaction, irreversible, lock_timeout, role, statement_timeout, require, ensure, repeat"


def header(text: str) -> Header:
    return up(text).header


def refused(text: str) -> ScriptError:
    with pytest.raises(ScriptError) as caught:
        header(text)
    return caught.value


def test_without_directives_the_header_is_the_default() -> None:
    """One transaction, no settings of its own, reversible."""
    assert header("-- prose\nSELECT 1") == Header()
    assert header("") == Header()


def test_every_directive() -> None:
    """All of them together, in any order."""
    text = """\
-- sqlmig: irreversible
-- sqlmig: role = app_owner
-- sqlmig: statement_timeout = 30min
-- sqlmig: lock_timeout = 2s
-- sqlmig: no-transaction
SELECT 1;"""
    assert header(text) == Header(False, "2s", "30min", "app_owner", True)


@pytest.mark.parametrize(
    "line",
    [
        "-- sqlmig: lock_timeout = 2s",
        "--sqlmig:lock_timeout=2s",
        "  --  sqlmig :  lock_timeout  =  2s  ",
        "\t-- SQLMIG: lock_timeout = 2s\t",
        "-- sqlmig: lock_timeout = 2s\r",
    ],
)
def test_white_space_and_case_of_the_marker_do_not_matter(line: str) -> None:
    """Nor does a CRLF behind the directive."""
    assert header(f"{line}\nSELECT 1;") == Header(lock_timeout="2s")


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_any_line_break_ends_a_directive(line_break: str) -> None:
    """Two directives are two lines, whatever ends them."""
    text = line_break.join(("-- sqlmig: role = x", "-- sqlmig: no-transaction", "VACUUM;"))
    assert header(text) == Header(transaction=False, role="x")


def test_directives_stand_below_a_licence_and_a_bom() -> None:
    """Any comments and empty lines may come first; a block comment holds no directive."""
    text = f"\ufeff{LICENCE}\n-- sqlmig: irreversible\n\n-- more prose\n-- sqlmig: role = x\nSELECT 1;"
    assert header(text) == Header(irreversible=True, role="x")
    assert up(text).problems == ()


def test_a_directive_ends_at_the_end_of_the_file() -> None:
    """A script of nothing else has a header."""
    assert header("-- sqlmig: irreversible") == Header(irreversible=True)


def test_the_header_is_read_without_the_rest() -> None:
    """What is wrong far below does not keep it from being known."""
    text = b"-- sqlmig: no-transaction\nSELECT 1;\n" + b"-- padding\n" * 200_000 + b"\xff'"
    assert of_bytes(text, 1 << 16).header == Header(transaction=False)


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("no-transactions", "did you mean: -- sqlmig: no-transaction"),
        ("no_transaction", "did you mean: -- sqlmig: no-transaction"),
        ("notransaction", "did you mean: -- sqlmig: no-transaction"),
        ("No-Transaction", "did you mean: -- sqlmig: no-transaction"),
        ("irreversable", "did you mean: -- sqlmig: irreversible"),
        ("lock-timeout = 2s", "did you mean: -- sqlmig: lock_timeout = ..."),
        ("lock timeout = 2s", "did you mean: -- sqlmig: lock_timeout = ..."),
        ("lock_timeout: 2s", "did you mean: -- sqlmig: lock_timeout = ..."),
        ("statment_timeout = 2s", "did you mean: -- sqlmig: statement_timeout = ..."),
        ("rolle = x", "did you mean: -- sqlmig: role = ..."),
        (
            "",
            KNOWN,
        ),
        (
            "= 2s",
            KNOWN,
        ),
        (
            "search_path = x",
            KNOWN,
        ),
    ],
)
def test_an_unknown_directive_is_an_error_with_the_nearest_known_one(line: str, advice: str) -> None:
    """A slip of the pen never means the default in silence."""
    error = refused(f"-- a\n  -- sqlmig: {line}\nSELECT 1;")
    assert error.message.startswith("unknown directive ")
    assert error.next_step == advice
    assert str(error.place) == "sql/001_a.up.sql:2:3"


@pytest.mark.parametrize(
    "line", ["no-transaction -- since it builds an index", "no-transaction;", "no-transaction, irreversible"]
)
def test_one_directive_a_line_and_nothing_else(line: str) -> None:
    """What follows on the line is not passed over."""
    assert refused(f"-- sqlmig: {line}\n").next_step == "did you mean: -- sqlmig: no-transaction"


@pytest.mark.parametrize(
    ("first", "second", "word"),
    [
        ("irreversible", "irreversible", "irreversible"),
        ("lock_timeout = 1s", "lock_timeout = 1s", "lock_timeout"),
        ("role = a", "role = b", "role"),
    ],
)
def test_a_repeated_directive_is_an_error(first: str, second: str, word: str) -> None:
    """Also where both say the same; the place is the second one's."""
    error = refused(f"-- sqlmig: {first}\n-- prose\n-- sqlmig: {second}\nSELECT 1;")
    assert error.message == f"the directive {word} stands here a second time"
    assert str(error.place) == "sql/001_a.up.sql:3:1"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("lock_timeout", "lock_timeout needs a value"),
        ("lock_timeout =", "lock_timeout needs a value"),
        ("role =", "role needs a value"),
        ("no-transaction = true", "no-transaction takes no value"),
        ("irreversible =", "irreversible takes no value"),
        ("lock_timeout = soon", "lock_timeout: "),
        ("lock_timeout = 3", "lock_timeout: "),
        ("statement_timeout = 3 fortnights", "statement_timeout: "),
        ("statement_timeout = 300d", "statement_timeout: "),
    ],
)
def test_a_value_that_is_missing_or_wrong_is_an_error(line: str, message: str) -> None:
    """Found before anything runs, and not by the server in the middle of a deployment."""
    error = refused(f"-- sqlmig: {line}\nSELECT 1;")
    assert error.message.startswith(message)
    assert error.next_step is not None
    assert error.next_step.startswith("write")


@pytest.mark.parametrize(
    ("value", "role"),
    [
        ("app_owner", "app_owner"),
        ("App Owner", "App Owner"),
        ('"App ""Owner"""', 'App "Owner"'),
        ('"', '"'),
        ("a=b", "a=b"),
    ],
)
def test_a_role_is_spelled_as_it_is(value: str, role: str) -> None:
    """Case and spaces count; a quoted identifier is the name in it."""
    assert header(f"-- sqlmig: role = {value}\n").role == role


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1;\n-- sqlmig: no-transaction\n",
        "SELECT 1; -- sqlmig: no-transaction\nSELECT 2;",
        "SELECT -- sqlmig: no-transaction\n1;",
        "SELECT 1\n-- sqlmig: no-transaction",
        ";\n-- sqlmig: no-transaction\nSELECT 1;",
        "COPY t FROM STDIN;\n1\n\\.\n-- sqlmig: no-transaction\n",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC\n-- sqlmig: no-transaction\nSELECT 1; END;",
    ],
)
def test_a_directive_behind_the_first_statement_is_an_error(text: str) -> None:
    """Wherever it stands there, it would mean nothing, so it is not let pass."""
    script = up(text)
    assert script.header == Header()
    assert [problem.code for problem in script.problems] == ["misplaced_directive"]
    line = text[: text.index("-- sqlmig")].count("\n") + 1
    assert script.problems[0].place is not None
    assert script.problems[0].place.line == line


@pytest.mark.parametrize(
    "text",
    [
        "SELECT '\n-- sqlmig: nothing\n';",
        "SELECT E'\\'\n-- sqlmig: nothing\n';",
        'SELECT "\n-- sqlmig: nothing\n";',
        "DO $$\n-- sqlmig: nothing\n$$;",
        "DO $a$ $$\n-- sqlmig: nothing\n$$ $a$;",
        "/*\n-- sqlmig: nothing\n*/ SELECT 1;",
        "SELECT 1 /* /* */\n-- sqlmig: nothing\n*/;",
        "COPY t FROM STDIN;\n-- sqlmig: nothing\n\\.\n",
        "-- a -- sqlmig: nothing\nSELECT 1;",
        "-- sqlmigs: nothing\nSELECT 1;",
        "-- sqlmig nothing\nSELECT 1;",
    ],
)
def test_what_only_looks_like_a_directive_means_nothing(text: str) -> None:
    """In literals, names, bodies, block comments, COPY data and prose."""
    script = up(text)
    assert script.header == Header()
    assert script.problems == ()


def test_a_header_is_for_its_own_file() -> None:
    """A down reads its own; what its up says is none of its business, but for whether there is a way back."""
    assert down("-- sqlmig: no-transaction\nDROP INDEX CONCURRENTLY i;").problems == ()
    assert [problem.code for problem in down("DROP INDEX CONCURRENTLY i;").problems] == ["needs_no_transaction"]
