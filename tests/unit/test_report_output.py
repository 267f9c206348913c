"""The one place that writes: secrets go, nothing stops it, colours only where they are wanted."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from typing import TextIO

import pytest

from sqlmig.config import Redactor
from sqlmig.report.output import Output
from sqlmig.report.style import Style, styled
from sqlmig.report.text import Fixed

RED = "\x1b[31m"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Refusing(io.StringIO):
    """A stream that nothing can be written to."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.attempts = 0

    def write(self, text: str) -> int:
        self.attempts += 1
        raise OSError(self.number, os.strerror(self.number))


def output(monkeypatch: pytest.MonkeyPatch, out: TextIO, err: TextIO | None = None) -> Output:
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err or io.StringIO())
    return Output(str)


def test_results_and_asides_go_separate_ways(capsys: pytest.CaptureFixture[str]) -> None:
    """What is asked for can be piped; what is said along the way does not get into it."""
    output = Output(str)
    output.lines(["result"])
    output.asides(["notice"])
    assert capsys.readouterr() == ("result\n", "notice\n")


@pytest.mark.parametrize("write", [Output.lines, Output.asides])
def test_secret_is_taken_out_before_the_line_is_wrapped(
    write: Callable[[Output, list[str]], None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password with spaces must not get away because a narrow terminal breaks it in two."""
    monkeypatch.setenv("COLUMNS", "12")
    write(Output(Redactor(["correct horse battery staple"])), ["cannot: correct horse battery staple, sorry"])
    shown = "".join(capsys.readouterr())
    assert "***" in shown
    assert not any(word in shown for word in ("correct", "horse", "battery", "staple"))


def test_secret_over_two_lines_is_taken_out(capsys: pytest.CaptureFixture[str]) -> None:
    Output(Redactor(["first\nsecond"])).asides(["it is first\nsecond"])
    assert capsys.readouterr().err == "it is ***\n"


def test_secret_in_a_progress_line_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    err = Terminal()
    monkeypatch.setattr(sys, "stderr", err)
    Output(Redactor(["hunter22hunter"])).progress("sending hunter22hunter")
    assert "hunter" not in err.getvalue()


def test_pipe_gets_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(str)
    output.lines([styled(Style.GOOD, "applied") + " \x1b]0;owned\x07 a\tb"])
    output.progress("working")
    output.asides(["a\x00b"])
    out, err = capsys.readouterr()
    assert not any(ord(character) < 32 and character != "\n" for character in out + err)
    assert "applied" in out


def test_terminal_gets_our_colours_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Colour is ours to give: a message cannot paint itself green."""
    out = Terminal()
    output(monkeypatch, out).lines([styled(Style.BAD, "failed") + " \x1b[32mgood\x1b[0m"])
    assert out.getvalue() == f"{RED}failed\x1b[0m \\x1b[32mgood\\x1b[0m\n"


@pytest.mark.parametrize(
    ("variables", "terminal", "coloured"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colour_follows_the_terminal_and_the_two_variables(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], terminal: bool, coloured: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    out = Terminal() if terminal else io.StringIO()
    output(monkeypatch, out).lines([styled(Style.BAD, "failed")])
    assert (RED in out.getvalue()) is coloured


def test_reader_that_went_away_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """``sqlmig apply | head -1`` applies everything, and its exit code tells how that went."""
    out = Refusing(errno.EPIPE)
    shown = output(monkeypatch, out)
    shown.lines(["one", "two"])
    shown.lines(["three"])
    assert out.attempts == 1
    assert shown.exit_code(0) == 0
    assert shown.exit_code(3) == 3


def test_full_disk_is_told_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing raises on the way, but a document that was not written is no success."""
    err = io.StringIO()
    shown = output(monkeypatch, Refusing(errno.ENOSPC), err)
    shown.document("{}")
    assert shown.exit_code(0) == 1
    assert shown.exit_code(4) == 4
    assert os.strerror(errno.ENOSPC) in err.getvalue()


def test_stderr_that_cannot_be_written_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = output(monkeypatch, io.StringIO(), Refusing(errno.ENOSPC))
    shown.asides(["notice"])
    assert shown.exit_code(0) == 0


def test_streams_that_are_not_there_are_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service may be started with its descriptors closed."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    shown = Output(str)
    shown.lines(["result"])
    shown.asides(["notice"])
    shown.progress("working")
    assert shown.exit_code(0) == 0


def test_closed_stream_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    out.close()
    shown = output(monkeypatch, out)
    shown.lines(["result"])
    assert shown.exit_code(0) == 0


def test_encoding_that_lacks_a_character_gets_its_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    """LC_ALL=C and a table named grüße: shown, not a crash."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    output(monkeypatch, out).lines(["grüße 日"])
    assert raw.getvalue() == b"gr\\xfc\\xdfe \\u65e5\n"


def test_progress_is_one_line_that_the_next_text_takes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    err = Terminal()
    monkeypatch.setenv("COLUMNS", "20")
    shown = output(monkeypatch, io.StringIO(), err)
    shown.progress("001_create_users 3/12  CREATE TABLE users")
    shown.asides(["notice"])
    first, second = err.getvalue().split("\r\x1b[K")[1:]
    assert first.startswith("001_create_users")
    assert len(first) < 20
    assert second == "notice\n"


@pytest.mark.parametrize("terminal", [False, True])
def test_no_progress_without_a_terminal_that_can_take_it_away(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    monkeypatch.setenv("TERM", "dumb")
    err = Terminal() if terminal else io.StringIO()
    output(monkeypatch, io.StringIO(), err).progress("working")
    assert err.getvalue() == ""


def test_width_is_that_of_columns_or_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe has none: one line for each thing, for grep."""
    out = io.StringIO()
    shown = output(monkeypatch, out)
    assert shown.width is None
    monkeypatch.setenv("COLUMNS", "60")
    assert shown.width == 60
    shown.lines(["word " * 20, Fixed("row " * 20)])
    *wrapped, fixed = out.getvalue().splitlines()
    assert all(len(line) <= 60 for line in wrapped)
    assert len(fixed) > 60


def test_question_goes_to_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    """stdout stays what can be piped."""
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.StringIO("production\n"))
    shown = output(monkeypatch, out, err)
    assert shown.prompt("which? ") == "production"
    assert shown.prompt("which? ") is None
    assert (out.getvalue(), err.getvalue()) == ("", "which? which? ")


def test_nobody_is_asked_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = output(monkeypatch, Terminal(), Terminal())
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert not shown.interactive
    monkeypatch.setattr(sys, "stdin", Terminal())
    assert shown.interactive
