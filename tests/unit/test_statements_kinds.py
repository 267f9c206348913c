"""What statements are called."""

from __future__ import annotations

import pytest

from sqlmig.statements import Statement, split


def only(text: str) -> Statement:
    (statement,) = split(text)
    return statement


KINDS = {
    "CREATE INDEX users_email_idx ON app.users (email);": "CREATE INDEX users_email_idx",
    "create unique index if not exists i on t (a);": "CREATE INDEX i",
    "CREATE INDEX ON ONLY app.users (email);": "CREATE INDEX ON app.users",
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);": "CREATE INDEX CONCURRENTLY i",
    "INSERT INTO role (id) VALUES (1);": "INSERT INTO role",
    "insert /* c */ into -- c\n app . role default values": "INSERT INTO app.role",
    "UPDATE ONLY app.users SET a = 1;": "UPDATE app.users",
    "DELETE FROM users;": "DELETE FROM users",
    "MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE;": "MERGE INTO t",
    "WITH a AS (SELECT 1), b AS (UPDATE t SET x = 1) INSERT INTO c SELECT * FROM a;": "INSERT INTO c",
    "WITH RECURSIVE a (x) AS NOT MATERIALIZED (SELECT 1) SELECT * FROM a;": "SELECT",
    "(SELECT 1) UNION (SELECT 2);": "SELECT",
    "((VALUES (1)));": "VALUES",
    "WITH a AS (SELECT 1)": "WITH",
    "(": "SELECT",
    "SELECT 1;": "SELECT",
    "DO $$ BEGIN END $$;": "DO",
    "ALTER TABLE app.users ADD COLUMN a int;": "ALTER TABLE app.users",
    "ALTER TABLE IF EXISTS ONLY app.users DROP COLUMN a;": "ALTER TABLE app.users",
    'CREATE TEMP TABLE IF NOT EXISTS "A b"."c" ();': 'CREATE TABLE "A b"."c"',
    "CREATE UNLOGGED TABLE t AS SELECT 1;": "CREATE TABLE t",
    "CREATE OR REPLACE FUNCTION app.f(a int) RETURNS int RETURN 1;": "CREATE FUNCTION app.f",
    "CREATE OR REPLACE TRUSTED PROCEDURAL LANGUAGE l;": "CREATE LANGUAGE l",
    "CREATE OR REPLACE RECURSIVE VIEW v (a) AS SELECT 1;": "CREATE VIEW v",
    "CREATE CONSTRAINT TRIGGER c AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();": "CREATE TRIGGER c",
    "CREATE MATERIALIZED VIEW m AS SELECT 1;": "CREATE MATERIALIZED VIEW m",
    "CREATE FOREIGN DATA WRAPPER w;": "CREATE FOREIGN DATA WRAPPER w",
    "CREATE TEXT SEARCH CONFIGURATION c (COPY = english);": "CREATE TEXT SEARCH CONFIGURATION c",
    "CREATE OPERATOR app.=== (FUNCTION = f);": "CREATE OPERATOR app.===",
    "DROP OPERATOR IF EXISTS @@ (int, int);": "DROP OPERATOR @@",
    "ALTER OPERATOR a.b (int, int) OWNER TO c;": "ALTER OPERATOR a.b",
    "CREATE OPERATOR CLASS c FOR TYPE t USING btree AS STORAGE t;": "CREATE OPERATOR CLASS c",
    "CREATE CAST (a AS b) WITHOUT FUNCTION;": "CREATE CAST",
    "CREATE USER MAPPING FOR u SERVER s;": "CREATE USER MAPPING",
    "CREATE USER joe;": "CREATE USER joe",
    "CREATE SCHEMA AUTHORIZATION joe;": "CREATE SCHEMA joe",
    'CREATE EXTENSION IF NOT EXISTS "uuid-ossp";': 'CREATE EXTENSION "uuid-ossp"',
    "CREATE TYPE mood AS ENUM ('a');": "CREATE TYPE mood",
    "CREATE NONSENSE x;": "CREATE",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO a;": "ALTER DEFAULT PRIVILEGES",
    "ALTER SYSTEM SET work_mem = 1;": "ALTER SYSTEM",
    "ALTER LARGE OBJECT 1 OWNER TO a;": "ALTER LARGE OBJECT",
    "DROP TABLE IF EXISTS a.b CASCADE;": "DROP TABLE a.b",
    "DROP TABLE a, b.c;": "DROP TABLE a, …",
    "DROP INDEX CONCURRENTLY IF EXISTS i;": "DROP INDEX CONCURRENTLY i",
    "DROP OWNED BY a;": "DROP OWNED",
    "REINDEX (VERBOSE) TABLE CONCURRENTLY a.t;": "REINDEX TABLE CONCURRENTLY a.t",
    "REINDEX DATABASE;": "REINDEX DATABASE",
    "COMMENT ON TABLE app.users IS 'x';": "COMMENT ON TABLE app.users",
    "COMMENT ON COLUMN app.users.id IS 'x';": "COMMENT ON COLUMN app.users.id",
    "COMMENT ON LARGE OBJECT 1 IS 'x';": "COMMENT ON LARGE OBJECT",
    "GRANT SELECT, INSERT ON app.users TO a;": "GRANT SELECT ON app.users",
    "GRANT USAGE ON SCHEMA app TO a;": "GRANT USAGE ON SCHEMA app",
    "GRANT ALL ON ALL TABLES IN SCHEMA app TO a;": "GRANT ALL ON ALL TABLES IN SCHEMA app",
    "GRANT reader TO a;": "GRANT reader",
    "REVOKE GRANT OPTION FOR UPDATE ON t FROM a;": "REVOKE UPDATE ON t",
    "REVOKE ADMIN OPTION FOR reader FROM a;": "REVOKE reader",
    "TRUNCATE ONLY t, s;": "TRUNCATE t",
    "COPY app.users (id) FROM STDIN": "COPY app.users",
    "COPY (SELECT a FROM t) TO STDOUT;": "COPY",
    "VACUUM (FULL, ANALYZE) app.users;": "VACUUM app.users",
    "VACUUM FULL VERBOSE ANALYZE app.users;": "VACUUM app.users",
    "ANALYZE (VERBOSE, BUFFER_USAGE_LIMIT = (1)": "ANALYZE",
    "ANALYZE;": "ANALYZE",
    "CLUSTER VERBOSE t USING i;": "CLUSTER t",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY m;": "REFRESH MATERIALIZED VIEW CONCURRENTLY m",
    "LOCK TABLE ONLY t;": "LOCK TABLE t",
    "CALL app.p(1);": "CALL app.p",
    "SET LOCAL search_path TO app;": "SET LOCAL search_path",
    "SET app.x = 1;": "SET app.x",
    "SET SESSION AUTHORIZATION a;": "SET SESSION AUTHORIZATION",
    "SET TRANSACTION READ ONLY;": "SET TRANSACTION",
    "RESET role;": "RESET role",
    "BEGIN ISOLATION LEVEL SERIALIZABLE;": "BEGIN",
    "START TRANSACTION;": "START TRANSACTION",
    "COMMIT AND CHAIN;": "COMMIT",
    "SAVEPOINT a;": "SAVEPOINT a",
    "ROLLBACK WORK TO SAVEPOINT a;": "ROLLBACK TO SAVEPOINT a",
    "ROLLBACK;": "ROLLBACK",
    "COMMIT PREPARED 'x';": "COMMIT PREPARED",
    "PREPARE p AS SELECT 1;": "PREPARE p",
    "EXPLAIN SELECT 1;": "EXPLAIN",
    "IMPORT FOREIGN SCHEMA s FROM SERVER v INTO t;": "IMPORT FOREIGN SCHEMA s",
    "SECURITY LABEL ON TABLE t IS 'x';": "SECURITY LABEL",
    ";": "empty statement",
    "'a';": "'a'",
}


