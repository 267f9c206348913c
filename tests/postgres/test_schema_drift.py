"""Schema drift: what was changed in a database beside its migrations, told object by object."""

from __future__ import annotations

import pytest

from sqlmig.database import Session
from sqlmig.errors import CheckFailed, ConfirmationRequired, StatementFailed
from sqlmig.events import Warned
from sqlmig.plan import Rollback
from sqlmig.verdicts import DriftResult
from tests.support.database import Database
from tests.support.project import Project
from tests.support.runner import Runs

KINDS = [
    pytest.param("ALTER TABLE a ADD COLUMN hand text", "table public.a: column hand: only after", id="column"),
    pytest.param("CREATE INDEX by_hand ON a (id)", "index public.by_hand: only after", id="index"),
    pytest.param("DROP VIEW v", "view public.v: only before", id="view"),
    pytest.param("GRANT SELECT ON a TO PUBLIC", "table public.a: privileges PUBLIC: none -> SELECT", id="grant"),
    pytest.param("COMMENT ON TABLE a IS 'x'", "table public.a: comment: none -> x", id="comment"),
]


@pytest.fixture(params=[True, False], ids=["snapshot", "shadow"])
def runs(project: Project, request: pytest.FixtureRequest) -> Runs:
    """Two migrations applied, by sqlmig with and without snapshots kept."""
    runs = Runs(project, schema_snapshots=request.param)
    runs.write("001_a", "CREATE TABLE a (id int);", "DROP TABLE a;")
    runs.write("002_v", "CREATE VIEW v AS SELECT id FROM a;", "DROP VIEW v;")
    runs.apply()
    return runs


@pytest.fixture
def kept(project: Project) -> Runs:
    """The same with snapshots kept."""
    runs = Runs(project, schema_snapshots=True)
    runs.write("001_a", "CREATE TABLE a (id int);", "DROP TABLE a;")
    runs.apply()
    return runs


def told(result: DriftResult) -> list[str]:
    return [change.sentence for change in result.changes]


def test_no_drift_after_apply(runs: Runs) -> None:
    result = runs.api.drift()
    assert (told(result), result.exit_code) == ([], 0)
    assert result.fingerprint == result.known


@pytest.mark.parametrize(("statement", "sentence"), KINDS)
def test_what_was_done_by_hand_is_named(runs: Runs, statement: str, sentence: str) -> None:
    """Added, removed or changed; with a snapshot that apply kept, and by running the migrations on a shadow."""
    runs.database.execute(statement)
    result = runs.api.drift()
    assert (told(result), result.exit_code) == ([sentence], 3)


def test_rows_and_positions_of_sequences_are_no_drift(kept: Runs) -> None:
    kept.database.execute("INSERT INTO a SELECT generate_series(1, 1000)")
    kept.database.execute("VACUUM FULL a")
    kept.database.execute("ANALYZE")
    assert told(kept.api.drift()) == []


def test_drift_writes_nothing(runs: Runs, database: Database) -> None:
    """Neither a table for snapshots nor a line in the log."""
    database.execute("CREATE TABLE by_hand ()")
    before = database.dump(data=True)
    runs.api.drift()
    assert database.dump(data=True) == before


def test_accepted_drift_is_known_and_logged(runs: Runs) -> None:
    """From then on it is right; the log says who accepted what."""
    runs.database.execute("CREATE TABLE by_hand ()")
    result = runs.api.accept_drift()
    assert result.accepted
    assert result.exit_code == 0
    assert told(runs.api.drift()) == []
    entry = runs.log()[-1]
    assert entry.event == "drift"
    assert result.fingerprint[:12] in str(entry.detail)
    runs.database.execute("DROP TABLE by_hand")
    assert told(runs.api.drift()) == ["table public.by_hand: only before"]


def test_log_names_what_was_accepted(kept: Runs) -> None:
    kept.database.execute("CREATE TABLE by_hand ()")
    kept.api.accept_drift()
    assert "table public.by_hand: only after" in str(kept.log()[-1].detail)


