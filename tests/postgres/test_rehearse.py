"""Rehearsals: up, down and up again on a shadow, with a verdict on each migration."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from sqlmig.errors import CheckFailed, DatabaseError, FilesInvalid, StatementFailed, UsageError
from sqlmig.rehearsal import stage
from sqlmig.results import IndexBuild, TableLock
from sqlmig.shadow.databases import Databases
from sqlmig.verdicts import RehearsalResult
from tests.support.project import Project
from tests.support.runner import Runs

SAMPLES = Path(__file__).resolve().parents[2] / "sql"


@pytest.fixture
def runs(project: Project) -> Runs:
    return Runs(project)


def verdicts(result: RehearsalResult) -> dict[str, str]:
    return {str(found): str(found.verdict) for found in result.migrations}


def told(result: RehearsalResult) -> list[str]:
    """Everything that a rehearsal found, in its words."""
    return [str(what) for found in result.migrations for what in (*found.differences, *found.rows)]


def test_every_verdict_has_its_word_and_its_exit_code(project: Project) -> None:
    """What a pipeline reads: the words are exact, and anything but a proof exits 3."""
    pairs = {
        "reversible": ("CREATE TABLE a1 (id int);", "DROP TABLE a1;"),
        "irreversible": ("CREATE TABLE a2 (id int);", None),
        "down_leaves": ("CREATE TABLE a3 (id int); CREATE TABLE b3 (id int);", "DROP TABLE a3;"),
        "down_removes": ("CREATE TABLE a4 (id int);", "DROP TABLE a4, a2;"),
        "down_fails": ("CREATE TABLE a5 (id int);", "DROP TABLE b5;"),
        "not_repeatable": (
            "DO $$ BEGIN IF nextval('counter') > 1 THEN CREATE TABLE a6 (); ELSE CREATE TABLE b6 (); END IF; END $$;",
            "DROP TABLE IF EXISTS a6, b6;",
        ),
        "data_not_restored": ("UPDATE person SET name = upper(name);", "SELECT 1;"),
        "up_fails": ("SELECT 1 / 0;", "SELECT 1;"),
    }
    project.write("001_ground.up.sql", "CREATE SEQUENCE counter; CREATE TABLE person (name text); ")
    project.write("002_rows.up.sql", "INSERT INTO person VALUES ('ann'), ('bob');")
    for number, (up, down) in enumerate(pairs.values(), start=3):
        project.write(f"{number:03}_m.up.sql", up)
        if down is not None:
            project.write(f"{number:03}_m.down.sql", down)
    done = project.invoke("rehearse", "--json", "--dir", "sql")
    assert done.exit_code == 3, done
    assert [found["verdict"] for found in done.json["migrations"]] == ["irreversible", "irreversible", *pairs]
    for number, (verdict, proven) in enumerate(
        (verdict, verdict in ("reversible", "irreversible")) for verdict in pairs
    ):
        one = project.invoke("rehearse", f"{number + 3:03}", "--json", "--dir", "sql")
        assert [found["verdict"] for found in one.json["migrations"]] == [verdict], one
        assert one.exit_code == (0 if proven else 3), one
        assert one.json["ok"] is proven


def test_nothing_pending_is_nothing_to_do(project: Project) -> None:
    done = project.invoke("rehearse", "--json", "--dir", "sql")
    assert done.exit_code == 0, done
    assert done.json["migrations"] == []


def test_samples_are_all_proven(project: Project) -> None:
    """The migrations that stand in this repository do what they say, from an empty database."""
    shutil.copytree(SAMPLES, project.sql, dirs_exist_ok=True)
    done = project.invoke("rehearse", "--all", "--json", "--dir", "sql")
    assert done.exit_code == 0, done
    assert {found["verdict"] for found in done.json["migrations"]} == {"reversible"}


def test_what_comes_behind_a_failing_up_is_not_rehearsed_and_said_so(runs: Runs) -> None:
    """It cannot be: and what was not looked at is not proven."""
    runs.write("001_a", "SELECT 1 / 0;", "SELECT 1;")
    runs.write("002_b", "CREATE TABLE b ();", "DROP TABLE b;")
    result = runs.api.rehearse()
    assert verdicts(result) == {"001_a": "up_fails"}
    assert result.skipped == ("002_b",)
    assert result.exit_code == 3


@pytest.mark.parametrize(
    ("up", "down", "file"),
    [
        ("CREATE TABLE a (x int); SELECT 1 / 0", "DROP TABLE a", "up"),
        ("-- sqlmig: no-transaction\nCREATE TABLE a (x int);\nSELECT 1 / 0", "DROP TABLE a", "up"),
        ("CREATE TABLE a (x int)", "DROP TABLE b", "down"),
        ("CREATE TABLE a (x int)", "-- sqlmig: no-transaction\nDROP TABLE a;\nDROP TABLE a", "down"),
    ],
)
def test_what_fails_on_the_shadow_leaves_nothing_to_go_on_with(runs: Runs, up: str, down: str, file: str) -> None:
    """The target has nothing of it: no apply resumes there, and no repair accepts what was never applied."""
    runs.write("001_a", up, down)
    (found,) = runs.api.rehearse().migrations
    assert found.error is not None
    assert found.error.left_behind is None
    assert found.error.place is not None
    assert found.error.next_step == f"correct {found.error.place.file}, then: sqlmig rehearse"
    assert str(found.error.place.file).endswith(f"001_a.{file}.sql")


def test_wrong_downs_do_not_spoil_what_follows(runs: Runs) -> None:
    """Each migration is rehearsed as if those before it had only ever been applied."""
    runs.write("001_a", "CREATE TABLE a (id int);", "SELECT 1;")  # the second up fails, since the table is there
    runs.write("002_b", "CREATE TABLE b (id int); CREATE INDEX b_id ON a (id);", "DROP TABLE b;")
    runs.write("003_c", "DROP TABLE a; CREATE TABLE c ();", "CREATE TABLE a (id int); DROP TABLE c;")
    runs.write("004_d", "CREATE TABLE d ();", "DROP TABLE d;")
    result = runs.api.rehearse()
    assert verdicts(result) == {
        "001_a": "down_leaves",
        "002_b": "down_leaves",
        "003_c": "down_removes",
        "004_d": "reversible",
    }
    assert told(result) == [
        "down leaves table a",
        "down leaves index b_id",
        "down removes index b_id",
    ]


def test_a_down_that_fails_half_way_without_a_transaction_spoils_nothing(runs: Runs) -> None:
    """What it dropped before it failed is there again for the next migration."""
    runs.write(
        "001_a", "CREATE TABLE a (); CREATE TABLE b ();", "-- sqlmig: no-transaction\nDROP TABLE a; DROP TABLE x;"
    )
    runs.write("002_c", "ALTER TABLE a ADD COLUMN c int;", "ALTER TABLE a DROP COLUMN c;")
    assert verdicts(runs.api.rehearse()) == {"001_a": "down_fails", "002_c": "reversible"}


def test_one_shadow_and_three_looks_do_for_each_right_migration(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it costs: the last look at one is the first at the next, and nothing is made or filled again."""
    counted: Counter[str] = Counter()
    look, make = stage.inspect, Databases.make
    monkeypatch.setattr(stage, "inspect", lambda *given, **named: (counted.update(["look"]), look(*given, **named))[1])
    monkeypatch.setattr(Databases, "make", lambda databases: (counted.update(["make"]), make(databases))[1])
    for number in range(1, 11):
        runs.write(f"{number:03}_m", f"CREATE TABLE t{number} (id int);", f"DROP TABLE t{number};")
    assert set(verdicts(runs.api.rehearse()).values()) == {"reversible"}
    assert counted == {"make": 1, "look": 1 + 3 * 10}


