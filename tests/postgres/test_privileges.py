"""Roles that may little, servers that only read: what is needed is asked for, and no more."""

from __future__ import annotations

import pytest

from sqlmig.errors import MissingPrivilege, ReadOnlyServer, StatementFailed
from sqlmig.plan import Apply
from tests.support.database import Database
from tests.support.project import Project
from tests.support.runner import Runs

CATALOG = "SELECT oid, relname FROM pg_class UNION ALL SELECT oid, nspname FROM pg_namespace ORDER BY 1"


@pytest.fixture
def role(database: Database) -> str:
    """A role that may connect, and nothing else."""
    database.execute(f'REVOKE ALL ON DATABASE "{database.name}" FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC')
    role = database.role("reader")
    database.execute(f'GRANT CONNECT ON DATABASE "{database.name}" TO {role}')
    return role


@pytest.fixture
def runs(project: Project, database: Database, role: str) -> Runs:
    return Runs(project, url=database.url_as(role))


def test_reading_needs_no_more_than_to_connect(runs: Runs) -> None:
    """On an empty database; the catalog stays as it is."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    before = runs.database.rows(CATALOG)
    assert runs.states() == {"001_a": "pending"}
    assert [str(step) for step in runs.api.plan(Apply()).steps] == ["001_a"]
    assert runs.check().exit_code == 3
    assert runs.check(pending_ok=True).exit_code == 0
    assert runs.log() == ()
    assert runs.database.rows(CATALOG) == before


def test_the_grant_that_is_missing(runs: Runs, role: str) -> None:
    """Exactly one statement, and after it the apply works; nothing ran before."""
    runs.write("001_a", "SELECT 1")
    before = runs.database.rows(CATALOG)
    error = runs.fails(MissingPrivilege)
    assert error.exit_code == 1
    assert error.next_step == f'GRANT CREATE ON DATABASE "{runs.database.name}" TO "{role}";'
    assert runs.database.rows(CATALOG) == before
    runs.database.execute(error.next_step)
    runs.apply()
    assert runs.applied() == ["001_a"]
    assert runs.database.value("SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'sqlmig'") == role


def test_an_empty_schema_of_somebody_else(runs: Runs, role: str) -> None:
    """Then the schema's own privileges are what is missing."""
    runs.database.execute("CREATE SCHEMA sqlmig")
    runs.write("001_a", "SELECT 1")
    error = runs.fails(MissingPrivilege)
    assert error.next_step == f'GRANT USAGE, CREATE ON SCHEMA "sqlmig" TO "{role}";'
    runs.database.execute(error.next_step)
    runs.apply()
    assert runs.applied() == ["001_a"]


def test_tables_that_were_created_before(runs: Runs, role: str, database: Database) -> None:
    """An administrator makes them once; rights on rows are all that applying needs."""
    runs.write("001_a", "SELECT 1", "SELECT 1")
    Runs(runs.project).apply()
    runs.write("002_b", "SELECT 1", "SELECT 1")
    runs.write(
        "003_c", "-- sqlmig: no-transaction\nSELECT 1;\nSELECT 1/(SELECT count(*) FROM pg_class LIMIT 1)", "SELECT 1"
    )
    error = runs.fails(MissingPrivilege, runs.status)
    assert error.next_step is not None
    assert runs.fails(MissingPrivilege).next_step == error.next_step
    assert "SELECT, INSERT, UPDATE, DELETE" in error.next_step
    assert f'TO "{role}"' in error.next_step
    database.execute(error.next_step)
    assert set(runs.states()) == {"001_a", "002_b", "003_c"}
    runs.apply()
    runs.api.redo()
    runs.rollback()
    assert runs.applied() == ["001_a"]
    assert runs.log()[-1].user == role


def test_reading_rights_are_enough_to_read(runs: Runs, role: str, database: Database) -> None:
    """A role that may only look sees everything, and an apply says what it lacks before anything runs."""
    runs.write("001_a", "SELECT 1")
    Runs(runs.project).apply()
    database.execute(f"GRANT USAGE ON SCHEMA sqlmig TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA sqlmig TO {role}")
    assert runs.states() == {"001_a": "applied"}
    assert runs.check().exit_code == 0
    assert runs.apply().steps == ()
    runs.database.execute(f"GRANT CREATE ON SCHEMA public TO {role}")
    runs.write("002_b", "CREATE TABLE public.b (x int)")
    error = runs.fails(MissingPrivilege)
    assert "INSERT" in (error.next_step or "")
    assert runs.exists("public.b") == [False]


