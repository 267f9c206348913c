"""Which number a migration gets behind those that it met, and the renaming of its files."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlmig import renumbering
from sqlmig.errors import FileError, UsageError
from sqlmig.files import by_folder
from sqlmig.renumbering import Move, Numbered, moves, numbered, rename

NOW = datetime(2026, 11, 22, 9, 30, 5, tzinfo=UTC)


def one(label: str, name: str = "m") -> Numbered:
    return Numbered(int(label), label, name, ())


def numbers(own: list[Numbered], met: set[int]) -> list[str]:
    return [f"{move.numbered} {move.label}" for move in moves(own, met, NOW)]


@pytest.mark.parametrize(
    ("own", "met", "expected"),
    [
        (["003"], {1, 2}, []),
        (["003"], {1, 2, 3}, ["003_m 004"]),
        (["003", "004"], {1, 2, 3}, ["003_m 004", "004_m 005"]),
        (["003", "010"], {4}, ["003_m 005"]),
        (["003", "005"], {4}, ["003_m 005", "005_m 006"]),
        (["3"], {9}, ["3_m 10"]),
        (["0099"], {99}, ["0099_m 0100"]),
        (["99"], {99}, ["99_m 100"]),
        (["003"], set(), []),
        ([], {1}, []),
    ],
)
def test_numbers_follow_and_keep_their_order_and_their_width(
    own: list[str], met: set[int], expected: list[str]
) -> None:
    """What lies behind stays, unless one that came before it would overtake it."""
    assert numbers([one(label) for label in own], met) == expected


def test_times_become_the_time_that_it_is() -> None:
    """A second apart, so that their order stays; and never below what they met, be that in the future."""
    own = [one("20260101120000", "a"), one("20260102120000", "b")]
    assert numbers(own, {20260103120000}) == ["20260101120000_a 20261122093005", "20260102120000_b 20261122093006"]
    assert numbers(own, {20270101000000})[0] == "20260101120000_a 20270101000001"
    assert numbers([one("20269901120000")], {20270101000000}) == ["20269901120000_m 20270101000001"]


@given(st.lists(st.integers(0, 40), unique=True, max_size=8), st.sets(st.integers(0, 40), max_size=8))
def test_whatever_was_met_all_own_are_behind_it_in_their_order(own: list[int], met: set[int]) -> None:
    migrations = [one(f"{version:03}", f"m{version}") for version in own]
    moved = {move.numbered.version: int(move.label) for move in moves(migrations, met)}
    after = [moved.get(version, version) for version in sorted(own)]
    assert after == sorted(set(after))
    assert all(version > max(met, default=-1) for version in after)


def files(folder: Path, *names: str) -> tuple[Numbered, ...]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"-- {name}\n")
    return numbered(by_folder([folder])[folder])


def listing(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_files_of_one_version_are_told_apart_by_name(tmp_path: Path) -> None:
    found = files(tmp_path, "1_a.up.sql", "1_a.down.sql", "1_b.up.sql", "01_c.up.sql", "2_x.up.sql", "2_y.down.sql")
    assert [(str(migration), len(migration.files)) for migration in found] == [
        ("01_c", 1),
        ("1_a", 2),
        ("1_b", 1),
        ("2_x", 2),
    ]


def test_both_files_are_renamed_where_they_lie_and_keep_their_text(tmp_path: Path) -> None:
    (migration,) = files(tmp_path, "feature/003_a.up.sql", "feature/003_a.down.sql")
    rename([Move(migration, "012")])
    assert listing(tmp_path) == {
        "feature/012_a.down.sql": "-- feature/003_a.down.sql\n",
        "feature/012_a.up.sql": "-- feature/003_a.up.sql\n",
    }


def test_one_that_takes_the_number_of_the_next_is_no_obstacle(tmp_path: Path) -> None:
    """Of two with one name, the second makes room first."""
    first, second = files(tmp_path, "003_a.up.sql", "004_a.up.sql")
    rename(moves([first, second], {3}))
    assert listing(tmp_path) == {"004_a.up.sql": "-- 003_a.up.sql\n", "005_a.up.sql": "-- 004_a.up.sql\n"}


def test_never_over_a_file_and_then_none_is_renamed(tmp_path: Path) -> None:
    first, second, _ = files(tmp_path, "003_a.up.sql", "004_b.up.sql", "005_a.up.sql")
    before = listing(tmp_path)
    with pytest.raises(UsageError, match=r"005_a\.up\.sql exists already; nothing was renamed"):
        rename([Move(first, "005"), Move(second, "006")])
    assert listing(tmp_path) == before


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), KeyboardInterrupt()])
def test_a_failure_on_the_way_gives_all_names_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """Also in the middle of one file, when it has both names."""
    found = files(tmp_path, "003_a.up.sql", "003_a.down.sql", "004_b.up.sql")
    before = listing(tmp_path)
    unlink = Path.unlink

    def refuse(path: Path) -> None:
        if path.name == "003_a.down.sql":
            raise error
        unlink(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(FileError if isinstance(error, OSError) else KeyboardInterrupt):
            rename([Move(found[0], "005"), Move(found[1], "006")])
    assert listing(tmp_path) == before


def test_file_systems_without_links_do_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There too, a name that is taken stays whose it is."""

    def refuse(*paths: object, **options: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    first, _ = files(tmp_path, "003_a.up.sql", "004_a.up.sql")
    with pytest.raises(UsageError):
        rename([Move(first, "004")])
    rename([Move(first, "005")])
    assert list(listing(tmp_path)) == ["004_a.up.sql", "005_a.up.sql"]


def test_a_link_is_renamed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.txt").write_text("SELECT 1;\n")
    (tmp_path / "003_a.up.sql").symlink_to("elsewhere.txt")
    (migration,) = numbered(by_folder([tmp_path])[tmp_path])
    rename([Move(migration, "004")])
    assert (tmp_path / "004_a.up.sql").is_symlink()
    assert listing(tmp_path) == {"004_a.up.sql": "SELECT 1;\n", "elsewhere.txt": "SELECT 1;\n"}


def test_only_files_on_disk_have_a_place() -> None:
    from sqlmig.files import Found
    from sqlmig.migration import FileName
    from sqlmig.script import TextSource

    name = FileName.parse("001_a.up.sql")
    assert name is not None
    with pytest.raises(UsageError, match="does not lie in a folder"):
        renumbering.path_of(Found(TextSource("", "001_a.up.sql"), "001", name))
