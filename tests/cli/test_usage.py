"""Words that cannot be understood: calm, exit 2, with what was probably meant and what to type."""

from __future__ import annotations

import pytest

from sqlmig.cli import main
from sqlmig.version import VERSION
from tests.support.project import Outcome, Project

WRONG = [
    (["aply"], "there is no command 'aply'; did you mean apply?", "sqlmig --help"),
    (["xyzzy"], "there is no command 'xyzzy'", "sqlmig --help"),
    (["currentversion"], "there is no command 'currentversion'; did you mean current-version?", "sqlmig --help"),
    (["db"], "missing command", "sqlmig db --help"),
    (["db", "strat"], "there is no command 'strat'; did you mean start?", "sqlmig db --help"),
    (["apply", "--stpes", "3"], "there is no option --stpes; did you mean --steps?", "sqlmig apply --help"),
    (["up", "--xyzzy"], "there is no option --xyzzy", "sqlmig apply --help"),
    (["apply", "-x"], "there is no option -x", "sqlmig apply --help"),
    (["apply", "--steps"], "option '--steps' requires an argument", "sqlmig apply --help"),
    (["apply", "--steps", "x"], "--steps: 'x' is not a whole number from 1 on", "sqlmig apply --help"),
    (["apply", "--steps", "0"], "--steps: '0' is not a whole number from 1 on", "sqlmig apply --help"),
    (["apply", "--steps", "-1"], "--steps: '-1' is not a whole number from 1 on", "sqlmig apply --help"),
    (["apply", "--to", "1.5"], "--to: '1.5' is not a whole number from 0 on", "sqlmig apply --help"),
    (["apply", "--to", "٣"], "--to: '٣' is not a whole number from 0 on", "sqlmig apply --help"),
    (["apply", "--wait", "soon"], '--wait: "soon" is not a number with a unit', "sqlmig apply --help"),
    (["apply", "--lock-wait", "3 parsecs"], '--lock-wait: "3 parsecs" is not a duration', "sqlmig apply --help"),
    (["apply", "--dry-run=yes"], "option '--dry-run' does not take a value", "sqlmig apply --help"),
    (["apply", "001", "002"], "got unexpected extra argument", "sqlmig apply --help"),
    (["rollback", "--batch", "last"], "--batch: 'last' is not a whole number from 1 on", "sqlmig rollback --help"),
    (["history", "--limit", "0"], "--limit: '0' is not a whole number from 1 on", "sqlmig history --help"),
    (["baseline"], "missing argument 'VERSION'", "sqlmig baseline --help"),
    (["baseline", "all"], "VERSION: 'all' is not a whole number from 0 on", "sqlmig baseline --help"),
    (["new"], "missing argument 'NAME'", "sqlmig new --help"),
    (["--json", "status"], "--json stands behind the command: sqlmig status --json", "sqlmig --help"),
    (["--env", "x", "status"], "--env stands behind the command: sqlmig status --env", "sqlmig --help"),
    (["--dir", "x", "status"], "--dir stands behind the command: sqlmig status --dir", "sqlmig --help"),
    (["--xyzzy"], "there is no option --xyzzy", "sqlmig --help"),
]


def shown(project: Project, words: list[str]) -> Outcome:
    outcome = project.invoke(*words)
    assert outcome.exit_code == 2
    return outcome


@pytest.mark.parametrize(("words", "message", "help_command"), WRONG, ids=[" ".join(words) for words, *_ in WRONG])
def test_wrong_words_are_told_calmly(
    offline_project: Project, words: list[str], message: str, help_command: str
) -> None:
    outcome = shown(offline_project, words)
    if "--json" not in words:
        first, *others = outcome.stderr.splitlines()
        assert first.startswith(f"error: {message}")
        assert others == [f"  next: {help_command}"]
        assert outcome.stdout == ""


