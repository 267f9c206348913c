"""``new --template`` and ``templates``: keys that are asked for, templates of one's own, what is wrong with them."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from sqlmig.templates.words import QUOTED, RESERVED, identifier, parts
from tests.cli.terminal import at_terminal
from tests.support.database import Database
from tests.support.project import Project

OWN = """\
-- template: A table that is audited.
-- template key table name: the table
-- template key by column = changed_by: who did it
-- ${title}
CREATE TABLE ${table} (${by} text, raw jsonb DEFAULT '{"a": "$[*]"}' CHECK (raw @@ '$.a == 1' OR $1 IS NULL OR :x));
"""


def write_template(project: Project, name: str, text: str) -> Path:
    folder = project.folder / "templates"
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path


def test_missing_keys_are_named_where_nobody_can_be_asked(offline_project: Project) -> None:
    """All of them at once, with what to type; nothing is written."""
    done = offline_project.invoke("new", "x", "--template", "add-column", "-D", "table=t")
    assert done.exit_code == 2
    assert "column (the new column), type (" in done.stderr
    assert "-D column=... -D type=..." in done.stderr
    document = offline_project.invoke("new", "x", "--template", "add-column", "--json").json
    assert document["error"]["code"] == "usage"
    assert list(offline_project.sql.iterdir()) == []


def test_missing_keys_are_asked_for_on_a_terminal(offline_project: Project) -> None:
    """Only those that are needed; what was given stands."""
    command = ["new", "x", "--template", "add-column", "-D", "type=text"]
    seen = at_terminal(offline_project, *command, typed="Order\nuser\n")
    assert seen.exit_code == 0, seen
    assert "default" not in seen.text
    assert (offline_project.sql / "001_x.up.sql").read_text().endswith('ALTER TABLE "Order" ADD COLUMN "user" text;\n')


def test_no_answer_is_a_missing_key(offline_project: Project) -> None:
    seen = at_terminal(offline_project, "new", "x", "--template", "add-column", typed="t\n\n")
    assert seen.exit_code == 2
    assert "needs column" in seen.text
    assert list(offline_project.sql.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--template", "ad-column"], "did you mean add-column?"),
        (["--template", "../sql/add-column"], "there is no template"),
        (["--template", "add-column", "-D", "table"], "a value is missing"),
        (["--template", "add-column", "-D", "table=a", "-D", "table=b"], "given twice"),
        (["--template", "add-column", "-D", "nope=1"], "has no key 'nope'"),
        (["-D", "table=a"], "-D is for a template"),
        (["--template", "add-column", "--no-transaction"], "contradict"),
    ],
)
def test_slips_of_the_pen(offline_project: Project, words: list[str], said: str) -> None:
    done = offline_project.invoke("new", "x", *words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert list(offline_project.sql.iterdir()) == []


def test_own_templates(offline_project: Project) -> None:
    """Beside the configuration, also when called from below; nothing but keys that were named is filled in."""
    write_template(offline_project, "audited.up.sql", OWN)
    write_template(offline_project, "audited.down.sql", "DROP TABLE ${table};\n")
    write_template(offline_project, "page.html", "<p>${title}</p>")
    offline_project.write_config("")
    listed = offline_project.invoke("templates").stdout
    assert "A table that is audited." in listed
    assert "templates/audited.up.sql" in listed
    below = offline_project.folder / "below"
    below.mkdir()
    done = offline_project.run("new", "audit users", "--template", "audited", "-D", "table=app.user", cwd=below)
    assert done.exit_code == 0, done
    assert (offline_project.sql / "001_audit_users.up.sql").read_text() == (
        "-- audit users\n"
        """CREATE TABLE app."user" (changed_by text, raw jsonb DEFAULT '{"a": "$[*]"}' """
        "CHECK (raw @@ '$.a == 1' OR $1 IS NULL OR :x));\n"
    )
    assert (offline_project.sql / "001_audit_users.down.sql").read_text() == 'DROP TABLE app."user";\n'


def test_an_own_template_takes_the_place_of_another(offline_project: Project) -> None:
    """One without a down file writes none."""
    write_template(offline_project, "add-column.up.sql", "-- template: Ours.\n-- sqlmig: irreversible\nSELECT 1;\n")
    document = offline_project.invoke("new", "x", "--template", "add-column", "--json").json
    assert (document["up"], document["down"]) == ("sql/001_x.up.sql", None)
    assert (offline_project.sql / "001_x.up.sql").read_text() == "-- sqlmig: irreversible\nSELECT 1;\n"
    names = [template["name"] for template in offline_project.invoke("templates", "--json").json["templates"]]
    assert names.count("add-column") == 1


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("SELECT 1;\n", 1, "says what it makes"),
        ("-- template: A.\n-- template kee x name: y\nSELECT 1;\n", 2, "not understood"),
        ("-- template: A.\n-- template key x nome: y\nSELECT 1;\n", 2, "nome is no kind of key"),
        ("-- template: A.\n-- template key x name: y\n-- template key x name: y\nSELECT 1;\n", 3, "already"),
        ("-- template: A.\n\nSELECT ${y};\n", 3, "no line says what y is"),
        ("-- template: A.\n-- template key x column: y\nSELECT ${x.schema};\n", 3, "has no form schema"),
        ("-- template: A.\n-- template key x column = ${y}_z: y\nSELECT ${x};\n", 2, "refers to y"),
        ("-- template: A.\n-- template key x text: y\n\nSELECT 1 $[, $$a$$ ${x}];\n", 4, "no other $"),
        ("-- template: A.\n-- template reads the database\nSELECT ${restore};\n", None, "keys table and column"),
    ],
)
def test_what_is_wrong_with_a_template_is_named_with_its_line(
    offline_project: Project, text: str, line: int | None, said: str
) -> None:
    write_template(offline_project, "own.up.sql", text)
    for command in (["templates"], ["new", "x", "--template", "own", "-D", "x=1"]):
        error = offline_project.invoke(*command, "--json").json["error"]
        assert (error["code"], error["line"], said in error["message"]) == ("file_format", line, True), error
    assert list(offline_project.sql.iterdir()) == []


def test_a_template_needs_an_up_file(offline_project: Project) -> None:
    write_template(offline_project, "own.down.sql", "SELECT 1;\n")
    done = offline_project.invoke("templates")
    assert done.exit_code == 2
    assert "needs an up file" in done.stderr


def test_the_words_that_need_quotes_are_those_of_the_server(database: Database) -> None:
    """A superset, since servers differ: no word that this server keeps is written bare."""
    kept = database.rows("SELECT word, catcode::text FROM pg_get_keywords() WHERE catcode <> 'U'")
    assert {word for word, _ in kept} <= QUOTED
    assert {word for word, code in kept if code == "R"} <= RESERVED


def test_templates_need_no_driver(offline_project: Project) -> None:
    """Only one that reads the database imports what connects to it."""
    program = "import sys; from sqlmig.cli import main; main(sys.argv[1:]); sys.exit('psycopg' in sys.modules)"
    words = ["new", "x", "--template", "add-column", "-D", "table=t", "-D", "column=c", "-D", "type=text"]
    done = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=offline_project.folder, env=offline_project.environment()
    )
    assert done.returncode == 0


def test_any_name_is_read_back_as_it_was_meant(database: Database) -> None:
    """By the server, and by ourselves; in quotes wherever the server would put it into quotes."""
    chance = random.Random(7)
    letters = "abAB_09$ .\"'%{}\\-éß😀\u00a0;:()[]"
    names = {"".join(chance.choices(letters, k=chance.randint(1, 15))).strip() for _ in range(2000)} - {""}
    names |= QUOTED
    with database.connect() as connection:
        for name in sorted(names):
            written = identifier(name)
            assert parts(written) == (name,), name
            row = connection.execute("SELECT parse_ident(%s), quote_ident(%s)", [written, name]).fetchone()
            assert row is not None
            assert row[0] == [name]
            assert written == row[1] or written == f'"{row[1]}"', name
