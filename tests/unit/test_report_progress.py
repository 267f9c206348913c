"""Events as they come: a line for each step, and what the server says meanwhile."""

from __future__ import annotations

import io
import sys

import pytest

from sqlmig import events
from sqlmig.errors import ServerReport
from sqlmig.plan import Apply, Plan
from sqlmig.report.output import Output
from sqlmig.report.progress import Progress
from sqlmig.script import Direction
from sqlmig.statements import Statement
from tests.unit.report_values import DRIFT, step

FIRST = step(1, "users")
SECOND = step(2, "index_of_users", Direction.DOWN, from_history=True)
BLOCKED = ServerReport("canceling statement due to lock timeout", sqlstate="55P03")


def statement() -> Statement:
    return next(piece for piece in FIRST.script.pieces() if isinstance(piece, Statement))


def told(capsys: pytest.CaptureFixture[str], *told: events.Event, verbose: bool = False, results: bool = True) -> str:
    progress = Progress(Output(str), results=results, verbose=verbose)
    for event in told:
        progress(event)
    captured = capsys.readouterr()
    return f"{captured.out}--\n{captured.err}"


def run(*steps: events.Event) -> tuple[events.Event, ...]:
    return (events.RunStarted(Plan(Apply(), (FIRST, SECOND), ())), *steps)


def test_step_is_told_when_it_is_committed(capsys: pytest.CaptureFixture[str]) -> None:
    """The columns are those of the whole plan, though only one step is known to be done."""
    happened = run(events.StepStarted(FIRST), events.StepDone(FIRST, 12.0), events.StepDone(SECOND, 1500.0))
    assert told(capsys, *happened) == (
        "applied      001_users              12 ms\nrolled back  002_index_of_users     1.5 s  by the stored down\n--\n"
    )


def test_document_keeps_stdout_for_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, *run(events.StepDone(FIRST, 1.0)), results=False) == "--\n"


def test_notice_is_told_at_once_with_its_migration(capsys: pytest.CaptureFixture[str]) -> None:
    """Before a failure that may follow, and in the order it came."""
    notice = events.Noticed(FIRST, ServerReport("counted 3", severity="NOTICE"))
    outside = events.Noticed(None, ServerReport("careful", severity="WARNING"))
    assert told(capsys, notice, outside) == "--\n001_users: notice: counted 3\nwarning: careful\n"


def test_warning_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, events.Warned(DRIFT), events.Warned(DRIFT)).count(DRIFT.message) == 1


def test_waiting_is_told_once_for_each_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """It is polled, and a log is not to be filled with it."""
    happened = [events.Waiting("the server is starting up", 30.0 - n) for n in range(5)]
    happened += [events.Waiting(f"another runner holds the lock: pid 7, since {n} s", 9.0 - n) for n in range(5)]
    happened += [events.Waiting("another runner holds the lock: pid 8, since 1 s", 3.0)]
    assert told(capsys, *happened) == (
        "--\n"
        "waiting: the server is starting up\n"
        "waiting: another runner holds the lock: pid 7, since 0 s\n"
        "waiting: another runner holds the lock: pid 8, since 1 s\n"
    )


def test_retry_tells_who_is_in_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    retrying = events.Retrying(FIRST, 1, 5, 1.25, BLOCKED, ("pid 4711 (psql), idle in transaction for 3 min",))
    assert told(capsys, retrying) == (
        "--\n001_users: canceling statement due to lock timeout (55P03); rolled back, attempt 2 of 5 in 1.2 s\n"
        "  pid 4711 (psql), idle in transaction for 3 min\n"
    )


def test_verbose_tells_each_statement(capsys: pytest.CaptureFixture[str]) -> None:
    happened = run(events.StepStarted(FIRST), events.StatementDone(FIRST, 1, 2, statement()))
    assert told(capsys, *happened, verbose=True) == "--\nrunning 001_users (up)\n  1/2 CREATE TABLE users\n"
    assert told(capsys, *happened) == "--\n"


def repeated(runs: int, behind: float | None = None) -> events.Repeated:
    """A statement that affected 700 rows in each run, of which there are four a second."""
    return events.Repeated(FIRST, 1, 2, statement(), 700 * runs, runs, runs / 4, behind)


def test_verbose_tells_what_came_of_a_repeated_statement(capsys: pytest.CaptureFixture[str]) -> None:
    """Once, when it is complete; the next statement is told as ever."""
    done = [events.StatementDone(FIRST, number, 2, statement()) for number in (1, 2)]
    happened = run(repeated(1), repeated(2), repeated(3), *done)
    assert told(capsys, *happened, verbose=True) == (
        "--\n  1/2 CREATE TABLE users: 2,100 rows in 3 runs\n  2/2 CREATE TABLE users\n"
    )
    assert told(capsys, *happened) == "--\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal_for(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    err = Terminal()
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    return err


def test_terminal_shows_for_how_long_is_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_for(monkeypatch)
    Progress(Output(str), results=True, verbose=False)(events.Waiting("the server is starting up", 29.6))
    assert terminal.getvalue().endswith("waiting, for 30 s more")


def test_terminal_shows_where_a_long_step_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, not drawn for each of ten thousand statements, and gone when the step is done."""
    terminal = terminal_for(monkeypatch)
    progress = Progress(Output(str), results=True, verbose=False)
    for event in run(events.StepStarted(FIRST)):
        progress(event)
    sent = statement()
    for number in range(1, 10_001):
        progress(events.StatementDone(FIRST, number, 10_000, sent))
    assert "001_users 1/10000  CREATE TABLE users" in terminal.getvalue()
    assert terminal.getvalue().count("\r") < 100
    progress(events.StepDone(FIRST, 5.0))
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_terminal_shows_rows_and_rate_of_a_repeated_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    """And that it waits for a replica."""
    terminal = terminal_for(monkeypatch)
    Progress(Output(str), results=True, verbose=False)(repeated(2))
    assert terminal.getvalue().endswith("001_users 1/2  CREATE TABLE users: 1,400 rows, 2,800 rows/s")
    Progress(Output(str), results=True, verbose=False)(repeated(2, behind=12.3))
    assert terminal.getvalue().endswith("CREATE TABLE users: 1,400 rows, waits, a replica is 12 s behind")


def test_every_event_is_taken() -> None:
    """A new kind of event cannot be forgotten."""
    taken = Progress(Output(str), results=True, verbose=False).takes
    assert set(events.Event.__args__) == set(taken)  # type: ignore[attr-defined]
