"""What a template writes is applied, undone and applied again; names and values as hard as PostgreSQL takes them."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.database import Database
from tests.support.project import Outcome, Project

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


SETTINGS = re.compile(r"^SET default_.*\n+", re.M)
ROWS = re.compile(r"(^COPY [^\n]*;\n)(.*?)(?=^\\\.$)", re.M | re.S)


@pytest.fixture
def on(project: Project) -> Database:
    assert project.database is not None
    return project.database


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def make(project: Project, template: str, **values: str) -> Outcome:
    """``new`` from a template; what it wrote goes by the name of the template."""
    pairs = [word for key, value in values.items() for word in ("-D", f"{key}={value}")]
    return project.invoke("new", template, "--template", template, *pairs)


def written(project: Project, template: str, **values: str) -> tuple[str, str]:
    done = make(project, template, **values)
    assert done.exit_code == 0, done
    up, down = done.stdout.split()
    return (project.folder / up).read_text(), (project.folder / down).read_text()


def state(database: Database) -> str:
    """Schema and rows, in order of their text, without sqlmig's own tables."""
    dumped = SETTINGS.sub("", database.dump(data=True)).split("\n--\n-- ")
    kept = (part for part in dumped if "Schema: sqlmig" not in part and "Name: sqlmig;" not in part)
    return "\n".join(ROWS.sub(lambda copy: copy[1] + "".join(sorted(copy[2].splitlines(True))), part) for part in kept)


def rehearses(project: Project) -> None:
    """On a copy of the schema with its rows: the down undoes the up, and the up works again."""
    rehearsed = project.invoke("rehearse", "--from-schema", "--sample", "100", "--json")
    assert [found["verdict"] for found in rehearsed.json["migrations"]] == ["reversible"], rehearsed


def proves(project: Project, database: Database) -> None:
    """Rehearsed. And applied, undone: everything is as it was; applied again: as after the first time."""
    rehearses(project)
    before = state(database)
    project_runs(project, "apply")
    after = state(database)
    assert after != before
    project_runs(project, "rollback")
    assert state(database) == before
    project_runs(project, "apply")
    assert state(database) == after


def project_runs(project: Project, *command: str) -> Outcome:
    done = project.invoke(*command)
    assert done.exit_code == 0, done
    return done


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
    on.execute("CREATE TABLE person (a int, b text, name text, mail text, PRIMARY KEY (a, b))")
    on.execute("INSERT INTO person VALUES (1, 'x', 'Ann', 'A@B'), (1, 'y', NULL, 'C@D'), (2, 'x', 'Bob', NULL)")
    written(
        project,
        "history-table",
        table="person",
        key="a, b",
        columns="name, mail",
        values="upper(name), lower(mail)",
        where="a = 1",
    )
    proves(project, on)
    on.execute("UPDATE person SET mail = 'new@b' WHERE b = 'x' AND a = 1")
    project_runs(project, "rollback")
    rows = on.rows("SELECT a, b, name, mail FROM person ORDER BY a, b")
    assert rows == [(1, "x", "ANN", "new@b"), (1, "y", None, "C@D"), (2, "x", "Bob", None)]


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


COLUMNS = {
    "plain": "email text",
    "default": "email text DEFAULT 'o''clock' NOT NULL",
    "collation": 'email text COLLATE "C"',
    "volatile default": "email timestamptz DEFAULT now()",
    "unique": "email text CONSTRAINT one_mail UNIQUE",
    "check": "email text CONSTRAINT has_at CHECK (email LIKE '%@%' AND id > 0)",
    "foreign key": "email int REFERENCES other ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED",
    "identity": "email int GENERATED BY DEFAULT AS IDENTITY (START WITH 10 INCREMENT BY 5)",
    "identity always": "email bigint GENERATED ALWAYS AS IDENTITY",
    "serial": "email serial",
    "generated": "email int GENERATED ALWAYS AS (id * 2) STORED",
    "array": "email numeric(10,2)[] DEFAULT '{1.50}'",
    "domain": "email word DEFAULT 'x' NOT NULL",
}