@pytest.mark.parametrize(("text", "kind"), KINDS.items())
def test_a_statement_has_a_name_for_people(text: str, kind: str) -> None:
    """Its command, without what does not matter to a reader, and the object it is about, as it is written."""
    assert only(text).kind == kind


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("create index concurrently i on t (a);", "CREATE INDEX CONCURRENTLY"),
        ("vacuum (analyze) t;", "VACUUM"),
        ("select 1;", "SELECT"),
        ("grant select on t to a;", "GRANT"),
        ("rollback to a;", "ROLLBACK TO SAVEPOINT"),
        (";", "empty statement"),
    ],
)
def test_the_command_alone(text: str, command: str) -> None:
    """In capitals, without names."""
    assert only(text).command == command


@pytest.mark.parametrize(
    ("text", "index", "table"),
    [
        ("CREATE INDEX CONCURRENTLY i ON app.users (email);", "i", "app.users"),
        ('CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "I ;" ON ONLY "T" (a);', '"I ;"', '"T"'),
        ("CREATE INDEX CONCURRENTLY ON app.users (email);", None, "app.users"),
        ("DROP INDEX CONCURRENTLY IF EXISTS app.i;", "app.i", None),
        ("DROP INDEX CONCURRENTLY i, j;", "i", None),
        ("REINDEX INDEX CONCURRENTLY app.i;", "app.i", None),
        ("REINDEX (CONCURRENTLY) INDEX i;", "i", None),
        ("REINDEX (VERBOSE, CONCURRENTLY TRUE) TABLE t;", None, "t"),
        ("REINDEX (CONCURRENTLY off) INDEX i;", None, None),
        ("REINDEX SCHEMA CONCURRENTLY s;", None, None),
        ("CREATE INDEX i ON t (a);", None, None),
        ("DROP INDEX i;", None, None),
        ("CREATE TABLE concurrently (a int);", None, None),
        ("CREATE DATABASE d;", None, None),
        ("SELECT 1;", None, None),
    ],
)
def test_what_a_concurrently_names(text: str, index: str | None, table: str | None) -> None:
    """The index, or the table it is on, so that somebody can look whether the index is valid."""
    assert (only(text).index, only(text).index_table) == (index, table)


def test_only_a_semicolon_is_empty() -> None:
    """Comments around it belong to the gaps."""
    statements = list(split("/* a */ ; SELECT 1; -- b\n;"))
    assert [statement.is_empty for statement in statements] == [True, False, True]


def test_a_large_statement_is_named_fast() -> None:
    """Only the first words are looked at, so a statement of any size has a name."""
    text = "INSERT INTO t VALUES " + "(1)," * 1_000_000 + "(2);"
    statement = only(text)
    for _ in range(1000):
        assert statement.kind == "INSERT INTO t"
