"""PostgreSQL's own objects, which are not described one by one: whether somebody altered them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlmig.schema import knowledge
from sqlmig.schema.catalogs import Catalog

BUILTIN = 12000
"""Objects with smaller OIDs are the same on every server of a major version (FirstUnpinnedObjectId in PostgreSQL's
access/transam.h)."""

UNALTERABLE = frozenset(
    {
        *("pg_class", "pg_constraint", "pg_rewrite", "pg_trigger", "pg_default_acl"),
        *("pg_namespace", "pg_extension", "pg_largeobject_metadata"),
    }
)
"""Catalogs whose rows of initdb no command alters, or whose objects are described all the same."""

SEPARATE = frozenset({"aclitem[]", "pg_node_tree"})
"""Types of columns that are left out: privileges are told object by object."""


def digests(catalogs: Iterable[Catalog]) -> str:
    """A statement that gives each catalog with a number that depends on every built-in object in it, except on owners
    and privileges, which are told by themselves."""
    statements = [
        f"SELECT '{catalog.name}', pg_catalog.sum(pg_catalog.hash_record_extended(ROW({_columns(catalog)}), 0))"
        f" FROM pg_catalog.{catalog.name} WHERE oid < {BUILTIN}"
        for catalog in catalogs
        if catalog.addressed and not catalog.shared and catalog.name not in UNALTERABLE | knowledge.SOURCE.keys()
    ]
    return " UNION ALL ".join(statements)


def _columns(catalog: Catalog) -> str:
    return ", ".join(
        name
        for name, type_, _ in catalog.columns
        if type_ not in SEPARATE and name != catalog.owner and f"{catalog.name}.{name}" not in knowledge.PHYSICAL
    )
