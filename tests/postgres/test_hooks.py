"""Hooks: SQL around what is applied, in the transactions that are documented."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sqlmig.database import Session
from sqlmig.errors import ConnectionLost, StatementFailed
from sqlmig.events import Noticed, StepDone, StepStarted
from tests.support.processes import until
from tests.support.project import Outcome, Project
from tests.support.runner import Runs, outcomes, place

WRITES = "INSERT INTO told (what, version, search_path) SELECT '{}', txid_current(), current_setting('search_path');\n"


@pytest.fixture
def runs(project: Project) -> Runs:
    """A table of the hooks' own, and all four hooks, each of which writes a row with its transaction."""
    runs = Runs(project, hooks="hooks")
    runs.database.execute("CREATE TABLE told (id serial, what text, version bigint, search_path text)")
    for name in ("before_apply", "after_apply", "before_each", "after_each"):
        hook(runs, name, WRITES.format(name))
    return runs


def hook(runs: Runs, name: str, text: str) -> Path:
    folder = runs.project.folder / "hooks"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.sql"
    path.write_text(text)
    return path


def only(runs: Runs, name: str, text: str) -> None:
    for path in (runs.project.folder / "hooks").iterdir():
        path.unlink()
    hook(runs, name, text)


def told(runs: Runs) -> list[str]:
    return [what for (what,) in runs.database.rows("SELECT what FROM told ORDER BY id")]


def invoke(runs: Runs, *words: str) -> Outcome:
    return runs.project.invoke(*words)


def test_hooks_run_around_what_is_applied(runs: Runs) -> None:
    """Those around each in its own transaction, those around all in transactions of theirs."""
    runs.write("001_a", WRITES.format("001"), "SELECT 1;")
    runs.write("002_b", WRITES.format("002"), "SELECT 1;")
    result = runs.apply()
    assert outcomes(result) == ["ran", "applied", "applied", "ran"]
    each = ["before_each", "001", "after_each", "before_each", "002", "after_each"]
    assert told(runs) == ["before_apply", *each, "after_apply"]
    transactions = [number for (number,) in runs.database.rows("SELECT version FROM told ORDER BY id")]
    assert [transactions.index(number) for number in transactions] == [0, 1, 1, 1, 4, 4, 4, 7]
    assert [(event, name) for event, name in runs.logged()] == [("apply", "001_a"), ("apply", "002_b")]
    assert [str(event.step) for event in runs.told(StepStarted)] == ["before_apply", "001_a", "002_b", "after_apply"]
    assert [str(event.step) for event in runs.told(StepDone)] == ["before_apply", "001_a", "002_b", "after_apply"]


def test_nothing_to_apply_runs_no_hook(runs: Runs) -> None:
    """Neither with nothing pending, nor for what only undoes; redo has them around what it applies again."""
    runs.write("001_a", "SELECT 1;", "SELECT 1;")
    runs.apply()
    before = told(runs)
    runs.apply()
    runs.rollback()
    assert told(runs) == before
    runs.apply()
    again = told(runs)
    runs.api.redo()
    assert told(runs) == [*again, "before_apply", "before_each", "after_each", "after_apply"]


def test_the_session_is_brought_back_behind_each_hook(runs: Runs) -> None:
    """Settings, roles, temporary tables, prepared statements of a hook are gone in the migration, and its own in it."""
    leave = "SET search_path = nowhere; CREATE TEMP TABLE t1 (a int); SET ROLE pg_monitor; PREPARE p AS SELECT 1;"
    clean = """DO $$ BEGIN
        ASSERT current_setting('search_path') LIKE '%public%', current_setting('search_path');
        ASSERT current_setting('app.who', true) IS NOT DISTINCT FROM 'nobody';
        ASSERT to_regclass('t1') IS NULL AND current_user = session_user;
        ASSERT NOT EXISTS (SELECT FROM pg_prepared_statements);
    END $$;\n"""
    runs.configure(hooks="hooks", search_path="public")
    runs.database.execute(f"ALTER DATABASE {runs.database.name} SET app.who = 'nobody'")
    for name in ("before_apply", "after_apply", "before_each", "after_each"):
        hook(runs, name, f"{clean}SET app.who = 'x'; {leave}")
    runs.write("001_a", f"{clean}SET app.who = 'x'; {leave}")
    runs.write("002_b", f"-- sqlmig: no-transaction\n{clean}SET app.who = 'x'; SET search_path = nowhere;")
    runs.write("003_c", clean)
    assert outcomes(runs.apply()) == ["ran", "applied", "applied", "applied", "ran"]


