"""What the README claims, claim by claim: each test has a claim for its name."""

from __future__ import annotations

import re
from contextlib import ExitStack
from urllib.parse import quote

import pytest

from tests.docs.documents import ROOT, table
from tests.support.database import Database
from tests.support.processes import until
from tests.support.project import Project
from tests.support.repository import Repository
from tests.support.session import reads_its_schema


def claims() -> list[str]:
    return [claim for claim, _ in table((ROOT / "README.md").read_text(), "claim", "how")]


def test_readme_claims_are_the_tests_of_this_file() -> None:
    """No claim without a test of that name, no test without a claim."""
    named = {f"test_{re.sub(r'[^a-z]+', '_', claim.lower())}" for claim in claims()}
    here = {name for name in globals() if name.startswith("test_")}
    assert here - {"test_readme_claims_are_the_tests_of_this_file"} == named


def test_a_failed_migration_leaves_nothing_behind(project: Project, database: Database) -> None:
    """After a failure neither its objects nor a record are there; corrected, it just applies."""
    project.write("001_first.up.sql", "CREATE TABLE first ();")
    broken = project.write("002_second.up.sql", "CREATE TABLE second ();\nSELECT 1/0;\n")
    assert project.invoke("apply").exit_code == 1
    assert database.value("SELECT to_regclass('first') IS NOT NULL AND to_regclass('second') IS NULL")
    states = [migration["state"] for migration in project.invoke("status", "--json").json["migrations"]]
    assert states == ["applied", "pending"]
    broken.write_text("CREATE TABLE second ();\n")
    assert project.invoke("apply").exit_code == 0
    assert database.value("SELECT to_regclass('second') IS NOT NULL")


def test_many_runners_may_start_at_once(project: Project, database: Database) -> None:
    """Six runners on an empty database: all succeed, and each migration has run once."""
    database.execute("CREATE TABLE runs (version int)")
    for version in range(1, 6):
        project.write(f"{version}_run.up.sql", f"INSERT INTO runs VALUES ({version}); SELECT pg_sleep(0.02);")
    with ExitStack() as stack:
        runners = [stack.enter_context(project.spawn("apply", "--lock-wait", "50s")) for _ in range(6)]
        ended = [(runner.communicate(timeout=60), runner.returncode) for runner in runners]
    assert [code for _, code in ended] == [0] * 6, ended
    assert database.rows("SELECT version FROM runs ORDER BY version") == [(version,) for version in range(1, 6)]


def test_the_server_gets_what_the_file_says(project: Project, database: Database) -> None:
    """Quotes, nested comments, operators, bodies and COPY data that naive splitting gets wrong arrive as written."""
    has_atomic_bodies = database.value("SELECT current_setting('server_version_num')::int >= 140000")
    body = "BEGIN ATOMIC SELECT 'd'; END" if has_atomic_bodies else "AS 'SELECT ''d''; '"
    project.write(
        "001_tricky.up.sql",
        "CREATE TABLE seen (place serial, what text);\n"
        "INSERT INTO seen (what) VALUES ('a\\'); INSERT INTO seen (what) VALUES ('b; -- c');\n"
        "/* one /* two; */ ; */ INSERT INTO seen (what) SELECT 5 # 3; -- it's ; a comment\n"
        f"CREATE FUNCTION f() RETURNS text LANGUAGE sql {body};\n"
        "DO $body$ BEGIN INSERT INTO seen (what) SELECT f() || $$;e$$; END $body$;\n"
        "COPY seen (what) FROM STDIN;\nf; g\n$$ h\n\\.\n"
        "INSERT INTO seen (what) VALUES (E'i\\';j');",
    )
    done = project.invoke("apply")
    assert done.exit_code == 0, done
    seen = [what for (what,) in database.rows("SELECT what FROM seen ORDER BY place")]
    assert seen == ["a\\", "b; -- c", "6", "d;e", "f; g", "$$ h", "i';j"]


def test_a_changed_file_is_named(project: Project) -> None:
    """Line ends are no change, a comment is told from SQL, and SQL makes the check fail; the file is named."""
    path = project.write("001_person.up.sql", "CREATE TABLE person (id int);\n")
    project.write("001_person.down.sql", "DROP TABLE person;\n")
    assert project.invoke("apply").exit_code == 0

    path.write_bytes(b"\xef\xbb\xbfCREATE TABLE person (id int);\r\n")
    check = project.invoke("check", "--strict")
    assert (check.exit_code, "001_person" in check.output) == (0, False), check

    path.write_text("CREATE TABLE person (id int); -- people\n")
    check = project.invoke("check")
    assert check.exit_code == 0, check
    assert "sql/001_person.up.sql" in check.output
    assert "comments" in check.output

    path.write_text("CREATE TABLE person (id bigint);\n")
    check = project.invoke("check")
    assert check.exit_code == 3, check
    assert "sql/001_person.up.sql" in check.output
    assert "sql/001_person.up.sql" in project.invoke("apply").output
    assert project.invoke("apply", "--strict").exit_code == 3


