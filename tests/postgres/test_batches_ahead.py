"""While the server works on one message the next is collected: what goes wrong there changes nothing before it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import closing

import pytest

from sqlmig.database import connect
from sqlmig.errors import FileError, StatementFailed
from sqlmig.events import Event, RunStarted, StatementDone, StepDone, StepStarted, silent
from sqlmig.script import Shelf
from tests.support.database import Database
from tests.support.processes import until
from tests.support.project import Project
from tests.support.runner import Runs, outcomes, place, steps


@pytest.fixture
def runs(project: Project) -> Runs:
    return Runs(project, message_size="300B")


def once(kind: type[Event], act: Callable[[], object]) -> Callable[[Event], None]:
    """A listener that acts on the first event of a kind."""
    pending = [act]

    def listen(event: Event) -> None:
        if isinstance(event, kind) and pending:
            pending.pop()()

    return listen


def change_the_third_of_three(runs: Runs, size: str) -> None:
    """Write three migrations, the last of which becomes another when the run begins."""
    runs.configure(message_size=size)
    for number in (1, 2, 3):
        runs.write(f"00{number}_t", f"CREATE TABLE t{number} (x int);\nSELECT {number};")
    runs.listener = once(RunStarted, lambda: runs.write("003_t", "CREATE TABLE other (x int);"))


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with scripts that are too long to be kept: they are read again when they run."""
    monkeypatch.setattr(Shelf, "has_room_for", lambda shelf, text: False)


@pytest.mark.parametrize("size", ["512kB", "300B", "0"])
def test_a_file_that_changes_while_another_runs_was_looked_at_before(runs: Runs, size: str) -> None:
    """What was looked at is what runs and what is recorded; the new text is drift."""
    change_the_third_of_three(runs, size)
    runs.apply()
    assert runs.exists("t1", "t2", "t3", "other") == [True, True, True, False]
    assert [problem.code for problem in runs.status().problems] == ["drift"]


@pytest.mark.usefixtures("no_room")
@pytest.mark.parametrize("size", ["512kB", "300B", "0"])
def test_a_file_that_changes_while_another_runs(runs: Runs, size: str) -> None:
    """What is under way is completed and told; nothing of the changed file runs."""
    change_the_third_of_three(runs, size)
    error = runs.fails(FileError)
    assert "003_t.up.sql changed since it was looked at" in error.message
    assert runs.exists("t3", "other") == [False, False]
    done = outcomes(error).count("applied")
    assert [f"00{number}_t" for number in range(1, done + 1)] == runs.applied() == steps(runs.events, StepDone)
    runs.apply()
    assert runs.applied() == ["001_t", "002_t", "003_t"]
    assert runs.exists("t1", "t2", "other") == [True, True, True]


@pytest.mark.usefixtures("no_room")
def test_the_failure_under_way_comes_first(runs: Runs) -> None:
    """A statement fails while the file of the next migration is found changed: the statement is what is told."""
    runs.write("001_a", "CREATE TABLE a (x int);\nSELECT pg_sleep(0.2);\nSELECT 1/0;")
    runs.write("002_b", "CREATE TABLE b (x int);")
    runs.listener = once(StepStarted, lambda: runs.write("002_b", "CREATE TABLE c (x int);"))
    error = runs.fails(StatementFailed)
    assert place(error) == ("001_a.up.sql", 3, 1)
    assert outcomes(error) == ["failed", "not_run"]
    assert runs.exists("a", "b", "c") == [False, False, False]


def test_everything_is_told_in_its_order(runs: Runs) -> None:
    """Each statement, notice and migration once, as the server came to it, however it was cut into messages."""
    for number in (1, 2, 3):
        note = f"DO $$BEGIN RAISE NOTICE 'note {number}'; END$$"
        runs.write(f"00{number}_t", f"CREATE TABLE t{number} (x int);\n{note};\nCOMMENT ON TABLE t{number} IS 'x';")
    runs.apply()
    for number in (1, 2, 3):
        expected = ["StepStarted", "Noticed", "StatementDone", "StatementDone", "StatementDone", "StepDone"]
        told = [type(event).__name__ for event in runs.events if str(getattr(event, "step", "")) == f"00{number}_t"]
        assert sorted(told, key=expected.index) == expected
        assert (told[0], told[-1]) == ("StepStarted", "StepDone")
    versions = [
        event.step.version for event in runs.events if isinstance(event, StepStarted | StatementDone | StepDone)
    ]
    assert versions == sorted(versions)
    assert [message for _, _, message in runs.notices()] == ["note 1", "note 2", "note 3"]


@pytest.mark.parametrize("size", ["512kB", "300B", "0"])
@pytest.mark.parametrize(("setting", "value"), [("client_encoding", "LATIN1"), ("standard_conforming_strings", "off")])
def test_a_change_of_how_text_is_read_that_nobody_sees(runs: Runs, size: str, setting: str, value: str) -> None:
    """Our record means the same, although a block of code changed the setting in a message under way."""
    runs.configure(message_size=size)
    block = f"DO $$BEGIN PERFORM set_config('{setting}', '{value}', false); END$$"
    runs.write("001_größe", f"CREATE TABLE a (x int);\n{block};\nSELECT 1;", "DROP TABLE a; -- ü \\ '")
    runs.write("002_b", "CREATE TABLE b (x int);")
    runs.apply()
    assert runs.applied() == ["001_größe", "002_b"]
    assert {standing.state.value for standing in runs.status().migrations} == {"applied"}
    ((stored, _),) = [(entry.name, entry.event) for entry in runs.log() if entry.version == 1]
    assert stored == "größe"


def test_a_message_that_is_sent_in_part_is_never_run(database: Database) -> None:
    """Who breaks off while the server does not read does not wait for it, and nothing of the message happens."""
    with closing(connect(database.conninfo, listener=silent)) as session:
        os.kill(session.backend_pid, signal.SIGSTOP)
        try:
            session.busy = True
            session.pgconn.send_query(f"CREATE TABLE half (x int); SELECT '{'x' * (64 << 20)}'".encode())
            assert session.pgconn.flush() == 1
            session.abandon()
            assert not session.alive
            session.roll_back()
        finally:
            os.kill(session.backend_pid, signal.SIGCONT)
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    assert until(lambda: database.value(others) == 0, "the end of the backend")
    assert database.value("SELECT to_regclass('half') IS NULL")