@pytest.mark.parametrize("how", ["SET {};", "DO $$ BEGIN EXECUTE 'SET {}'; END $$;"])
@pytest.mark.parametrize("setting", ["standard_conforming_strings = off", "client_encoding = LATIN1"])
def test_what_a_hook_does_to_reading_is_undone(runs: Runs, how: str, setting: str) -> None:
    """The migration and the hook behind it are read as UTF-8 with plain literals, however much travels together."""
    runs.write("001_a", "CREATE TABLE a AS SELECT 'a\\nÄ'::text AS x;")
    runs.write("002_b", "INSERT INTO a VALUES ('b\\nÖ');")
    for size in ("512kB", "0"):
        runs.configure(hooks="hooks", message_size=size)
        for name in ("before_each", "after_each"):
            hook(runs, name, f"INSERT INTO told (what) VALUES ('{name}\\nü');\n{how.format(setting)}\n")
        runs.apply()
        assert [x for (x,) in runs.database.rows("SELECT x FROM a ORDER BY x")] == ["a\\nÄ", "b\\nÖ"]
        each = ["before_each\\nü", "after_each\\nü"] * 2
        assert told(runs) == ["before_apply", *each, "after_apply"]
        runs.database.execute("DROP TABLE a; DELETE FROM told; DROP SCHEMA sqlmig CASCADE")


@pytest.mark.parametrize("name", ["before_each", "after_each"])
def test_a_hook_that_fails_takes_its_migration_along(runs: Runs, name: str) -> None:
    """Its place is in the hook; the migration is rolled back, the one before it stays, nothing behind it runs."""
    runs.write("001_a", "CREATE TABLE a ();")
    runs.write("002_b", "CREATE TABLE b ();")
    only(
        runs,
        name,
        "SELECT 1;\nSELECT count(*) / (CASE WHEN to_regclass('a') IS NULL THEN 1 ELSE 0 END) FROM pg_class;\n",
    )
    if name == "after_each":
        hook(runs, name, "SELECT 1;\nSELECT 1 / (CASE WHEN to_regclass('b') IS NULL THEN 1 ELSE 0 END);\n")
    error = runs.fails(StatementFailed)
    assert place(error)[:2] == (f"{name}.sql", 2)
    assert (error.statement, error.statements) == (2, 2)
    assert error.message.startswith(f"002_b ({name}): division by zero")
    assert error.left_behind == "002_b was rolled back: nothing of it stays"
    assert "hooks/" in str(error.next_step).replace(os.sep, "/")
    assert outcomes(error) == ["applied", "failed"]
    assert runs.exists("a", "b") == [True, False]
    assert runs.applied() == ["001_a"]
    assert runs.logged()[-1] == ("failure", "002_b")


def test_before_apply_that_fails_keeps_all_from_running(runs: Runs) -> None:
    runs.write("001_a", "CREATE TABLE a ();")
    only(runs, "before_apply", "CREATE TABLE left_behind ();\nSELECT 1/0;\n")
    error = runs.fails(StatementFailed)
    assert place(error)[:2] == ("before_apply.sql", 2)
    assert error.left_behind == "before_apply was rolled back: nothing of it stays"
    assert outcomes(error) == ["failed", "not_run"]
    assert runs.exists("a", "left_behind") == [False, False]


