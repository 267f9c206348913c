"""Each exit code, and one JSON document whatever happens."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.processes import until
from tests.support.project import Outcome, Project

SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"


def slow(project: Project, header: str = "") -> None:
    """One migration that is done at once, and one that takes ten minutes."""
    project.write("001_quick.up.sql", "CREATE TABLE quick ();")
    project.write("001_quick.down.sql", "DROP TABLE quick;")
    project.write("002_slow.up.sql", f"{header}CREATE TABLE slow ();\nSELECT pg_sleep(600);\n")


@contextmanager
def running(project: Project, *words: str) -> Iterator[subprocess.Popen[str]]:
    """``sqlmig apply`` in a process of its own, in the middle of its second migration."""
    assert project.database is not None
    database = project.database
    with project.spawn("apply", *words) as process:
        until(lambda: database.value(SLEEPING), "the slow statement")
        yield process


def test_0_is_done_or_nothing_to_do(project: Project) -> None:
    project.write("001_a.up.sql", "SELECT 1;")
    for _ in range(2):
        outcome = project.invoke("apply", "--json")
        assert (outcome.exit_code, outcome.json["ok"], outcome.json["error"]) == (0, True, None)


def test_1_is_a_failed_migration(project: Project) -> None:
    """Everything that is known about it is in the document, and nothing is on stderr."""
    project.write("001_a.up.sql", "CREATE TABLE a (id int PRIMARY KEY);\n")
    project.write("002_b.up.sql", "INSERT INTO a VALUES (1);\nINSERT INTO a VALUES (1);\n")
    project.write("003_c.up.sql", "SELECT 1;\n")
    outcome = project.invoke("apply", "--json")
    assert (outcome.exit_code, outcome.stderr) == (1, "")
    document = outcome.json
    assert [step["outcome"] for step in document["steps"]] == ["applied", "failed", "not_run"]
    error = document["error"]
    assert error["code"] == "statement_failed"
    assert (error["file"], error["line"], error["column"]) == ("sql/002_b.up.sql", 2, 1)
    assert (error["statement"], error["statements"], error["sqlstate"]) == (2, 2, "23505")
    assert error["detail"] == "Key (id)=(1) already exists."
    assert error["left_behind"]
    assert error["next_step"].endswith("sqlmig apply")


def test_1_shows_the_place_of_an_error(project: Project) -> None:
    project.write("001_a.up.sql", "SELECT 1;\r\n/* é€ */ SELECT '日本', nonsense;\r\n")
    outcome = project.invoke("apply")
    assert outcome.exit_code == 1
    lines = outcome.stderr.splitlines()
    assert "sql/001_a.up.sql:2:23, statement 2 of 2, SQLSTATE 42703" in lines[1]
    assert lines[3] == "  2 | /* é€ */ SELECT '日本', nonsense;"
    assert lines[4] == "    |                         ^"
    assert lines[-1].startswith("  next: ")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["apply", "--to", "9"], "usage"),
        (["apply", "--env", "nowhere"], "configuration"),
        (["apply", "--config", "nowhere.toml"], "configuration"),
        (["status", "--url", "postgresql://h:port/d"], "configuration"),
        (["check", "--offline", "--dir", "nowhere"], "file_format"),
        (["apply", "--nonsense"], "usage"),
    ],
    ids=" ".join,
)
def test_2_is_something_to_correct(project: Project, words: list[str], code: str) -> None:
    project.write("001_a.up.sql", "SELECT 1;")
    outcome = project.invoke(*words, "--json")
    assert (outcome.exit_code, outcome.stderr) == (2, "")
    assert (outcome.json["exit_code"], outcome.json["error"]["code"]) == (2, code)
    told = project.invoke(*words)
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr.startswith("error: ")


def test_2_for_files_names_all_of_them(project: Project) -> None:
    project.write("001_a.up.sql", "VACUUM;")
    project.write("002_b.up.sql", "SELECT 'unterminated;")
    outcome = project.invoke("plan", "--json")
    assert (outcome.exit_code, outcome.json["error"]["code"]) == (2, "files")
    assert {problem["file"] for problem in outcome.json["problems"]} == {"sql/001_a.up.sql", "sql/002_b.up.sql"}
    assert {step["outcome"] for step in outcome.json["steps"]} == {"not_run"}
    told = project.invoke("plan")
    assert told.exit_code == 2
    assert "sql/002_b.up.sql:1:8" in told.stderr


def test_3_is_a_finding(project: Project) -> None:
    project.write("001_a.up.sql", "SELECT 1;")
    outcome = project.invoke("check", "--json")
    assert (outcome.exit_code, outcome.json["error"]) == (3, None)
    assert [problem["code"] for problem in outcome.json["problems"]] == ["pending"]


def test_4_is_another_runner_and_names_it(project: Project) -> None:
    slow(project)
    with running(project) as other:
        outcome = project.invoke("apply", "--lock-wait", "100ms", "--json")
        told = project.invoke("apply", "--lock-wait", "100ms")
        other.send_signal(signal.SIGTERM)
        other.communicate(timeout=60)
    assert (outcome.exit_code, outcome.json["error"]["code"]) == (4, "lock_held")
    assert told.exit_code == 4
    assert "sqlmig" in outcome.json["error"]["message"].partition("another runner holds the lock: pid ")[2]


@pytest.fixture
def nobody() -> Iterator[str]:
    """The URL of a port that nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"postgresql://u:hunter22hunter@127.0.0.1:{bound.getsockname()[1]}/d"