def test_each_change_by_sqlmig_is_known(kept: Runs) -> None:
    """apply, rollback and what else changes the database leaves a snapshot: never is its own work drift."""
    kept.write("002_b", "CREATE TABLE b ();", "DROP TABLE b;")
    kept.apply()
    assert told(kept.api.drift()) == []
    kept.rollback(Rollback(steps=1))
    assert told(kept.api.drift()) == []
    kept.api.redo()
    assert told(kept.api.drift()) == []
    kept.write("003_c", "CREATE TABLE c ();", "DROP TABLE c;")
    kept.api.baseline(3)
    assert told(kept.api.drift()) == []
    kept.api.fresh()
    result = kept.api.drift()
    assert told(result) == []
    assert "snapshot" in result.basis


def test_failure_half_way_is_known_as_well(kept: Runs) -> None:
    """What was applied before the failure, and what a migration without a transaction left, is no drift."""
    kept.write("002_b", "CREATE TABLE b ();", "DROP TABLE b;")
    kept.write("003_c", "-- sqlmig: no-transaction\nCREATE TABLE c ();\nSELECT 1 / 0;", "DROP TABLE c;")
    kept.fails(StatementFailed)
    result = kept.api.drift()
    assert told(result) == []
    assert "snapshot" in result.basis


def test_work_without_a_snapshot_makes_the_snapshot_stale(kept: Runs) -> None:
    """Somebody applied without keeping one: the migrations are run on a shadow, and that is said."""
    kept.configure(schema_snapshots=False)
    kept.write("002_b", "CREATE TABLE b ();", "DROP TABLE b;")
    kept.apply()
    kept.database.execute("CREATE TABLE by_hand ()")
    result = kept.api.drift()
    assert told(result) == ["table public.by_hand: only after"]
    assert "shadow" in result.basis
    (warning,) = kept.told(Warned)
    assert "since the snapshot of" in warning.problem.message


def test_database_without_history_is_compared_with_nothing(project: Project) -> None:
    """No migration built what is there; nothing is created to say so."""
    runs = Runs(project)
    runs.database.execute("CREATE TABLE by_hand ()")
    before = runs.database.dump()
    assert told(runs.api.drift()) == ["table public.by_hand: only after"]
    assert runs.database.dump() == before
    runs.api.accept_drift()
    assert told(runs.api.drift()) == []


def test_ignored_objects_are_no_drift(kept: Runs) -> None:
    """Also where they were in the snapshot when it was kept, and whatever is in an ignored schema."""
    kept.configure(schema_snapshots=True, ignore=["schema:partman", "table:public.part_*"])
    kept.database.execute(
        "CREATE SCHEMA partman; CREATE TABLE partman.t (id int PRIMARY KEY); CREATE TABLE part_1 (x int)"
    )
    assert told(kept.api.drift()) == []
    kept.database.execute("CREATE TABLE other ()")
    assert told(kept.api.drift()) == ["table public.other: only after"]
    kept.configure(
        schema_snapshots=True, ignore=["table:public.a", "table:public.part_*", "table:public.other", "schema:partman"]
    )
    kept.database.execute("DROP TABLE a")
    assert told(kept.api.drift()) == []


def test_apply_warns_of_drift_when_asked_to(project: Project) -> None:
    """on_schema_drift: off says nothing, warn tells and goes on, error refuses before anything runs."""
    runs = Runs(project, on_schema_drift="warn")
    runs.write("001_a", "CREATE TABLE a (id int);", "DROP TABLE a;")
    runs.apply()
    assert runs.told(Warned) == []
    runs.database.execute("CREATE TABLE by_hand ()")
    runs.write("002_b", "CREATE TABLE b ();", "DROP TABLE b;")
    runs.configure(on_schema_drift="error")
    error = runs.fails(CheckFailed)
    assert "table public.by_hand" in error.message
    assert runs.applied() == ["001_a"]
    assert runs.exists("b") == [False]
    runs.configure(on_schema_drift="warn")
    runs.apply()
    (warning,) = runs.told(Warned)
    assert (warning.problem.code, warning.problem.warning) == ("schema_drift", True)
    assert runs.applied() == ["001_a", "002_b"]
    assert told(runs.api.drift()) == []  # what was there when apply ended is what it left


