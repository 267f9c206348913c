"""Shadow databases: where they are, that they go, and that the target is never touched."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from sqlmig.api import Project as Api
from sqlmig.database import Session
from sqlmig.embedded import Server
from sqlmig.errors import LockHeld, NoConnection, NoServer, StatementFailed, UnsupportedServer, UsageError
from sqlmig.history import History, ServerFacts
from sqlmig.shadow import databases as databases_module
from sqlmig.shadow.databases import is_ours, new_name
from tests.support.database import Database
from tests.support.processes import until
from tests.support.project import Project
from tests.support.runner import Runs

WAIT = """\
DO $$ BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'go on')
    LOOP PERFORM pg_stat_clear_snapshot(); PERFORM pg_sleep(0.01); END LOOP;
END $$;
CREATE TABLE {mark} ();
"""
"""Works until somebody calling himself "go on" connects to the same database."""


@pytest.fixture
def runs(project: Project) -> Runs:
    return Runs(project)


@pytest.fixture
def named(server: Server, admin: psycopg.Connection[Any]) -> Iterator[Database]:
    """Another empty database."""
    database = Database(server, admin)
    yield database
    database.drop()


def shadow_with(admin: psycopg.Connection[Any], application: str) -> str | None:
    """The shadow database in which a rehearsal of this application name works."""
    row = admin.execute(
        "SELECT datname FROM pg_stat_activity WHERE query LIKE '%%WHILE NOT EXISTS%%' AND state = 'active' "
        "AND application_name = %s AND datname LIKE 'sqlmig\\_shadow\\_%%'",
        (application,),
    ).fetchone()
    return row[0] if row else None


def databases(admin: psycopg.Connection[Any]) -> set[str]:
    return {name for (name,) in admin.execute("SELECT datname FROM pg_database")}


@pytest.fixture
def slow(runs: Runs, database: Database) -> Callable[..., Any]:
    """Starts a rehearsal, or another command, that waits in an up until somebody connects as "go on".

    Its sessions bear the test's name.
    """
    runs.write("001_slow", WAIT.format(mark="slow"), "DROP TABLE slow;")
    url = f"{database.url}&application_name={database.name}"
    return lambda command="rehearse", *options: runs.project.spawn(command, *options, "--json", env={"SQLMIG_URL": url})


def test_names_of_ours_are_told_from_others() -> None:
    """A name that only looks like ours is somebody else's database."""
    assert is_ours(new_name())
    assert not is_ours("sqlmig_shadow_production")
    assert not is_ours("sqlmig_shadow_0123456789ab01234567")
    assert not is_ours(new_name() + "0")


def test_killed_rehearsal_is_swept_by_the_next(
    runs: Runs, slow: Callable[[], Any], server: Server, admin: psycopg.Connection[Any], database: Database
) -> None:
    """Its database stays behind, and goes with the next rehearsal; a stranger's with a name like ours stays."""
    stranger = f"sqlmig_shadow_{database.name}"
    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(stranger)))
    try:
        with slow() as process:
            left = until(lambda: shadow_with(admin, database.name), "a shadow")
            process.kill()
            process.wait()
            assert left in databases(admin)
        runs.remove("001_slow")
        runs.write("001_a", "CREATE TABLE a ();", "DROP TABLE a;")
        lock = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = %s AND datname = %s)"
        gone = (database.name, database.name)
        until(lambda: not admin.execute(lock, gone).fetchone()[0], "the server to notice")  # type: ignore[index]
        runs.api.rehearse()
        assert left not in databases(admin)
        assert stranger in databases(admin)
    finally:
        admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(stranger)))


def _folder_with(runs: Runs, name: str) -> Path:
    """A folder with a copy of one of the migrations alone."""
    folder = runs.project.folder / "other"
    folder.mkdir()
    for path in runs.project.sql.glob(f"{name}.*"):
        shutil.copy(path, folder)
    return folder


def test_shadow_of_a_living_run_is_left_alone(
    runs: Runs, slow: Callable[[], Any], server: Server, admin: psycopg.Connection[Any], database: Database
) -> None:
    """Another rehearsal on the same server sweeps, and the one under way goes on to its end and drops its shadow."""
    runs.write("002_a", "CREATE TABLE a ();", "DROP TABLE a;")
    with slow() as process:
        shadow = until(lambda: shadow_with(admin, database.name), "a shadow")
        other = Api(url=runs.url, directory=_folder_with(runs, "002_a"))
        assert [str(found.verdict) for found in other.rehearse().migrations] == ["reversible"]
        assert shadow in databases(admin)
        with psycopg.connect(f"{server.url(shadow)}&application_name=go%20on"):
            stdout, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stdout + stderr
        assert shadow not in databases(admin)