def test_the_error_of_a_script_names_its_place(runs: Runs) -> None:
    runs.write("001_a", "CREATE TABLE a ();\nCREATE TABLE b ();", "DROP TABLE b;\n  DROP TABLE x;")
    (found,) = runs.api.rehearse().migrations
    assert found.error is not None
    assert found.error.place is not None
    assert found.error.place.file.endswith("001_a.down.sql")
    assert (found.error.place.line, found.error.statement) == (2, 2)


def test_applied_migrations_fill_the_shadow_as_they_were_applied(runs: Runs) -> None:
    """In their order of application, and with the SQL that was run, though the file says something else now."""
    runs.write("001_a", "CREATE TABLE a (id int);", "DROP TABLE a;")
    runs.apply()
    runs.write("001_a", "CREATE TABLE other (id int);", "DROP TABLE other;")
    runs.write("002_b", "ALTER TABLE a ADD COLUMN b int;", "ALTER TABLE a DROP COLUMN b;")
    assert verdicts(runs.api.rehearse()) == {"002_b": "reversible"}


def test_applied_migration_is_rehearsed_by_name_with_its_files(runs: Runs) -> None:
    """A down that was just corrected is what a person wants to know about; its up is tried where it once was."""
    runs.write("001_a", "CREATE TABLE a (); CREATE TABLE b ();", "DROP TABLE a;")
    runs.write("002_c", "CREATE TABLE c ();", "DROP TABLE c;")
    runs.apply()
    assert verdicts(runs.api.rehearse(["001"])) == {"001_a": "down_leaves"}
    runs.write("001_a", "CREATE TABLE a (); CREATE TABLE b ();", "DROP TABLE a, b;")
    assert verdicts(runs.api.rehearse(["a", "002_c"])) == {"001_a": "reversible", "002_c": "reversible"}


