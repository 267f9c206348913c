"""sqlmig.sum: what it says, what is wrong with it, and who keeps it."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import pytest

from sqlmig import sums
from sqlmig.errors import FileError, Problem
from sqlmig.script import FileSource

A, A_DOWN, B = "CREATE TABLE a ();\n", "DROP TABLE a;\n", "CREATE TABLE b ();\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two migrations, one without a down in a folder of its own, and their sum."""
    folder = tmp_path / "sql"
    (folder / "feature").mkdir(parents=True)
    (folder / "001_a.up.sql").write_text(A)
    (folder / "001_a.down.sql").write_text(A_DOWN)
    (folder / "feature" / "002_b.up.sql").write_text(B)
    assert sums.write([folder]) == ([folder / "sqlmig.sum"], [])
    return folder


def lines(folder: Path) -> list[str]:
    return (folder / "sqlmig.sum").read_text().splitlines()


def names(folder: Path) -> list[str]:
    """What has a line of its own."""
    return [line.partition(" ")[0] for line in lines(folder)[2:]]


def found(folder: Path) -> list[str]:
    return [problem.code for problem in sums.audit([folder])]


def the(folder: Path) -> Problem:
    (problem,) = sums.audit([folder])
    return problem


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "sqlmig.sum"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_title_a_line_over_all_and_a_line_a_migration(folder: Path) -> None:
    """By version, with ``-`` for a file that is not there; no folder is named, so that files can move."""
    title, total, first, second = lines(folder)
    assert title.startswith("# ")
    assert [len(word) for word in total.split()] == [3, 64]
    assert [len(word) for word in first.split()] == [5, 64, 64]
    assert second.startswith("002_b ")
    assert second.endswith(" -")
    assert found(folder) == []


def test_writing_again_changes_nothing(folder: Path) -> None:
    before = (folder / "sqlmig.sum").stat().st_ino
    assert sums.write([folder]) == ([], [folder / "sqlmig.sum"])
    assert (folder / "sqlmig.sum").stat().st_ino == before


def test_without_the_file_nothing_is_looked_for_and_nothing_kept(folder: Path) -> None:
    (folder / "sqlmig.sum").unlink()
    (folder / "003_c.up.sql").write_text("SELECT 1")
    assert found(folder) == []
    assert sums.keep([folder], None) == []
    assert not (folder / "sqlmig.sum").exists()


def test_line_ends_and_byte_order_marks_make_no_difference(folder: Path) -> None:
    """Neither in the migrations nor in the sum file: another checkout is no edit."""
    for path in [*folder.rglob("*.sql"), folder / "sqlmig.sum"]:
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert found(folder) == []


def test_a_migration_without_a_line_is_found(folder: Path) -> None:
    (folder / "003_c.up.sql").write_text("SELECT 1")
    problem = the(folder)
    assert (problem.code, problem.version, problem.next_step) == ("sum_missing", 3, "sqlmig repair --sum")
    assert problem.message.startswith("003_c is not in ")
    assert problem.place is not None
    assert problem.place.file.endswith("003_c.up.sql")


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("001_a.up.sql", "SELECT 1", "up file differs"),
        ("001_a.down.sql", "SELECT 1", "down file differs"),
        ("001_a.down.sql", None, "down file differs"),
        ("feature/002_b.down.sql", "SELECT 1", "down file differs"),
    ],
)
def test_an_edit_is_found(folder: Path, name: str, text: str | None, what: str) -> None:
    """Also that of a comment, and a file that came or went."""
    (folder / name).unlink() if text is None else (folder / name).write_text(text)
    problem = the(folder)
    assert problem.code == "sum_mismatch"
    assert problem.message.endswith(what)
    assert not problem.warning


def test_a_line_without_a_file_is_found(folder: Path) -> None:
    (folder / "feature" / "002_b.up.sql").unlink()
    problem = the(folder)
    assert (problem.code, problem.message) == ("sum_extra", "002_b has no file")
    assert problem.place is not None
    assert problem.place.line == 4


def test_a_file_under_another_number_is_two_findings(folder: Path) -> None:
    (folder / "feature" / "002_b.up.sql").rename(folder / "003_b.up.sql")
    assert found(folder) == ["sum_missing", "sum_extra"]


def test_a_file_in_another_folder_is_none(folder: Path) -> None:
    (folder / "feature" / "002_b.up.sql").rename(folder / "002_b.up.sql")
    assert found(folder) == []


def test_the_line_over_all_has_to_fit_the_lines(folder: Path) -> None:
    """A line that was changed with its file, but by hand; lines in another order; no line over all."""
    first, second, third, fourth = lines(folder)
    for text in ([first, second, fourth, third], [first, third, fourth], [first, f"all {'0' * 64}", third, fourth]):
        (folder / "sqlmig.sum").write_text("\n".join(text))
        assert found(folder) == ["sum_changed"]


