"""The migrations that are broken off: one of each kind, and each statement of a kind that is hard to resume."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

HEADER = "-- sqlmig: no-transaction\n"

ROWS = "".join(f"{number}\tname {number % 7}\t\\N\n" for number in range(300))

SCRIPTS = {
    "001_tables.up": """
        CREATE TABLE item (id int PRIMARY KEY, name text, seen timestamptz);
        CREATE TABLE counter (n int NOT NULL);
        INSERT INTO counter VALUES (0);
        CREATE TABLE mark (what text);
        CREATE TABLE part (x int NOT NULL) PARTITION BY RANGE (x);
        CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10);
        CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (10) TO (20);
        INSERT INTO part SELECT g FROM generate_series(0, 19) AS g;
        CREATE SCHEMA other;
        CREATE TABLE other.item (id int, name text);
        """,
    "001_tables.down": """
        DROP SCHEMA other CASCADE;
        DROP TABLE part, counter, item;
        DROP TABLE mark;
        """,
    "002_copy.up": f"""
        COPY item FROM STDIN;
{ROWS}\\.
        UPDATE counter SET n = n + 1;
        COPY other.item (id, name) FROM STDIN WITH (FORMAT csv);
1,"a
b"
2,c
\\.
        ALTER TABLE item ADD COLUMN note text DEFAULT 'none';
        """,
    "002_copy.down": """
        ALTER TABLE item DROP COLUMN note;
        TRUNCATE item, other.item;
        UPDATE counter SET n = n + 100;
        """,
    "003_indexes.up": f"""{HEADER}
        CREATE INDEX CONCURRENTLY item_name ON item (name);
        CREATE INDEX CONCURRENTLY ON item (note, id);
        CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS item_pair ON item (id, name);
        CREATE INDEX CONCURRENTLY item_name ON other.item (name);
        CREATE INDEX CONCURRENTLY ON item (note, id);
        """,
    "003_indexes.down": f"""{HEADER}
        DROP INDEX CONCURRENTLY item_note_id_idx1;
        DROP INDEX CONCURRENTLY other.item_name;
        DROP INDEX CONCURRENTLY IF EXISTS item_pair;
        UPDATE counter SET n = n + 1000;
        DROP INDEX CONCURRENTLY item_note_id_idx;
        DROP INDEX CONCURRENTLY item_name;
        """,
    "004_mixed.up": f"""{HEADER}
        SET search_path = other, public;
        UPDATE counter SET n = n + 10;
        COPY item FROM STDIN;
3\td
4\te
\\.
        VACUUM item;
        REINDEX INDEX CONCURRENTLY public.item_name;
        DROP INDEX CONCURRENTLY item_name;
        INSERT INTO counter SELECT count(*) FROM item;
        REINDEX TABLE CONCURRENTLY public.item;
        DO $$BEGIN INSERT INTO mark VALUES ('undecided'); COMMIT; END$$;
        RESET search_path;
        INSERT INTO counter SELECT count(*) FROM item;
        """,
    "004_mixed.down": f"""{HEADER}
        DELETE FROM mark;
        CREATE INDEX CONCURRENTLY item_name ON other.item (name);
        DELETE FROM counter WHERE n > 11;
        DELETE FROM other.item WHERE id > 2;
        VACUUM ANALYZE item;
        """,
    "005_rest.up": """
        CREATE FUNCTION twice(x int) RETURNS int LANGUAGE sql AS 'SELECT 2 * x; ';
        SET LOCAL work_mem = '8MB';
        DO $$BEGIN FOR i IN 1..100 LOOP INSERT INTO counter VALUES (1000 + i); END LOOP; END$$;
        SELECT pg_sleep(0.01);
        ALTER TABLE item ALTER COLUMN name SET DEFAULT 'x', ADD CHECK (id >= 0);
        """,
    "005_rest.down": """
        ALTER TABLE item ALTER COLUMN name DROP DEFAULT, DROP CONSTRAINT item_id_check;
        DELETE FROM counter WHERE n > 1000;
        DROP FUNCTION twice(int);
        """,
    "007_fill.up": f"""{HEADER}
        -- sqlmig: require SELECT count(*) = 300 FROM item
        -- sqlmig: repeat
        UPDATE item SET note = note || ' and some' WHERE id IN
            (SELECT id FROM item WHERE note NOT LIKE '% and some' ORDER BY id LIMIT 70);
        -- sqlmig: repeat pause = 2ms
        INSERT INTO other.item (id, name)
            SELECT id, name FROM item WHERE id > 200 EXCEPT SELECT id, name FROM other.item ORDER BY id LIMIT 40;
        UPDATE counter SET n = n + 3;
        -- sqlmig: ensure SELECT count(*) = 0 FROM item WHERE note <> 'none and some'
        """,
    "007_fill.down": f"""{HEADER}
        -- sqlmig: repeat
        DELETE FROM other.item WHERE id IN (SELECT id FROM other.item WHERE id > 200 LIMIT 33);
        UPDATE counter SET n = n - 3;
        -- sqlmig: repeat
        UPDATE item SET note = 'none' WHERE id IN (SELECT id FROM item WHERE note <> 'none' LIMIT 70);
        """,
}

DETACH = {
    "006_detach.up": f"""{HEADER}
        UPDATE counter SET n = n + 7;
        ALTER TABLE public.part DETACH PARTITION part_2 CONCURRENTLY;
        INSERT INTO part_2 VALUES (15);
        """,
    "006_detach.down": f"""{HEADER}
        DELETE FROM part_2 WHERE x = 15;
        INSERT INTO part_2 VALUES (15);
        ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES FROM (10) TO (20);
        """,
}
"""For PostgreSQL 14 and later."""


def write(folder: Path, server_version: int) -> None:
    """Write the migration files."""
    for name, text in {**SCRIPTS, **(DETACH if server_version >= 14 else {})}.items():
        (folder / f"{name}.sql").write_text("\n".join(_unindented(text)))


def _unindented(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        yield line.removeprefix("        ")