@pytest.mark.parametrize(
    "words",
    [
        ["apply"],
        ["rollback"],
        ["redo"],
        ["refresh"],
        ["reset"],
        ["fresh"],
        ["status"],
        ["plan"],
        ["check"],
        ["repair"],
        ["baseline", "1"],
        ["history"],
        ["current-version"],
    ],
    ids=" ".join,
)
def test_5_is_no_connection(offline_project: Project, nobody: str, words: list[str]) -> None:
    """For every command that needs one; the password is in none of what they print."""
    offline_project.write("001_a.up.sql", "SELECT 1;")
    document = offline_project.invoke(*words, "--url", nobody, "--json")
    told = offline_project.invoke(*words, "--url", nobody, "--verbose")
    assert (document.exit_code, document.json["error"]["code"]) == (5, "no_connection")
    assert (told.exit_code, told.stdout) == (5, "")
    assert "hunter22" not in document.output + told.output


def stopped(process: subprocess.Popen[str], how: signal.Signals) -> Outcome:
    process.send_signal(how)
    out, err = process.communicate(timeout=60)
    return Outcome(("apply",), process.returncode, out, err)


@pytest.mark.parametrize(("how", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("words", [[], ["--json"]], ids=["text", "json"])
def test_interrupted_is_130_or_143_and_leaves_nothing(
    project: Project, how: signal.Signals, exit_code: int, words: list[str]
) -> None:
    """The statement is cancelled, its transaction rolled back, what was committed before it stays, and that is told."""
    slow(project)
    assert project.database is not None
    with running(project, *words) as process:
        assert process.stdout is not None
        told = "" if words else process.stdout.readline()
        outcome = stopped(process, how)
    assert outcome.exit_code == exit_code
    assert project.database.value(SLEEPING) == 0
    assert project.database.rows("SELECT to_regclass('quick') IS NOT NULL, to_regclass('slow') IS NOT NULL") == [
        (True, False)
    ]
    if words:
        assert outcome.json["error"]["code"] == "interrupted"
        assert [step["outcome"] for step in outcome.json["steps"]] == ["applied", "failed"]
        assert outcome.stderr == ""
    else:
        assert "Traceback" not in outcome.stderr
        assert outcome.stderr.startswith("error: ")
        assert told.startswith("applied  001_quick")
    assert project.invoke("status").exit_code == 0


@pytest.mark.parametrize(("how", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupt_is_not_lost_among_notices(project: Project, how: signal.Signals, exit_code: int) -> None:
    """Wherever it comes, also while a notice is being taken in."""
    project.write("001_storm.up.sql", "DO $$ BEGIN LOOP RAISE NOTICE 'again'; END LOOP; END $$;")
    with project.spawn("apply") as process:
        assert process.stderr is not None
        assert "again" in process.stderr.readline()
        outcome = stopped(process, how)
    assert outcome.exit_code == exit_code
    assert "001_storm" not in outcome.stdout.replace("failed   001_storm", "")


def test_signal_handlers_are_as_they_were(project: Project) -> None:
    """Whoever calls ``main`` in a process of their own keeps their own."""

    def mine(number: int, frame: object) -> None:
        raise AssertionError

    before = signal.signal(signal.SIGTERM, mine)
    try:
        project.invoke("status")
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)