def test_after_apply_that_fails_leaves_what_was_applied(runs: Runs) -> None:
    """It is not run again by itself, and that is said."""
    runs.write("001_a", "CREATE TABLE a ();")
    only(runs, "after_apply", "SELECT 1/0;\n")
    error = runs.fails(StatementFailed)
    assert outcomes(error) == ["applied", "failed"]
    assert "by hand with psql" in str(error.next_step)
    assert runs.applied() == ["001_a"]
    assert outcomes(runs.apply()) == []


def test_hooks_are_not_run_behind_a_failed_migration(runs: Runs) -> None:
    runs.write("001_a", "SELECT 1/0;")
    error = runs.fails(StatementFailed)
    assert outcomes(error) == ["ran", "failed", "not_run"]
    assert told(runs) == ["before_apply"]


def test_hooks_around_a_migration_without_a_transaction(runs: Runs) -> None:
    """Before its first statement, and with the record that it is done, each in a transaction of its own."""
    runs.write("001_a", "-- sqlmig: no-transaction\nCREATE TABLE a (x int);\nCREATE INDEX CONCURRENTLY ON a (x);\n")
    assert outcomes(runs.apply()) == ["ran", "applied", "ran"]
    assert told(runs) == ["before_apply", "before_each", "after_each", "after_apply"]
    record = runs.database.value("SELECT xmin::text::bigint FROM sqlmig.migration")
    transaction = runs.database.value("SELECT version FROM told WHERE what = 'after_each'")
    assert record == transaction % 2**32


def test_after_each_without_a_transaction_is_made_up_for(runs: Runs) -> None:
    """Where it fails the statements stay, the migration is not recorded, and the next apply goes on with the hook."""
    runs.write("001_a", "-- sqlmig: no-transaction\nCREATE TABLE a (x int);\n")
    only(runs, "after_each", "SELECT 1/0;\n")
    error = runs.fails(StatementFailed)
    assert place(error)[:2] == ("after_each.sql", 1)
    assert "its statements stay, after_each was rolled back" in str(error.left_behind)
    assert (runs.exists("a"), runs.applied(), runs.states()) == ([True], [], {"001_a": "failed"})
    assert "failed behind its last statement" in invoke(runs, "status").stdout
    only(runs, "after_each", WRITES.format("mended"))
    assert outcomes(runs.apply()) == ["applied"]
    assert (told(runs), runs.applied()) == (["mended"], ["001_a"])


def test_before_each_without_a_transaction_fails_before_anything(runs: Runs) -> None:
    runs.write("001_a", "-- sqlmig: no-transaction\nCREATE TABLE a (x int);\n")
    only(runs, "before_each", "SELECT 1/0;\n")
    error = runs.fails(StatementFailed)
    assert place(error)[:2] == ("before_each.sql", 1)
    assert (runs.exists("a"), runs.states()) == ([False], {"001_a": "pending"})
    only(runs, "before_each", "SELECT 1;\n")
    assert outcomes(runs.apply()) == ["applied"]


def test_single_transaction_holds_the_hooks_around_each(runs: Runs) -> None:
    """Those around all of them keep their own."""
    runs.write("001_a", WRITES.format("001"))
    runs.write("002_b", WRITES.format("002"))
    runs.apply(single_transaction=True)
    numbers = [number for (number,) in runs.database.rows("SELECT version FROM told ORDER BY id")]
    assert [numbers.index(number) for number in numbers] == [0, 1, 1, 1, 1, 1, 1, 7]


