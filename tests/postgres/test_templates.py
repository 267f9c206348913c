"""What a template writes is applied, undone and applied again; names and values as hard as PostgreSQL takes them."""

from __future__ import annotations

import json

import pytest

from tests.support.database import Database
from tests.support.project import Project
from tests.support.templates import make, project_runs, proves, quoted, rehearses, state, written

HARD = [
    "user",
    "Order",
    'we"ird',
    "a b",
    "élan",
    "x" * 63,
    "select",
    "o'clock",
    "per%cent",
    "${table}",
    "$$",
    "brace{}",
]
"""Names of tables and columns; each needs quotes, or begs for being cut or filled in."""


@pytest.fixture
def on(project: Project) -> Database:
    assert project.database is not None
    return project.database


@pytest.mark.parametrize("name", HARD)
def test_tables_and_columns_of_any_name(project: Project, on: Database, name: str) -> None:
    """Each template takes any name that PostgreSQL takes, and writes one that is read as it was typed."""
    named = quoted(name)
    spelled = named if '"' in name or "." in name else name
    on.execute(f"CREATE TABLE {named} (id int PRIMARY KEY, {named} text)")
    on.execute(f"INSERT INTO {named} VALUES (1, 'one'), (2, NULL)")
    on.execute(f"CREATE TYPE {quoted(name[:60] + 'T')} AS ENUM ('a')")
    kind, renamed = quoted(name[:60] + "T"), quoted(name[:60] + "R")
    for template, values in {
        "rename-column": {"table": spelled, "from": spelled, "to": quoted(name[:60] + "R")},
        "create-table": {"table": quoted(name[:60] + "N"), "columns": f"{named} text NOT NULL", "comment": name},
        "add-column": {"table": spelled, "column": quoted(name[:60] + "C"), "type": "text", "default": "'it''s'"},
        "add-column-with-backfill": {
            "table": spelled,
            "column": quoted(name[:60] + "B"),
            "type": "text",
            "value": f"coalesce({named}.{renamed}, 'it''s')",
        },
        "drop-column": {"table": spelled, "column": quoted(name[:60] + "B")},
        "add-foreign-key": {"table": spelled, "columns": "id", "references": spelled},
        "add-index": {"table": spelled, "columns": renamed, "where": f"{renamed} <> 'x'"},
        "add-enum-value": {"type": kind, "value": name[:40], "before": "a"},
        "history-table": {"table": spelled, "columns": renamed, "values": f"upper({renamed})", "where": "id < 2"},
        "version-column": {"table": spelled, "column": quoted(name[:50] + "V")},
    }.items():
        written(project, template, **values)
        rehearses(project)
        project_runs(project, "apply")


