"""Templates: which there are, and what one of them writes."""

from __future__ import annotations

from collections.abc import Mapping

from sqlmig import templates
from sqlmig.actions.workplace import Workplace
from sqlmig.templates import Template, Value
from sqlmig.templates.results import TemplatesResult


def listed(place: Workplace) -> TemplatesResult:
    """All templates, a project's own among them. Raises FileError for one that cannot be used."""
    return TemplatesResult(templates.templates(place.environment.root))


def find(place: Workplace, name: str) -> Template:
    """One template. Raises UsageError where there is none of this name."""
    return templates.template(place.environment.root, name)


def texts(place: Workplace, template: str, title: str, given: Mapping[str, str]) -> tuple[str, str | None]:
    """The texts of the up and the down file. Connects where the template reads the database, and writes nothing.

    Raises UsageError for a key that is missing, unknown, or has no value that it could have.
    """
    found = find(place, template)
    values = found.values(given)
    if found.reads_database:
        values = _with_the_catalog(place, found, given, values)
    return found.render(values, title)


def _with_the_catalog(
    place: Workplace, template: Template, given: Mapping[str, str], values: Mapping[str, Value | None]
) -> dict[str, Value | None]:
    from sqlmig.templates import columns

    table, column = values["table"], values["column"]
    if table is None or column is None:  # both are keys that have to be given: the template was read with them
        return {**values}
    with place.access.desk() as desk:
        relation = columns.find(desk.session, desk.history.set_role, table.text)
        values = template.values({**given, "table": relation.name})
        saved = values.get("saved") if values.get("keep") is not None else None
        removal = columns.removal(desk.session, relation, column.bare, saved.text if saved is not None else None)
        return {**values, **removal.values}