DETAILS = """
CREATE INDEX by_mail ON t (email, id) WHERE id > 3;
CREATE INDEX other_index ON t (id) WHERE email IS NOT NULL;
COMMENT ON INDEX by_mail IS 'it''s the mail';
COMMENT ON COLUMN t.email IS 'where {to} write: 100%';
CREATE STATISTICS t_stats (dependencies) ON id, email FROM t;
COMMENT ON STATISTICS t_stats IS 'both';
ALTER TABLE t ALTER COLUMN email SET STATISTICS 500, ALTER COLUMN email SET (n_distinct = 7);
GRANT SELECT (email), UPDATE (email) ON t TO PUBLIC;
CREATE INDEX clustered ON t (email);
ALTER TABLE t CLUSTER ON clustered;
"""


@pytest.mark.parametrize("definition", COLUMNS)
def test_a_dropped_column_comes_back_with_all_that_went_with_it(
    project: Project, on: Database, definition: str
) -> None:
    """Default, NOT NULL, collation, identity, sequence, constraints, indexes, statistics, comments, rights, values."""
    on.execute("CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1), (2); CREATE DOMAIN word AS text")
    on.execute(f"CREATE TABLE t (id int PRIMARY KEY, {COLUMNS[definition]})")
    on.execute("INSERT INTO t (id) VALUES (1), (2)")
    on.execute(DETAILS)
    written(project, "drop-column", table="t", column="email")
    proves(project, on)


def test_a_row_that_was_written_meanwhile_gets_the_default_or_a_number(project: Project, on: Database) -> None:
    on.execute("CREATE TABLE t (id int PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY)")
    on.execute("INSERT INTO t VALUES (1), (2)")
    written(project, "drop-column", table="t", column="n")
    project_runs(project, "apply")
    on.execute("INSERT INTO t VALUES (3)")
    project_runs(project, "rollback")
    on.execute("INSERT INTO t VALUES (4)")
    assert on.rows("SELECT id, n FROM t ORDER BY id") == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_what_a_dropped_column_loses_is_said(project: Project, on: Database) -> None:
    """Its place among the columns, and its values where no key tells rows apart or they are not to be kept."""
    on.execute("CREATE TABLE loose (a text NOT NULL, b int)")
    up, down = written(project, "drop-column", table="loose", column="a")
    assert "lost" in up
    assert "the last column" in down
    assert "SET NOT NULL" in down
    project_runs(project, "apply")
    project_runs(project, "rollback")
    on.execute("CREATE TABLE kept (id int PRIMARY KEY, b int)")
    up, down = written(project, "drop-column", table="kept", column="b", keep="no")
    assert "kept_b_saved" not in up + down
    assert "lost" in up + down


def test_a_column_that_something_depends_on_is_not_dropped(project: Project, on: Database) -> None:
    """A view would go with it: it is named, and no file is written."""
    on.execute("CREATE TABLE t (id int PRIMARY KEY, b int); CREATE VIEW v AS SELECT b FROM t")
    on.execute("CREATE TABLE child (t int REFERENCES t)")
    for column, dependent in (("b", "on view public.v"), ("id", "constraint child_t_fkey on table public.child")):
        done = make(project, "drop-column", table="t", column=column)
        assert done.exit_code == 2
        assert dependent in done.stderr
    for table, column, said in (("nowhere", "b", "no table"), ("t", "c", "no column"), ("v", "b", "not a table")):
        done = make(project, "drop-column", table=table, column=column)
        assert (done.exit_code, said in done.stderr) == (2, True), done
    assert list(project.sql.iterdir()) == []


def test_all_keys_of_all_templates_are_listed(offline_project: Project) -> None:
    """In JSON with their kinds, and for people with what they are."""
    document = offline_project.invoke("templates", "--json").json
    names = [template["name"] for template in document["templates"]]
    assert names == sorted(names)
    assert {"add-column", "add-index", "drop-column", "history-table"} <= set(names)
    told = offline_project.invoke("templates").stdout
    assert all(key["description"] in told for template in document["templates"] for key in template["keys"])
    assert json.dumps(document).count('"reads_database": true') == 1