@pytest.mark.parametrize("command", [("rehearse",), ("plan", "--locks"), ("check", "--rehearse")])
def test_ctrl_c_leaves_no_shadow(
    slow: Callable[..., Any], command: Sequence[str], admin: psycopg.Connection[Any], database: Database
) -> None:
    """And what is left behind is told of the target, not of the shadow."""
    with slow(*command) as process:
        shadow = until(lambda: shadow_with(admin, database.name), "a shadow")
        process.send_signal(2)
        stdout, stderr = process.communicate(timeout=120)
        assert process.returncode == 130, stdout + stderr
        assert "the target was not touched" in stdout
        assert shadow not in databases(admin)


def test_failure_leaves_no_shadow(runs: Runs, admin: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the shadow cannot even be filled."""
    runs.write("001_a", "CREATE TABLE a ();")
    runs.apply()
    runs.database.execute("UPDATE sqlmig.migration SET up_source = NULL")
    runs.write("001_a", "SELECT 1 / 0;")
    runs.write("002_b", "SELECT 1;", "SELECT 1;")
    made: list[str] = []
    name = databases_module.new_name
    monkeypatch.setattr(databases_module, "new_name", lambda: made.append(name()) or made[-1])
    runs.fails(StatementFailed, runs.api.rehearse)
    assert len(made) == 1
    assert not {*made} & databases(admin)


def others_ended(database: Database) -> None:
    """What a session did is counted by its end, which is a little later than its client's."""
    others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    until(lambda: not database.rows(others), "the end of all sessions")


def counted_so_far(database: Database) -> None:
    """Wait until all that was written is counted: up to 14 another process counts, in its own time, and in order."""
    others_ended(database)
    database.execute(
        "CREATE TABLE counted (x int); GRANT SELECT ON counted TO PUBLIC;"
        " INSERT INTO counted SELECT generate_series(1, 7)"
    )
    seven = "SELECT n_tup_ins = 7 FROM pg_stat_all_tables WHERE relid = 'counted'::regclass"
    until(lambda: database.value(seven), "the counting")


def test_nothing_is_written_to_the_target(project: Project, admin: psycopg.Connection[Any]) -> None:
    """A role that can write nothing there can rehearse; schema and rows are what they were, and no row was touched."""
    assert project.database is not None
    database = project.database
    Runs(project).write("001_a", "CREATE TABLE a (id int); INSERT INTO a VALUES (1);", "DROP TABLE a;")
    Runs(project).apply()
    reader = database.role("reader", "LOGIN CREATEDB")
    database.execute(
        f'GRANT USAGE ON SCHEMA sqlmig TO "{reader}"; GRANT SELECT ON ALL TABLES IN SCHEMA sqlmig TO "{reader}";'
        f'GRANT SELECT ON a TO "{reader}"; REVOKE CREATE ON SCHEMA public FROM PUBLIC;'
    )
    runs = Runs(project, url=database.url_as(reader))
    runs.write("002_b", "ALTER TABLE a ADD COLUMN b int; DELETE FROM a;", "ALTER TABLE a DROP COLUMN b;")
    touched = (
        "SELECT sum(n_tup_ins), sum(n_tup_upd), sum(n_tup_del) FROM pg_stat_all_tables "
        "WHERE relid NOT IN (SELECT oid FROM pg_class WHERE relisshared)"
    )
    counted_so_far(database)
    before = database.dump(data=True)
    counted = database.rows(touched)
    for options in ({}, {"everything": True}, {"from_schema": True, "sample": 5}):
        result = runs.api.rehearse(**options)  # type: ignore[arg-type]
        assert [str(found.verdict) for found in result.migrations][-1] in ("reversible", "data_not_restored")
    assert database.dump(data=True) == before
    others_ended(database)
    assert database.rows(touched) == counted


def test_shadow_is_like_its_target(server: Server, admin: psycopg.Connection[Any], project: Project) -> None:
    """Encoding, locale, settings of the database and privileges on it are the target's."""
    assert project.database is not None
    name = project.database.name
    options = "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
    if server.version >= "15":
        options += " LOCALE_PROVIDER libc"
    admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
    admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 " + options).format(sql.Identifier(name)))
    admin.execute(sql.SQL("ALTER DATABASE {} SET search_path = app, \"$user\", 'x y'").format(sql.Identifier(name)))
    admin.execute(sql.SQL("ALTER DATABASE {} SET work_mem = '3MB'").format(sql.Identifier(name)))
    runs = Runs(project)
    runs.write(
        "001_a",
        "DO $$ BEGIN ASSERT current_setting('server_encoding') = 'SQL_ASCII'; "
        "ASSERT current_setting('work_mem') = '3MB', current_setting('work_mem'); "
        "ASSERT current_setting('search_path') = 'app, \"$user\", \"x y\"', current_setting('search_path'); END $$;",
        "SELECT 1;",
    )
    (found,) = runs.api.rehearse().migrations
    assert found.error is None, found.error


def test_named_database_is_used_and_left_empty(runs: Runs, named: Database) -> None:
    """Again and again; it is neither dropped nor does anything stay in it."""
    before = named.dump()
    runs.write("001_a", "CREATE SCHEMA s; CREATE TABLE s.a (); CREATE EXTENSION pg_trgm;", "DROP SCHEMA s CASCADE;")
    for _ in range(2):
        result = runs.api.rehearse(shadow_url=named.url)
        assert [str(found.verdict) for found in result.migrations] == ["down_leaves"]
        assert result.shadow == "named"
        assert named.dump() == before


def test_named_database_that_is_not_empty_is_refused_and_kept(runs: Runs, named: Database) -> None:
    """Whatever is in it."""
    runs.write("001_a", "CREATE TABLE a ();", "DROP TABLE a;")
    for statement, undo in (
        ("CREATE TABLE precious (id int)", "DROP TABLE precious"),
        ("CREATE SCHEMA s", "DROP SCHEMA s"),
        ("CREATE EXTENSION pg_trgm", "DROP EXTENSION pg_trgm"),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "DROP FUNCTION f()"),
        ("SELECT lo_create(4711)", "SELECT lo_unlink(oid) FROM pg_largeobject_metadata"),
        ("SELECT lo_create(0)", "SELECT lo_unlink(oid) FROM pg_largeobject_metadata"),
        ("CREATE SCHEMA sqlmig_shadow", "DROP SCHEMA sqlmig_shadow"),
    ):
        named.execute(statement)
        before = named.dump()
        runs.fails(UsageError, lambda: runs.api.rehearse(shadow_url=named.url))
        assert named.dump() == before, statement
        named.execute(undo)


