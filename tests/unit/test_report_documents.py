"""JSON documents: every key is there, is documented, and holds no secret."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sqlmig.config import Redactor
from sqlmig.errors import (
    CheckFailed,
    ConfirmationRequired,
    FileError,
    FilesInvalid,
    Interrupted,
    Place,
    SqlmigError,
    UsageError,
)
from sqlmig.migration import Migration, Progress
from sqlmig.report.documents import BODIES, dumped, error_document, result_document
from sqlmig.results import (
    BaselineResult,
    CheckResult,
    HistoryResult,
    IndexBuild,
    InitResult,
    Locks,
    LogEntry,
    NewResult,
    Outcome,
    Renamed,
    RenumberResult,
    RepairChange,
    RepairResult,
    Result,
    SeedFileResult,
    ServerResult,
    StatusResult,
    TableLock,
    VersionResult,
)
from sqlmig.schema.diff import Change
from sqlmig.script import Direction, FileSource, Script
from sqlmig.standing import State
from sqlmig.templates import Key, Template
from sqlmig.templates.results import TemplatesResult
from sqlmig.verdicts import Difference, DriftResult, DumpResult, RehearsalResult, Rehearsed, RowDifference, Verdict
from tests.unit.report_values import (
    DRIFT,
    NO_VACUUM,
    NOON,
    PENDING,
    SERVER,
    WHERE,
    migration,
    record,
    run_result,
    standing,
    statement_failed,
)

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
ENTRY = LogEntry(NOON, "apply", 1, "001", "a", 1, "u", "r", "h", 1.0, "0.1.0", None, None)
CHANGE = Change("table public.a", "added", "definition", "table public.a: only after")
LOCKS = Locks((TableLock("public.a", "SHARE", False),), (IndexBuild("public.i", "public.a", False),))
REHEARSED = Rehearsed(
    1,
    "001",
    "a",
    Verdict.DOWN_LEAVES,
    (Difference("down", CHANGE),),
    (RowDifference("down", "public.a", 1, 2),),
    LOCKS,
    statement_failed(),
    1.0,
)

RESULTS: dict[str, Result] = {
    **dict.fromkeys(
        ("apply", "rollback", "redo", "refresh", "reset", "fresh", "switch", "plan"),
        run_result(Outcome.PLANNED, dry_run=True),
    ),
    "status": StatusResult(WHERE, (standing(files=migration(), applied=record()),), (DRIFT,)),
    "baseline": BaselineResult(WHERE, (standing(State.PENDING, migration()),)),
    "check": CheckResult(WHERE, (NO_VACUUM,), 1, False, 2),
    "repair": RepairResult(WHERE, (RepairChange(1, "001", "a", "SQL changed", "+x"),)),
    "renumber": RenumberResult(
        WHERE, (Renamed(1, "001", "a", 2, "002", (("001_a.up.sql", "002_a.up.sql"),)),), ("sqlmig.sum",), (), False
    ),
    "history": HistoryResult(WHERE, (ENTRY,)),
    "rehearse": RehearsalResult(WHERE, "beside", "PostgreSQL 18.6", (REHEARSED,), (), (), 1.0),
    "drift": DriftResult(WHERE, "f", "k", "the snapshot", (CHANGE,), accepted=False),
    "dump": DumpResult(WHERE, "{}", "f", sql=False, changes=(CHANGE,)),
    "new": NewResult("a.up.sql", "a.down.sql"),
    "seed new": SeedFileResult("seeds/a.sql"),
    "seed run": run_result(Outcome.PLANNED, dry_run=True),
    "templates": TemplatesResult((Template("t", "A t.", (Key("k", "name", "the k"),), "", None),)),
    "init": InitResult(("sql/",), ()),
    **dict.fromkeys(("db start", "db stop", "db url"), ServerResult(True, "postgresql:///x", "/p", "18.6", True)),
    "current-version": VersionResult(WHERE, 1, "001", "a"),
}


def documented(heading: str) -> list[str]:
    """The keys in the first column of the table below a heading of the page."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def documented_for(command: str) -> list[str]:
    section = PAGE.partition("\n## What each command adds\n")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    (keys,) = (row[2] for row in rows if f"`{command}`" in row[1])
    return re.findall(r"`(\w+)`", keys)