def test_a_late_file_with_a_low_number_is_refused(project: Project, database: Database) -> None:
    """A version below an applied one is named and not run, until that is allowed."""
    project.write("001_a.up.sql", "CREATE TABLE a ();")
    project.write("003_c.up.sql", "CREATE TABLE c ();")
    assert project.invoke("apply").exit_code == 0
    project.write("002_b.up.sql", "CREATE TABLE b ();")
    refused = project.invoke("apply")
    assert refused.exit_code == 3, refused
    assert "002_b" in refused.output
    assert database.value("SELECT to_regclass('b') IS NULL")
    assert project.invoke("apply", "--allow-out-of-order").exit_code == 0
    assert database.value("SELECT to_regclass('b') IS NOT NULL")


def test_a_wrong_down_is_named(project: Project, database: Database) -> None:
    """What it leaves, and rows that it does not give back; a right one is proven, and the target is not touched.

    Before PostgreSQL 14 a server cannot tell, and that is said.
    """
    project.write("001_person.up.sql", "CREATE TABLE person AS SELECT 'Ada' AS name;")
    project.write("001_person.down.sql", "DROP TABLE person;")
    project.write("002_index.up.sql", "CREATE TABLE pet (); CREATE INDEX person_name_idx ON person (name);")
    project.write("002_index.down.sql", "DROP TABLE pet;")
    project.write("003_lower.up.sql", "UPDATE person SET name = lower(name);")
    project.write("003_lower.down.sql", "SELECT 'what was it?';")
    if not reads_its_schema():
        assert "PostgreSQL 14" in project.invoke("rehearse").stderr
        return
    found = project.invoke("rehearse", "--json")
    assert found.exit_code == 3, found
    verdicts = [migration["verdict"] for migration in found.json["migrations"]]
    assert verdicts == ["reversible", "down_leaves", "data_not_restored"]
    said = project.invoke("rehearse").stdout
    assert "down leaves index person_name_idx" in said
    assert "data not restored: person 1 row differs" in said
    assert database.value("SELECT to_regclass('person') IS NULL")


def test_a_change_by_hand_is_named(project: Project, database: Database) -> None:
    """Before PostgreSQL 14 a server cannot tell, and that is said."""
    project.write("001_person.up.sql", "CREATE TABLE person (name text);")
    assert project.invoke("apply").exit_code == 0
    database.execute("ALTER TABLE person ADD COLUMN age int")
    found = project.invoke("drift")
    if not reads_its_schema():
        assert (found.exit_code, "PostgreSQL 14" in found.stderr) == (1, True)
    else:
        assert (found.exit_code, "table public.person: column age: was added" in found.stdout) == (3, True)


def test_a_rollback_works_without_the_file(project: Project, database: Database) -> None:
    """The down that was there when the migration was applied undoes it, when its files are gone or were edited."""
    project.write("001_a.up.sql", "CREATE TABLE a ();")
    down = project.write("001_a.down.sql", "DROP TABLE a;")
    up = project.write("002_b.up.sql", "CREATE TABLE b ();")
    project.write("002_b.down.sql", "DROP TABLE b;")
    assert project.invoke("apply").exit_code == 0
    down.write_text("SELECT 1/0;")
    up.unlink()
    (project.sql / "002_b.down.sql").unlink()
    done = project.invoke("rollback")
    assert done.exit_code == 0, done
    assert database.value("SELECT to_regclass('a') IS NULL AND to_regclass('b') IS NULL")


def test_what_a_migration_requires_is_true(project: Project, database: Database) -> None:
    """Before it, else nothing runs; and behind it, else nothing stays."""
    database.execute("CREATE TABLE known AS SELECT 1 AS x")
    for text in (
        "-- sqlmig: require SELECT count(*) = 2 FROM known\nCREATE TABLE made ();",
        "CREATE TABLE made ();\n-- sqlmig: ensure SELECT count(*) = 2 FROM known",
    ):
        project.write("001_made.up.sql", text)
        outcome = project.invoke("apply")
        assert (outcome.exit_code, "SELECT count(*) = 2 FROM known" in outcome.stderr) == (1, True)
        assert database.value("SELECT to_regclass('made') IS NULL")
    database.execute("INSERT INTO known VALUES (2)")
    assert project.invoke("apply").exit_code == 0


def test_a_back_fill_goes_on_where_it_was_killed(project: Project, database: Database) -> None:
    """What was committed before the kill is not done again, and the rest is done by the next apply."""
    database.execute("CREATE TABLE filled AS SELECT x, 0 AS times FROM generate_series(1, 50) AS x")
    project.write(
        "001_fill.up.sql",
        "-- sqlmig: no-transaction\n-- sqlmig: repeat pause = 10min\n"
        "UPDATE filled SET times = times + 1 WHERE x IN (SELECT x FROM filled WHERE times = 0 LIMIT 20);",
    )
    with project.spawn("apply") as runner:
        until(lambda: database.value("SELECT sum(times) FROM filled") == 20, "the first run")
        runner.kill()
        runner.wait()
    path = project.sql / "001_fill.up.sql"
    path.write_text(path.read_text().replace("10min", "1ms"))
    assert project.invoke("apply").exit_code == 0
    assert database.rows("SELECT DISTINCT times FROM filled") == [(1,)]


