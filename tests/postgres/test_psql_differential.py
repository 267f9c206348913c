"""The real server is the judge where psql is not: what it accepts, where it sees errors, what it refuses."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sqlmig.statements import (
    CopyData,
    Position,
    Statement,
    TransactionRule,
    context_position,
    error_position,
    scan,
    split,
)
from tests.property.psql import find_psqls
from tests.support.database import Database, client_environment, pg_dump


def run(connection: psycopg.Connection[Any], script: str) -> list[Any]:
    """Send a script as sqlmig does, statement by statement; the first column of the last result."""
    cursor = connection.cursor()
    pieces = scan(script)
    for piece in pieces:
        if isinstance(piece, Statement) and piece.copy == "in":
            with cursor.copy(piece.text.encode()) as copy:
                for data in pieces:
                    if isinstance(data, CopyData):
                        copy.write(data.data)
                        if data.last:
                            break
        elif isinstance(piece, Statement):
            cursor.execute(piece.text.encode())
    return [row[0] for row in cursor.fetchall()] if cursor.description else []


ACCEPTED = {
    "a literal with escapes that goes on": ("SELECT E'a'\n  '\\';b';", "a';b"),
    "bits that go on": ("SELECT x'1'\n  'F';", "00011111"),
    "a setting that changes on the same line": ("SET standard_conforming_strings = off; SELECT '\\';';", "';"),
    "a setting that a savepoint takes back": (
        "BEGIN; SAVEPOINT a; SET standard_conforming_strings = off; ROLLBACK TO a; SELECT '\\'; COMMIT; SELECT '\\';",
        "\\",
    ),
    "a function that is called begin": ("CREATE FUNCTION begin() RETURNS int RETURN 1; SELECT begin();", 1),
    "a label END in a body": (
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 AS end; SELECT 2 end; END; SELECT f();",
        2,
    ),
    "a label CASE in a body": (
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 AS case; SELECT CASE 1 WHEN 1 THEN 3 END case; END;"
        "SELECT f();",
        3,
    ),
    "columns in a body": (
        'CREATE TABLE t (begin int, "end" int); INSERT INTO t VALUES (1, 2);'
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT begin FROM t; SELECT t.end FROM t; END; SELECT f();",
        2,
    ),
    "a body without statements": (
        "CREATE PROCEDURE p() BEGIN ATOMIC END; CALL p(); SELECT 4;",
        4,
    ),
    "a rule with parentheses": (
        "CREATE TABLE t (a int); CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2); SELECT 5;",
        5,
    ),
    "COPY from STDOUT": ("CREATE TABLE t (a text); COPY t FROM stdout;\n;'\n\\.\nSELECT a FROM t;", ";'"),
    "a dollar-quoted literal behind a name": ("SELECT 1 AS a$b$, $$;$$;", 1),
    "a name behind a colon": ("SELECT (ARRAY[1, 2, 3])[1:array_length(ARRAY[1], 1)];", [1]),
    "empty statements": (";; SELECT 6;", 6),
}


SINCE = {
    "int RETURN 1": 14,
    "ATOMIC": 14,
    "(CONCURRENTLY": 14,
    "DETACH PARTITION p CONC": 14,
    "(VERBOSE) t": 14,
    "(VERBOSE);": 17,
    "SET transaction_timeout": 17,
}
"""The versions that know a syntax."""


def is_known(database: Database, text: str) -> bool:
    """Whether this server is new enough for all that stands in a text."""
    version = int(database.value("SHOW server_version_num")) // 10_000
    return all(version >= since for words, since in SINCE.items() if words in text)


@pytest.mark.parametrize(("script", "value"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_the_server_accepts_every_statement(database: Database, script: str, value: object) -> None:
    """Also where psql cuts otherwise, because it reads line by line or counts words."""
    with database.connect() as connection:
        if is_known(database, script):
            assert run(connection, script)[-1] == value
        else:
            with pytest.raises(psycopg.errors.SyntaxError):
                run(connection, script)


SCRIPT = r"""
-- a little of everything
\restrict abc
CREATE TABLE role (id integer PRIMARY KEY, name text NOT NULL DEFAULT 'c:\;', begin int, "end;" text);
/* /* ; */ */ INSERT INTO role VALUES (1, 'it''s; ' -- ;
  'or not', 5 # 3, E'\';'), (2, $$a;$b$$, 4 - -2, U&'d\0061;');
COPY role (id, name) FROM stdin WITH (DELIMITER ','); -- rows
3,a;'b\n$$
4,\\.
\.

CREATE FUNCTION grade(points int) RETURNS text LANGUAGE sql
{begin}
  SELECT 'unused; END';
  SELECT CASE WHEN points > 50 THEN CASE WHEN points > 90 THEN 'a;' ELSE 'b' END ELSE 'c' END;
{end};
CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  NEW.name := NEW.name || $$;$$;
  RETURN NEW;
END $body$; CREATE TRIGGER touch BEFORE UPDATE ON role FOR EACH ROW EXECUTE FUNCTION touch();
CREATE RULE twice AS ON DELETE TO role DO ALSO (SELECT 1; SELECT ';');
DO $$ BEGIN UPDATE role SET begin = 1; END $$;
CREATE VIEW v AS SELECT id, grade(id * 30) AS grade, 1 AS "case", name FROM role
"""


def test_the_same_database_comes_of_it(database: Database, tmp_path: Path) -> None:
    """A script leaves the schema and the rows that psql leaves."""
    assert restored_by_each(database, everything(database), tmp_path) == 1


def test_a_dump_with_data_is_a_script(database: Database, tmp_path: Path) -> None:
    """What pg_dump writes, rows and all, is restored as psql restores it."""
    with database.connect() as connection:
        run(connection, everything(database))
    command = [pg_dump(database.server), "--dbname", database.url]
    dump = subprocess.run(command, capture_output=True, text=True, check=True, env=client_environment()).stdout
    if not is_known(database, dump):
        dump = dump.replace("SET transaction_timeout = 0;", "")
    assert "COPY public.role" in dump
    assert restored_by_each(database, dump, tmp_path) == 1


def everything(database: Database) -> str:
    """The script for this server, which may be too old for bodies without quotes."""
    begin, end = ("BEGIN ATOMIC", "END") if is_known(database, "ATOMIC") else ("AS $$", "$$")
    return SCRIPT.replace("{begin}", begin).replace("{end}", end)


def restored_by_each(database: Database, script: str, folder: Path) -> int:
    """How many different databases come of a script that sqlmig and every psql run."""
    empty(database)
    with database.connect() as connection:
        run(connection, script)
    found = {database.dump(data=True)}
    file = folder / "script.sql"
    file.write_text(script)
    for psql in find_psqls():
        empty(database)
        # A psql older than \restrict says so and goes on.
        command = [str(psql), "-X", "-q", "-d", database.url, "-f", str(file)]
        subprocess.run(command, capture_output=True, check=True, env=client_environment())
        found.add(database.dump(data=True))
    return len(found)


def empty(database: Database) -> None:
    database.execute("DROP SCHEMA public CASCADE")
    database.execute("CREATE SCHEMA public")


REFUSED = (
    "CREATE INDEX CONCURRENTLY ON pg_class (relname);",
    "DROP INDEX CONCURRENTLY i;",
    "REINDEX INDEX CONCURRENTLY i;",
    "REINDEX (CONCURRENTLY) TABLE t;",
    "REINDEX SCHEMA s;",
    "REINDEX DATABASE postgres;",
    "ALTER TABLE t DETACH PARTITION p CONCURRENTLY;",
    "VACUUM;",
    "VACUUM (ANALYZE) pg_class;",
    "CLUSTER;",
    "CLUSTER (VERBOSE);",
    "CREATE DATABASE d;",
    "DROP DATABASE IF EXISTS d;",
    "ALTER DATABASE postgres SET TABLESPACE t;",
    "ALTER DATABASE postgres WITH TABLESPACE t;",
    "CREATE TABLESPACE t LOCATION '/x';",
    "DROP TABLESPACE t;",
    "ALTER SYSTEM SET work_mem = '1MB';",
    "DISCARD ALL;",
    "COMMIT PREPARED 'x';",
    "ROLLBACK PREPARED 'x';",
    "CREATE SUBSCRIPTION s CONNECTION 'host=localhost' PUBLICATION p;",
    "CREATE SUBSCRIPTION s CONNECTION 'host=localhost' PUBLICATION p WITH (create_slot = true, enabled = false);",
)
RUNS = (
    "REINDEX TABLE t;",
    "REINDEX (CONCURRENTLY off) INDEX i;",
    "ALTER TABLE parted DETACH PARTITION part;",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY m;",
    "ANALYZE;",
    "CLUSTER t USING i;",
    "CLUSTER (VERBOSE) t;",
    "DISCARD PLANS;",
    'ALTER TABLE t ADD COLUMN "concurrently" int;',
    "CREATE SUBSCRIPTION s CONNECTION 'host=localhost' PUBLICATION p WITH (connect = false);",
    "CREATE SUBSCRIPTION t CONNECTION '' PUBLICATION p WITH (create_slot = false, enabled = false, connect = 0);",
    "ALTER SUBSCRIPTION s SET PUBLICATION q WITH (refresh = false);",
    "ALTER SUBSCRIPTION s SET (slot_name = NONE);",
)


@pytest.mark.parametrize("text", REFUSED)
def test_what_the_rules_keep_out_of_transactions_the_server_refuses_there(database: Database, text: str) -> None:
    """Each is refused with the SQLSTATE for it, before anything else is looked at."""
    (statement,) = split(text)
    assert statement.transaction is TransactionRule.OUTSIDE
    with database.connect() as connection, connection.transaction(), pytest.raises(psycopg.Error) as caught:
        connection.execute(text.encode())
    assert caught.value.sqlstate == ("25001" if is_known(database, text) else "42601")


def test_what_the_rules_let_into_transactions_runs_there(database: Database) -> None:
    """Everything that looks alike and is no harm."""
    database.execute("CREATE TABLE t (a int PRIMARY KEY); CREATE UNIQUE INDEX i ON t (a);")
    database.execute("CREATE MATERIALIZED VIEW m AS SELECT a FROM t; CREATE UNIQUE INDEX ON m (a);")
    database.execute(
        "CREATE TABLE parted (a int) PARTITION BY LIST (a); CREATE TABLE part PARTITION OF parted DEFAULT;"
    )
    with database.connect() as connection, connection.transaction(force_rollback=True):
        for text in RUNS:
            (statement,) = split(text)
            assert statement.transaction is TransactionRule.INSIDE
            if is_known(database, text):
                connection.execute(text.encode())


PLACES = {
    "a column, behind everything that shifts places": (
        "\ufeff-- é€😀\r\nSELECT 1;\r\n\tSELECT '😀',\r\n\t\tnope;",
        Position(4, 3, "\t\tnope;"),
    ),
    "something missing at the end": ("SELECT 1;\nSELECT (1", Position(2, 10, "SELECT (1")),
    "RAISE in a DO block": (
        "\ufeff-- é\r\nSELECT 1; DO $$\r\nBEGIN\r\n  PERFORM 1;\r\n  RAISE EXCEPTION 'x';\r\nEND $$;",
        Position(5, 3, "  RAISE EXCEPTION 'x';"),
    ),
    "a DO block in a plain literal": (
        "DO LANGUAGE 'plpgsql' 'BEGIN\n  RAISE EXCEPTION ''x'';\nEND';",
        Position(2, 3, "  RAISE EXCEPTION ''x'';"),
    ),
    "a DO block in an escaped literal": (
        "DO E'BEGIN\\n  RAISE EXCEPTION \\'x\\';\nEND';",
        Position(1, 15, "DO E'BEGIN\\n  RAISE EXCEPTION \\'x\\';"),
    ),
    "a DO block in two literals": (
        "DO 'BEGIN\n'\n  '  RAISE EXCEPTION ''x'';\nEND';",
        Position(3, 6, "  '  RAISE EXCEPTION ''x'';"),
    ),
    "a DO block in a DO block": (
        "DO $$ BEGIN\n\n EXECUTE 'DO $x$ BEGIN\n\n\n RAISE EXCEPTION ''y''; END $x$'; END $$",
        Position(3, 2, " EXECUTE 'DO $x$ BEGIN"),
    ),
    "a query in a DO block": (
        "DO $$BEGIN\n  PERFORM 1;\n  INSERT INTO\n   nope VALUES (1);\nEND$$",
        Position(4, 4, "   nope VALUES (1);"),
    ),
    "an expression in a DO block": (
        "DO $$DECLARE a int; BEGIN\n a := nope + 1;\nEND$$",
        Position(2, 7, " a := nope + 1;"),
    ),
    "a division in a DO block": ("DO $$DECLARE a int; BEGIN\n a := 1 / 0;\nEND$$", Position(2, 2, " a := 1 / 0;")),
    "a syntax error in a DO block": ("DO $$BEGIN\n  RAISE 'a' USIN;\nEND$$", Position(2, 13, "  RAISE 'a' USIN;")),
    "a syntax error in a function": (
        "CREATE FUNCTION h() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n SELEC 1; END $$;",
        Position(3, 2, " SELEC 1; END $$;"),
    ),
    "a column in an SQL function": (
        "CREATE FUNCTION h() RETURNS int LANGUAGE sql AS $$\nSELECT\n nope $$;",
        Position(3, 2, " nope $$;"),
    ),
    "a function of the same file": (
        "CREATE FUNCTION f(a int, b text = 'as') RETURNS int LANGUAGE plpgsql AS $_$\nBEGIN\n RETURN a / 0;\nEND $_$;"
        "SELECT f(1);",
        Position(3, 2, " RETURN a / 0;"),
    ),
    "an SQL function of the same file": (
        'CREATE FUNCTION "We ird"(a int) RETURNS int LANGUAGE sql AS $_$ SELECT 1;\n SELECT a/0;$_$;'
        'SELECT "We ird"(1);',
        Position(2, 2, " SELECT a/0;$_$;"),
    ),
    "a body without quotes of the same file": (
        "CREATE FUNCTION g(a int) RETURNS int BEGIN ATOMIC SELECT 1;\n  SELECT a / 0; END;\nSELECT g(1), 2;",
        Position(2, 3, "  SELECT a / 0; END;"),
    ),
}


@pytest.mark.parametrize(("script", "expected"), PLACES.values(), ids=PLACES.keys())
def test_errors_are_where_the_server_sees_them(database: Database, script: str, expected: Position) -> None:
    """What the server says of a place leads to the line and the column in the file."""
    sent: list[Statement] = []
    with database.connect() as connection, pytest.raises(psycopg.Error) as caught:
        send(connection, script, sent)
    if not is_known(database, script):
        assert caught.value.sqlstate == "42601"
        return
    told = caught.value.diag
    if told.statement_position:
        assert error_position(sent[-1], int(told.statement_position)) == expected
        return
    query, place = told.internal_query, int(told.internal_position or 0)
    found = [p for s in sent if (p := context_position(s, told.context or "", query, place))]
    assert found == [expected]


def send(connection: psycopg.Connection[Any], script: str, sent: list[Statement]) -> None:
    for statement in split(script):
        sent.append(statement)
        connection.execute(statement.text.encode())
