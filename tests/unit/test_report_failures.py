"""Errors and findings for people: nothing that is known is left out."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from sqlmig.config import Redactor
from sqlmig.errors import (
    CheckFailed,
    FilesInvalid,
    Place,
    Problem,
    ServerReport,
    SqlmigError,
    StatementFailed,
    UsageError,
)
from sqlmig.report.failures import error_lines, notice_lines, problem_lines
from sqlmig.report.style import without_marks
from tests.unit.report_values import DRIFT, NO_VACUUM, PENDING, statement_failed


def plain(lines: Iterable[str]) -> list[str]:
    return [without_marks(line) for line in lines]


def test_failed_statement_says_where_what_what_stays_and_what_next() -> None:
    """File, line, column, caret, statement, SQLSTATE, DETAIL, HINT, CONTEXT, what was rolled back, the next command."""
    assert plain(error_lines(statement_failed(), str, None)) == [
        'error: 002_more: duplicate key value violates unique constraint "users_pkey"',
        "  at sql/002_more.up.sql:12:9, statement 2 of 5, SQLSTATE 23505",
        "",
        "  12 | INSERT    INTO users VALUES (1);",
        "     |            ^",
        "",
        "  detail: Key (id)=(1) already exists.",
        "  hint: Take another.",
        '  context: SQL statement "INSERT INTO users"',
        "    PL/pgSQL function f() line 2 at SQL statement",
        "  blocked by pid 4711 (app, idle in transaction for 3 min)",
        "  002_more was rolled back: nothing of it stays",
        "  next: correct sql/002_more.up.sql, then: sqlmig apply",
    ]


def test_error_without_anything_is_one_line() -> None:
    assert plain(error_lines(SqlmigError("no such thing"), str, None)) == ["error: no such thing"]


def test_what_the_server_said_is_shown_where_the_message_does_not() -> None:
    error = SqlmigError("the history could not be written", server=ServerReport("permission denied", "42501"))
    assert plain(error_lines(error, str, None))[1:] == ["  SQLSTATE 42501", "  server: permission denied"]


def test_message_of_several_lines_is_indented() -> None:
    lines = plain(error_lines(UsageError("first\nsecond\n", next_step="one\ntwo"), str, None))
    assert lines == ["error: first", "  second", "  next: one", "    two"]


@pytest.mark.parametrize("kind", [FilesInvalid, CheckFailed])
def test_every_finding_is_listed(kind: type[FilesInvalid] | type[CheckFailed]) -> None:
    """Not the first one alone, and each with what to do about it."""
    lines = plain(error_lines(kind([NO_VACUUM, PENDING]), str, None))
    assert lines == [
        "error: 2 problems",
        "error: sql/002_more.up.sql:3:1: VACUUM cannot run inside a transaction",
        "  next: add this line at the top of the file: -- sqlmig: no-transaction",
        "error: 002_more is pending",
        "  next: sqlmig apply",
    ]


def test_single_finding_is_the_error_itself() -> None:
    lines = plain(error_lines(CheckFailed([DRIFT]), str, None))
    assert lines[0] == f"error: {DRIFT.message}"
    assert "    -SELECT 1;" in lines
    assert "    +SELECT 2;" in lines
    assert lines[-1] == f"  next: {DRIFT.next_step}"


def test_finding_names_its_file_once() -> None:
    unnamed = Problem("file_format", "it cannot be read", Place("sql/x.sql"))
    named = Problem("file_format", "sql/x.sql cannot be read", Place("sql/x.sql"))
    assert plain(problem_lines([unnamed, named], str, None)) == [
        "error: sql/x.sql: it cannot be read",
        "error: sql/x.sql cannot be read",
    ]


def test_finding_with_an_excerpt_shows_its_place() -> None:
    problem = Problem("script", "unterminated literal", Place("sql/x.sql", 3, 8, "SELECT 'oh;"))
    assert plain(problem_lines([problem], str, None))[1:] == [
        "",
        "  3 | SELECT 'oh;",
        "    |        ^",
        "",
    ]


def test_warning_is_called_one() -> None:
    assert plain(problem_lines([DRIFT], str, None))[0].startswith("warning: ")


def test_long_line_is_cut_to_the_terminal() -> None:
    line = "INSERT INTO t VALUES (" + "'日本', " * 5000 + "bad)"
    error = StatementFailed("no", place=Place("sql/x.sql", 1, line.index("bad") + 1, line))
    shown = plain(error_lines(error, str, 60))
    excerpt, caret = shown[3], shown[4]
    assert len(excerpt) < 60
    assert excerpt.endswith("bad)")
    assert caret.index("^") > 30


def test_secret_in_an_excerpt_is_taken_out_before_it_is_cut() -> None:
    """Half a password is half given away."""
    secret = "correct-horse-battery-staple"
    line = f"CREATE ROLE r PASSWORD '{secret}' NONSENSE"
    error = StatementFailed("no", place=Place("sql/x.sql", 1, line.index("NONSENSE") + 1, line))
    for limit in range(24, 80):
        shown = "\n".join(plain(error_lines(error, Redactor([secret]), limit)))
        assert not any(part in shown for part in secret.split("-"))
        assert "NONSENSE"[:3] in shown


def test_diff_cannot_paint_itself() -> None:
    problem = Problem("drift", "changed", diff="+\x1b[2J cleared\r\n")
    assert plain(problem_lines([problem], str, None)) == ["error: changed", "    +\\x1b[2J cleared"]


def test_notice_names_the_migration_and_keeps_its_hint() -> None:
    report = ServerReport("table exists", severity="NOTICE", detail="since ever", hint="skip")
    assert plain(notice_lines(report, "001_a")) == [
        "001_a: notice: table exists",
        "  detail: since ever",
        "  hint: skip",
    ]
    assert plain(notice_lines(ServerReport("slow", severity="WARNING"), None)) == ["warning: slow"]
