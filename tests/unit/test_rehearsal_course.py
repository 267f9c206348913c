"""What a rehearsal runs, and what in it concerns a whole server."""

from __future__ import annotations

import pytest

from sqlmig.errors import CheckFailed, UsageError
from sqlmig.migration import Direction, Migration, Script
from sqlmig.rehearsal.course import Course, course
from sqlmig.script.source import TextSource
from sqlmig.standing import Standing, State
from tests.unit.report_values import record


def migration(up: str, version: int = 1) -> Migration:
    return Migration(version, "m", Script(Direction.UP, TextSource(up, "up.sql")), None, f"{version:03}")


def planned(up: str) -> Course:
    return Course((), (migration(up),), frozenset({1}))


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE ROLE reader",
        "create user app with password 'x'",
        "ALTER ROLE reader SET search_path = app",
        "DROP GROUP g",
        "GRANT reader TO app",
        "GRANT reader,\n writer TO app WITH ADMIN OPTION",
        "REVOKE reader FROM app",
        "GRANT CONNECT ON DATABASE shop TO reader",
        "REVOKE ALL ON DATABASE shop FROM PUBLIC",
        "GRANT CREATE ON TABLESPACE fast TO app",
        "GRANT SET ON PARAMETER log_statement TO app",
        "ALTER DATABASE shop SET work_mem = '3MB'",
        "COMMENT ON DATABASE shop IS 'x'",
        "COMMENT ON ROLE reader IS 'x'",
        "CREATE TABLESPACE fast LOCATION '/x'",
        "ALTER SYSTEM SET work_mem = '3MB'",
        "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p",
        "REASSIGN OWNED BY a TO b",
        "DROP OWNED BY a",
    ],
)
def test_statements_about_the_server_are_found(statement: str) -> None:
    """Wherever they stand in the file, and whatever stands before them."""
    assert planned(f"-- a comment\nSELECT 1;\n/* another */ {statement};\n").shared is not None


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE role (id int)",
        "GRANT SELECT ON users TO reader",
        "GRANT USAGE ON SCHEMA app TO reader",
        "REVOKE GRANT OPTION FOR SELECT ON users FROM reader",
        "GRANT EXECUTE ON FUNCTION f(int) TO reader",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO reader",
        "CREATE USER MAPPING FOR reader SERVER s",
        "DROP USER MAPPING FOR reader SERVER s",
        "INSERT INTO role VALUES ('CREATE ROLE x; DROP DATABASE y')",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 -- create role x\n $$",
        "ALTER TABLE users OWNER TO app",
        "COMMENT ON TABLE users IS 'database of users'",
    ],
)
def test_statements_about_one_database_are_not_taken_for_them(statement: str) -> None:
    assert planned(f"{statement};").shared is None


def test_roles_that_migrations_make_are_known_by_name() -> None:
    """As the server would call them: in small letters, unless they are quoted."""
    made = planned('CREATE ROLE Reader; CREATE USER "Odd ""One" LOGIN; CREATE ROLE "x";CREATE GROUP g WITH USER a;')
    assert made.roles_made == ("reader", 'Odd "One', "x", "g")


def standing(version: int, *, applied: bool, files: bool = True) -> Standing:
    return Standing(
        version,
        f"{version:03}",
        "m",
        State.APPLIED if applied else State.PENDING,
        migration("SELECT 1;", version) if files else None,
        record(version, "m", sequence=100 - version) if applied else None,
    )


def versions(migrations: tuple[Migration, ...]) -> list[int]:
    return [found.version for found in migrations]


def test_pending_migrations_are_rehearsed_behind_what_is_applied() -> None:
    """What is applied comes in the order in which it was applied, which need not be that of the versions."""
    known = [
        standing(1, applied=True),
        standing(2, applied=True),
        standing(3, applied=False),
        standing(4, applied=False),
    ]
    run = course(known, {}, (), everything=False, from_schema=False)
    assert (versions(run.filling), versions(run.migrations), run.chosen) == ([2, 1], [3, 4], {3, 4})
    run = course(known, {}, (), everything=False, from_schema=True)
    assert (versions(run.filling), versions(run.migrations)) == ([], [3, 4])


def test_named_migrations_are_rehearsed_where_they_ran_or_will_run() -> None:
    known = [
        standing(1, applied=True),
        standing(2, applied=True),
        standing(3, applied=False),
        standing(4, applied=False),
    ]
    run = course(known, {}, ("4", "001"), everything=False, from_schema=False)
    assert (versions(run.filling), versions(run.migrations), run.chosen) == ([2], [1, 3, 4], {1, 4})
    with pytest.raises(UsageError):
        course(known, {}, ("1",), everything=False, from_schema=True)


def test_all_of_them_are_rehearsed_by_version_from_nothing() -> None:
    """As a new database would get them: what has no files is not among them."""
    known = [standing(1, applied=True), standing(2, applied=True, files=False), standing(3, applied=False)]
    run = course(known, {}, (), everything=True, from_schema=False)
    assert (versions(run.filling), versions(run.migrations), run.chosen) == ([], [1, 3], {1, 3})


def test_stored_sql_counts_where_the_file_is_gone() -> None:
    known = [standing(1, applied=True, files=False)]
    run = course(known, {1: ("SELECT 'stored';", None)}, (), everything=False, from_schema=False)
    assert [found.up.text() for found in run.filling] == ["SELECT 'stored';"]
    with pytest.raises(CheckFailed):
        course(known, {}, (), everything=False, from_schema=False)
