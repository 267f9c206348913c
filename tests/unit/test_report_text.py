"""Text on its way to a terminal: width, excerpts, columns, wrapping."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sqlmig.config import Redactor
from sqlmig.report.style import Style, styled
from sqlmig.report.text import (
    Fixed,
    Table,
    count,
    duration,
    excerpt,
    harmless,
    local_time,
    redacted_excerpt,
    width,
    wrapped,
)

CONTROLS = [chr(code) for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"]


@pytest.mark.parametrize("control", [*CONTROLS, "\u202e", "\u2066", "\u200f", "\u2028"], ids=ascii)
def test_what_a_terminal_would_act_on_is_shown_as_its_escape(control: str) -> None:
    """Server messages and SQL can hold anything; none of it moves the cursor, clears the screen or turns text."""
    shown = harmless(f"a{control}b")
    assert shown == "a" + control.encode("unicode_escape").decode() + "b"


def test_line_breaks_stay_and_tabs_become_spaces() -> None:
    assert harmless("a\tb\r\nc\n") == "a   b\nc\n"


def test_half_a_character_can_be_encoded_afterwards() -> None:
    """A path that is not UTF-8 holds lone surrogates, which no stream takes."""
    assert harmless("caf\udce9").encode() == b"caf\\udce9"


@pytest.mark.parametrize(
    ("text", "columns"),
    [("abc", 3), ("日本", 4), ("é", 1), ("e\u0301", 1), ("😀", 2), ("a\u200db", 2), ("", 0), ("ｱ", 1)],
)
def test_width_is_what_a_terminal_takes(text: str, columns: int) -> None:
    assert width(text) == columns


def test_marks_have_no_width() -> None:
    assert width(styled(Style.BAD, "日")) == 2


@pytest.mark.parametrize(
    ("line", "column", "text", "caret"),
    [
        ("SELECT x", 8, "SELECT x", 7),
        ("\tSELECT x", 9, "    SELECT x", 11),
        ("日本 x", 4, "日本 x", 5),
        ("e\u0301 x", 4, "e\u0301 x", 2),
        ("abc", 4, "abc", 3),
        ("abc", 99, "abc", 3),
        ("", 1, "", 0),
        ("a\x1b[2J x", 7, "a\\x1b[2J x", 9),
    ],
)
def test_caret_stands_below_the_column(line: str, column: int, text: str, caret: int) -> None:
    """Tabs, wide, combining and control characters before the place all count as the terminal shows them."""
    shown = excerpt(line, column, 80)
    assert (shown.text, shown.caret) == (text, caret)


@given(
    line=st.text(st.sampled_from("ab ;日é\t"), min_size=1, max_size=400),
    column=st.integers(1, 400),
    limit=st.integers(20, 60),
)
@example(line="x" * 10_000 + "!" + "y" * 10_000, column=10_001, limit=40)
def test_long_line_is_cut_around_the_column(line: str, column: int, limit: int) -> None:
    """Whatever the line, it fits, and the character at the caret is the one at the column."""
    shown = excerpt(line, column, limit)
    assert width(shown.text) <= limit
    assert shown.caret <= limit
    if column <= len(line):
        expected = " " if line[column - 1] == "\t" else line[column - 1]
        assert _character_at(shown.text, shown.caret) == expected


def _character_at(text: str, caret: int) -> str:
    start = 0
    for character in text:
        if start == caret:
            return character
        start += width(character)
    raise AssertionError(f"nothing at {caret} of {text!r}")


def test_excerpt_says_where_it_was_cut() -> None:
    shown = excerpt("a" * 50 + "X" + "b" * 50, 51, 21).text
    assert shown.startswith("…a")
    assert shown.endswith("b…")
    assert "X" in shown


def test_secret_before_the_place_moves_the_caret_along() -> None:
    redact = Redactor(["hunter22hunter"])
    line = "CREATE ROLE r PASSWORD 'hunter22hunter' BOGUS"
    shown, column = redacted_excerpt(line, line.index("BOGUS") + 1, redact)
    assert column is not None
    assert "hunter22" not in shown
    assert shown[column - 1 :] == "BOGUS"


def test_place_within_a_secret_has_no_caret() -> None:
    redact = Redactor(["hunter22hunter"])
    line = "PASSWORD 'hunter22hunter'"
    shown, column = redacted_excerpt(line, line.index("22") + 1, redact)
    assert column is None
    assert "hunter" not in shown


def rows_of(table: Table, *rows: tuple[str, ...]) -> list[str]:
    return [line for row in rows for line in table.row(row)]


def test_table_is_aligned_by_what_is_seen() -> None:
    rows = [("日本", "applied", "3 ms"), ("abcdef", "no", "12 ms")]
    table = Table.fit(rows, None, shrink=0, right=[2])
    assert rows_of(table, *rows) == ["日本    applied   3 ms", "abcdef  no       12 ms"]


def test_long_cell_moves_the_rest_of_its_row_below() -> None:
    """A name is never cut: it is what one copies."""
    name = "001_" + "a" * 60
    rows = [(name, "applied", "3 ms"), ("002_b", "applied", "12 ms")]
    table = Table.fit(rows, 40, shrink=0, right=[2])
    lines = rows_of(table, *rows)
    assert lines[0] == name
    assert lines[1].split() == ["applied", "3", "ms"]
    assert lines[1].index("applied") == lines[2].index("applied")
    assert all(width(line) <= 40 for line in lines[1:])


def test_empty_cells_leave_no_line_behind() -> None:
    table = Table((3, 5, 4))
    assert rows_of(table, ("abcdef", "", "")) == ["abcdef"]


def test_line_is_wrapped_at_spaces_below_its_beginning() -> None:
    lines = list(wrapped("  next: correct the file and then apply it", 20))
    assert lines == ["  next: correct the", "    file and then", "    apply it"]


def test_word_that_does_not_fit_stays_whole() -> None:
    """A path or a command can be copied from where it stands."""
    lines = list(wrapped("at /a/very/long/path/that/does/not/fit here", 12))
    assert "/a/very/long/path/that/does/not/fit" in [line.strip() for line in lines]


def test_fixed_lines_are_not_wrapped() -> None:
    assert list(wrapped(Fixed("a b c d e f"), 5)) == ["a b c d e f"]


@given(st.text(st.sampled_from("ab 日"), max_size=80), st.integers(10, 30))
def test_wrapping_loses_nothing(text: str, limit: int) -> None:
    assert "".join("".join(wrapped(text, limit)).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (None, ""),
        (0.0, "<1 ms"),
        (0.4, "<1 ms"),
        (0.6, "1 ms"),
        (999.4, "999 ms"),
        (999.9, "1.0 s"),
        (59_940, "59.9 s"),
        (59_999, "1.0 min"),
        (3_599_999, "1.0 h"),
        (90_000_000, "25.0 h"),
    ],
)
def test_duration_in_the_unit_that_fits(milliseconds: float | None, text: str) -> None:
    assert duration(milliseconds) == text


def test_time_without_seconds_in_the_zone_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    when = datetime(2026, 11, 21, 23, 30, 59, tzinfo=UTC)
    assert local_time(when) == f"{when.astimezone():%Y-%m-%d %H:%M}"
    assert local_time(None) == ""


def test_one_is_no_plural() -> None:
    assert [count(number, "step") for number in (0, 1, 2)] == ["0 steps", "1 step", "2 steps"]


def test_every_mark_is_a_noncharacter() -> None:
    """No text that is shown can hold one by accident."""
    assert {unicodedata.category(style) for style in Style} == {"Cn"}
    assert all(0xFDD0 <= ord(style) <= 0xFDEF for style in Style)