def test_migration_whose_file_is_gone_is_filled_from_the_history(runs: Runs) -> None:
    runs.write("001_a", "CREATE TABLE a (id int);", "DROP TABLE a;")
    runs.apply()
    runs.remove("001_a")
    runs.write("002_b", "ALTER TABLE a ADD COLUMN b int;", "ALTER TABLE a DROP COLUMN b;")
    assert verdicts(runs.api.rehearse()) == {"002_b": "reversible"}


def test_migration_that_is_nowhere_any_more_cannot_fill_a_shadow(project: Project) -> None:
    runs = Runs(project, store_up_limit=0)
    runs.write("001_a", "CREATE TABLE a (id int);", "DROP TABLE a;")
    runs.apply()
    runs.remove("001_a")
    runs.write("002_b", "SELECT 1;", "SELECT 1;")
    error = runs.fails(CheckFailed, runs.api.rehearse)
    assert "--from-schema" in str(error.next_step)


def test_unknown_name_is_an_error(runs: Runs) -> None:
    runs.write("001_a", "SELECT 1;", "SELECT 1;")
    runs.fails(UsageError, lambda: runs.api.rehearse(["007"]))


def test_files_that_must_not_run_are_not_rehearsed(runs: Runs) -> None:
    runs.write("001_a", "VACUUM;", "SELECT 1;")
    runs.fails(FilesInvalid, runs.api.rehearse)


def test_column_order_counts_unless_it_is_ignored(runs: Runs) -> None:
    """PostgreSQL makes a column again as the last one only."""
    runs.write("001_a", "CREATE TABLE a (x int, y int);")
    runs.write("002_b", "ALTER TABLE a DROP COLUMN x;", "ALTER TABLE a ADD COLUMN x int;")
    result = runs.api.rehearse()
    assert verdicts(result)["002_b"] == "down_leaves"
    assert told(result) == ["down leaves table a: column order: x, y -> y, x"]
    assert verdicts(runs.api.rehearse(ignore_column_order=True))["002_b"] == "reversible"


