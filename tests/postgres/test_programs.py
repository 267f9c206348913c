"""Programs that are told of events: each reads one JSON document, and none of them breaks or delays a run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from sqlmig.errors import StatementFailed
from sqlmig.events import Warned
from tests.support.processes import is_alive, until
from tests.support.project import Project
from tests.support.runner import Runs, outcomes


@pytest.fixture
def runs(project: Project, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Programs have all the time that a busy machine takes to start them."""
    monkeypatch.setattr("sqlmig.programs.TIME_LIMIT", 120.0)
    monkeypatch.setattr("sqlmig.programs.LAST_WAIT", 120.0)
    return Runs(project)


PROGRAM = """
import json, os, sys, time
event = json.load(sys.stdin)
with open(sys.argv[1], "a") as log:
    log.write(json.dumps(event) + "\\n")
"""


def program(runs: Runs, *more: list[str]) -> Path:
    """Configure a program that writes each event into a file."""
    log = runs.project.folder / "events.jsonl"
    runs.configure(on_event=[[sys.executable, "-c", PROGRAM, str(log)], *more])
    return log


def heard(log: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_programs_are_told_of_each_event(runs: Runs) -> None:
    """In order, with what they need to know of the run, until it is done."""
    runs.write("001_a", "SELECT 1;")
    runs.write("002_b", "SELECT 1;")
    log = program(runs)
    runs.apply()
    events = heard(log)
    assert [event["event"] for event in events] == [
        *("run_started", "step_started", "step_done", "step_started", "step_done", "run_done")
    ]
    assert {event["format"] for event in events} == {1}
    assert {(event["command"], event["environment"]) for event in events} == {("apply", "default")}
    assert len({event["run"] for event in events}) == 1
    done = events[2]
    assert done["step"] == {
        "kind": "migration",
        "version": 1,
        "label": "001",
        "name": "a",
        "direction": "up",
        "file": str(runs.project.sql / "001_a.up.sql"),
    }
    assert isinstance(done["duration_ms"], float)
    assert len(events[0]["steps"]) == 2  # type: ignore[arg-type]
    runs.apply()
    assert len(heard(log)) == len(events)


def test_programs_are_told_of_failures(runs: Runs) -> None:
    runs.write("001_a", "SELECT 1;\nSELECT 1/0;")
    log = program(runs)
    runs.fails(StatementFailed)
    last = heard(log)[-1]
    assert (last["event"], last["code"], last["line"]) == ("run_failed", "statement_failed", 2)
    assert (last["exit_code"], last["sqlstate"]) == (1, "22012")
    assert last["left_behind"] == "001_a was rolled back: nothing of it stays"


def test_programs_hear_no_password(runs: Runs) -> None:
    """Whatever a message holds: what is secret is taken out, as everywhere."""
    log = program(runs)
    runs.url = "postgresql://nobody:hunter2hunter2@127.0.0.1:1/app"
    runs.write("001_a", "SELECT 1;")

    def told() -> bool:
        """Of the wait: where this machine stands still for a moment, its time is over before it begins."""
        with pytest.raises(Exception, match="no connection"):
            runs.api.apply(wait=0.3)
        return log.exists()

    until(told, "an event")
    assert "hunter2" not in log.read_text()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["/no/such/program"], "cannot be run: No such file"),
        (["a\0b"], None),
        (["false"], "ended with exit code 1"),
        ([sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"], "exit code -9"),
    ],
)
def test_a_program_that_fails_breaks_nothing(runs: Runs, command: list[str], said: str | None) -> None:
    """It is a warning, told once; what it cannot be called is an error of the configuration."""
    runs.write("001_a", "SELECT 1;")
    runs.write("002_b", "SELECT 1;")
    log = program(runs, command)
    if said is None:
        with pytest.raises(Exception, match="NUL"):
            runs.apply()
        return
    result = runs.apply()
    assert outcomes(result) == ["applied", "applied"]
    (warning,) = result.warnings
    assert warning.code == "on_event"
    assert said in warning.message
    assert len(runs.told(Warned)) == 1
    assert len(heard(log)) == 6
    assert runs.applied() == ["001_a", "002_b"]


def test_a_program_that_hangs_is_killed(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its children, within its time; the migrations are applied meanwhile, and it is called no more."""
    monkeypatch.setattr("sqlmig.programs.TIME_LIMIT", 2.0)
    pids = runs.project.folder / "pids"
    runs.configure(on_event=[["sh", "-c", f"sleep 600 & echo $! $$$$ >> {pids}; wait"]])
    for number in range(1, 6):
        runs.write(f"00{number}_a", "SELECT 1;")

    def hung() -> bool:
        """Not on a machine so slow that the program is killed before it has begun."""
        runs.database.execute("DROP SCHEMA IF EXISTS sqlmig CASCADE")
        result = runs.apply()
        assert outcomes(result) == ["applied"] * 5
        assert ["took longer than" in warning.message for warning in result.warnings] == [True]
        return pids.exists() and pids.read_text().endswith("\n")

    until(hung, "a program that hangs")
    until(lambda: not any(is_alive(int(pid)) for pid in pids.read_text().split()), "the end of the program")
    assert len(pids.read_text().split()) == 2


def test_slow_programs_do_not_hold_up_the_end(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not told in time is counted."""
    monkeypatch.setattr("sqlmig.programs.LAST_WAIT", 0.3)
    runs.configure(on_event=[[sys.executable, "-c", "import time; time.sleep(0.4)"]])
    for number in range(101, 141):
        runs.write(f"{number}_a", "SELECT 1;")
    result = runs.apply()
    assert outcomes(result) == ["applied"] * 40
    assert any("were not told in time" in warning.message for warning in result.warnings)


def test_a_failing_program_shows_in_json(runs: Runs) -> None:
    runs.write("001_a", "SELECT 1;")
    runs.configure(on_event=[["false"]])
    done = runs.project.invoke("apply", "--json")
    assert done.exit_code == 0
    assert [warning["code"] for warning in done.json["warnings"]] == ["on_event"]
    assert "on_event: false ended with exit code 1" in runs.project.invoke("fresh").stderr


@pytest.mark.parametrize("value", ['"notify"', "[[]]", '[["a"], "b"]', '[[""]]', "[[1]]", "true"])
def test_what_is_no_command_is_refused(project: Project, value: str) -> None:
    project.write_config(f"on_event = {value}\n")
    refused = project.invoke("status")
    assert refused.exit_code == 2
    assert "on_event" in refused.stderr