def test_a_schema_stays_a_schema(project: Project, on: Database) -> None:
    """app.user is the table user in app; what is made for it lies beside it."""
    on.execute('CREATE SCHEMA "My App"; CREATE TABLE "My App"."user" (id int PRIMARY KEY, email text)')
    on.execute("""INSERT INTO "My App"."user" VALUES (1, 'A@b')""")
    for template, values in {
        "add-index": {"columns": "lower(email), id DESC", "unique": "yes", "method": "btree"},
        "history-table": {"columns": "email", "values": "lower(email)"},
        "version-column": {},
        "add-foreign-key": {"columns": "id", "references": "My App.user", "on_delete": "cascade"},
        "add-column": {"column": "Last", "type": "text", "default": "'x'"},
    }.items():
        written(project, template, table="My App.user", **values)
        proves(project, on)
    on.execute('ALTER TABLE "My App"."user" DISABLE TRIGGER USER')
    written(project, "drop-column", table="My App.user", column="Last")
    proves(project, on)
    assert on.value("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == 0


@pytest.mark.parametrize(
    ("template", "values", "word"),
    [
        ("add-column", {"table": "a.b.c", "column": "x", "type": "int"}, "table"),
        ("add-column", {"table": "t", "column": "a.b", "type": "int"}, "column"),
        ("add-column", {"table": "t", "column": "x", "type": "int; DROP TABLE t"}, "type"),
        ("add-column", {"table": "t", "column": "x", "type": "int, DROP COLUMN y"}, "type"),
        ("add-column", {"table": "t", "column": "x", "type": "int -- "}, "type"),
        ("add-column", {"table": "t", "column": "x", "type": "numeric(10"}, "type"),
        ("add-column", {"table": "t", "column": "x", "type": "text", "default": "'O'Brien'"}, "default"),
        ("add-column", {"table": "t", "column": "x", "type": "text", "default": "1) + (2"}, "default"),
        ("add-column", {"table": "t", "column": "x", "type": "text", "default": "$$a"}, "default"),
        ("add-column", {"table": "t", "column": "x", "type": "text", "not_null": "maybe"}, "not_null"),
        ("add-column", {"table": "", "column": "x", "type": "text"}, "table"),
        ("add-column", {"table": "t\nx", "column": "x", "type": "text"}, "table"),
        ("add-column", {"table": "x" * 64, "column": "x", "type": "text"}, "table"),
        ("add-column", {"table": '"open', "column": "x", "type": "text"}, "table"),
        ("add-foreign-key", {"table": "t", "columns": "a,,b", "references": "u"}, "columns"),
        ("add-foreign-key", {"table": "t", "columns": "a", "references": "u", "on_delete": "explode"}, "on_delete"),
        ("add-index", {"table": "t", "columns": "a, (b"}, "columns"),
        ("add-enum-value", {"type": "t", "value": "x", "before": "a", "after": "b"}, "before and after"),
        ("version-column", {"table": "t", "column": "a$function$b"}, "other statements"),
        ("add-column", {"table": "t", "colum": "x", "type": "text"}, "did you mean column?"),
    ],
)
def test_a_value_that_would_make_other_sql_is_refused(
    offline_project: Project, template: str, values: dict[str, str], word: str
) -> None:
    """Before any file is written, with exit code 2 and the name of the key."""
    done = make(offline_project, template, **values)
    assert done.exit_code == 2
    assert word in done.stderr
    assert list(offline_project.sql.iterdir()) == []


def test_names_that_are_made_fit(project: Project, on: Database) -> None:
    """A derived name of more than 63 bytes is cut within the names it is made of, never in its ending."""
    table, column = "é" * 31, "c" * 60
    on.execute(f"CREATE TABLE {table} (id int, {column} int)")
    up, _ = written(project, "add-index", table=table, columns=column)
    assert "_idx" in up
    proves(project, on)
    name = on.value("SELECT relname FROM pg_class WHERE relkind = 'i' AND relnamespace = 'public'::regnamespace")
    assert name.endswith("_idx")
    assert len(name.encode()) <= 63


def test_backfill_keeps_writers_in(project: Project, on: Database) -> None:
    """Each statement commits by itself; a row without a value stops it, and the next apply goes on there."""
    on.execute("CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1), (2)")
    on.execute("CREATE TABLE price (item int, amount numeric); INSERT INTO price VALUES (1, 5)")
    up, _ = written(
        project,
        "add-column-with-backfill",
        table="item",
        column="price",
        type="numeric(10, 2)",
        value="SELECT amount FROM price WHERE price.item = item.id",
    )
    assert "-- sqlmig: no-transaction" in up
    stopped = project.invoke("apply")
    assert stopped.exit_code == 1
    assert on.rows("SELECT id, price FROM item ORDER BY id") == [(1, 5), (2, None)]
    on.execute("UPDATE item SET price = 7 WHERE id = 2")
    assert project.invoke("apply").exit_code == 0
    assert on.value("SELECT attnotnull FROM pg_attribute WHERE attrelid = 'item'::regclass AND attname = 'price'")
    assert on.value("SELECT count(*) FROM pg_constraint WHERE conrelid = 'item'::regclass AND contype = 'c'") == 0


def test_the_version_column_refuses_a_lost_update(project: Project, on: Database) -> None:
    on.execute("CREATE TABLE note (id int PRIMARY KEY, text text); INSERT INTO note VALUES (1, 'a')")
    written(project, "version-column", table="note")
    project_runs(project, "apply")
    on.execute("UPDATE note SET text = 'b' WHERE id = 1")
    on.execute("UPDATE note SET text = 'c', version = 2 WHERE id = 1")
    assert on.rows("SELECT text, version FROM note") == [("c", 3)]
    with pytest.raises(Exception, match="was changed by somebody else"):
        on.execute("UPDATE note SET text = 'd', version = 2 WHERE id = 1")


def test_history_restores_what_nobody_changed_since(project: Project, on: Database) -> None:
    """Composite keys, several columns, NULLs; a row that was written to later keeps its newer value."""
    on.execute("CREATE TABLE person (a int, b text, name json, mail text, PRIMARY KEY (a, b))")
    on.execute("INSERT INTO person VALUES (1, 'x', '1', 'A@B'), (1, 'y', NULL, 'C@D'), (2, 'x', '2', NULL)")
    written(
        project,
        "history-table",
        table="person",
        key="a, b",
        columns="name, mail",
        values="'{\"a\": 1}', lower(mail)",
        where="a = 1",
    )
    proves(project, on)
    on.execute("UPDATE person SET mail = 'new@b' WHERE b = 'x' AND a = 1")
    project_runs(project, "rollback")
    rows = on.rows("SELECT a, b, name::text, mail FROM person ORDER BY a, b")
    assert rows == [(1, "x", '{"a": 1}', "new@b"), (1, "y", None, "C@D"), (2, "x", "2", None)]


ENUM = """
CREATE SCHEMA app;
CREATE ROLE {role};
CREATE TYPE app.mood AS ENUM ('sad', 'o''k', 'happy');
COMMENT ON TYPE app.mood IS 'how it is';
REVOKE ALL ON TYPE app.mood FROM PUBLIC;
GRANT USAGE ON TYPE app.mood TO {role} WITH GRANT OPTION;
CREATE TABLE diary (id int PRIMARY KEY, mood app.mood DEFAULT 'sad' NOT NULL CHECK (mood <> 'happy'), moods app.mood[]
    DEFAULT '{{sad,happy}}');
CREATE INDEX diary_sad ON diary (id) WHERE mood = 'sad';
COMMENT ON INDEX diary_sad IS 'the sad ones';
COMMENT ON CONSTRAINT diary_mood_check ON diary IS 'never happy';
CREATE TABLE parts (mood app.mood, n int) PARTITION BY RANGE (n);
CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE moods (mood app.mood PRIMARY KEY);
CREATE TABLE felt (mood app.mood CONSTRAINT felt_mood REFERENCES moods DEFERRABLE, twice app.mood REFERENCES moods);
COMMENT ON CONSTRAINT felt_mood ON felt IS 'known';
INSERT INTO moods VALUES ('sad'), ('happy');
INSERT INTO felt VALUES ('sad', 'happy');
INSERT INTO diary VALUES (1, 'sad', '{{o''k}}'), (2, 'o''k', NULL);
INSERT INTO parts VALUES ('happy', 1);
"""


def test_an_enum_value_is_taken_away_again(project: Project, on: Database) -> None:
    """The type is built anew: defaults, arrays, checks, partial indexes, partitions, rights and comments stay."""
    role = on.role("reader", "NOLOGIN")
    on.execute(ENUM.replace("CREATE ROLE {role};", "").format(role=role))
    written(project, "add-enum-value", type="app.mood", value="it's", after="o'k")
    proves(project, on)
    labels = on.value("SELECT enum_range(NULL::app.mood)::text")
    assert labels == "{sad,o'k,it's,happy}"


def test_an_enum_value_in_use_is_not_taken_away(project: Project, on: Database) -> None:
    """The rollback fails, names the value, and nothing is changed."""
    on.execute("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE diary (mood mood)")
    written(project, "add-enum-value", type="mood", value="glad")
    project_runs(project, "apply")
    on.execute("INSERT INTO diary VALUES ('glad')")
    before = state(on)
    failed = project.invoke("rollback")
    assert failed.exit_code == 1
    assert "22P02" in failed.stderr
    assert "glad" in failed.stderr
    assert state(on) == before


def test_all_keys_of_all_templates_are_listed(offline_project: Project) -> None:
    """In JSON with their kinds, and for people with what they are."""
    document = offline_project.invoke("templates", "--json").json
    names = [template["name"] for template in document["templates"]]
    assert names == sorted(names)
    assert {"add-column", "add-index", "drop-column", "history-table"} <= set(names)
    told = offline_project.invoke("templates").stdout
    assert all(key["description"] in told for template in document["templates"] for key in template["keys"])
    assert json.dumps(document).count('"reads_database": true') == 1