def test_schema_of_the_target_instead_of_its_migrations(runs: Runs) -> None:
    """With --from-schema what somebody made by hand is there as well, and what is applied is not run again."""
    runs.write("001_a", "CREATE TABLE a (id int); SELECT pg_catalog.set_config('x.y', 'z', false);")
    runs.apply()
    runs.database.execute("CREATE TABLE by_hand (id int); DROP TABLE a;")
    runs.write("002_b", "ALTER TABLE by_hand ADD COLUMN b int;", "ALTER TABLE by_hand DROP COLUMN b;")
    assert verdicts(runs.api.rehearse()) == {"002_b": "up_fails"}
    assert verdicts(runs.api.rehearse(from_schema=True)) == {"002_b": "reversible"}
    runs.fails(UsageError, lambda: runs.api.rehearse(["001"], from_schema=True))


def test_migration_that_cannot_be_run_again_leads_to_the_schema(runs: Runs) -> None:
    """What fills the shadow failed, which is no verdict on what was to be rehearsed."""
    runs.database.execute("CREATE TABLE by_hand (id int)")
    runs.write("001_a", "ALTER TABLE by_hand ADD COLUMN a int;", "ALTER TABLE by_hand DROP COLUMN a;")
    runs.apply()
    runs.write("002_b", "ALTER TABLE by_hand ADD COLUMN b int;", "ALTER TABLE by_hand DROP COLUMN b;")
    error = runs.fails(StatementFailed, runs.api.rehearse)
    assert "--from-schema" in str(error.next_step)
    assert verdicts(runs.api.rehearse(from_schema=True)) == {"002_b": "reversible"}


PEOPLE = """\
CREATE TABLE person (id int PRIMARY KEY, boss int REFERENCES person, name text, loud text GENERATED ALWAYS AS
    (upper(name)) STORED, "odd "", name" text);
CREATE TABLE pet (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, person int NOT NULL REFERENCES person, note text);
CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$not now$$; END';
CREATE TRIGGER never BEFORE INSERT ON pet FOR EACH ROW EXECUTE FUNCTION never();
"""

ROWS = """\
INSERT INTO person (id, boss, name) SELECT n, CASE WHEN n > 1 THEN n - 1 END, E'name\\t' || n || E'\\\\\\n'
  FROM generate_series(1, 300) AS n;
ALTER TABLE pet DISABLE TRIGGER never;
INSERT INTO pet (person, note) SELECT n, CASE n % 3 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE '\\N' END
  FROM generate_series(1, 300) AS n;
ALTER TABLE pet ENABLE TRIGGER never;
"""


@pytest.mark.parametrize("from_schema", [True, False])
@pytest.mark.parametrize("superuser", [True, False])
def test_sample_of_the_rows_shows_what_is_lost(project: Project, from_schema: bool, superuser: bool) -> None:
    """Without rows nothing can be lost; with some of each table the down that restores too little is found.

    Rows whose parents did not come along stay away, triggers do not fire, and what is odd in a value comes through.
    """
    owner = None
    assert project.database is not None
    if not superuser:
        owner = project.database.role("owner", "LOGIN CREATEDB")
        project.database.execute(f'GRANT CREATE ON DATABASE {project.database.name} TO "{owner}"')
        project.database.execute(f'GRANT CREATE ON SCHEMA public TO "{owner}"')
    runs = Runs(project, url=project.database.url_as(owner) if owner else None)
    runs.write("001_people", PEOPLE, "DROP TABLE pet, person; DROP FUNCTION never();")
    runs.apply()
    runs.database.execute(ROWS)
    runs.write("002_pet", "UPDATE pet SET note = 'x'; DELETE FROM person WHERE id = 300;", "UPDATE pet SET note = 'x';")
    assert verdicts(runs.api.rehearse(from_schema=from_schema)) == {"002_pet": "reversible"}
    result = runs.api.rehearse(from_schema=from_schema, sample=50)
    assert verdicts(result) == {"002_pet": "data_not_restored"}
    assert told(result) == ["data not restored: pet 50 rows differ (50 lost, 50 new)"]