def test_a_migration_that_may_not_is_no_matter_of_the_history(runs: Runs, role: str, database: Database) -> None:
    """42501 in a statement of a file is that statement's failure."""
    database.execute(f'GRANT CREATE ON DATABASE "{database.name}" TO {role}')
    runs.write("001_a", "CREATE TABLE public.a (x int)")
    error = runs.fails(StatementFailed)
    assert error.server is not None
    assert error.server.sqlstate == "42501"
    assert error.statement == 1


def test_the_configured_role_owns_everything(project: Project, database: Database) -> None:
    """What migrations create and the history are its own; who logged in is kept as well."""
    owner = database.role("app_owner", "NOLOGIN")
    deployer = database.role("deployer", "LOGIN NOINHERIT")
    database.execute(f'GRANT {owner} TO {deployer}; GRANT CREATE ON DATABASE "{database.name}" TO {owner}')
    database.execute(f"GRANT CREATE ON SCHEMA public TO {owner}")
    runs = Runs(project, url=database.url_as(deployer), role=owner)
    runs.write("001_a", "CREATE TABLE a (x int)", "DROP TABLE a")
    runs.write("002_b", "-- sqlmig: no-transaction\nCREATE TABLE b (x int); RESET ROLE; SELECT 1;", "DROP TABLE b")
    runs.apply()
    ours = "relnamespace IN ('public'::regnamespace, 'sqlmig'::regnamespace)"
    owners = f"SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE {ours}"
    assert database.rows(owners) == [(owner,)]
    assert {(entry.user, entry.role) for entry in runs.log()} == {(deployer, owner)}
    runs.rollback()
    runs.apply()
    runs.api.fresh()
    assert runs.states() == {"001_a": "applied", "002_b": "applied"}


def test_the_header_names_another_role(project: Project, database: Database) -> None:
    """For that script alone; the history stays with the configured one."""
    owner, other = database.role("owner", "NOLOGIN"), database.role("other", "NOLOGIN")
    database.execute(f'GRANT CREATE ON DATABASE "{database.name}" TO {owner}')
    database.execute(f"GRANT CREATE ON SCHEMA public TO {owner}, {other}")
    runs = Runs(project, role=owner)
    runs.write("001_a", f"-- sqlmig: role = {other}\nCREATE TABLE a (x int)")
    runs.write("002_b", "CREATE TABLE b (x int)")
    runs.apply()
    owners = "SELECT relowner::regrole::text FROM pg_class WHERE relname IN ('a', 'b') ORDER BY relname"
    assert database.rows(owners) == [(other,), (owner,)]
    assert {entry.role for entry in runs.log()} == {owner}


@pytest.mark.parametrize("name", ["nobody_has_this_name", 'odd "name"'])
def test_a_role_that_is_not_there(project: Project, name: str) -> None:
    """Named, with the configuration as the place to correct it."""
    runs = Runs(project, role=name)
    runs.write("001_a", "SELECT 1")
    error = runs.fails(Exception)
    assert name in str(error)
    assert "role" in (getattr(error, "next_step", None) or "")


def test_sessions_that_only_read(runs: Runs, role: str, database: Database) -> None:
    """Looking works; applying nothing too; applying something says that it cannot."""
    database.execute(f'GRANT CREATE ON DATABASE "{database.name}" TO {role}')
    runs.write("001_a", "SELECT 1", "SELECT 1")
    runs.apply()
    database.execute(f"ALTER ROLE {role} SET default_transaction_read_only = on")
    assert runs.states() == {"001_a": "applied"}
    assert runs.check().exit_code == 0
    assert runs.apply().steps == ()
    runs.write("002_b", "SELECT 1")
    assert runs.check().exit_code == 3
    for command in (runs.apply, runs.rollback, runs.api.fresh, lambda: runs.api.baseline(2)):
        error = runs.fails(ReadOnlyServer, command)
        assert "read-only" in error.message
    assert len(runs.api.plan(Apply()).steps) == 1