def test_statements_of_hooks_show_in_the_plan(runs: Runs) -> None:
    """Where they would run, with their files; and they count for nothing."""
    runs.write("001_a", "CREATE TABLE a ();\n")
    shown = invoke(runs, "plan").stdout.replace(os.sep, "/")
    order = ["run hook before_apply", "before_each.sql:1", "sql/001_a.up.sql:1", "after_each.sql:1", "hook after_apply"]
    assert sorted(order, key=shown.index) == order
    assert "1 migration would run" in shown
    document = invoke(runs, "plan", "--json").json
    (step,) = (step for step in document["steps"] if step["kind"] == "migration")
    files = [statement["file"].rpartition(os.sep)[2] for statement in step["script"]]
    assert files == ["before_each.sql", "001_a.up.sql", "after_each.sql"]
    assert step["statements"] == 1
    hooks = [(step["name"], step["version"], step["label"]) for step in document["steps"] if step["kind"] == "hook"]
    assert hooks == [("before_apply", None, None), ("after_apply", None, None)]
    assert told(runs) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("-- sqlmig: no-transaction\nVACUUM;\n", "needs_transaction"),
        ("VACUUM;\n", "needs_no_transaction"),
        ("COMMIT;\n", "transaction_control"),
        ("SELECT '\n", "script"),
    ],
)
@pytest.mark.parametrize("name", ["before_each", "after_apply"])
def test_a_hook_that_must_not_run_is_found_first(runs: Runs, name: str, text: str, code: str) -> None:
    runs.write("001_a", "CREATE TABLE a ();")
    hook(runs, name, text)
    refused = invoke(runs, "apply", "--json")
    assert refused.exit_code == 2
    (problem,) = refused.json["problems"]
    assert (problem["code"], problem["file"].rpartition(os.sep)[2]) == (code, f"{name}.sql")
    assert (runs.exists("a"), told(runs)) == ([False], [])


def test_check_finds_what_is_wrong_with_hooks(runs: Runs) -> None:
    """Without a database, too; and nothing where they are as they should be."""
    runs.write("001_a", "SELECT 1;", "SELECT 1;")
    assert invoke(runs, "check", "--offline").exit_code == 0
    hook(runs, "before_each", "SELECT 1;\nVACUUM;\n")
    found = invoke(runs, "check", "--offline", "--json")
    assert found.exit_code == 2
    assert [(problem["code"], problem["line"]) for problem in found.json["problems"]] == [("needs_no_transaction", 2)]
    hook(runs, "before-each", "SELECT 1;")
    found = invoke(runs, "check", "--offline", "--json")
    assert (found.exit_code, [problem["code"] for problem in found.json["problems"]]) == (2, ["file_format"])


def test_a_file_that_is_no_hook_is_an_error(runs: Runs) -> None:
    """A hook with a slip in its name would never run; so would one in a folder that is not there."""
    runs.write("001_a", "SELECT 1;")
    hook(runs, "before-each", "SELECT 1;")
    refused = invoke(runs, "apply")
    assert refused.exit_code == 2
    assert "before-each.sql is no hook" in refused.stderr
    runs.configure(hooks="nowhere")
    missing = invoke(runs, "apply")
    assert missing.exit_code == 2
    assert "nowhere does not exist" in missing.stderr


def test_a_hook_that_ends_the_transaction_is_caught(runs: Runs) -> None:
    """By way of a procedure: nothing can hide that from the guard."""
    runs.database.execute("CREATE PROCEDURE ends() LANGUAGE plpgsql AS 'BEGIN COMMIT; END'")
    runs.write("001_a", "CREATE TABLE a ();")
    only(runs, "before_each", "CALL ends();\n")
    error = runs.fails(StatementFailed)
    assert place(error)[:2] == ("before_each.sql", 1)
    assert runs.exists("a") == [False]


def test_a_hook_that_waits_for_a_lock_is_tried_again(runs: Runs) -> None:
    """With its migration, from the start, and the event names the migration."""
    runs.write("001_a", "CREATE TABLE a ();")
    runs.database.execute("CREATE TABLE busy ()")
    only(runs, "before_each", "-- sqlmig: lock_timeout = 100ms\nLOCK TABLE busy;\n")
    with runs.database.connect(autocommit=False) as other:
        other.execute("LOCK TABLE busy")
        runs.listener = lambda event: other.rollback() if type(event).__name__ == "Retrying" else None
        assert outcomes(runs.apply()) == ["applied"]
    assert [str(event.step) for event in runs.events if type(event).__name__ == "Retrying"] == ["001_a"]


def test_notices_of_a_hook_name_it(runs: Runs) -> None:
    runs.write("001_a", "SELECT 1;")
    only(runs, "before_each", "DO $$ BEGIN RAISE NOTICE 'hello'; END $$;\n")
    runs.apply()
    assert [str(event.step) for event in runs.told(Noticed)] == ["001_a (before_each)"]


