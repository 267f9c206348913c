"""Backslashes in plain literals, which a script can make escape characters."""

from __future__ import annotations

import pytest

from sqlmig.statements import scan, split
from tests.support.cutting import WAYS, cut_by


@pytest.fixture(params=WAYS, autouse=True)
def way_to_cut(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long scripts are cut by one pattern, short ones by code: both must do the same."""
    cut_by(request.param, monkeypatch)


PROBE = "SELECT '\\'';' -- ';\n;"
"""One statement where backslashes are ordinary characters, three where they escape."""
ON, OFF = 1, 3


def probed(before: str, *, standard: bool = True, in_transaction: bool = True) -> int:
    """How many statements the probe is behind a script."""
    script = before + PROBE
    options = {"standard_conforming_strings": standard, "in_transaction": in_transaction}
    found = list(split(script, **options))
    assert "".join(piece.text for piece in scan(script, **options)) == script
    assert list(split(list(script), **options)) == found
    return sum(statement.start >= len(before) for statement in found)


@pytest.mark.parametrize(
    "setting",
    [
        "SET standard_conforming_strings = off;",
        "SET standard_conforming_strings = off;\n",
        "set session STANDARD_CONFORMING_STRINGS to 'off';",
        'SET "standard_conforming_strings" = 0;',
        "SET /* ; */ standard_conforming_strings TO -- no\n false;",
        "SET standard_conforming_strings = f;",
        "SET standard_conforming_strings = 'N';",
        "SET LOCAL standard_conforming_strings = off;",
        "SELECT set_config('standard_conforming_strings', 'off', false);",
        "SELECT 1, pg_catalog.set_config('standard_conforming_strings', 'off', true);",
        "BEGIN; SET standard_conforming_strings = off; COMMIT;",
        "SAVEPOINT a; SET standard_conforming_strings = off; RELEASE a;",
        "SAVEPOINT a; SET standard_conforming_strings = off; SAVEPOINT b; ROLLBACK TO b;",
    ],
)
def test_a_script_can_switch_them(setting: str) -> None:
    """From the next statement on, on the same line too, where psql notices it a line later."""
    assert probed("") == ON
    assert probed(setting) == OFF


@pytest.mark.parametrize(
    "setting",
    [
        "SET standard_conforming_strings = on;",
        "SET standard_conforming_strings TO 'true';",
        "SET standard_conforming_strings = 1;",
        "SELECT set_config('standard_conforming_strings', 'yes', false);",
    ],
)
def test_a_script_can_switch_them_back(setting: str) -> None:
    """And what the session began with does not matter then."""
    assert probed("", standard=False) == OFF
    assert probed(setting, standard=False) == ON
    assert probed(f"SET standard_conforming_strings = off; {setting}") == ON


@pytest.mark.parametrize(
    "setting",
    [
        "SET standard_conforming_strings = of_course;",
        "SET standard_conforming_strings = o;",
        "SET standard_conforming_strings = fal\u017fe;",
        "SET escape_string_warning = off;",
        "-- SET standard_conforming_strings = off;\n",
        "SELECT 'SET standard_conforming_strings = off';",
        "ALTER ROLE a SET standard_conforming_strings = off;",
        "ALTER SYSTEM SET standard_conforming_strings = off;",
        "SELECT 'standard_conforming_strings', 'off', false;",
        "PREPARE p AS SELECT 1; DEALLOCATE p; SET standard_conforming_strings FROM CURRENT;",
    ],
)
def test_what_does_not_switch_them(setting: str) -> None:
    """Values that the server refuses, other settings, and settings of others."""
    assert probed(setting) == ON


@pytest.mark.parametrize(
    "back",
    [
        "RESET standard_conforming_strings;",
        'RESET "standard_conforming_strings";',
        "RESET ALL;",
        "DISCARD ALL;",
        "SET standard_conforming_strings TO DEFAULT;",
    ],
)
@pytest.mark.parametrize("standard", [True, False])
def test_a_reset_goes_back_to_the_beginning(back: str, standard: bool) -> None:
    """To what held when the script began."""
    other = "off" if standard else "on"
    assert probed(f"SET standard_conforming_strings = {other}; {back}", standard=standard) == (ON if standard else OFF)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("BEGIN; SET standard_conforming_strings = off; ROLLBACK;", ON),
        ("BEGIN; SET standard_conforming_strings = off; ABORT;", ON),
        ("BEGIN; SET standard_conforming_strings = off; END;", OFF),
        ("START TRANSACTION; SET LOCAL standard_conforming_strings = off;", OFF),
        ("BEGIN; SET LOCAL standard_conforming_strings = off; COMMIT;", ON),
        ("BEGIN; SET LOCAL standard_conforming_strings = off; ROLLBACK;", ON),
        ("SET LOCAL standard_conforming_strings = off;", ON),
        ("SELECT set_config('standard_conforming_strings', 'off', true);", ON),
        ("BEGIN; SET LOCAL standard_conforming_strings = off; COMMIT AND CHAIN;", ON),
        ("BEGIN; COMMIT AND CHAIN; SET LOCAL standard_conforming_strings = off;", OFF),
        ("BEGIN; SET standard_conforming_strings = off; PREPARE TRANSACTION 'x';", OFF),
        ("BEGIN; SET standard_conforming_strings = off; COMMIT PREPARED 'x'; ROLLBACK;", ON),
        ("BEGIN; SAVEPOINT a; SET standard_conforming_strings = off; ROLLBACK TO SAVEPOINT a;", ON),
        ("BEGIN; SAVEPOINT a; SET standard_conforming_strings = off; ROLLBACK WORK TO a; COMMIT;", ON),
        ("BEGIN; SAVEPOINT a; SAVEPOINT b; SET standard_conforming_strings = off; ROLLBACK TO a;", ON),
        ("BEGIN; SET standard_conforming_strings = off; SAVEPOINT a; ROLLBACK TO a;", OFF),
        ("BEGIN; SAVEPOINT a; SET standard_conforming_strings = off; RELEASE a; ROLLBACK TO a;", OFF),
        ("BEGIN; SAVEPOINT a; SET standard_conforming_strings = off; ROLLBACK TO nowhere;", OFF),
        ("BEGIN; BEGIN; SET standard_conforming_strings = off; ROLLBACK;", ON),
        ("COMMIT; ROLLBACK; SET standard_conforming_strings = off; ROLLBACK;", OFF),
    ],
)
def test_transactions_of_the_script_count(script: str, expected: int) -> None:
    """What a transaction or a savepoint takes back is taken back here too, where sqlmig begins no transaction."""
    assert probed(script, in_transaction=False) == expected


def test_other_prefixes_keep_their_meaning() -> None:
    """With backslashes as escapes, bits and Unicode literals still have none, and names never do."""
    script = "SET standard_conforming_strings = off;"
    for text in (
        "SELECT x'\\';",
        "SELECT B'\\';",
        "SELECT u&'\\';",
        'SELECT "\\";',
        "SELECT n'\\';';",
        "SELECT box'\\';';",
        "SELECT a&'\\';';",
        "SELECT fu&'\\';';",
        "SELECT 'a'\n'\\';';",
        "SELECT x'1'\n'\\';",
        "SELECT $$\\$$;",
        "SELECT ('\\';', (('\\'', 1)));",
    ):
        assert [statement.text for statement in split(f"{script}{text}SELECT 2;")][1:] == [text, "SELECT 2;"]