CONFLICT = "<<<<<<< HEAD\n{ours}\n=======\n{theirs}\n>>>>>>> main\n"


def test_marks_of_a_conflict_are_named_by_line_and_hide_what_follows_from_them(folder: Path) -> None:
    first, *rest = lines(folder)
    ours, theirs = "\n".join(rest), "\n".join(rest[:2])
    (folder / "sqlmig.sum").write_text(f"{first}\n" + CONFLICT.format(ours=ours, theirs=theirs))
    problems = sums.audit([folder])
    assert [problem.code for problem in problems] == ["sum_unreadable"] * 3
    assert [problem.place.line for problem in problems if problem.place] == [2, 6, 9]


@pytest.mark.parametrize("line", ["001_a", "all 1234", "001_a " + "z" * 64 + " -", "hello", "001_a - - -"])
def test_a_line_that_is_none_is_named(folder: Path, line: str) -> None:
    with (folder / "sqlmig.sum").open("a") as file:
        file.write(line + "\n")
    problem = the(folder)
    assert problem.code == "sum_unreadable"
    assert problem.place is not None
    assert problem.place.line == 5
    with pytest.raises(FileError, match="line 5"):
        sums.keep([folder], {"001_a"})
    with pytest.raises(FileError):
        sums.require_readable([folder])


def test_what_is_not_text_is_named(folder: Path) -> None:
    (folder / "sqlmig.sum").write_bytes(b"\xff\xfe")
    assert the(folder).code == "sum_unreadable"


def test_a_file_that_cannot_be_read_is_left_to_those_who_look_at_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a finding there, and no reason to break off here."""

    def refuse(source: FileSource, *_: int) -> BinaryIO:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(FileSource, "open", refuse)
    monkeypatch.setattr(FileSource, "whole", refuse)
    assert found(folder) == []
    with pytest.raises(FileError, match="Permission denied"):
        sums.keep([folder], None)


# Keeping


def test_only_what_is_named_gets_a_new_line(folder: Path) -> None:
    """An edit beside it is still found."""
    (folder / "001_a.up.sql").write_text("SELECT 1")
    (folder / "003_c.up.sql").write_text("SELECT 1")
    assert sums.keep([folder], {"003_c"}) == [folder / "sqlmig.sum"]
    assert names(folder) == ["001_a", "002_b", "003_c"]
    assert found(folder) == ["sum_mismatch"]
    assert sums.keep([folder], None) == [folder / "sqlmig.sum"]
    assert found(folder) == []


def test_what_is_gone_loses_its_line(folder: Path) -> None:
    (folder / "feature" / "002_b.up.sql").rename(folder / "feature" / "010_b.up.sql")
    sums.keep([folder], {"010_b"}, {"002_b"})
    assert names(folder) == ["001_a", "010_b"]
    assert found(folder) == []


def test_of_a_conflict_both_sides_stay(folder: Path) -> None:
    """And where they contradict each other, the file decides."""
    title, total, first, second = lines(folder)
    other = f"002_b {'0' * 64} -"
    ours, theirs = f"{total}\n{first}\n{second}", f"{total}\n{first}\n{other}\n003_c {'1' * 64} -"
    (folder / "sqlmig.sum").write_text(f"{title}\n" + CONFLICT.format(ours=ours, theirs=theirs))
    sums.keep([folder], ())
    assert names(folder) == ["001_a", "002_b", "003_c"]
    assert found(folder) == ["sum_extra"]


def test_each_folder_has_its_own(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "more"
    other.mkdir()
    (other / "004_d.up.sql").write_text("SELECT 1")
    assert [problem.code for problem in sums.audit([folder, other])] == []
    sums.write([folder, other])
    assert (names(folder), names(other)) == (["001_a", "002_b"], ["004_d"])
    (other / "004_d.up.sql").write_text("SELECT 2")
    (problem,) = sums.audit([folder, other])
    assert problem.version == 4


def test_a_folder_that_cannot_be_written_is_an_error_and_leaves_the_old_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lines(folder)
    (folder / "003_c.up.sql").write_text("SELECT 1")

    def refuse(path: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(FileError, match="cannot be written: Permission denied"):
        sums.keep([folder], None)
    assert lines(folder) == before
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_a_link_stays_one(folder: Path, tmp_path: Path) -> None:
    (folder / "sqlmig.sum").rename(tmp_path / "kept.sum")
    (folder / "sqlmig.sum").symlink_to(tmp_path / "kept.sum")
    (folder / "003_c.up.sql").write_text("SELECT 1")
    sums.keep([folder], None)
    assert (folder / "sqlmig.sum").is_symlink()
    assert found(folder) == []
