"""Which statements can stand in a transaction, and in a message with others."""

from __future__ import annotations

import pytest

from sqlmig.statements import TransactionRule, split

OUTSIDE = {
    "CREATE INDEX CONCURRENTLY i ON t (a);": "CREATE INDEX CONCURRENTLY",
    "create /* c */ unique -- c\n index concurrently on t (a)": "CREATE INDEX CONCURRENTLY",
    "CREATE /* /* c */ */ UNIQUE/*/**/*/INDEX -- c\n /*/* c */*/CONCURRENTLY i ON t (a)": "CREATE INDEX CONCURRENTLY",
    "DROP INDEX CONCURRENTLY i;": "DROP INDEX CONCURRENTLY",
    "REINDEX INDEX CONCURRENTLY i;": "REINDEX CONCURRENTLY",
    "REINDEX TABLE CONCURRENTLY t;": "REINDEX CONCURRENTLY",
    "REINDEX (CONCURRENTLY) TABLE t;": "REINDEX CONCURRENTLY",
    "REINDEX (VERBOSE, CONCURRENTLY on, TABLESPACE x) INDEX i;": "REINDEX CONCURRENTLY",
    "REINDEX SCHEMA s;": "REINDEX SCHEMA",
    "REINDEX DATABASE;": "REINDEX DATABASE",
    "REINDEX (VERBOSE) SYSTEM CONCURRENTLY d;": "REINDEX SYSTEM",
    "ALTER TABLE app.t DETACH PARTITION app.p CONCURRENTLY;": "ALTER TABLE ... DETACH PARTITION CONCURRENTLY",
    "ALTER TABLE t DETACH PARTITION concurrently CONCURRENTLY": "ALTER TABLE ... DETACH PARTITION CONCURRENTLY",
    "VACUUM;": "VACUUM",
    "vacuum (analyze, verbose) t;": "VACUUM",
    "CLUSTER;": "CLUSTER without a table",
    "CLUSTER VERBOSE;": "CLUSTER without a table",
    "CLUSTER (VERBOSE);": "CLUSTER without a table",
    "CREATE DATABASE d;": "CREATE DATABASE",
    "DROP DATABASE IF EXISTS d;": "DROP DATABASE",
    "ALTER DATABASE d SET TABLESPACE t;": "ALTER DATABASE SET TABLESPACE",
    'ALTER DATABASE "D" WITH TABLESPACE t;': "ALTER DATABASE SET TABLESPACE",
    "ALTER DATABASE d TABLESPACE t;": "ALTER DATABASE SET TABLESPACE",
    "CREATE TABLESPACE t LOCATION '/x';": "CREATE TABLESPACE",
    "DROP TABLESPACE t;": "DROP TABLESPACE",
    "ALTER SYSTEM SET work_mem = 1;": "ALTER SYSTEM",
    "ALTER SYSTEM RESET ALL;": "ALTER SYSTEM",
    "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p;": "CREATE SUBSCRIPTION with a replication slot",
    "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (enabled = false, create_slot);": (
        "CREATE SUBSCRIPTION with a replication slot"
    ),
    "DROP SUBSCRIPTION s;": "DROP SUBSCRIPTION",
    "ALTER SUBSCRIPTION s REFRESH PUBLICATION WITH (copy_data = false);": "ALTER SUBSCRIPTION ... REFRESH",
    "ALTER SUBSCRIPTION s SET PUBLICATION p;": "ALTER SUBSCRIPTION with refresh",
    "ALTER SUBSCRIPTION s ADD PUBLICATION p WITH (refresh = true);": "ALTER SUBSCRIPTION with refresh",
    "ALTER SUBSCRIPTION s DROP PUBLICATION p;": "ALTER SUBSCRIPTION with refresh",
    "ALTER SUBSCRIPTION s SET (failover = true);": "ALTER SUBSCRIPTION ... SET (failover)",
    "ALTER SUBSCRIPTION s SET (two_phase = false);": "ALTER SUBSCRIPTION ... SET (two_phase)",
    "DISCARD ALL;": "DISCARD ALL",
    "COMMIT PREPARED 'x';": "COMMIT PREPARED",
    "ROLLBACK PREPARED 'x';": "ROLLBACK PREPARED",
}
INSIDE = (
    "CREATE INDEX i ON t (concurrently);",
    "CREATE INDEX concurrently_i ON t (a);",
    'CREATE INDEX "concurrently" ON t (a);',
    "DROP INDEX i;",
    "REINDEX TABLE t;",
    "REINDEX (CONCURRENTLY false) INDEX i;",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY m;",
    "ALTER TABLE t DETACH PARTITION p;",
    "ALTER TABLE t DETACH PARTITION p FINALIZE;",
    "ALTER TABLE t ATTACH PARTITION p FOR VALUES IN ('DETACH PARTITION p CONCURRENTLY');",
    "ALTER TABLE t ADD COLUMN detach int;",
    "ANALYZE t;",
    "CLUSTER t;",
    "CLUSTER VERBOSE t USING i;",
    "ALTER DATABASE d SET work_mem = 1;",
    "ALTER DATABASE d RENAME TO tablespace;",
    "ALTER TABLESPACE t RENAME TO u;",
    "ALTER INDEX concurrently RENAME TO database;",
    "ALTER TABLE t DETACH PARTITION;",
    "CREATE TABLE database (a int);",
    "CREATE INDEX /* /* c */ */ i ON t (concurrently);",
    "DROP TABLE database, subscription;",
    "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (connect = false);",
    "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (create_slot = off, enabled = 'false');",
    "ALTER SUBSCRIPTION s SET PUBLICATION p, q WITH (refresh = false);",
    "ALTER SUBSCRIPTION s SET (slot_name = NONE);",
    "ALTER SUBSCRIPTION s DISABLE;",
    "DISCARD PLANS;",
    "PREPARE p AS SELECT 1;",
    "EXPLAIN ANALYZE SELECT 1;",
    "DO $$ BEGIN VACUUM; END $$;",
    "SELECT 'VACUUM';",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;",
    "LOCK TABLE t;",
    "INSERT INTO vacuum VALUES (1);",
    ";",
    "",
)
ENDS = (
    "BEGIN;",
    "begin read write;",
    "BEGIN WORK ISOLATION LEVEL SERIALIZABLE",
    "START TRANSACTION;",
    "COMMIT;",
    "COMMIT WORK AND CHAIN;",
    "END;",
    "END TRANSACTION;",
    "ROLLBACK;",
    "ROLLBACK TRANSACTION AND NO CHAIN;",
    "ABORT;",
    "PREPARE TRANSACTION 'x';",
)
SAVEPOINTS = (
    "SAVEPOINT a;",
    "RELEASE a;",
    "RELEASE SAVEPOINT a;",
    "ROLLBACK TO a;",
    "rollback transaction to savepoint a;",
    "ROLLBACK WORK TO a",
)