def test_target_is_never_its_own_shadow(runs: Runs, database: Database) -> None:
    """Not even where it is empty."""
    runs.write("001_a", "CREATE TABLE a ();", "DROP TABLE a;")
    before = database.dump()
    error = runs.fails(UsageError, lambda: runs.api.rehearse(shadow_url=database.url))
    assert "the target itself" in error.message
    assert database.dump() == before


def test_a_shadow_that_cannot_be_reached_is_not_taken_for_the_target(runs: Runs) -> None:
    runs.write("001_a", "CREATE TABLE a ();", "DROP TABLE a;")
    error = runs.fails(NoConnection, lambda: runs.api.rehearse(shadow_url="postgresql://127.0.0.1:1/shadow"))
    assert "--shadow-url" in " ".join(error.notes)


def test_what_a_killed_run_left_in_a_named_database_goes(
    runs: Runs, slow: Callable[[], Any], named: Database, admin: psycopg.Connection[Any]
) -> None:
    """It was marked as ours; while the run lives nobody else may use the database."""
    del slow  # wrote the migration
    working = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND query LIKE '%%WHILE NOT EXISTS%%'"
    url = {"SQLMIG_URL": runs.database.url}
    with runs.project.spawn("rehearse", "--shadow-url", named.url, env=url) as process:
        until(lambda: admin.execute(working, (named.name,)).fetchone()[0], "work in it")  # type: ignore[index]
        runs.remove("001_slow")
        runs.write("001_a", "CREATE TABLE a ();", "DROP TABLE a;")
        runs.fails(LockHeld, lambda: runs.api.rehearse(shadow_url=named.url))
        process.kill()
        process.wait()
    alive = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
    until(lambda: not admin.execute(alive, (named.name,)).fetchone()[0], "its sessions to end")  # type: ignore[index]
    assert named.value("SELECT count(*) FROM pg_namespace WHERE nspname IN ('sqlmig', 'sqlmig_shadow')") == 2
    result = runs.api.rehearse(shadow_url=named.url)
    assert [str(found.verdict) for found in result.migrations] == ["reversible"]
    assert named.value("SELECT count(*) FROM pg_namespace WHERE nspname IN ('sqlmig', 'sqlmig_shadow')") == 0


