"""Every kind of object: creating, altering and dropping one is seen, and the inverse restores the snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sqlmig.database import Session, connect
from sqlmig.embedded import Server, find_binaries
from sqlmig.queries import query
from sqlmig.schema import knowledge
from sqlmig.schema.catalogs import catalogs_in, readings
from sqlmig.schema.diff import diff
from sqlmig.schema.inspect import inspect
from tests.support.database import Database
from tests.support.schema import Case, read_cases
from tests.support.session import server_environment

MAJOR = find_binaries(server_environment()).major
GROUND, ALL = read_cases(Path(__file__).with_name("schema_cases.txt"))
CASES = [case for case in ALL if case.since <= MAJOR]


class Ground:
    """A database with what every case starts from, and a session whose transactions are all rolled back."""

    def __init__(self, database: Database) -> None:
        self.words = {":database": f'"{database.name}"', ":alice": database.role("alice"), ":bob": database.role("bob")}
        self.session: Session = connect(database.url, listener=lambda event: None)
        for statement in GROUND:
            self.run(statement)

    def run(self, statements: str) -> None:
        self.session.ask(self.fill(statements))

    def names(self, question: str) -> set[str]:
        return {name or "" for (name,) in self.session.ask(question)}

    def fill(self, text: str) -> str:
        for word, name in self.words.items():
            text = text.replace(word, name)
        return text

    def start(self, case: Case) -> None:
        self.run("BEGIN")
        for statement in case.first:
            self.run(statement)


@pytest.fixture(scope="module")
def prepared(server: Server, admin: psycopg.Connection[Any]) -> Iterator[Ground]:
    database = Database(server, admin)
    ground = Ground(database)
    yield ground
    ground.session.close()
    database.drop()


@pytest.fixture
def ground(prepared: Ground) -> Iterator[Ground]:
    """The ground, as it was at first."""
    yield prepared
    prepared.session.roll_back()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_doing_is_seen_and_undoing_restores(case: Case, ground: Ground) -> None:
    """The difference names the object, in the class that it belongs to; nothing is left of it after the inverse."""
    ground.start(case)
    before = inspect(ground.session)
    ground.run(case.do)
    after = inspect(ground.session)
    changes = diff(before, after)
    named = {name for change in changes for name in (change.identity, *change.parts)}
    assert ground.fill(case.named) in named, [change.sentence for change in changes]
    assert case.category in (None, *(change.category for change in changes)), changes
    assert before.fingerprint != after.fingerprint
    if case.undo is not None:
        ground.run(case.undo)
        restored = inspect(ground.session)
        assert [change.sentence for change in diff(before, restored, ignore_column_order=True)] == []
        assert restored.fingerprint == before.fingerprint


UNTOUCHED = {
    "pg_statistic": "written by ANALYZE",
    "pg_statistic_ext_data": "written by ANALYZE",
    "pg_largeobject": "the data of large objects",
    "pg_replication_origin": "belongs to the whole server",
    "pg_auth_members": "belongs to the whole server",
    "pg_authid": "belongs to the whole server",
    "pg_parameter_acl": "belongs to the whole server",
    "pg_tablespace": "belongs to the whole server",
    "pg_subscription_rel": "how far a subscription got",
    "pg_init_privs": "what initdb and extensions granted, which ACLs are compared with",
    "pg_seclabel": "needs a label provider: see the test of labels",
    "pg_shseclabel": "needs a label provider: see the test of labels",
}
"""Catalogs that no case writes to."""

KINDS = {
    *("table", "index", "sequence", "view", "materialized view", "composite type", "foreign table", "toast table"),
    *("function", "procedure", "aggregate", "type", "cast", "collation", "table constraint", "domain constraint"),
    *("conversion", "default value", "language", "large object", "operator", "operator class", "operator family"),
    *("access method", "operator of access method", "function of access method", "rule", "trigger", "schema"),
    *("text search parser", "text search dictionary", "text search template", "text search configuration"),
    *("database", "foreign-data wrapper", "server", "user mapping", "default acl", "extension", "event trigger"),
    *("policy", "publication", "publication relation", "subscription", "transform", "statistics object"),
}
"""What pg_identify_object calls objects (ObjectTypeMap in PostgreSQL's objectaddress.c), columns apart."""

OF_THE_WHOLE_SERVER = {"role", "role membership", "tablespace", "parameter ACL"}

WITHOUT_ADDRESS = {"pg_enum": None, "pg_largeobject_metadata": "pg_largeobject"}
"""Catalogs with OIDs that pg_identify_object does not know, and by what it knows their objects."""


def _catalogs(ground: Ground, condition: str = "true") -> set[str]:
    return ground.names(
        "SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r'"
        f" AND oid < 16384 AND {condition}"
    )


def _kinds(ground: Ground, condition: str) -> set[str]:
    """The kinds of all objects in all catalogs of the server."""
    with_oid = "EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'oid')"
    addressed = {name: WITHOUT_ADDRESS.get(name, name) for name in sorted(_catalogs(ground, with_oid))}
    return ground.names(
        " UNION ".join(
            f"SELECT type FROM {name} CROSS JOIN LATERAL pg_identify_object('{by}'::regclass, {name}.oid, 0)"
            f" WHERE {condition}"
            for name, by in addressed.items()
            if by
        )
    )


def test_every_catalog_and_every_kind_of_the_server_has_a_case(ground: Ground) -> None:
    """One that nobody thought of, because a new PostgreSQL has it, fails this test until a case writes it."""
    written: set[str] = set()
    kinds: set[str] = set()
    for case in CASES:
        ground.start(case)
        ground.run(case.do)
        written |= ground.names(
            "SELECT relname FROM pg_stat_xact_sys_tables WHERE n_tup_ins + n_tup_upd + n_tup_del > 0"
        )
        kinds |= _kinds(ground, "oid >= 16384 OR type IN ('database', 'large object')")
        ground.session.roll_back()
    assert _catalogs(ground) - written - UNTOUCHED.keys() == set()
    assert KINDS - kinds == set()
    assert _kinds(ground, "true") - kinds - OF_THE_WHOLE_SERVER == set()


def test_what_is_left_out_is_known(ground: Ground) -> None:
    """Every column that a snapshot leaves out stands in the list of those, with the reason."""
    catalogs = catalogs_in(ground.session.ask(query("schema", "catalogs")))
    read = {reading.catalog.name: reading for reading in readings(catalogs) if not reading.deviating}
    unknown = [
        f"{catalog.name}.{column}"
        for catalog in catalogs
        if catalog.name in read
        for column, _, _ in catalog.columns
        if column not in {field.column for field in read[catalog.name].fields}
        and f"{catalog.name}.{column}" not in knowledge.LEFT_OUT
        and not catalog.is_name(column)
        and column != "oid"
    ]
    assert unknown == []
    assert {catalog.name for catalog in catalogs if not catalog.shared} - read.keys() <= knowledge.NOT_SCHEMA