def test_rows_of_new_tables_go_with_them_and_their_order_is_no_matter(runs: Runs) -> None:
    runs.write("001_a", "CREATE TABLE a (id int); INSERT INTO a VALUES (1), (2), (3);")
    runs.write(
        "002_b",
        "CREATE TABLE b AS TABLE a; DELETE FROM a WHERE id < 3;",
        "INSERT INTO a SELECT id FROM b WHERE id < 3 ORDER BY id DESC; DROP TABLE b;",
    )
    assert verdicts(runs.api.rehearse())["002_b"] == "reversible"


def test_times_of_a_second_up_may_differ_but_not_the_number_of_rows(runs: Runs) -> None:
    """now() is another time; a row more is something else."""
    runs.write("001_a", "CREATE TABLE a (at timestamptz DEFAULT clock_timestamp()); CREATE SEQUENCE counter;")
    runs.write("002_b", "INSERT INTO a DEFAULT VALUES;", "DELETE FROM a;")
    runs.write("003_c", "INSERT INTO a SELECT now() FROM generate_series(1, nextval('counter'));", "DELETE FROM a;")
    result = runs.api.rehearse(["2"])
    assert verdicts(result) == {"002_b": "reversible"}
    result = runs.api.rehearse(["3"])
    assert verdicts(result) == {"003_c": "data_not_restored"}  # it deletes what 002 inserted, too
    runs.write(
        "003_c",
        "INSERT INTO a SELECT '2026-01-01' FROM generate_series(1, nextval('counter'));",
        "DELETE FROM a WHERE at = '2026-01-01';",
    )
    result = runs.api.rehearse(["3"])
    assert verdicts(result) == {"003_c": "not_repeatable"}
    assert told(result) == ["the second up gives other data: a 1 row differs (0 lost, 1 new)"]


def test_rows_written_in_every_way_are_compared(runs: Runs) -> None:
    """By COPY, in a partition, by a trigger, in a procedure that commits, by TRUNCATE."""
    runs.write(
        "001_a",
        "CREATE TABLE a (id int); CREATE TABLE b (id int); CREATE TABLE p (id int) PARTITION BY LIST (id);"
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);"
        "CREATE FUNCTION too() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN INSERT INTO b VALUES (NEW.id); RETURN NEW; END';"
        "CREATE TRIGGER too AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION too();"
        "CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2);"
        "CREATE PROCEDURE pp() LANGUAGE plpgsql AS 'BEGIN INSERT INTO t VALUES (3); COMMIT; END';",
    )
    runs.write("002_copy", "COPY t FROM STDIN;\n7\n8\n\\.\n", "DELETE FROM t WHERE id = 7;")
    runs.write("003_partition", "INSERT INTO p VALUES (1);", "SELECT 1;")
    runs.write("004_trigger", "INSERT INTO a VALUES (1);", "DELETE FROM a;")
    runs.write("005_call", "-- sqlmig: no-transaction\nCALL pp();", "SELECT 1;")
    runs.write("006_truncate", "TRUNCATE t;", "SELECT 1;")
    result = runs.api.rehearse()
    assert set(list(verdicts(result).values())[1:]) == {"data_not_restored"}
    assert told(result) == [
        "data not restored: t 1 row differs (0 lost, 1 new)",
        "data not restored: p1 1 row differs (0 lost, 1 new)",
        "data not restored: b 1 row differs (0 lost, 1 new)",
        "data not restored: t 1 row differs (0 lost, 1 new)",
        "data not restored: t 5 rows differ (5 lost, 0 new)",
    ]


def test_rows_are_compared_whoever_owns_them_and_whatever_hides_them(project: Project) -> None:
    """Also those of a role that we can become and whose rights we do not have, behind row level security."""
    assert project.database is not None
    owner = project.database.role("owner", "NOLOGIN")
    worker = project.database.role("worker", "LOGIN CREATEDB NOINHERIT")
    project.database.execute(
        f'GRANT "{owner}" TO "{worker}"; GRANT CREATE ON DATABASE {project.database.name} TO "{owner}"'
    )
    runs = Runs(project, url=project.database.url_as(worker), role=owner, search_path="app")
    runs.write(
        "001_a",
        "CREATE SCHEMA app; CREATE TABLE a (id int); INSERT INTO a VALUES (1), (2); "
        "ALTER TABLE a ENABLE ROW LEVEL SECURITY; REVOKE ALL ON a FROM PUBLIC;",
    )
    runs.write("002_b", "DELETE FROM a WHERE id = 1;", "SELECT 1;")
    assert told(runs.api.rehearse()) == ["data not restored: app.a 1 row differs (1 lost, 0 new)"]