@pytest.mark.parametrize(("text", "reason"), OUTSIDE.items())
def test_what_cannot_run_in_a_transaction(text: str, reason: str) -> None:
    """What the server refuses inside a transaction block is known from its text, and named as the server names it."""
    (statement,) = split(text)
    assert statement.transaction is TransactionRule.OUTSIDE
    assert statement.outside_reason == reason


@pytest.mark.parametrize("text", INSIDE)
def test_what_can_run_in_a_transaction(text: str) -> None:
    """Everything else, whatever it is called and holds."""
    for statement in split(text):
        assert statement.transaction is TransactionRule.INSIDE
        assert statement.outside_reason is None


@pytest.mark.parametrize("text", ENDS)
def test_what_begins_or_ends_one(text: str) -> None:
    """Control of transactions, but for savepoints."""
    (statement,) = split(text)
    assert statement.transaction is TransactionRule.ENDS


@pytest.mark.parametrize("text", SAVEPOINTS)
def test_what_works_with_savepoints(text: str) -> None:
    """They leave the transaction open."""
    (statement,) = split(text)
    assert statement.transaction is TransactionRule.SAVEPOINT


@pytest.mark.parametrize(
    "text",
    [
        "SET standard_conforming_strings = off;",
        'set session "Standard_Conforming_Strings" to on;',
        "SET LOCAL client_encoding = 'LATIN1';",
        "SET NAMES 'LATIN1';",
        "SET backslash_quote = on;",
        "RESET client_encoding;",
        "RESET ALL;",
        "DISCARD ALL;",
        "DISCARD TEMP;",
        "SELECT set_config('standard_conforming_strings', 'off', false);",
        "WITH a AS (SELECT 1) SELECT pg_catalog.SET_CONFIG(x, y, false) FROM z;",
        "ROLLBACK TO a;",
    ],
)
def test_what_can_change_how_later_text_is_read(text: str) -> None:
    """The server takes a message apart before it runs any of it, so such a statement must be the last one in it."""
    (statement,) = split(text)
    assert statement.changes_session


@pytest.mark.parametrize(
    "text",
    [
        "SET search_path TO app;",
        "SET ROLE standard;",
        "RESET role;",
        "SELECT 1;",
        "INSERT INTO t VALUES ('set_config');",
        "ROLLBACK;",
        "ALTER ROLE a SET client_encoding = 'UTF8';",
        "CREATE TABLE names (a int);",
    ],
)
def test_what_cannot(text: str) -> None:
    """All the rest travels together."""
    (statement,) = split(text)
    assert not statement.changes_session


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t VALUES ('set_config');",
        "update t set a = 1;",
        "DELETE FROM t;",
        "create\ttable t (a int);",
        "COMMENT ON TABLE t IS 'VACUUM';",
        "GRANT a TO b;",
    ],
)
def test_plain_statements_have_no_unusual_answer(text: str) -> None:
    """What is told at the first word is what all the questions would have told."""
    (statement,) = split(text)
    assert statement.is_plain
    assert statement.transaction is TransactionRule.INSIDE
    assert statement.copy is None
    assert statement.index is None
    assert not statement.changes_session


@pytest.mark.parametrize("text", [*OUTSIDE, *ENDS, *SAVEPOINTS, "COPY t FROM stdin;", "SET NAMES 'x';", "RESET ALL;"])
def test_unusual_statements_are_not_plain(text: str) -> None:
    """None of those that need care is taken for a plain one."""
    (statement,) = split(text)
    assert not statement.is_plain
