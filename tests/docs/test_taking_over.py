"""Taking over a database that another tool has built, as docs/coming-from.md says."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from sqlmig.embedded import Server
from tests.support.database import Database, client_environment, pg_dump
from tests.support.project import Project

BUILT = """
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE person (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mood mood DEFAULT 'good');
CREATE FUNCTION moods() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM person; END;
CREATE VIEW good_person AS SELECT id FROM person WHERE mood = 'good';
CREATE TABLE knex_migrations (id int);
"""
WITHOUT_ATOMIC_BODIES = BUILT.replace(
    "BEGIN ATOMIC SELECT count(*) FROM person; END", "AS 'SELECT count(*) FROM person; '"
)


@pytest.fixture
def another(server: Server, admin: psycopg.Connection[Any]) -> Iterator[Database]:
    """A second empty database."""
    database = Database(server, admin)
    yield database
    database.drop()


def version(database: Database) -> int:
    return int(database.value("SELECT current_setting('server_version_num')::int / 10000"))


def dumped(database: Database, server: Server) -> bytes:
    """What the page's command writes. Where this pg_dump is newer than the server, without the setting it adds."""
    command = [pg_dump(server), "--schema-only", "--no-owner", "--exclude-table=knex_migrations*", database.url]
    dump = subprocess.run(command, capture_output=True, env=client_environment(), check=True).stdout
    return dump if version(database) >= 17 else dump.replace(b"SET transaction_timeout = 0;\n", b"")


def test_baseline_runs_nothing_and_what_lies_above_is_pending(project: Project, database: Database) -> None:
    """Everything up to the version counts as applied; the next apply begins above it."""
    database.execute("CREATE TABLE first (); CREATE TABLE second ()")
    project.write("1_first.up.sql", "CREATE TABLE first ();")
    project.write("2_second.up.sql", "CREATE TABLE second ();")
    project.write("3_third.up.sql", "CREATE TABLE third ();")
    assert project.invoke("baseline", "2").exit_code == 0
    states = [migration["state"] for migration in project.invoke("status", "--json").json["migrations"]]
    assert states == ["applied", "applied", "pending"]
    assert project.invoke("apply").exit_code == 0
    assert database.value("SELECT to_regclass('third') IS NOT NULL")


def test_output_of_pg_dump_is_a_migration_as_it_stands(
    project: Project, database: Database, another: Database, server: Server
) -> None:
    """It is the baseline of the database that it came from, builds the same schema in an empty one, and stays."""
    database.execute(BUILT if version(database) >= 14 else WITHOUT_ATOMIC_BODIES)
    project.write("001_before_sqlmig.up.sql", dumped(database, server))
    assert project.invoke("baseline", "1").exit_code == 0
    assert "nothing to do" in project.invoke("apply").output

    done = project.invoke("apply", env={"SQLMIG_URL": another.url})
    assert done.exit_code == 0, done
    refused = project.invoke("rollback", env={"SQLMIG_URL": another.url})
    assert refused.exit_code == 3, refused
    database.execute("DROP SCHEMA sqlmig CASCADE; DROP TABLE knex_migrations")
    another.execute("DROP SCHEMA sqlmig CASCADE")
    assert another.dump() == database.dump()
