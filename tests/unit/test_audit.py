"""What ``check`` finds, the exit codes it makes of that, and the diffs that show drift."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sqlmig import audit
from sqlmig.errors import Place, Problem
from sqlmig.files import Discovery, discover
from sqlmig.migration import Applied, Direction, Migration, Progress, Script
from sqlmig.standing import standings
from tests.unit.making import Slow, Unreadable, applied, migration, migrations, recorded

WRONG_FILES = [
    "transaction_control",
    "needs_no_transaction",
    "misplaced_directive",
    "empty_down",
    "script",
    "file_format",
    "file_name",
    "duplicate_version",
    "down_without_up",
    "unreadable",
]
WRONG_HISTORY = ["drift", "missing", "pending", "out_of_order", "failed", "irreversible"]


def found(code: str, *, warning: bool = False) -> Problem:
    return Problem(code, "something", warning=warning)


def changed(before: Migration, after: Migration, stored: tuple[str | None, str | None] | None = None) -> str:
    """The diff of one migration that was applied as ``before``, with its texts stored unless told otherwise."""
    (standing,) = standings([after], [applied(before)])
    texts = (before.up.text(), before.down.text() if before.down else None) if stored is None else stored
    return audit.diff(standing, {before.version: texts})


# Findings


def test_every_file_is_looked_at(tmp_path: Path) -> None:
    """Names and texts, ups and downs, all findings at once, each of a text with the version it is about."""
    for name, text in {
        "001_a.up.sql": "COMMIT; VACUUM",
        "001_a.down.sql": "",
        "002-b.up.sql": "",
        "003_c.up.sql": "-- sqlmig: nothing\nSELECT '",
        "004_d.down.sql": "",
        "005_e.up.sql": "SELECT 1",
    }.items():
        (tmp_path / name).write_text(text)
    problems = audit.audit_files(discover([tmp_path], tmp_path))
    assert [(problem.code, problem.version, str(problem.place)) for problem in problems] == [
        ("file_name", None, "002-b.up.sql"),
        ("down_without_up", 4, "004_d.down.sql"),
        ("transaction_control", 1, "001_a.up.sql:1:1"),
        ("needs_no_transaction", 1, "001_a.up.sql:1:9"),
        ("empty_down", 1, "001_a.down.sql"),
        ("script", 3, "003_c.up.sql:1:1"),
        ("script", 3, "003_c.up.sql:2:8"),
    ]
    assert audit.exit_code(problems, strict=False) == 2


def test_a_file_that_cannot_be_read_is_one_finding() -> None:
    """The others are looked at all the same."""
    broken = replace(migration(1), up=Script(Direction.UP, Unreadable()))
    problems = audit.audit_files(Discovery((broken, migration(2, "COMMIT")), ()))
    assert [problem.code for problem in problems] == ["file_format", "transaction_control"]


def history_of_everything() -> tuple[list[Migration], list[Applied]]:
    files = [migration(1, "SELECT 2"), migration(2, "SELECT 1 -- a"), *migrations(3, 5, 6)]
    records = list(recorded(migrations(1, 2, 4)))
    records.append(applied(migration(5), progress=Progress.FAILED, statement=1, statements=1))
    return files, records


def test_every_difference_is_found() -> None:
    """Drift, comments, out of order, missing, failed, and what is pending, unless that is in order."""
    known = standings(*history_of_everything())
    codes = [problem.code for problem in audit.audit_history(known, pending_ok=False)]
    assert codes == ["drift", "comments_changed", "out_of_order", "missing", "failed", "pending"]
    assert [problem.code for problem in audit.audit_history(known, pending_ok=True)] == codes[:-1]


def test_pending_names_the_file_and_the_command() -> None:
    """What is pending is no mistake, only not done yet."""
    (problem,) = audit.audit_history(standings(migrations(3), []), pending_ok=False)
    assert problem == Problem("pending", "003_m is pending", Place("sql/003_m.up.sql"), 3, next_step="sqlmig apply")


def test_where_all_is_well_nothing_is_found() -> None:
    """Files and history agree."""
    known = standings(migrations(1, 2), list(recorded(migrations(1, 2))))
    assert audit.audit_history(known, pending_ok=False) == []
    assert audit.audit_files(Discovery(tuple(migrations(1, 2)), ())) == []


# Exit codes


@pytest.mark.parametrize("strict", [False, True])
def test_nothing_found_is_0(strict: bool) -> None:
    """Strict or not."""
    assert audit.exit_code([], strict=strict) == 0


@pytest.mark.parametrize("code", WRONG_FILES)
def test_what_is_wrong_with_files_is_2(code: str) -> None:
    """Whatever else was found."""
    for others in ([], [found("drift")], [found("comments_changed", warning=True)]):
        assert audit.exit_code([*others, found(code)], strict=False) == 2


@pytest.mark.parametrize("code", WRONG_HISTORY)
def test_what_is_wrong_with_history_is_3(code: str) -> None:
    """Alone or with others of its kind."""
    assert audit.exit_code([found(code)], strict=False) == 3
    assert audit.exit_code([found("comments_changed", warning=True), found(code)], strict=True) == 3


@pytest.mark.parametrize(("code", "strict_code"), [("comments_changed", 3), ("ignored_file", 2), ("name_mismatch", 2)])
def test_a_warning_counts_only_where_it_is_strict(code: str, strict_code: int) -> None:
    """Then as what it is about: history or files."""
    assert audit.exit_code([found(code, warning=True)], strict=False) == 0
    assert audit.exit_code([found(code, warning=True)], strict=True) == strict_code


# Diffs


def test_a_diff_goes_from_what_was_applied_to_the_file() -> None:
    """As a unified diff, of up and down."""
    before = migration(1, "SELECT 1;\nSELECT 2;\n", "SELECT -1;\n")
    after = migration(1, "SELECT 1;\nSELECT 3;\n", "SELECT -2;\n")
    assert changed(before, after) == (
        "--- 001_m.up.sql (applied)\n+++ sql/001_m.up.sql\n@@ -1,2 +1,2 @@\n SELECT 1;\n-SELECT 2;\n+SELECT 3;\n"
        "--- 001_m.down.sql (applied)\n+++ sql/001_m.down.sql\n@@ -1 +1 @@\n-SELECT -1;\n+SELECT -2;\n"
    )


def test_a_missing_newline_at_the_end_is_shown() -> None:
    """As diff and git show it, and never as two lines in one."""
    assert changed(migration(1, "SELECT 1;\n"), migration(1, "SELECT 1;")).splitlines()[2:] == [
        "@@ -1 +1 @@",
        "-SELECT 1;",
        "+SELECT 1;",
        "\\ No newline at end of file",
    ]
    assert changed(migration(1, "SELECT 1;"), migration(1, "SELECT 2;")).splitlines()[3:] == [
        "-SELECT 1;",
        "\\ No newline at end of file",
        "+SELECT 2;",
        "\\ No newline at end of file",
    ]


@pytest.mark.parametrize("line_break", ["\r\n", "\r"])
def test_line_breaks_and_bom_are_not_in_a_diff(line_break: str) -> None:
    """Only the line that changed is."""
    before = migration(1, "SELECT 1;\nSELECT 2;\nSELECT 3;\n")
    after = migration(1, "\ufeff" + line_break.join(("SELECT 1;", "SELECT 2;", "SELECT 4;", "")))
    assert [line for line in changed(before, after).splitlines() if line[:1] in "+-"][2:] == [
        "-SELECT 3;",
        "+SELECT 4;",
    ]


def test_only_line_breaks_of_sql_divide_lines() -> None:
    """A form feed or a line separator of Unicode stands within its line."""
    before, after = migration(1, "SELECT '\x0c\u2028\x85';\n"), migration(1, "SELECT '\x0c\u2028\x85', 2;\n")
    assert changed(before, after).split("\n")[3:] == ["-SELECT '\x0c\u2028\x85';", "+SELECT '\x0c\u2028\x85', 2;", ""]


def test_a_down_that_came_or_went() -> None:
    """Is shown whole."""
    assert changed(migration(1, down_text="SELECT 2;\n"), migration(1, down_text=None)) == (
        "--- 001_m.down.sql (applied)\n+++ (no file)\n@@ -1 +0,0 @@\n-SELECT 2;\n"
    )
    assert changed(migration(1, down_text=None), migration(1, down_text="SELECT 2;\n")) == (
        "--- 001_m.down.sql (applied)\n+++ sql/001_m.down.sql\n@@ -0,0 +1 @@\n+SELECT 2;\n"
    )


def test_a_text_that_is_not_stored_is_said_to_be_so() -> None:
    """A long up is kept by its checksums alone; an unchanged one is not mentioned."""
    before, after = migration(1, "SELECT 1", "SELECT 2"), migration(1, "SELECT 3", "SELECT 2")
    assert changed(before, after, (None, "SELECT 2")) == (
        "001_m.up.sql: the applied text is not stored (it was longer than store_up_limit)\n"
    )
    assert changed(before, before, (None, None)) == ""


def test_a_file_that_cannot_be_compared_is_said_to_be_so() -> None:
    """Unreadable, or no text: the reason stands in place of a diff, and the other file is compared."""
    before = migration(1, "SELECT 1", "SELECT 2\n")
    after = migration(1, "SELECT 1", "SELECT 3\n")
    for source, reason in ((Unreadable(), "cannot be read"), (Slow(b"\xff"), "is not UTF-8")):
        told = changed(before, replace(after, up=Script(Direction.UP, source)))
        assert told.startswith(f"001_m.up.sql: sql/001_a.up.sql {reason}")
        assert told.endswith("\n-SELECT 2\n+SELECT 3\n")


def test_diffs_go_to_the_problems_that_they_are_about() -> None:
    """Drift and changed comments get one; the others stay as they are."""
    files, records = history_of_everything()
    known = standings(files, records)
    problems = [*audit.audit_history(known, pending_ok=False), Problem("empty_down", "another matter", version=1)]
    stored = dict.fromkeys((1, 2, 3, 4), ("SELECT 1", "SELECT -1"))
    with_diffs = audit.with_diffs(problems, known, stored)
    assert [standing.version for standing in audit.drifted(known)] == [1, 2]
    assert [problem.code for problem in with_diffs if problem.diff] == ["drift", "comments_changed"]
    assert [replace(problem, diff=None) for problem in with_diffs] == problems


def test_what_was_never_applied_has_no_diff() -> None:
    """Nor has what is gone."""
    for standing in standings(migrations(1), [applied(migration(2))]):
        assert audit.diff(standing, {}) == ""
