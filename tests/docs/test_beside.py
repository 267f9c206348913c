"""The pages about templates, seeds and hooks say what the code does, and their examples work."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sqlmig import programs
from sqlmig.config import load
from sqlmig.events import Waiting
from sqlmig.lock import lock_key
from sqlmig.plan import HOOKS
from sqlmig.templates import templates
from sqlmig.templates.library import BUILT_IN, FORMS
from sqlmig.templates.values import KINDS
from tests.docs.documents import ROOT, blocks, table
from tests.support.chaos import nothing_left
from tests.support.project import Project
from tests.support.runner import Runs

TEMPLATES, SEEDS, HOOK_PAGE = ((ROOT / "docs" / f"{name}.md").read_text() for name in ("templates", "seeds", "hooks"))


def spans(cells: list[str]) -> set[str]:
    return {span for cell in cells for span in re.findall(r"`([^`]+)`", cell)}


def write_examples(folder: Path, page: str) -> list[str]:
    """The SQL files of a page, where it says that they lie."""
    written = []
    for block in blocks(page):
        if block.file is not None:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.body.partition("\n")[2])
            written.append(block.file)
    return written


def test_every_template_is_described(tmp_path: Path) -> None:
    assert spans([row[0] for row in table(TEMPLATES, "template", "writes")]) == {
        template.name for template in templates(tmp_path)
    }


def test_every_kind_of_key_and_every_form_is_described() -> None:
    kinds = spans([row[0] for row in table(TEMPLATES, "kind", "takes")])
    assert kinds == {*KINDS, r"word(a\|b)"}
    forms = {form for found in FORMS.values() for form in found} | {"literal", "of"}
    assert forms == {form for form in forms if f".{form}" in TEMPLATES}


def test_the_template_of_the_page_works(project: Project) -> None:
    """Its files are written, applied and rolled back."""
    assert project.database is not None
    assert len(write_examples(project.folder, TEMPLATES)) == 2
    project.database.execute(
        "CREATE SCHEMA audit; CREATE FUNCTION audit.log() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    )
    before = project.database.dump()
    command = ["new", "x", "--template", "audited-table", "-D", "table=Order", "-D", "comment=it's ours"]
    assert project.invoke(*command).exit_code == 0
    up = (project.sql / "001_x.up.sql").read_text()
    assert 'CREATE TRIGGER "Order_audit"' in up
    assert "COMMENT ON TABLE \"Order\" IS 'it''s ours';" in up
    assert project.invoke("apply").exit_code == 0
    assert project.invoke("rollback").exit_code == 0
    project.database.execute("DROP SCHEMA sqlmig CASCADE")
    assert project.database.dump() == before


def test_the_seed_of_the_page_runs_twice(project: Project) -> None:
    assert project.database is not None
    assert write_examples(project.folder, SEEDS)
    project.database.execute("CREATE TABLE country (code text PRIMARY KEY, name text)")
    for _ in range(2):
        assert project.invoke("seed", "run").exit_code == 0
    assert project.database.value("SELECT count(*) FROM country") == 2


def test_every_hook_is_described_and_that_of_the_page_runs(project: Project) -> None:
    head, *_ = (row for row in HOOK_PAGE.splitlines() if row.startswith("| file in"))
    rows = table(HOOK_PAGE, *[cell.strip() for cell in head.strip("|").split("|")])
    assert spans([row[0] for row in rows]) == {f"{name}.sql" for name in HOOKS}
    assert project.database is not None
    role = project.database.role("reporting", "NOLOGIN")
    write_examples(project.folder, HOOK_PAGE.replace("TO reporting", f"TO {role}"))
    project.write_config('hooks = "hooks"')
    project.write("001_a.up.sql", "CREATE TABLE a (x int);\n")
    assert project.invoke("apply").exit_code == 0
    assert project.database.value(f"SELECT has_table_privilege('{role}', 'a', 'SELECT')")


def test_configurations_of_the_pages_load(tmp_path: Path) -> None:
    """In each of their environments."""
    found = 0
    for page in (SEEDS, HOOK_PAGE):
        for block in blocks(page):
            if block.language == "toml":
                (tmp_path / "sqlmig.toml").write_text(block.body)
                env = "production" if "[env.production]" in block.body else None
                load(cwd=tmp_path, env=env, environ={"DATABASE_URL": "postgres://h/d"})
                found += 1
    assert found == 3


def test_times_of_programs_are_documented() -> None:
    assert programs.TIME_LIMIT == programs.LAST_WAIT == 5
    assert "takes longer than 5 seconds for an event" in HOOK_PAGE
    assert "get 5 seconds more" in HOOK_PAGE


def test_events_of_programs_are_documented_with_their_keys(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run with all of them: each has the keys of its row, and those of every event."""
    told: list[dict[str, object]] = []
    monkeypatch.setattr(programs.Programs, "_tell", lambda self, command, data: told.append(_parsed(data)) or True)
    runs = Runs(project, on_event=[["x"]], lock_retries=1, lock_timeout="50ms")
    runs.write("001_a", "SELECT 1;")
    runs.apply()
    nothing_left(runs.database)
    runs.write("001_a", "SELECT 2;")
    runs.write("002_b", "LOCK TABLE sqlmig.migration;")
    with runs.database.connect(autocommit=False) as other:
        other.execute("LOCK TABLE sqlmig.migration IN SHARE MODE")
        with pytest.raises(Exception, match="lock"):
            runs.apply()
        other.rollback()
        other.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key("sqlmig")])
        runs.listener = lambda event: other.rollback() if isinstance(event, Waiting) else None
        runs.apply(lock_wait=60)
    everywhere = {"format", "event", "at", "command", "environment", "run"}
    documented = {
        next(iter(spans([row[0]]))): spans([row[2]])
        for row in table(HOOK_PAGE, "`event`", "when", "beside the keys of every event")
    }
    assert [event["event"] for event in told].count("waiting") == 1
    seen = {str(event["event"]): set(event) - everywhere for event in told}
    assert seen == documented


def _parsed(data: bytes) -> dict[str, object]:
    return json.loads(data)  # type: ignore[no-any-return]


def test_templates_are_written_down_once() -> None:
    """Each up has a description of its own, and no file lies beside them that is none."""
    names = {path.name for path in BUILT_IN.iterdir()}
    assert all(name.endswith((".up.sql", ".down.sql")) for name in names)
    described = [template.description for template in templates(ROOT)]
    assert len(set(described)) == len(described)