def test_role_that_may_not_create_databases_gets_a_server_of_its_own(project: Project) -> None:
    """With the target's roles, so that what is granted to them can be, and with the target's name."""
    assert project.database is not None
    poor = project.database.role("poor", "LOGIN")
    reader = project.database.role("reader", "NOLOGIN")
    project.database.execute(f'GRANT CREATE ON DATABASE {project.database.name} TO "{poor}"')
    runs = Runs(project, url=project.database.url_as(poor))
    runs.write(
        "001_a",
        f'CREATE SCHEMA a; GRANT USAGE ON SCHEMA a TO "{reader}"; GRANT CONNECT ON DATABASE {project.database.name} '
        f'TO "{reader}";',
        "DROP SCHEMA a;",
    )
    result = runs.api.rehearse(shadow_url="embedded")
    assert result.shadow == "embedded"
    runs.write("001_a", f'CREATE SCHEMA a; GRANT USAGE ON SCHEMA a TO "{reader}";', "DROP SCHEMA a;")
    result = runs.api.rehearse()
    assert (result.shadow, [str(found.verdict) for found in result.migrations]) == ("embedded", ["reversible"])


def test_database_that_cannot_be_reached_is_dropped_and_not_used(
    runs: Runs, admin: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server lets us make one and not connect to it (pg_hba.conf names databases): a server of its own is used."""
    made: list[str] = []

    def closed(databases: databases_module.Databases) -> str:
        made.append(make(databases))
        if databases.name is None:
            admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(made[-1])))
        return made[-1]

    make = databases_module.Databases.make
    monkeypatch.setattr(databases_module.Databases, "make", closed)
    runs.write("001_a", "CREATE TABLE a ();", "DROP TABLE a;")
    result = runs.api.rehearse()
    assert (result.shadow, [str(found.verdict) for found in result.migrations]) == ("embedded", ["reversible"])
    assert is_ours(made[0])
    assert made[0] not in databases(admin)


def test_pooler_is_no_way_to_a_shadow(runs: Runs, named: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind one nobody knows which backend works, and so neither what it locks nor what it writes: none is used."""
    probe = History.probe

    def pooled(history: History, session: Session) -> ServerFacts:
        facts = probe(history, session)
        session.pooled = True
        return facts

    monkeypatch.setattr(History, "probe", pooled)
    runs.write("001_a", "CREATE TABLE a ();", "DROP TABLE a;")
    before = named.dump()
    error = runs.fails(UsageError, lambda: runs.api.rehearse(shadow_url=named.url))
    assert "pooler" in error.message
    assert named.dump() == before


def test_without_any_place_for_a_shadow_the_ways_out_are_named(project: Project, tmp_path: Any) -> None:
    """No right to create databases, and no PostgreSQL on this machine."""
    assert project.database is not None
    poor = project.database.role("poor", "LOGIN")
    project.write("001_a.up.sql", "SELECT 1;")
    nothing = tmp_path / "bin"
    nothing.mkdir()
    done = project.run(
        "rehearse", "--dir", "sql", env={"SQLMIG_URL": project.database.url_as(poor), "SQLMIG_PG_BIN": str(nothing)}
    )
    assert done.exit_code in (NoServer.exit_code, 2), done
    assert "SQLMIG_PG_BIN" in done.stderr


@pytest.mark.parametrize("hidden", [False, True])
def test_roles_are_never_changed_on_the_targets_server(
    runs: Runs, admin: psycopg.Connection[Any], database: Database, hidden: bool
) -> None:
    """Plain to see, it is rehearsed in a server of its own; hidden in a block, it is rolled back, and said."""
    role = f"role_of_{database.name}"
    statement = f"CREATE ROLE {role}"
    runs.write(
        "001_a",
        f"DO $$ BEGIN EXECUTE 'CREATE ' || 'ROLE {role}'; END $$;"
        if hidden
        else f"{statement};\nGRANT {role} TO postgres;",
        f"DO $$ BEGIN EXECUTE 'DROP ' || 'ROLE {role}'; END $$;" if hidden else f"DROP ROLE {role};",
    )
    if hidden:
        error = runs.fails(UsageError, runs.api.rehearse)
        assert "--shadow-url embedded" in str(error.next_step)
        result = runs.api.rehearse(shadow_url="embedded")
    else:
        result = runs.api.rehearse()
    assert result.shadow == "embedded"
    assert [str(found.verdict) for found in result.migrations] == ["reversible"], result.migrations[0].error
    assert admin.execute("SELECT count(*) FROM pg_roles WHERE rolname = %s", (role,)).fetchone() == (0,)


@pytest.mark.parametrize(
    "statement", ["CREATE ROLE {name}", "ALTER SYSTEM SET work_mem = '6MB'", "CREATE DATABASE {name}"]
)
def test_named_database_on_the_targets_server_is_no_place_for_what_concerns_the_server(
    runs: Runs, named: Database, admin: psycopg.Connection[Any], statement: str
) -> None:
    """Also where it runs without a transaction, so that nothing could be rolled back: it is not run at all."""
    name = f"other_{named.name}"
    runs.write("001_a", f"-- sqlmig: no-transaction\n{statement.format(name=name)};", "SELECT 1;")
    error = runs.fails(UsageError, lambda: runs.api.rehearse(shadow_url=named.url))
    assert "--shadow-url embedded" in str(error.next_step)
    assert admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is None
    assert admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None
    assert admin.execute("SELECT 1 FROM pg_file_settings WHERE setting = '6MB'").fetchone() is None


def test_setting_of_a_database_is_never_changed_on_the_targets_server(runs: Runs, database: Database) -> None:
    """Also where a statement names the database, or a role's settings are meant."""
    runs.write(
        "001_a",
        f"DO $$ BEGIN EXECUTE 'ALTER DATABASE {database.name} SET work_mem = ''5MB'''; END $$;",
        "SELECT 1;",
    )
    runs.fails(UsageError, runs.api.rehearse)
    of_this_database = "setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())"
    assert database.value(f"SELECT count(*) FROM pg_db_role_setting WHERE {of_this_database}") == 0


def test_another_major_version_is_warned_of(runs: Runs) -> None:
    """What only one of them does is not seen; the same version needs no warning."""
    runs.write("001_a", "CREATE TABLE a ();", "DROP TABLE a;")
    result = runs.api.rehearse(shadow_url="embedded")
    same = runs.database.value("SHOW server_version_num")[:2] == result.shadow_server.split()[1][:2]
    assert [problem.code for problem in result.warnings] == ([] if same else ["shadow_version"])


def test_server_whose_schema_cannot_be_read_is_refused(
    runs: Runs, admin: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL 13 does not tell what its catalogs refer to; no shadow is made on such a server."""
    runs.write("001_a", "CREATE TABLE a ();", "DROP TABLE a;")
    made: list[str] = []
    monkeypatch.setattr(databases_module, "new_name", lambda: made.append("") or "")
    monkeypatch.setattr(Session, "server_version", 130010)
    runs.fails(UnsupportedServer, runs.api.rehearse)
    runs.fails(UnsupportedServer, runs.api.drift)
    assert made == []


def test_no_password_is_shown(project: Project, named: Database) -> None:
    """Neither the target's nor the shadow's."""
    assert project.database is not None
    secret = "p4ss:w@rd/x"
    role = project.database.role("keen", "LOGIN SUPERUSER", password=secret)
    url = project.database.url_as(role, secret)
    project.write("001_a.up.sql", "CREATE TABLE a ();")
    project.write("001_a.down.sql", "DROP TABLE b;")
    for arguments in (["--json"], ["--verbose"], ["--from-schema"], ["--shadow-url", named.url_as(role, secret)]):
        done = project.run("rehearse", *arguments, "--dir", "sql", env={"SQLMIG_URL": url})
        assert done.exit_code == 3, done
        assert secret not in done.output
