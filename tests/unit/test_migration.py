"""The grammar of file names, and what the two scripts of a migration say together."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlmig.errors import ScriptError
from sqlmig.migration import Direction, FileName
from tests.unit.making import migration

FITTING = [
    ("1_a.up.sql", 1, "a", "up"),
    ("001_create_users.up.sql", 1, "create_users", "up"),
    ("0_init.down.sql", 0, "init", "down"),
    ("000_init.up.sql", 0, "init", "up"),
    ("20261121093000_x.up.sql", 20261121093000, "x", "up"),
    ("12345678901234567890_x.up.sql", 12345678901234567890, "x", "up"),
    ("9" * 200 + "_x.up.sql", int("9" * 200), "x", "up"),
    ("001_add-email.v2.up.sql", 1, "add-email.v2", "up"),
    ("001__a.up.sql", 1, "_a", "up"),
    ("001_2.up.sql", 1, "2", "up"),
    ("001_x.up.down.sql", 1, "x.up", "down"),
    ("001_größe_表.up.sql", 1, "größe_表", "up"),
    ("001_हिन्दी.up.sql", 1, "हिन्दी", "up"),
]

NEARLY_FITTING = [
    "001-create.up.sql",
    "001 create.up.sql",
    "001.create.up.sql",
    "001create.up.sql",
    "001_create.UP.SQL",
    "001_create.up.SQL",
    "001_create.Up.sql",
    "001_create.sql",
    "001.sql",
    "001.up.sql",
    "001_.up.sql",
    "_create.up.sql",
    "create.up.sql",
    "up.sql",
    "down.sql",
    "v1_create.down.sql",
    "001_create_up.sql",
    "001_create-up.sql",
    "001_create.up.sql ",
    " 001_create.up.sql",
    "001_create.up .sql",
    "001_create.upp.sql",
    "001_create.rollback.sql",
    "001_a b.up.sql",
    "001_a,b.up.sql",
    "001_create.up (1).sql",
    "001_create.up copy.sql",
    "001_create.up.sql.txt",
    "001_create.up.psql",
    "001_create.up",
    "001_create.down",
    "٣_create.up.sql",
    "-1_create.up.sql",
    "1.5_create.up.sql",
    "0x1_create.up.sql",
    "V1__create.sql",
    "V1.2__create.sql",
    "U1__create.sql",
    "R__views.sql",
    "001_cre\nate.sql",
]

OTHERS = [
    "README.md",
    "schema.sql",
    "seed.sql",
    "notes.sql",
    "startup.sql",
    "001_notes.md",
    "001_create.up.sql~",
    "001_create.up.sql.bak",
    "001_create.up.sql.orig",
    "001_create.up.sql.swp",
    "#001_create.up.sql#",
    "sqlmig.toml",
    "",
    "sql",
    ".sql",
]


@pytest.mark.parametrize(("text", "version", "name", "direction"), FITTING)
def test_names_that_fit(text: str, version: int, name: str, direction: str) -> None:
    """A number of any width, ``_``, a name, the direction."""
    assert FileName.parse(text) == FileName(version, name, Direction(direction))
    assert FileName.nearly(text)


@pytest.mark.parametrize("text", NEARLY_FITTING)
def test_names_that_nearly_fit(text: str) -> None:
    """Whoever wrote such a name meant a migration."""
    assert FileName.parse(text) is None
    assert FileName.nearly(text)


@pytest.mark.parametrize("text", OTHERS)
def test_other_names(text: str) -> None:
    """Notes, dumps and what editors leave behind are nobody's mistake."""
    assert FileName.parse(text) is None
    assert not FileName.nearly(text)


def test_letters_may_come_in_two_parts() -> None:
    """Some file systems give the accent of a letter as a character of its own: the name is the same."""
    text = "001_über_café.up.sql"
    assert FileName.parse(unicodedata.normalize("NFD", text)) == FileName.parse(text)
    assert FileName.parse(text) is not None


@given(version=st.integers(0, 10**30), width=st.integers(0, 35), name=st.from_regex(r"[\w.-]+", fullmatch=True))
@settings(max_examples=40, deadline=None)
def test_a_name_is_what_it_is_made_of(version: int, width: int, name: str) -> None:
    """Any version in any width, any name: the same comes back."""
    for direction in Direction:
        parsed = FileName.parse(f"{version:0{width}}_{name}.{direction}.sql")
        assert parsed == FileName(version, unicodedata.normalize("NFC", name), direction)


def test_a_migration_is_called_by_its_label_and_name() -> None:
    """The version as the file spells it."""
    assert str(migration(7, name="create_users")) == "007_create_users"


@pytest.mark.parametrize(
    ("up", "down", "reversible"),
    [
        ("SELECT 1", "SELECT 2", True),
        ("SELECT 1", None, False),
        ("-- sqlmig: irreversible\nSELECT 1", "SELECT 2", False),
        ("SELECT 1", "-- sqlmig: irreversible\n", False),
    ],
)
def test_what_is_reversible(up: str, down: str | None, reversible: bool) -> None:
    """A down file, and nobody who says otherwise."""
    assert migration(1, up, down).reversible is reversible


def test_reversible_is_not_guessed_from_a_wrong_header() -> None:
    """What cannot be read is an error."""
    with pytest.raises(ScriptError):
        _ = migration(1, "-- sqlmig: irreversable\nSELECT 1").reversible


@pytest.mark.parametrize(
    ("up", "down", "codes"),
    [
        ("SELECT 1", "SELECT 2", []),
        ("COMMIT", "COMMIT; VACUUM", ["transaction_control", "transaction_control", "needs_no_transaction"]),
        ("SELECT 1", None, []),
        ("SELECT 1", "-- to do", ["empty_down"]),
        ("-- sqlmig: irreversible\nSELECT 1", "-- there is no way back", []),
        ("-- sqlmig: irreversable\nSELECT 1", "-- to do", ["script", "empty_down"]),
        ("SELECT '", "-- to do", ["script", "empty_down"]),
    ],
)
def test_problems_of_both_scripts(up: str, down: str | None, codes: list[str]) -> None:
    """All of them, with the version; an empty down is none where its up says that there is no way back."""
    problems = migration(3, up, down).problems
    assert [problem.code for problem in problems] == codes
    assert {problem.version for problem in problems} <= {3}