def document(command: str) -> dict[str, Any]:
    return json.loads(dumped(result_document(RESULTS[command], command, "production", 0), str))  # type: ignore[no-any-return]


@pytest.mark.parametrize("command", sorted(RESULTS))
def test_document_has_the_documented_keys_and_no_others(command: str) -> None:
    keys = [*documented("Every document")[:8], *documented_for(command), *documented("Every document")[8:]]
    assert list(document(command)) == keys


@pytest.mark.parametrize("command", sorted(RESULTS))
def test_failure_has_the_keys_of_the_command_too(command: str) -> None:
    """Who reads ``.migrations`` reads null, and does not fall over a key that is not there."""
    failed = error_document(SqlmigError("no"), command, None)
    assert list(failed) == list(document(command))
    assert [failed[key] for key in BODIES[command]] == [None] * len(BODIES[command])


@pytest.mark.parametrize(
    ("heading", "command", "key"),
    [
        ("`steps`", "plan", "steps"),
        ("`migrations`", "status", "migrations"),
        ("`migrations`", "baseline", "migrations"),
        ("Problems and warnings", "check", "problems"),
        ("Problems and warnings", "status", "warnings"),
        ("`changes`", "repair", "changes"),
        ("`renamed`", "renumber", "renamed"),
        ("`events`", "history", "events"),
        ("`migrations` of `rehearse`", "rehearse", "migrations"),
        ("`differences`", "drift", "differences"),
        ("`differences`", "dump", "differences"),
        ("`templates`", "templates", "templates"),
    ],
)
def test_items_have_the_documented_keys(heading: str, command: str, key: str) -> None:
    (item,) = document(command)[key]
    assert list(item) == documented(heading)


def test_statements_and_errors_have_the_documented_keys() -> None:
    assert list(document("plan")["steps"][0]["script"][0]) == documented("`script`")
    assert list(document("templates")["templates"][0]["keys"][0]) == documented("`keys`")
    assert list(error_document(statement_failed(), "apply", None)["error"]) == documented("`error`")


def test_what_a_rehearsal_found_has_the_documented_keys() -> None:
    (found,) = document("rehearse")["migrations"]
    (difference,), (rows,) = found["differences"], found["rows"]
    assert list(difference) == ["direction", "message", *documented("`differences`")]
    assert list(rows) == documented("`rows`")
    assert list(found["locks"]) == documented("`locks`")
    assert [*found["error"]] == documented("`error`")[: len(found["error"])]
    assert (found["locks"]["tables"], rows["rows"]) == ([{"table": "public.a", "mode": "SHARE", "rewritten": False}], 2)


def test_every_command_is_documented() -> None:
    assert set(RESULTS) == set(BODIES)


def test_failed_run_tells_steps_and_error() -> None:
    """Applied, failed, not run, and why: all in one document."""
    failed = error_document(statement_failed(), "apply", "ignored")
    assert [step["outcome"] for step in failed["steps"]] == ["applied", "failed", "not_run"]
    assert [step["duration_ms"] for step in failed["steps"]] == [1.0, None, None]
    assert (failed["ok"], failed["exit_code"], failed["environment"]) == (False, 1, "production")
    assert failed["error"] == {
        "code": "statement_failed",
        "message": f"002_more: {SERVER.message}",
        "file": "sql/002_more.up.sql",
        "line": 12,
        "column": 9,
        "statement": 2,
        "statements": 5,
        "sqlstate": "23505",
        "detail": SERVER.detail,
        "hint": SERVER.hint,
        "context": SERVER.context,
        "left_behind": "002_more was rolled back: nothing of it stays",
        "notes": ["blocked by pid 4711 (app, idle in transaction for 3 min)"],
        "next_step": "correct sql/002_more.up.sql, then: sqlmig apply",
    }


