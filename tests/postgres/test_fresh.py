"""fresh drops everything but the log, as a superuser or as the owner of the database, or nothing at all."""

from __future__ import annotations

import pytest

from sqlmig.errors import DatabaseError, FilesInvalid, NotAllowed, StatementFailed
from tests.support.database import Database
from tests.support.project import Project
from tests.support.runner import Runs

EVERYTHING = """
CREATE SCHEMA app;
CREATE SCHEMA "Odd ""Schema";
CREATE EXTENSION hstore SCHEMA app;
CREATE TYPE mood AS ENUM ('sad');
CREATE TYPE pair AS (x int, y mood);
CREATE TYPE span AS RANGE (subtype = float8);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE SEQUENCE numbers;
CREATE TABLE identified (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, m mood, p positive, s serial);
CREATE TABLE "Odd Table" (id int REFERENCES identified, "c d" text) PARTITION BY LIST (id);
CREATE TABLE part PARTITION OF "Odd Table" FOR VALUES IN (1);
CREATE TABLE inherited () INHERITS (identified);
CREATE UNIQUE INDEX odd ON identified (m);
CREATE STATISTICS stats ON id, m FROM identified;
CREATE VIEW seen AS SELECT * FROM identified;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM seen;
CREATE FUNCTION f(int, mood DEFAULT 'sad') RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int);
CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER t BEFORE INSERT ON identified FOR EACH ROW EXECUTE FUNCTION fired();
CREATE RULE r AS ON INSERT TO "Odd Table" DO NOTHING;
CREATE POLICY own ON identified USING (true);
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
CREATE COLLATION coll FROM "C";
CREATE CONVERSION conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE TEXT SEARCH CONFIGURATION conf (COPY = pg_catalog.simple);
CREATE TEXT SEARCH DICTIONARY dict (TEMPLATE = pg_catalog.simple);
CREATE CAST (mood AS positive) WITH INOUT;
CREATE TABLE app.inner (x int, h app.hstore);
COMMENT ON TABLE app.inner IS 'a comment';
CREATE TABLE "Odd ""Schema"."Odd ""Table" (x int);
CREATE PUBLICATION pub FOR TABLE identified;
CREATE TABLE sqlmig.mine (x int);
CREATE FUNCTION sqlmig.mine() RETURNS int LANGUAGE sql AS 'SELECT 1';
"""

FOR_SUPERUSERS = """
CREATE FUNCTION ended() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER evt ON ddl_command_end EXECUTE FUNCTION ended();
CREATE EVENT TRIGGER dropping ON sql_drop EXECUTE FUNCTION ended();
CREATE FOREIGN DATA WRAPPER fdw;
CREATE OPERATOR FAMILY fam USING btree;
CREATE OPERATOR CLASS cls FOR TYPE int USING btree FAMILY fam AS OPERATOR 1 <, FUNCTION 1 btint4cmp(int, int);
CREATE SERVER srv FOREIGN DATA WRAPPER fdw;
CREATE USER MAPPING FOR CURRENT_USER SERVER srv;
CREATE FOREIGN TABLE away (x int) SERVER srv;
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE ACCESS METHOD am TYPE INDEX HANDLER bthandler;
CREATE LANGUAGE lang HANDLER plpgsql_call_handler;
CREATE CAST (int4 AS point) WITH INOUT;
SELECT lo_from_bytea(0, 'large');
"""


@pytest.fixture
def runs(project: Project) -> Runs:
    return Runs(project)


def objects(database: Database) -> str:
    """The schema as pg_dump tells it, without the history's own."""
    kept = [part for part in database.dump().split("\n--\n-- ") if "sqlmig" not in part.partition("\n")[0]]
    return "\n".join(kept)


@pytest.mark.parametrize("who", ["superuser", "owner"])
def test_everything_is_dropped(runs: Runs, database: Database, who: str) -> None:
    """Objects of every kind go; the log stays, and what is applied afterwards is recorded anew."""
    empty = objects(database)
    script = EVERYTHING
    if who == "owner":
        role = database.role("owner")
        database.execute(f'ALTER DATABASE "{database.name}" OWNER TO {role}')
        database.execute(f"GRANT CREATE ON SCHEMA public TO {role}")
        empty = objects(database)
        runs.url = database.url_as(role)
    else:
        script += FOR_SUPERUSERS
    runs.write("001_everything", script)
    runs.apply()
    runs.write("001_everything", "SELECT 1")
    runs.api.fresh()
    assert objects(database) == empty
    assert database.rows("SELECT oid FROM pg_largeobject_metadata") == []
    assert runs.logged() == [("apply", "001_everything"), ("fresh", None), ("apply", "001_everything")]
    assert runs.applied() == ["001_everything"]
    assert database.dump().count("CREATE TABLE sqlmig.") == 3


def test_everything_is_built_again(runs: Runs, database: Database) -> None:
    """The files as they are now make the same schema a second time."""
    runs.write("001_everything", EVERYTHING + FOR_SUPERUSERS)
    runs.apply()
    before = database.dump()
    result = runs.api.fresh()
    assert [str(step) for step in result.steps] == ["001_everything"]
    assert database.dump() == before


def test_fresh_works_where_there_is_no_history(runs: Runs, database: Database) -> None:
    """What was there without migrations goes as well."""
    database.execute("CREATE TABLE old (x int)")
    runs.write("001_a", "CREATE TABLE a (x int)")
    runs.api.fresh()
    assert runs.exists("old", "a") == [False, True]
    assert runs.logged() == [("fresh", None), ("apply", "001_a")]


def test_a_failure_to_drop_leaves_everything(runs: Runs, database: Database) -> None:
    """An object of somebody else's keeps all from going."""
    role = database.role("owner")
    database.execute(f'ALTER DATABASE "{database.name}" OWNER TO {role}')
    database.execute("CREATE SCHEMA theirs; CREATE TABLE theirs.t (x int)")
    runs.url = database.url_as(role)
    runs.write("001_a", "CREATE SCHEMA app; CREATE TABLE app.a (x int)")
    runs.apply()
    runs.fails(DatabaseError, lambda: runs.api.fresh())
    assert runs.exists("theirs.t", "app.a") == [True, True]
    assert runs.applied() == ["001_a"]


def test_nothing_is_dropped_where_a_file_must_not_run(runs: Runs) -> None:
    """Files are looked at before anything goes."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    runs.apply()
    runs.write("002_b", "COMMIT")
    runs.fails(FilesInvalid, lambda: runs.api.fresh())
    assert runs.exists("a") == [True]


def test_a_failure_to_apply_tells_where(runs: Runs) -> None:
    """Everything was dropped by then; what was applied again stays."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    runs.write("002_b", "CREATE TABLE b (x int)")
    runs.apply()
    runs.write("002_b", "SELECT 1/0")
    runs.fails(StatementFailed, lambda: runs.api.fresh())
    assert runs.exists("a", "b") == [True, False]
    assert runs.states() == {"001_a": "applied", "002_b": "pending"}


def test_protected_environments_are_never_dropped(runs: Runs) -> None:
    """Not with ``yes`` either."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    runs.apply()
    runs.configure(protected=True, allow_rollback=True)
    runs.fails(NotAllowed, lambda: runs.api.fresh(yes=True))
    assert runs.exists("a") == [True]
