"""Results for people: a line for each migration, and at the end what it came to."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pkgutil import walk_packages

import pytest

import sqlmig
from sqlmig.errors import ScriptError
from sqlmig.migration import Progress
from sqlmig.plan import Apply, Plan
from sqlmig.report.console import result_lines
from sqlmig.report.documents import body
from sqlmig.report.elsewhere import MODULES
from sqlmig.report.style import without_marks
from sqlmig.report.text import local_time, width
from sqlmig.results import (
    BaselineResult,
    CheckResult,
    HistoryResult,
    InitResult,
    LogEntry,
    NewResult,
    Outcome,
    RepairChange,
    RepairResult,
    Result,
    RunResult,
    ServerResult,
    StatusResult,
    VersionResult,
)
from sqlmig.script import Direction
from sqlmig.standing import State
from tests.unit.report_values import (
    DRIFT,
    NO_VACUUM,
    NOON,
    PENDING,
    WHERE,
    migration,
    record,
    run_result,
    standing,
    step,
    step_result,
)

HERE = "production: database shop on PostgreSQL 18.6 on db.example.com:5432 as deploy"
WHEN = local_time(NOON)


def shown(result: Result, limit: int | None = None, verbose: bool = False) -> list[str]:
    return [without_marks(line) for line in result_lines(result, str, limit, verbose)]


def test_run_is_a_line_a_migration_with_its_time() -> None:
    assert shown(run_result(Outcome.APPLIED, Outcome.APPLIED)) == [
        "applied  001_step_1      1 ms",
        "applied  002_step_2      2 ms",
        "2 migrations applied, batch 7, 12 ms",
        HERE,
    ]


def test_failed_run_tells_what_did_not_run() -> None:
    assert shown(run_result(Outcome.APPLIED, Outcome.FAILED, Outcome.NOT_RUN)) == [
        "applied  001_step_1      1 ms",
        "failed   002_step_2",
        "not run  003_step_3",
        "3 steps: 1 applied, 1 failed, 1 not run, batch 7, 12 ms",
        HERE,
    ]


def test_rollback_by_the_stored_down_and_a_resumption_are_told() -> None:
    back = step(1, "users", Direction.DOWN, from_history=True)
    on = step(2, "index", resume_at=3)
    results = (step_result(back, Outcome.ROLLED_BACK, 4.0), step_result(on, Outcome.APPLIED, 5.0))
    lines = shown(RunResult("redo", WHERE, results, (), Plan(Apply(), (back, on), ())))
    assert lines[0] == "rolled back  001_users      4 ms  by the stored down"
    assert lines[1] == "applied      002_index      5 ms  from statement 3 on"


def test_nothing_to_do_is_said() -> None:
    assert shown(run_result()) == [f"nothing to do on {HERE}"]
    assert shown(run_result(dry_run=True)) == [HERE, "nothing to do"]


def test_plan_shows_each_statement_with_its_place() -> None:
    files = migration()
    planned = replace(step(), migration=files, script=files.up)
    plan = Plan(Apply(), (planned,), ())
    result = RunResult("plan", WHERE, (step_result(planned, Outcome.PLANNED),), (), plan, dry_run=True)
    assert shown(result) == [
        HERE,
        "",
        "apply 001_create_users: one transaction, 2 statements",
        "  sql/001_create_users.up.sql:2  CREATE TABLE users",
        "  sql/001_create_users.up.sql:3  CREATE INDEX users_id",
        "",
        "1 migration would run; nothing was changed",
    ]
    assert "      CREATE TABLE users (id int);" in shown(result, verbose=True)


def test_plan_of_a_resumption_begins_where_it_stopped() -> None:
    files = migration(text="-- sqlmig: no-transaction\nSELECT 1;\nSELECT 2;\nANALYZE;\n")
    planned = replace(step(resume_at=3), migration=files, script=files.up)
    plan = Plan(Apply(), (planned,), ())
    lines = shown(RunResult("plan", WHERE, (step_result(planned, Outcome.PLANNED),), (), plan, dry_run=True))
    assert lines[2] == "apply 001_create_users: no transaction, 3 statements, from statement 3 on"
    assert [line for line in lines if ".up.sql:" in line] == ["  sql/001_create_users.up.sql:4  ANALYZE"]


def test_plan_of_a_rollback_says_so() -> None:
    planned = step(1, "create_users", Direction.DOWN, from_history=True)
    plan = Plan(Apply(), (planned,), ())
    lines = shown(RunResult("rollback", WHERE, (step_result(planned, Outcome.PLANNED),), (), plan, dry_run=True))
    assert lines[2] == ("roll back 001_create_users: one transaction, 1 statement, the down stored when it was applied")


def test_status_is_a_table_with_everything_there_is_to_say() -> None:
    stopped = record(5, "index", progress=Progress.FAILED, statement=2, statements=5)
    undoing = record(6, "view", progress=Progress.RUNNING, direction=Direction.DOWN, statement=1, statements=2)
    known = (
        standing(applied=record(1, baseline=True), files=migration(1)),
        standing(State.DRIFTED, migration(2, "more"), record(2, "more", reversible=False), DRIFT),
        standing(State.MISSING, None, record(3, "gone", retired=True)),
        standing(State.PENDING, migration(4, "later")),
        standing(State.FAILED, migration(5, "index"), stopped),
        standing(State.FAILED, migration(6, "view"), undoing),
        standing(State.OUT_OF_ORDER, migration(7, "late")),
    )
    assert shown(StatusResult(WHERE, known, (DRIFT, NO_VACUUM))) == [
        HERE,
        "migration         state         batch  applied at",
        f"001_create_users  applied           3  {WHEN}  baseline",
        f"002_more          drifted           3  {WHEN}  irreversible",
        f"003_gone          missing           3  {WHEN}  file gone",
        "004_later         pending",
        f"005_index         failed            3  {WHEN}  failed at 2/5",
        f"006_view          failed            3  {WHEN}  stopped at 1/2 of its down",
        "007_late          out of order",
        "",
        f"warning: {DRIFT.message}",
        "    --- applied",
        "    +++ sql/001_create_users.up.sql",
        "    @@ -1 +1 @@",
        "    -SELECT 1;",
        "    +SELECT 2;",
        f"  next: {DRIFT.next_step}",
        f"error: sql/002_more.up.sql:3:1: {NO_VACUUM.message}",
        f"  next: {NO_VACUUM.next_step}",
        "",
        "7 migrations: 1 pending, 1 applied, 1 drifted, 1 missing, 1 out of order, 2 failed",
    ]


def test_status_of_an_empty_project_says_how_to_begin() -> None:
    assert shown(StatusResult(WHERE, (), ())) == [HERE, "no migrations; write the first: sqlmig new create_users"]


@pytest.mark.parametrize("limit", [60, 80])
@pytest.mark.parametrize("name", ["a" * 45, "日本語の名前を付けた移行", "short"])
def test_tables_fit_the_terminal(limit: int, name: str) -> None:
    """60 columns are enough whatever the names; a name that is too long has a line of its own."""
    known = tuple(standing(applied=record(version, name), files=migration(version, name)) for version in (1, 2))
    results: list[Result] = [
        StatusResult(WHERE, known, ()),
        HistoryResult(WHERE, (log_entry(name=name),)),
        run_result(Outcome.APPLIED, Outcome.FAILED),
    ]
    for result in results:
        rows = [line for line in result_lines(result, str, limit, False) if type(line) is not str]
        assert rows
        assert all(width(row) <= limit or without_marks(row).strip().endswith(name) for row in rows)


def test_check_lists_everything_and_counts_it() -> None:
    lines = shown(CheckResult(WHERE, (NO_VACUUM, PENDING, DRIFT), 12, False, 2))
    assert lines[0] == HERE
    assert f"error: {PENDING.message}" in lines
    assert lines[-1] == "12 migrations checked: 2 problems, 1 warning"


def test_check_that_finds_nothing_says_so() -> None:
    assert shown(CheckResult(None, (), 1, True, 0)) == ["1 migration checked: all is well"]


def test_repair_shows_what_it_accepts() -> None:
    change = RepairChange(2, "002", "more", "SQL changed", "-a\n+b\n")
    long = replace(change, what="002_more is not what was applied", diff="")
    assert shown(RepairResult(WHERE, (change, long))) == [
        "002_more: SQL changed",
        "    -a",
        "    +b",
        "002_more is not what was applied",
        f"2 changes to the history of {HERE}",
    ]
    assert shown(RepairResult(WHERE, ())) == [f"nothing to repair on {HERE}"]


def test_baseline_lists_what_it_recorded() -> None:
    recorded = (standing(State.PENDING, migration(1)), standing(State.PENDING, migration(2, "more")))
    assert shown(BaselineResult(WHERE, recorded)) == [
        "001_create_users",
        "002_more",
        f"2 migrations recorded as applied, none run, on {HERE}",
    ]
    assert shown(BaselineResult(WHERE, ())) == [f"nothing to record, on {HERE}"]


def log_entry(name: str = "create_users", **settings: object) -> LogEntry:
    values: dict[str, object] = {
        "at": NOON,
        "event": "apply",
        "version": 1,
        "label": "001",
        "name": name,
        "batch": 3,
        "user": "deploy",
        "role": "app_owner",
        "host": "ci-7",
        "duration_ms": 12.0,
        "sqlmig_version": "0.1.0",
        "git_commit": None,
        "detail": None,
        **settings,
    }
    return LogEntry(**values)  # type: ignore[arg-type]


def test_history_tells_what_when_by_whom() -> None:
    fresh = log_entry(event="fresh", version=None, label=None, name=None, batch=None, duration_ms=None, user=None)
    failed = log_entry(event="failure", detail="42P01: no such table", batch=None, duration_ms=None)
    lines = shown(HistoryResult(WHERE, (fresh, log_entry(), failed)), verbose=True)
    assert lines == [
        HERE + " (from sqlmig.toml [env.production])",
        f"{'at':16}  event    migration          time  batch  by",
        f"{WHEN}  fresh",
        "    role app_owner, host ci-7, sqlmig 0.1.0",
        f"{WHEN}  apply    001_create_users  12 ms      3  deploy",
        "    role app_owner, host ci-7, sqlmig 0.1.0",
        f"{WHEN}  failure  001_create_users                deploy",
        "    42P01: no such table",
        "    role app_owner, host ci-7, sqlmig 0.1.0",
    ]


def test_history_of_an_untouched_database() -> None:
    assert shown(HistoryResult(WHERE, ())) == [HERE, "nothing has happened yet"]


def test_new_prints_the_paths_alone() -> None:
    """So that an editor can be started with them."""
    assert shown(NewResult("sql/a.up.sql", "sql/a.down.sql")) == ["sql/a.up.sql", "sql/a.down.sql"]
    assert shown(NewResult("sql/a.up.sql", None)) == ["sql/a.up.sql"]


def test_init_tells_what_it_kept() -> None:
    assert shown(InitResult(("sql/",), ("sqlmig.toml",))) == ["wrote sql/", "kept sqlmig.toml, which was there"]


@pytest.mark.parametrize(
    ("running", "changed", "said"),
    [(True, True, "started"), (True, False, "is running"), (False, True, "stopped"), (False, False, "is not running")],
)
def test_server_is_told_with_what_was_done_to_it(running: bool, changed: bool, said: str) -> None:
    url = "postgresql://postgres@/app?host=%2Ftmp" if running else None
    lines = shown(ServerResult(running, url, "/p/.sqlmig", "18.6" if running else None, changed))
    assert lines[0] == f"PostgreSQL{' 18.6' if running else ''} {said}, its data in /p/.sqlmig"
    assert lines[1:] == ([url] if url else [])


def test_version_is_printed_as_it_is_spelled() -> None:
    assert shown(VersionResult(WHERE, 7, "007", "x")) == ["007"]
    assert shown(VersionResult(WHERE, None, None, None)) == ["none"]


def test_every_result_has_a_rendering_and_a_document() -> None:
    """A new kind of result cannot be forgotten."""
    for module in walk_packages(sqlmig.__path__, "sqlmig."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    results = set(Result.__subclasses__())
    assert {kind for kind in result_lines.registry if kind is not object} == results
    assert {kind for kind in body.registry if kind is not object} == results
    for renderings, home in ((result_lines, "sqlmig.report.console"), (body, "sqlmig.report.documents")):
        away = {
            kind.__name__: function.__module__
            for kind, function in renderings.registry.items()
            if kind is not object and function.__module__ != home
        }
        assert away == MODULES


def test_what_is_no_result_is_not_rendered() -> None:
    with pytest.raises(TypeError, match="ScriptError"):
        result_lines(ScriptError("x"), str, None, False)  # type: ignore[arg-type]