def test_apply_says_where_it_cannot_tell(kept: Runs) -> None:
    """Somebody applied without keeping a snapshot: it goes on, and from then on it can tell again."""
    kept.configure(schema_snapshots=False)
    kept.write("002_b", "CREATE TABLE b ();", "DROP TABLE b;")
    kept.apply()
    kept.configure(on_schema_drift="error")
    kept.write("003_c", "CREATE TABLE c ();", "DROP TABLE c;")
    kept.apply()
    (warning,) = kept.told(Warned)
    assert warning.problem.code == "no_snapshot"
    kept.database.execute("CREATE TABLE by_hand ()")
    kept.write("004_d", "CREATE TABLE d ();", "DROP TABLE d;")
    kept.fails(CheckFailed)


def test_protected_environment_asks_before_drift_is_accepted(project: Project) -> None:
    runs = Runs(project, protected=True)
    runs.fails(ConfirmationRequired, runs.api.accept_drift)
    assert not runs.database.value("SELECT to_regclass('sqlmig.snapshot') IS NOT NULL")
    runs.api.accept_drift(yes=True)
    assert told(runs.api.drift()) == []


def test_few_snapshots_are_kept(kept: Runs) -> None:
    """Ten of them: a database that is migrated each day does not grow by it."""
    for _ in range(12):
        kept.api.accept_drift()
    assert kept.database.value("SELECT count(*) FROM sqlmig.snapshot") == 10


def test_history_of_another_schema_and_role_keeps_its_snapshots_there(project: Project) -> None:
    assert project.database is not None
    owner = project.database.role("owner", "NOLOGIN")
    project.database.execute(f'GRANT CREATE ON DATABASE {project.database.name} TO "{owner}"')
    project.database.execute(f'GRANT CREATE ON SCHEMA public TO "{owner}"')
    runs = Runs(project, schema_snapshots=True, history_schema="our log", role=owner)
    runs.write("001_a", "CREATE TABLE a (id int);", "DROP TABLE a;")
    runs.apply()
    assert told(runs.api.drift()) == []
    query = "SELECT relowner::regrole::text FROM pg_class WHERE oid = '\"our log\".snapshot'::regclass"
    assert runs.database.value(query).strip('"') == owner


def test_apply_without_snapshots_sends_nothing_for_them(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is the default: neither a message nor a table more."""
    sent: list[str] = []
    send = Session.send
    monkeypatch.setattr(Session, "send", lambda session, message: (sent.append(message), send(session, message))[1])
    runs = Runs(project)
    runs.write("001_a", "CREATE TABLE a (id int);", "DROP TABLE a;")
    runs.apply()
    assert not any("snapshot " in message or "pg_identify_object" in message for message in sent)
    without = len(sent)
    assert runs.exists("sqlmig.snapshot") == [False]
    runs.configure(schema_snapshots=True)
    runs.write("002_a", "CREATE TABLE b (id int);", "DROP TABLE b;")
    sent.clear()
    runs.apply()
    assert len(sent) > without
    assert runs.exists("sqlmig.snapshot") == [True]


def test_command_line_tells_drift(kept: Runs) -> None:
    """Lines for people, one document for machines, and the exit code."""
    kept.database.execute("CREATE TABLE by_hand (id int)")
    done = kept.project.invoke("drift")
    assert done.exit_code == 3, done
    assert "  table public.by_hand: was added\n" in done.stdout
    document = kept.project.invoke("drift", "--json").json
    assert (document["ok"], document["exit_code"]) == (False, 3)
    assert [change["object"] for change in document["differences"]] == ["table public.by_hand"]
    accepted = kept.project.invoke("drift", "--accept", "--json")
    assert accepted.exit_code == 0, accepted
    assert accepted.json["accepted"] is True
    assert kept.project.invoke("drift").exit_code == 0