def test_the_database_follows_a_checkout(project: Project, database: Database) -> None:
    """What the other branch made is gone, what this one has is there, and what both have kept its rows."""
    repository = Repository(project.folder)
    project.write("001_both.up.sql", "CREATE TABLE both_have AS SELECT 1 AS x;")
    repository.commit()
    repository.branch("other")
    project.write("002_theirs.up.sql", "CREATE TABLE theirs ();")
    project.write("002_theirs.down.sql", "DROP TABLE theirs;")
    repository.commit()
    assert project.invoke("apply").exit_code == 0
    repository.branch("this")
    project.write("002_ours.up.sql", "CREATE TABLE ours ();")
    assert project.invoke("switch").exit_code == 0
    assert database.value("SELECT to_regclass('theirs') IS NULL AND to_regclass('ours') IS NOT NULL")
    assert database.rows("SELECT x FROM both_have") == [(1,)]


def test_an_interrupted_index_build_is_finished(project: Project, database: Database) -> None:
    """A failed build leaves an invalid index; the next apply replaces it and repeats nothing that was done."""
    database.execute("CREATE TABLE person (email text); INSERT INTO person VALUES ('a'), ('a')")
    project.write(
        "001_index.up.sql",
        "-- sqlmig: no-transaction\n"
        "CREATE TABLE done_once ();\n"
        "CREATE UNIQUE INDEX CONCURRENTLY person_email ON person (email);\n"
        "CREATE TABLE done_last ();\n",
    )
    assert project.invoke("apply").exit_code == 1
    (failed,) = project.invoke("status", "--json").json["migrations"]
    assert failed["state"] == "failed"
    database.execute("DELETE FROM person WHERE ctid = (SELECT min(ctid) FROM person)")
    done = project.invoke("apply")
    assert done.exit_code == 0, done
    assert database.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'person_email'::regclass")
    assert database.value("SELECT to_regclass('done_once') IS NOT NULL AND to_regclass('done_last') IS NOT NULL")


def test_an_error_names_its_place(project: Project) -> None:
    """File, line, column, the line with a caret, SQLSTATE, what was left behind and what comes next."""
    line = "/* é€ */ INSERT INTO t VALUES (1); SELECT id, nme FROM t;"
    project.write("001_view.up.sql", f"CREATE TABLE t (id int);\r\n\r\n{line}\r\n")
    failed = project.invoke("apply")
    assert failed.exit_code == 1
    column = line.index("nme") + 1
    assert f"sql/001_view.up.sql:3:{column}, statement 3 of 3, SQLSTATE 42703" in failed.stderr
    excerpt, caret = re.search(r" 3 \| (.*)\n +\| ( *\^)\n", failed.stderr).groups()
    assert (excerpt, len(caret)) == (line, column)
    assert "rolled back" in failed.stderr
    assert "sqlmig apply" in failed.stderr


def test_looking_changes_nothing(project: Project, database: Database) -> None:
    """A role that may only connect can ask everything, and afterwards no catalog has a row more."""
    project.write("001_a.up.sql", "CREATE TABLE a ();")
    url = database.url_as(database.role("reader"))
    counts = " + ".join(
        f"(SELECT count(*) FROM {catalog})"
        for catalog in ("pg_class", "pg_namespace", "pg_proc", "pg_type", "pg_depend")
    )
    before = database.value(f"SELECT {counts}")
    codes = [
        project.invoke(command, env={"SQLMIG_URL": url}).exit_code for command in ("status", "plan", "check", "history")
    ]
    assert codes == [0, 0, 3, 0]
    assert database.value(f"SELECT {counts}") == before


@pytest.mark.parametrize("works", [True, False], ids=["right password", "wrong password"])
def test_a_password_is_never_shown(project: Project, database: Database, works: bool) -> None:
    """Whatever is asked and however it ends, no output and no row of the history has it, raw or encoded."""
    secret = "p@s:/?#[%&+ '\"é"
    role = database.role("owner", "LOGIN SUPERUSER", password=secret if works else "another")
    project.write("001_a.up.sql", "CREATE TABLE a ();\nSELECT 1/0;\n")
    url = database.url_as(role, secret)
    said = ""
    for command in ("apply", "status", "plan", "check", "history", "repair"):
        for option in ("--verbose", "--json"):
            done = project.invoke(command, option, env={"SQLMIG_URL": url})
            assert done.exit_code in ((0, 1, 3) if works else (5,)), done
            said += done.output
    stored = database.dump(data=True)
    for spelling in (secret, quote(secret), quote(secret, safe="")):
        assert spelling not in said
        assert spelling not in stored