@pytest.mark.parametrize("kind", [CheckFailed, FilesInvalid])
def test_all_findings_of_a_refusal_are_listed_once(kind: type[CheckFailed] | type[FilesInvalid]) -> None:
    error = kind([NO_VACUUM, PENDING])
    error.result = run_result(Outcome.NOT_RUN, problems=(NO_VACUUM, DRIFT))
    refused = error_document(error, "apply", None)
    assert [problem["code"] for problem in refused["problems"]] == ["needs_no_transaction", "pending"]
    assert [problem["code"] for problem in refused["warnings"]] == ["drift"]
    assert [step["outcome"] for step in refused["steps"]] == ["not_run"]


def test_plan_that_waits_for_consent_is_in_the_document() -> None:
    error = ConfirmationRequired("production is protected")
    error.result = run_result(Outcome.PLANNED, dry_run=True)
    assert [step["outcome"] for step in error_document(error, "apply", None)["steps"]] == ["planned"]


def test_interruption_keeps_its_exit_code() -> None:
    stopped = error_document(Interrupted("interrupted", exit_code=143), "apply", None)
    assert (stopped["exit_code"], stopped["error"]["code"]) == (143, "interrupted")


def test_status_of_one_that_stopped() -> None:
    stopped = record(progress=Progress.RUNNING, direction=Direction.DOWN, statement=2, statements=3, error="no")
    result = StatusResult(WHERE, (standing(State.FAILED, None, stopped, DRIFT),), ())
    (item,) = result_document(result, "status", None, 0)["migrations"]
    assert (item["direction"], item["statement"], item["statements"], item["error"]) == ("down", 2, 3, "no")
    assert (item["up_file"], item["down_file"], item["next_step"]) == (None, None, DRIFT.next_step)
    assert item["applied_at"] == "2026-11-21T12:00:00+00:00"
    assert item["duration_ms"] == 12.346


@pytest.mark.parametrize(
    ("files", "reversible"),
    [
        (migration(), True),
        (migration(down=False), False),
        (migration(text="-- sqlmig: irreversible\nSELECT 1;\n"), False),
        (migration(text="-- sqlmig: irreversibel\nSELECT 1;\n"), None),
    ],
)
def test_whether_a_pending_one_is_reversible_comes_from_its_files(files: Migration, reversible: bool | None) -> None:
    """Null where the files do not say it: status shows what can be shown."""
    result = StatusResult(WHERE, (standing(State.PENDING, files),), ())
    (item,) = result_document(result, "status", None, 0)["migrations"]
    assert item["reversible"] is reversible


def test_file_that_is_gone_meanwhile_is_no_obstacle(tmp_path: Path) -> None:
    files = replace(migration(), up=Script(Direction.UP, FileSource(tmp_path / "gone.sql", "gone.sql")))
    (item,) = result_document(StatusResult(WHERE, (standing(State.PENDING, files),), ()), "status", None, 0)[
        "migrations"
    ]
    assert item["reversible"] is None
    with pytest.raises(FileError):
        files.up.text()


def test_version_of_twenty_digits_is_a_number() -> None:
    version = 99999999999999999999
    result = VersionResult(WHERE, version, str(version), "x")
    assert f'"version": {version},' in dumped(result_document(result, "current-version", None, 0), str)


SECRET = "p@s:/?#[%&+ '\"é"


def test_secrets_are_taken_out_of_every_value() -> None:
    """Before quoting: the document stays one, whatever the password."""
    error = UsageError(
        f"cannot use {SECRET}", place=Place(f"{SECRET}.sql", 1, 1), next_step=f"not {SECRET}", notes=[f"or {SECRET}"]
    )
    text = dumped(error_document(error, "apply", SECRET), Redactor([SECRET]))
    shown = json.loads(text)
    assert shown["environment"] == "***"
    assert shown["error"]["message"] == "cannot use ***"
    assert shown["error"]["notes"] == ["or ***"]
    assert json.dumps(SECRET)[1:-1] not in text


def test_document_is_ascii_whatever_it_holds() -> None:
    """No encoding of stdout, and no half character of a path, keeps it from being written."""
    text = dumped(error_document(UsageError("日本 \udce9 \x1b[2J"), "apply", None), str)
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text)["error"]["message"] == "日本 \udce9 \x1b[2J"


def test_what_is_no_result_has_no_document() -> None:
    with pytest.raises(TypeError, match="StringIO"):
        result_document(io.StringIO(), "apply", None, 0)  # type: ignore[arg-type]