def test_without_hooks_no_round_trip_is_added(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor with hooks: their statements travel with the migrations."""
    for name in ("001_a", "002_b", "003_c"):
        runs.write(name, "SELECT 1;")
    messages: list[str] = []
    send = Session.send
    monkeypatch.setattr(Session, "send", lambda self, message: (messages.append(message), send(self, message))[1])
    runs.apply()
    with_hooks = len(messages)
    runs.configure()
    for name in ("004_a", "005_b", "006_c"):
        runs.write(name, "SELECT 1;")
    messages.clear()
    runs.apply()
    without = len(messages)
    assert sum("SELECT 1" in message for message in messages) == 1
    assert with_hooks <= without + 1  # the history tables were created then


def test_a_lost_connection_is_not_blamed_on_a_hook(runs: Runs) -> None:
    """Where the connection breaks in a hook, nothing of the migration took place, and it is said."""
    runs.write("001_a", "CREATE TABLE a ();")
    only(runs, "before_each", "SELECT pg_terminate_backend(pg_backend_pid());\n")
    error = runs.fails(ConnectionLost)
    assert "nothing was applied" in str(error.left_behind)
    assert runs.exists("a") == [False]


def test_set_transaction_needs_to_be_first(runs: Runs) -> None:
    """It works with a hook behind the migration, and cannot with one before it."""
    runs.write("001_a", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nCREATE TABLE a ();")
    only(runs, "before_each", "SELECT 1;\n")
    error = runs.fails(StatementFailed)
    assert (place(error)[:2], error.server and error.server.sqlstate) == (("001_a.up.sql", 1), "25001")
    assert "before_each.sql runs before it" in str(error.next_step)
    only(runs, "after_each", "SELECT 1;\n")
    assert outcomes(runs.apply()) == ["applied"]


def test_copy_in_a_hook(runs: Runs) -> None:
    """A hook may hold whatever a migration may."""
    runs.write("001_a", "CREATE TABLE a (x text);\nCOPY a FROM STDIN;\nüber\n\\.\n")
    only(runs, "before_each", "COPY told (what) FROM STDIN;\none\ntwo\n\\.\n")
    hook(
        runs,
        "after_each",
        "-- sqlmig: require SELECT count(*) = 2 FROM told\nINSERT INTO told (what) SELECT x FROM a;\n",
    )
    assert outcomes(runs.apply()) == ["applied"]
    assert told(runs) == ["one", "two", "über"]


def test_redo_and_switch_and_fresh_have_hooks(runs: Runs) -> None:
    """Wherever something is applied."""
    runs.write("001_a", "SELECT 1;", "SELECT 1;")
    runs.apply()
    before = len(told(runs))
    runs.api.refresh()
    assert len(told(runs)) == before * 2
    only(runs, "before_apply", "CREATE TABLE made_by_hook ();\n")
    assert outcomes(runs.api.fresh()) == ["ran", "applied"]
    assert runs.exists("made_by_hook") == [True]


def test_a_runner_that_is_killed_in_a_hook_is_made_up_for(runs: Runs) -> None:
    """kill -9 while the hook behind a migration without a transaction runs: the next apply goes on with the hook."""
    runs.write("001_a", "-- sqlmig: no-transaction\nCREATE TABLE a ();\n")
    only(runs, "after_each", "INSERT INTO told (what) VALUES ('half');\nSELECT pg_sleep(600);\n")
    sleeping = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    with runs.process() as process:
        until(lambda: runs.database.value(f"SELECT count(*) {sleeping}") == 1, "the hook")
        process.kill()
        process.wait()
    # PostgreSQL 13 would not notice that its client is gone before the hook ends
    runs.database.rows(f"SELECT pg_terminate_backend(pid) {sleeping}")
    only(runs, "after_each", WRITES.format("whole"))
    assert outcomes(runs.apply()) == ["applied"]
    assert (told(runs), runs.applied()) == (["whole"], ["001_a"])
