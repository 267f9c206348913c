"""What becomes of output: pipes that close, disks that are full, secrets, bugs of our own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Mapping

import pytest

from sqlmig import api
from sqlmig.cli import main
from sqlmig.report.reporter import Console
from tests.support.project import Project

SECRET = "p@s:/?#[%&+ '\"é-hunter22hunter"


def many(project: Project, count: int = 300) -> None:
    for number in range(1, count + 1):
        project.write(f"{number:03}_migration_{number}.up.sql", "SELECT 1;")


def shell(project: Project, command: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A line as one types it; ``sqlmig`` stands for the command, ``$?`` of it is echoed at the end of stderr."""
    script = command.replace("sqlmig", f'"{sys.executable}" -m sqlmig')
    return subprocess.run(
        ["bash", "-c", script],
        cwd=project.folder,
        env=project.environment(env),
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_reader_that_goes_away_stops_nothing(project: Project) -> None:
    """``sqlmig apply | head -1``: everything is applied, and no complaint follows."""
    many(project)
    done = shell(project, "sqlmig apply | head -1; echo ${PIPESTATUS[0]} >&2")
    assert (done.stdout.count("\n"), done.stderr) == (1, "0\n")
    assert project.database is not None
    assert project.database.value("SELECT count(*) FROM sqlmig.migration") == 300


@pytest.mark.parametrize("command", ["status", "plan", "plan --json", "--help", "apply --help"])
def test_closed_pipe_is_quiet(project: Project, command: str) -> None:
    many(project)
    done = shell(project, f"sqlmig {command} | true; echo ${{PIPESTATUS[0]}} >&2")
    assert (done.stdout, done.stderr) == ("", "0\n")


@pytest.mark.parametrize("command", ["status", "plan --json"])
def test_document_that_could_not_be_written_is_no_success(project: Project, command: str) -> None:
    project.write("001_a.up.sql", "SELECT 1;")
    done = shell(project, f"sqlmig {command} > /dev/full")
    assert done.returncode == 1
    assert done.stderr == "error: stdout cannot be written: No space left on device\n"


def test_closed_stdout_is_no_obstacle(project: Project) -> None:
    project.write("001_a.up.sql", "SELECT 1;")
    assert shell(project, "sqlmig apply >&-").returncode == 0
    assert shell(project, "sqlmig check >&- 2>&- <&-").returncode == 0


def test_ascii_stream_takes_any_name(project: Project) -> None:
    """A cron job has LC_ALL=C."""
    project.write("001_größe_日本.up.sql", "SELECT 1;")
    for command in ("apply", "status", "status --json"):
        done = shell(project, f"sqlmig {command}", {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
        assert (done.returncode, done.stderr) == (0, "")
        assert "gr\\" in done.stdout


def test_pipe_gets_no_control_characters(project: Project) -> None:
    """Whatever a migration and the server say."""
    project.write("001_a.up.sql", "DO $$ BEGIN RAISE WARNING '%', E'\\x1b[2J\\x07boo'; END $$;\n")
    project.write("002_b.up.sql", "SELECT 1;\t\tSELECT\x0b\x1b[31m;\n")
    done = shell(project, "sqlmig apply --verbose; sqlmig status; sqlmig check --strict; sqlmig history")
    assert "\\x1b[2J" in done.stderr
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", done.stdout + done.stderr)


def test_notices_come_as_they_are_raised_and_once(project: Project) -> None:
    project.write("001_a.up.sql", "DO $$ BEGIN RAISE NOTICE 'counted %', 3; END $$;\nSELECT 1/0;\n")
    outcome = project.invoke("apply")
    assert outcome.stderr.index("001_a: notice: counted 3") < outcome.stderr.index("error: ")
    assert outcome.stderr.count("counted 3") == 1
    assert project.invoke("apply", "--json").stderr == ""
    assert "counted 3" in project.invoke("apply", "--json", "--verbose").stderr


def break_status(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def status(self: api.Project) -> None:
        hidden = SECRET  # a local variable, as a bug may have it
        raise error from ValueError(f"before that: {hidden}")

    monkeypatch.setattr(api.Project, "status", status)


def test_bug_is_told_calmly(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    break_status(monkeypatch, RuntimeError("it broke"))
    outcome = project.invoke("status")
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert outcome.stderr == (
        "error: a bug in sqlmig: RuntimeError: it broke\n"
        "  next: run it again with --verbose and report what it prints\n"
    )


def test_bug_is_a_document_where_one_is_wanted(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    break_status(monkeypatch, RuntimeError("it broke"))
    outcome = project.invoke("status", "--json")
    assert (outcome.exit_code, outcome.stderr) == (1, "")
    assert outcome.json["error"]["message"] == "a bug in sqlmig: RuntimeError: it broke"
    assert outcome.json["migrations"] is None


def test_traceback_holds_no_secret(offline_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the messages of the errors, nor as the value of a variable."""
    break_status(monkeypatch, RuntimeError(f"cannot connect with {SECRET!r}"))
    environment = {"PGPASSWORD": SECRET, "PGHOST": "h"}
    outcome = offline_project.invoke("status", "--verbose", env=environment)
    assert outcome.exit_code == 1
    assert "Traceback (most recent call last)" in outcome.stderr
    assert "in status" in outcome.stderr
    assert "hunter22" not in outcome.output
    assert "***" in outcome.stderr


def test_interruption_before_anything_is_quiet(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def status(self: api.Project) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(api.Project, "status", status)
    outcome = project.invoke("status")
    assert (outcome.exit_code, outcome.stderr) == (130, "error: interrupted\n")
    assert project.invoke("status", "--json").json["exit_code"] == 130


def test_warnings_do_not_disturb_a_document(project: Project) -> None:
    many(project, 2)
    assert project.invoke("apply").exit_code == 0
    project.write("001_migration_1.up.sql", "SELECT 2;")
    project.write("notes.sql", "-- no migration")
    for command in ("apply", "status", "plan", "check", "rollback"):
        outcome = project.invoke(command, "--json")
        assert outcome.stderr == ""
        assert outcome.json["command"] == command
    assert [warning["code"] for warning in project.invoke("plan", "--json").json["warnings"]] == ["drift"]


def test_every_document_passes_json_tool(project: Project) -> None:
    """As people do it: the shell, the pipe, Python's own reader."""
    many(project, 2)
    for command in ("apply", "status", "aply", "apply --steps x", "check", "history", "rollback --all", "db url"):
        done = shell(project, f'sqlmig {command} --json | "{sys.executable}" -m json.tool')
        assert done.returncode == 0, done
        assert json.loads(done.stdout)["format"] == 1


def test_main_works_outside_the_main_thread(capsys: pytest.CaptureFixture[str]) -> None:
    """Where no signal handler can be set."""
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(main(["status", "--nonsense"])))
    thread.start()
    thread.join()
    assert codes == [2]
    assert "there is no option --nonsense" in capsys.readouterr().err


def test_server_of_the_project_is_started_found_and_stopped(offline_project: Project) -> None:
    """``db url`` prints the URL alone, so that psql can be given it."""
    offline_project.write_config('default_environment = "development"\n[env.development]\nurl = "embedded"\n')
    try:
        started = offline_project.invoke("db", "start")
        assert started.exit_code == 0
        assert " started, its data in " in started.stderr
        url = offline_project.invoke("db", "url")
        assert url.stdout == started.stdout
        assert " is running, " in url.stderr
        document = offline_project.invoke("db", "url", "--json").json
        assert (document["command"], document["running"], document["changed"]) == ("db url", True, False)
        assert document["url"] == url.stdout.strip()
        assert offline_project.invoke("status", "--url", document["url"]).exit_code == 0
    finally:
        stopped = offline_project.invoke("db", "stop")
    assert " stopped, its data in " in stopped.stdout
    assert " is not running" in offline_project.invoke("db", "stop").stdout


def test_server_is_the_projects_own_or_none(project: Project) -> None:
    outcome = project.invoke("db", "start")
    assert outcome.exit_code == 2
    assert "is not on the embedded server" in outcome.stderr


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_completion_script_is_shown(shell_name: str, project: Project) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sqlmig", "--show-completion", shell_name],
        env=project.environment({"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done
    assert "_SQLMIG_COMPLETE" in done.stdout


def completions(project: Project, *words: str) -> list[str]:
    environment = {
        "_SQLMIG_COMPLETE": "complete_bash",
        "COMP_WORDS": "\n".join(["sqlmig", *words]),
        "COMP_CWORD": str(len(words)),
        "_TYPER_COMPLETE_ARGS": " ".join(["sqlmig", *words]),
    }
    outcome = project.run(env={**environment})
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    return outcome.stdout.split()


def test_shell_completes_commands_options_and_migrations(offline_project: Project) -> None:
    """From the files alone: no database is asked at each press of the tab key."""
    offline_project.write("001_create_users.up.sql", "SELECT 1;")
    offline_project.write("002_create_orders.up.sql", "SELECT 1;")
    assert completions(offline_project, "ro") == ["rollback"]
    assert "apply" in completions(offline_project, "")
    assert "up" not in completions(offline_project, "")
    assert completions(offline_project, "apply", "--allow") == ["--allow-out-of-order"]
    assert completions(offline_project, "apply", "00") == ["001_create_users", "002_create_orders"]
    assert completions(offline_project, "repair", "002") == ["002_create_orders"]
    assert completions(offline_project, "db", "s") == ["start", "stop"]
    assert completions(offline_project, "new", "x", "--template", "add-c") == ["add-column", "add-column-with-backfill"]
    assert completions(offline_project, "seed", "run", "") == []
    seeds = offline_project.folder / "seeds" / "staging"
    seeds.mkdir(parents=True)
    (seeds / "people.sql").write_text("SELECT 1;")
    offline_project.write_config("[env.staging]\nurl = 'embedded'\n")
    assert completions(offline_project, "seed", "run", "--env", "staging", "p") == ["people"]


def test_completion_of_what_cannot_be_read_is_silent(offline_project: Project) -> None:
    offline_project.write_config("nonsense")
    assert completions(offline_project, "apply", "00") == []


def test_file_that_the_system_refuses_is_no_bug(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named, with what the system said of it."""
    break_status(monkeypatch, PermissionError(13, "Permission denied", "/etc/sqlmig.toml"))
    outcome = project.invoke("status")
    assert (outcome.exit_code, outcome.stderr) == (2, "error: /etc/sqlmig.toml: Permission denied\n")
    break_status(monkeypatch, OSError(28, "No space left on device"))
    assert "a bug in sqlmig: OSError: [Errno 28] No space left on device" in project.invoke("status").stderr


def test_second_ctrl_c_ends_it_all_the_same(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pressed while the first one is being told: no traceback for the impatient."""

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(api.Project, "status", interrupted)
    monkeypatch.setattr(Console, "error", interrupted)
    assert project.invoke("status").exit_code == 130