def test_migrations_run_as_apply_runs_them(project: Project) -> None:
    """Role, search_path, headers and statements without a transaction: nothing is different on the shadow."""
    assert project.database is not None
    owner = project.database.role("owner", "NOLOGIN")
    project.database.execute(f'GRANT CREATE ON DATABASE {project.database.name} TO "{owner}"')
    runs = Runs(project, role=owner, search_path="app, public")
    runs.write("001_schema", "CREATE SCHEMA app;", "DROP SCHEMA app;")
    runs.write("002_table", "CREATE TABLE a (id int);", "DROP TABLE app.a;")
    runs.write(
        "003_owner",
        f"DO $$ BEGIN ASSERT (SELECT relowner::regrole::text FROM pg_class WHERE oid = 'app.a'::regclass) = '{owner}';"
        "ASSERT current_setting('statement_timeout') = '7s'; END $$;".replace(
            "DO", "-- sqlmig: statement_timeout = 7s\nDO"
        ),
        "SELECT 1;",
    )
    runs.write(
        "004_index",
        "-- sqlmig: no-transaction\nCREATE INDEX CONCURRENTLY a_id ON a (id);",
        "-- sqlmig: no-transaction\nDROP INDEX CONCURRENTLY app.a_id;",
    )
    result = runs.api.rehearse()
    assert set(verdicts(result).values()) == {"reversible"}, [found.error for found in result.migrations]


def test_locks_rewrites_and_builds_are_seen(runs: Runs) -> None:
    """The strongest lock on each table of before, whether it was written anew, and the indexes built on it."""
    runs.write(
        "001_a", "CREATE TABLE orders (id int, n int); CREATE TABLE other (id int); CREATE VIEW v AS SELECT 1 AS x;"
    )
    runs.write("002_type", "ALTER TABLE orders ALTER n TYPE bigint;", "ALTER TABLE orders ALTER n TYPE int;")
    runs.write("003_index", "CREATE INDEX orders_n ON orders (n);", "DROP INDEX orders_n;")
    runs.write("004_rows", "INSERT INTO other VALUES (1);", "DELETE FROM other;")
    runs.write("005_new", "CREATE TABLE fresh (id int PRIMARY KEY);", "DROP TABLE fresh;")
    runs.write("006_view", "ALTER VIEW v RENAME TO w;", "ALTER VIEW w RENAME TO v;")
    runs.write("007_again", "REINDEX INDEX orders_n;", "SELECT 1;")
    concurrently = "-- sqlmig: no-transaction\nCREATE INDEX CONCURRENTLY other_id ON other (id);"
    runs.write("008_concurrently", concurrently, "DROP INDEX other_id;")
    runs.write("009_full", "-- sqlmig: no-transaction\nVACUUM FULL orders;", "SELECT 1;")
    found = {str(migration): migration.locks for migration in runs.api.rehearse().migrations}
    assert found["002_type"].tables == (TableLock("public.orders", "ACCESS EXCLUSIVE", True),)
    assert found["003_index"].tables == (TableLock("public.orders", "SHARE", False),)
    assert found["003_index"].indexes == (IndexBuild("public.orders_n", "public.orders", False),)
    assert found["004_rows"].tables == (TableLock("public.other", "ROW EXCLUSIVE", False),)
    assert (found["005_new"].tables, found["005_new"].indexes) == ((), ())
    assert found["006_view"].tables == (TableLock("public.v", "ACCESS EXCLUSIVE", False),)
    assert found["008_concurrently"].tables == (TableLock("public.other", "SHARE UPDATE EXCLUSIVE", False),)
    assert found["008_concurrently"].indexes == (IndexBuild("public.other_id", "public.other", False),)
    assert found["009_full"].tables == (TableLock("public.orders", "ACCESS EXCLUSIVE", True),)
    assert found["007_again"].indexes == (IndexBuild("public.orders_n", "public.orders", True),)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--ignore", "everything"],
        ["001", "--all"],
        ["--all", "--from-schema"],
        ["--sample", "0"],
        ["007"],
        ["--shadow-url", "mysql://nowhere"],
    ],
    ids=" ".join,
)
def test_options_that_make_no_sense_are_refused(project: Project, arguments: list[str]) -> None:
    """Before a shadow is made."""
    project.write("001_a.up.sql", "CREATE TABLE a ();")
    done = project.invoke("rehearse", *arguments, "--dir", "sql")
    assert done.exit_code == 2, done


