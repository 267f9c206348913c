"""The fixture that gives each test a database of its own, used by runs of pytest like those of any project."""

from __future__ import annotations

import os
from typing import Any

import psycopg
import pytest

from sqlmig.testing import MARK, TestDatabase, url_of
from tests.support.database import Database, client_environment
from tests.support.project import SOURCES

pytest_plugins = ["pytester"]

TESTS = """
import pytest

@pytest.mark.parametrize("number", range(3))
def test_alone(sqlmig_db, number):
    with sqlmig_db.connect(autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM person").fetchone() == (0,)
        connection.execute("INSERT INTO person VALUES (1)")
        assert connection.info.dbname == sqlmig_db.name

def test_url(sqlmig_db):
    import psycopg
    for address in (sqlmig_db.url, sqlmig_db.conninfo):
        with psycopg.connect(address) as connection:
            assert connection.info.dbname == sqlmig_db.name
    left_open = sqlmig_db.connect()
    left_open.execute("SELECT 1")
"""


@pytest.fixture
def folder(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with one migration and tests, and nothing in its environment but what Python needs."""
    for name in set(os.environ) - set(client_environment()):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(SOURCES))
    pytester.makeini("[pytest]")
    pytester.makepyfile(TESTS)
    write(pytester, "001_person.up.sql", "CREATE TABLE person (id int);")
    return pytester


def write(folder: pytest.Pytester, name: str, text: str) -> None:
    path = folder.path / "sql" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def run(folder: pytest.Pytester, *arguments: str, **outcomes: int) -> pytest.RunResult:
    """Run the tests, the plugin loaded as by its entry point."""
    done = folder.runpytest_subprocess("-p", "no:sqlmig", "-p", "sqlmig.pytest_plugin", *arguments)
    done.assert_outcomes(**(outcomes or {"passed": 4}))
    return done


def made(database: Database) -> list[tuple[str, str]]:
    """The databases of this project that stand on the server, and their kinds."""
    owner = f", by way of {database.name}"
    found = database.rows("SELECT oid::text, shobj_description(oid, 'pg_database') FROM pg_database ORDER BY oid")
    return [
        (oid, mark.removeprefix(MARK).partition(" ")[0])
        for oid, mark in found
        if mark and mark.startswith(MARK) and mark.endswith(owner)
    ]


def forget(database: Database) -> None:
    """Drop the templates, which would outlive this test."""
    for oid, _ in made(database):
        name = database.value(f"SELECT datname FROM pg_database WHERE oid = {oid}")
        database.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def given(database: Database) -> Any:
    """A database of a server that is given; what was made there is removed at the end."""
    yield database
    forget(database)


def test_each_test_has_a_database_and_none_stays(folder: pytest.Pytester, given: Database) -> None:
    """The template is used again by the next run, until a file changes: then there is another one, and one only."""
    run(folder, "--sqlmig-url", given.url)
    first = made(given)
    assert [kind for _, kind in first] == ["template"]
    run(folder, "--sqlmig-url", given.url, "--sqlmig-dir", "sql")
    assert made(given) == first
    write(folder, "002_more.up.sql", "CREATE TABLE more ();")
    run(folder, "--sqlmig-url", given.url)
    second = made(given)
    assert [kind for _, kind in second] == ["template"]
    assert second != first


def test_one_builds_and_the_others_wait(folder: pytest.Pytester, given: Database) -> None:
    """Workers of pytest-xdist share the template: what can be done once on a server is done once."""
    role = given.role("person")
    write(folder, "002_once.up.sql", f"COMMENT ON ROLE {role} IS 'x';\nALTER ROLE {role} RENAME TO {role}_renamed;")
    run(folder, "--sqlmig-url", given.url, "-n", "3")
    given.execute(f"ALTER ROLE {role}_renamed RENAME TO {role}")
    assert [kind for _, kind in made(given)] == ["template"]


def test_what_killed_runs_left_is_dropped(folder: pytest.Pytester, given: Database) -> None:
    """By its mark, never by its name; what a run that goes on has made, or another project, is left alone."""
    mark = f"{MARK}copy %s of {folder.path}, by way of {given.name}"
    of_another = f"{MARK}copy 1 of /another, by way of {given.name}"
    names = {name: f"sqlmig_test_{given.name}_{name}" for name in ("dead", "alive", "unmarked", "another")}
    for name, comment in {"dead": mark % 1, "alive": mark % 2, "unmarked": "mine", "another": of_another}.items():
        given.execute(f"CREATE DATABASE {names[name]}")
        given.execute(f"COMMENT ON DATABASE {names[name]} IS '{comment}'")
    try:
        with given.connect() as running:
            running.execute("SELECT pg_advisory_lock(2)")
            run(folder, "--sqlmig-url", given.url)
        found = [
            name
            for name in names
            if given.value(f"SELECT EXISTS (SELECT FROM pg_database WHERE datname = '{names[name]}')")
        ]
        assert found == ["alive", "unmarked", "another"]
    finally:
        for name in names.values():
            given.execute(f"DROP DATABASE IF EXISTS {name}")


def test_a_migration_that_fails_is_told_where(folder: pytest.Pytester, given: Database) -> None:
    """As the command line tells it, without a traceback and without a password; no half-made template stays."""
    write(folder, "002_bad.up.sql", "SELECT 1;\nSELECT nothing;")
    role = given.role("owner", "LOGIN SUPERUSER", password="pass-word-1")
    done = run(folder, "--sqlmig-url", given.url_as(role, "pass-word-1"), errors=4)
    text = done.stdout.str()
    assert "at sql/002_bad.up.sql:2:8, statement 2 of 2, SQLSTATE 42703" in text
    assert "Traceback" not in text
    assert "pass-word-1" not in text
    assert made(given) == []


def test_on_the_embedded_server(folder: pytest.Pytester) -> None:
    """Where no URL is given a server is started below the project, and stopped when no run uses it any more."""
    run(folder)
    home = folder.path / ".sqlmig" / "test"
    assert (home / "data" / "PG_VERSION").exists()
    assert not (home / "data" / "postmaster.pid").exists()
    assert "fsync = 'off'" in (home / "data" / "postgresql.auto.conf").read_text()


def test_settings_of_pytest_and_of_sqlmig_say_where_files_are(folder: pytest.Pytester, given: Database) -> None:
    """pytest's configuration, then sqlmig.toml, of which only the general settings count."""
    (folder.path / "sql").rename(folder.path / "db")
    folder.makeini(f"[pytest]\nsqlmig_dir = db\nsqlmig_url = {given.url}")
    (folder.path / "below").mkdir()
    run(folder, "--rootdir", str(folder.path))
    folder.makeini("[pytest]")
    (folder.path / "sqlmig.toml").write_text(
        'directory = "db"\ndefault_environment = "p"\n[env.p]\nurl = "${UNSET}"\nprotected = true\nrole = "nobody"\n'
    )
    run(folder, "--sqlmig-url", given.url)


def test_hooks_count_and_programs_are_not_told(folder: pytest.Pytester, given: Database) -> None:
    """A hook's SQL makes the schema what it is; nobody wants to hear of every run of the tests."""
    (folder.path / "hooks").mkdir()
    hook = folder.path / "hooks" / "after_apply.sql"
    hook.write_text("DROP TABLE person;")
    (folder.path / "sqlmig.toml").write_text('hooks = "hooks"\non_event = [["touch", "told"]]\n')
    run(folder, "--sqlmig-url", given.url, "-k", "test_alone", failed=3, deselected=1)
    hook.write_text("CREATE TABLE more ();")
    run(folder, "--sqlmig-url", given.url)
    assert not (folder.path / "told").exists()


def test_nothing_is_imported_where_it_is_not_used(folder: pytest.Pytester) -> None:
    """Every pytest loads the plugin: that must not take time."""
    folder.makepyfile(
        "import sys\n"
        "def test_modules():\n"
        "    ours = {name for name in sys.modules if name.partition('.')[0] in ('sqlmig', 'psycopg')}\n"
        "    assert ours == {'sqlmig', 'sqlmig.pytest_plugin'}\n"
    )
    run(folder, passed=1)


@pytest.mark.parametrize(
    ("conninfo", "url"),
    [
        (
            "host=db.example.com port=6432 user=a@b password='p /' dbname=x",
            "postgresql://a%40b:p%20%2F@db.example.com:6432/x",
        ),
        ("host=/run/postgresql dbname=x user=me", "postgresql:///x?user=me&host=%2Frun%2Fpostgresql"),
        ("host=::1 dbname='a/b' sslmode=require", "postgresql://[::1]/a%2Fb?sslmode=require"),
        ("host=a,b port=1,2 dbname=x", "postgresql:///x?host=a%2Cb&port=1%2C2"),
        ("dbname=x", "postgresql:///x"),
    ],
)
def test_a_url_leads_where_the_conninfo_does(conninfo: str, url: str) -> None:
    """For programs that read URLs only; libpq reads both alike."""
    assert url_of(conninfo) == url
    assert psycopg.conninfo.conninfo_to_dict(url) == psycopg.conninfo.conninfo_to_dict(conninfo)
    assert TestDatabase("x", conninfo).url == url


def test_a_password_does_not_show() -> None:
    """A test that fails prints its fixtures."""
    assert "hidden" not in repr(TestDatabase("x", "password=hidden"))
