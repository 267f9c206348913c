"""What the history keeps: who, when, how long, the SQL of both files, and a log that only grows."""

from __future__ import annotations

import base64
import subprocess
import time
import zlib
from datetime import UTC, datetime, timedelta

import pytest

from sqlmig.errors import StatementFailed, UnsupportedServer
from sqlmig.plan import Apply, Rollback
from sqlmig.version import VERSION
from tests.support.database import client_environment
from tests.support.project import Project
from tests.support.runner import Runs


@pytest.fixture
def runs(project: Project) -> Runs:
    return Runs(project)


def test_the_log_is_complete(runs: Runs) -> None:
    """Up, down and up are three events, each with who, when, how long and by which version."""
    runs.write("001_a", "CREATE TABLE a (x int); SELECT pg_sleep(0.05)", "DROP TABLE a; SELECT pg_sleep(0.02)")
    before = datetime.now(UTC)
    runs.apply()
    runs.rollback()
    runs.apply()
    entries = runs.log()
    assert [(entry.event, entry.version, entry.label, entry.name, entry.batch) for entry in entries] == [
        ("apply", 1, "001", "a", 1),
        ("rollback", 1, "001", "a", 1),
        ("apply", 1, "001", "a", 1),
    ]
    for entry in entries:
        assert before - timedelta(seconds=5) < entry.at < datetime.now(UTC) + timedelta(seconds=5)
        assert entry.user == entry.role == runs.database.value("SELECT session_user::text")
        assert entry.sqlmig_version == VERSION
        assert entry.host
        assert entry.duration_ms is not None
        assert entry.duration_ms > (20 if entry.event == "rollback" else 50)
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    assert runs.api.history(limit=2).entries == entries[1:]


def test_durations_are_those_of_each_migration(runs: Runs) -> None:
    """Although they travel together: no time counts twice."""
    runs.write("001_a", "SELECT pg_sleep(0.5)")
    runs.write("002_b", "SELECT 1")
    begun = time.monotonic()
    result = runs.apply()
    seconds = time.monotonic() - begun
    first, second = (step.duration_ms or 0 for step in result.steps)
    assert first > 500
    assert first + second < seconds * 1000
    stored = [value for (value,) in runs.database.rows("SELECT duration_ms FROM sqlmig.migration ORDER BY version")]
    assert stored == [first, second]
    assert [entry.duration_ms for entry in runs.log()] == pytest.approx([first, second], abs=50)


def test_the_log_only_grows(runs: Runs) -> None:
    """No command changes or removes a line of it."""
    runs.write("001_a", "CREATE TABLE a (x int)", "DROP TABLE a")
    runs.write("002_b", "CREATE TABLE b (x int)", "DROP TABLE b")
    commands = [
        runs.apply,
        lambda: runs.rollback(Rollback(steps=1)),
        runs.apply,
        runs.api.redo,
        runs.api.refresh,
        lambda: (runs.write("001_a", "-- edited\nCREATE TABLE a (x int)", "DROP TABLE a"), runs.api.repair()),
        lambda: (runs.write("003_c", "SELECT 1/0"), runs.fails(StatementFailed)),
        lambda: (runs.remove("003_c"), runs.api.fresh()),
        runs.api.reset,
        lambda: runs.api.baseline(2),
    ]
    kept: list[tuple[object, ...]] = []
    for command in commands:
        command()
        lines = runs.database.rows("SELECT * FROM sqlmig.event ORDER BY id")
        assert lines[: len(kept)] == kept
        assert len(lines) > len(kept)
        kept = lines


def test_both_files_are_stored(runs: Runs) -> None:
    """As they are on disk but for the BOM; an up above the limit is known by its checksums alone."""
    up, down = "CREATE TABLE a (x int);\r\n-- é😀\r\n", "DROP TABLE a;"
    runs.configure(store_up_limit="100B")
    runs.write("001_a", "\ufeff" + up, down)
    runs.write("002_b", "SELECT '" + "x" * 200 + "'", "SELECT '" + "y" * 200 + "'")
    runs.apply()
    stored = runs.database.rows(
        "SELECT encode(up_source, 'base64'), encode(down_source, 'base64') FROM sqlmig.migration ORDER BY version"
    )
    texts = [[part and zlib.decompress(base64.b64decode(part)).decode() for part in row] for row in stored]
    assert texts == [[up, down], [None, "SELECT '" + "y" * 200 + "'"]]
    assert runs.states() == {"001_a": "applied", "002_b": "applied"}


def test_the_commit_is_kept(runs: Runs) -> None:
    """That of the repository in which the project is."""
    folder = str(runs.project.folder)
    author = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    for command in (["init", "-q"], [*author, "commit", "-q", "--allow-empty", "-m", "a"]):
        subprocess.run(["git", "-C", folder, *command], check=True, env=client_environment(runs.project.folder))
    head = subprocess.run(["git", "-C", folder, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    runs.write("001_a", "SELECT 1")
    runs.apply()
    assert runs.log()[0].git_commit == head.stdout.strip()


def test_a_history_of_the_future_is_left_alone(runs: Runs) -> None:
    """Whoever finds tables of a later format reads and writes nothing."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    runs.apply()
    runs.database.execute("UPDATE sqlmig.format SET version = 2")
    runs.write("002_b", "CREATE TABLE b (x int)")
    error = runs.fails(UnsupportedServer)
    assert "upgrade" in (error.next_step or "")
    runs.fails(UnsupportedServer, runs.status)
    assert runs.exists("b") == [False]


@pytest.mark.parametrize(
    "schema", ["My Schema", 'quo"te', "naïve-😀", "select", "x" * 63, "back\\slash", "a.b", "it's", "{x}%s"]
)
def test_odd_names_of_the_history_schema(runs: Runs, schema: str) -> None:
    """Everything works in it, and nothing is written anywhere else."""
    runs.configure(history_schema=schema)
    runs.write("001_a", "CREATE TABLE a (x int)", "DROP TABLE a")
    runs.write("002_b", "-- sqlmig: no-transaction\nSELECT 1;\nSELECT 2;", "SELECT 1")
    runs.apply()
    assert runs.states() == {"001_a": "applied", "002_b": "applied"}
    runs.rollback()
    runs.apply()
    runs.write("001_a", "CREATE TABLE a (x int, y int)", "DROP TABLE a")
    assert runs.states()["001_a"] == "drifted"
    runs.api.repair()
    runs.api.fresh()
    assert len(runs.log()) == 10
    assert runs.database.rows("SELECT DISTINCT schemaname FROM pg_tables WHERE tablename = 'event'") == [(schema,)]


def test_histories_in_one_database(runs: Runs) -> None:
    """Two schemas know nothing of each other."""
    runs.write("001_a", "SELECT 1")
    runs.apply()
    runs.configure(history_schema="other")
    assert runs.states() == {"001_a": "pending"}
    runs.apply()
    assert runs.database.value("SELECT count(*) FROM other.migration") == 1


def test_reading_writes_nothing(runs: Runs) -> None:
    """Status, plan, check and history leave the catalog of an empty database as it was."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    catalog = "SELECT oid, relname FROM pg_class UNION ALL SELECT oid, nspname FROM pg_namespace ORDER BY 1"
    before = runs.database.rows(catalog)
    runs.status()
    runs.api.plan(Apply())
    runs.check()
    assert runs.log() == ()
    assert runs.database.rows(catalog) == before