def test_sample_does_not_queue_for_locks(runs: Runs) -> None:
    """Whoever has the table for himself makes the rehearsal fail, and nobody waits behind it."""
    runs.write("001_a", "CREATE TABLE a (id int);", "DROP TABLE a;")
    runs.apply()
    runs.write("002_b", "SELECT 1;", "SELECT 1;")
    with runs.database.connect(autocommit=False) as holder:
        holder.execute("LOCK TABLE a")
        error = runs.fails(DatabaseError, lambda: runs.api.rehearse(sample=5))
    assert error.server is not None
    assert error.server.sqlstate == "55P03"


def test_plan_shows_the_locks(runs: Runs) -> None:
    """Each step of the plan with what it locks, and nothing is changed."""
    runs.write("001_a", "CREATE TABLE orders (id int);")
    runs.apply()
    runs.write("002_b", "ALTER TABLE orders ALTER id TYPE bigint;", "SELECT 1;")
    runs.write("003_c", "CREATE INDEX orders_id ON orders (id);", "SELECT 1;")
    before = runs.database.dump()
    done = runs.project.invoke("plan", "--locks", "--config", "sqlmig.toml")
    assert done.exit_code == 0, done
    assert "    ACCESS EXCLUSIVE on orders, rewritten\n" in done.stdout
    assert "    builds index orders_id on orders\n" in done.stdout
    document = runs.project.invoke("plan", "--locks", "--json").json
    assert document["steps"][0]["locks"]["tables"] == [
        {"table": "public.orders", "mode": "ACCESS EXCLUSIVE", "rewritten": True}
    ]
    assert [step["locks"] for step in runs.project.invoke("plan", "--json").json["steps"]] == [None, None]
    assert runs.database.dump() == before


def test_check_is_a_gate_for_downs(runs: Runs) -> None:
    """check --rehearse exits 3 and names what a down leaves; a right down passes."""
    runs.write("001_a", "CREATE TABLE a (); CREATE TABLE b ();", "DROP TABLE a;")
    done = runs.project.invoke("check", "--rehearse", "--pending-ok", "--json")
    assert done.exit_code == 3, done
    (problem,) = done.json["problems"]
    assert problem["code"] == "down_leaves"
    assert problem["message"] == "001_a: down leaves table b"
    runs.write("001_a", "CREATE TABLE a (); CREATE TABLE b ();", "DROP TABLE a, b;")
    assert runs.project.invoke("check", "--rehearse", "--pending-ok").exit_code == 0
    assert runs.project.invoke("check", "--rehearse", "--offline").exit_code == 2


def test_rehearsal_leaves_out_what_is_ignored(project: Project) -> None:
    """Objects that the configuration names are no difference."""
    up = "CREATE TABLE a (); CREATE TABLE IF NOT EXISTS scratch_a (id int PRIMARY KEY);"
    runs = Runs(project)
    runs.write("001_a", up, "DROP TABLE a;")
    assert verdicts(runs.api.rehearse()) == {"001_a": "down_leaves"}
    runs.configure(ignore=["table:public.scratch_*"])
    assert verdicts(runs.api.rehearse()) == {"001_a": "reversible"}
