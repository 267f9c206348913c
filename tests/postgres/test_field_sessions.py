"""Six migrations, each of which spoils its session in a way that was seen, applied in one run and in six."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from sqlmig.embedded import Server
from sqlmig.plan import Apply
from tests.support.database import Database
from tests.support.project import Project
from tests.support.runner import Runs

DUMP = """\
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE TABLE app.person (
    id integer NOT NULL,
    name text
);
COPY app.person (id, name) FROM stdin;
1\tÅsa
2\t\\N
\\.
CREATE INDEX person_name ON app.person USING btree (name);
"""

MIGRATIONS = {
    "001_dump": DUMP,
    "002_role": "SET ROLE {other};\nCREATE TABLE public.made_as_other (x int);",
    "003_timeout": "SET statement_timeout = '1h';",
    "004_table": "CREATE TABLE plain (x int DEFAULT 1);\n"
    "DO $$BEGIN ASSERT current_setting('statement_timeout') = '0'; END$$;",
    "005_discard": "-- sqlmig: no-transaction\nDISCARD ALL;",
    "006_ordinary": "ALTER TABLE plain ADD COLUMN y text DEFAULT 'a\\b';",
}

OWNERS = """
    SELECT relnamespace::regnamespace::text, relname::text, relowner::regrole::text FROM pg_class
     WHERE relkind = 'r' AND relnamespace::regnamespace::text IN ('public', 'app', 'sqlmig') ORDER BY 1, 2
"""


def prepared(project: Project, database: Database, owner: str, other: str) -> Runs:
    database.execute(
        f'GRANT CREATE ON DATABASE "{database.name}" TO "{owner}"; GRANT CREATE ON SCHEMA public TO "{other}";'
        f' CREATE SCHEMA app AUTHORIZATION "{owner}"'
    )
    return Runs(project, url=database.url, role=owner, search_path="app")


@pytest.fixture
def second(server: Server, admin: psycopg.Connection[Any]) -> Iterator[Database]:
    """Another empty database."""
    database = Database(server, admin)
    yield database
    database.drop()


def test_one_run_leaves_what_six_runs_leave(project: Project, second: Database, database: Database) -> None:
    """Six rows; the table without a schema is in the configured one and belongs to the configured role."""
    owner = database.role("owner", "NOLOGIN")
    other = database.role("other", "NOLOGIN")
    database.execute(f'GRANT "{other}" TO "{owner}"')
    for name, text in MIGRATIONS.items():
        project.write(f"{name}.up.sql", text.format(other=other) if "{other}" in text else text)
    together = prepared(project, database, owner, other)
    together.apply()
    assert together.applied() == list(MIGRATIONS)
    one_by_one = Runs(project, url=second.url, role=owner, search_path="app")
    prepared(project, second, owner, other)
    for number in range(1, len(MIGRATIONS) + 1):
        one_by_one.apply(Apply(to=number))
    assert database.dump() == second.dump()
    assert database.rows("SELECT * FROM app.person") == second.rows("SELECT * FROM app.person")
    assert database.rows(OWNERS) == second.rows(OWNERS)
    assert ("app", "plain", owner) in database.rows(OWNERS)
    assert ("public", "made_as_other", other) in database.rows(OWNERS)
    assert database.rows("SELECT DISTINCT role FROM sqlmig.migration") == [(owner,)]