NEEDS_NOTHING_MORE = [wrong for wrong in WRONG if wrong[0] not in (["db"], ["apply", "--steps"])]


@pytest.mark.parametrize(
    ("words", "message", "help_command"),
    NEEDS_NOTHING_MORE,
    ids=[" ".join(words) for words, *_ in NEEDS_NOTHING_MORE],
)
def test_wrong_words_are_a_document_where_one_is_wanted(
    offline_project: Project, words: list[str], message: str, help_command: str
) -> None:
    """A pipeline reads why, instead of failing to parse nothing."""
    outcome = shown(offline_project, [*words, "--json"])
    assert outcome.stderr == ""
    assert outcome.json["exit_code"] == 2
    assert outcome.json["error"]["code"] == "usage"
    assert outcome.json["error"]["message"].startswith(message)
    assert outcome.json["error"]["next_step"] == help_command


CONTRADICTIONS = [
    (["apply", "--to", "1", "--steps", "1"], "--to and --steps"),
    (["apply", "001", "--to", "1"], "MIGRATION and --to"),
    (["rollback", "--all", "--steps", "1"], "--steps and --all"),
    (["rollback", "--to", "0", "--batch", "1"], "--to and --batch"),
    (["down", "001", "--all"], "MIGRATION and --all"),
    (["plan", "--to", "0", "--steps", "2"], "--to and --steps"),
    (["repair", "001", "--mark-applied", "--mark-rolled-back"], "--mark-applied and --mark-rolled-back"),
    (["repair", "001", "--resume-at", "2", "--mark-applied"], "--resume-at and --mark-applied"),
]


@pytest.mark.parametrize(("words", "both"), CONTRADICTIONS, ids=[" ".join(words) for words, _ in CONTRADICTIONS])
def test_options_that_contradict_each_other_are_refused(offline_project: Project, words: list[str], both: str) -> None:
    """Before any database is looked for, rather than one of them winning in silence."""
    outcome = shown(offline_project, words)
    assert outcome.stderr == f"error: {both} contradict each other; give one of them\n"


@pytest.mark.parametrize("words", [["--mark-applied"], ["001", "002", "--mark-rolled-back"], ["--resume-at", "1"]])
def test_decision_is_about_one_migration(offline_project: Project, words: list[str]) -> None:
    outcome = shown(offline_project, ["repair", *words])
    assert outcome.stderr.startswith("error: name the one migration that this is about\n")


def test_version_is_one_line(offline_project: Project) -> None:
    outcome = offline_project.invoke("--version")
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, f"sqlmig {VERSION}\n", "")
    assert offline_project.invoke("--version", "status").stdout == outcome.stdout


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["apply", "--help"], ["db", "-h"], ["db", "url", "--help"]])
def test_help_is_a_result(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """On stdout, exit 0, and no wider than asked for."""
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Usage: sqlmig ")
    assert err == ""
    assert all(len(line) <= 80 for line in out.splitlines())


def test_nothing_typed_is_answered_with_help(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr and with exit code 2: a script that lost its arguments must not go on."""
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert (out, err.startswith("Usage: sqlmig ")) == ("", True)


def test_arguments_are_those_of_the_process_where_none_are_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["sqlmig", "--version"])
    assert main() == 0
    assert capsys.readouterr().out == f"sqlmig {VERSION}\n"


def test_words_behind_two_dashes_are_no_options(offline_project: Project) -> None:
    """A migration may be called anything; ``--json`` there asks for no document."""
    outcome = offline_project.invoke("new", "--", "--json")
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith("sql/001_")


def test_secret_in_a_wrong_word_is_not_repeated(offline_project: Project) -> None:
    outcome = shown(offline_project, ["status", "--ulr=postgresql://u:hunter22hunter@h/d"])
    assert "hunter22" not in outcome.output
    outcome = shown(offline_project, ["postgresql://u:hunter22hunter@h/d"])
    assert "hunter22" not in outcome.output
