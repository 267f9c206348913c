"""Migrations made from templates, and the proof that they are what they say."""

from __future__ import annotations

import re

from tests.support.database import Database
from tests.support.project import Outcome, Project
from tests.support.session import reads_its_schema

SETTINGS = re.compile(r"^SET default_.*\n+", re.M)
ROWS = re.compile(r"(^COPY [^\n]*;\n)(.*?)(?=^\\\.$)", re.M | re.S)


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
    """On a copy of the schema with its rows: the down undoes the up, and the up works again.

    PostgreSQL 13 cannot tell, and says so.
    """
    rehearsed = project.invoke("rehearse", "--from-schema", "--sample", "100", "--json")
    if not reads_its_schema():
        assert "PostgreSQL 14" in rehearsed.json["error"]["message"]
        return
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
