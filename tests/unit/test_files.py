"""Finding migration files, saying what is wrong with them, and writing new ones."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sqlmig.errors import FileError, FilesInvalid, UsageError
from sqlmig.files import Discovery, discover, new_pair, show
from sqlmig.migration import FileName
from tests.unit.making import migrations

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes files below ``sql`` in the working directory, each with one statement; returns that folder."""
    monkeypatch.chdir(tmp_path)
    folder = Path("sql")
    folder.mkdir()

    def write(*names: str) -> Path:
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("SELECT 1;\n")
        return folder

    return write


def names(found: Discovery) -> list[str]:
    return [str(migration) for migration in found.migrations]


def problems(found: Discovery) -> list[tuple[str, str]]:
    return [(problem.code, problem.message) for problem in found.problems]


def codes(found: Discovery) -> list[str]:
    return [problem.code for problem in found.problems]


# Finding


def test_migrations_come_by_version_as_a_number(write: Write) -> None:
    """Nine before ten, whatever the width and wherever the file lies."""
    folder = write("10_c.up.sql", "9_b.up.sql", "0002_a.up.sql", "z/1_z.up.sql", "20261121093000_d.up.sql")
    assert names(discover([folder])) == ["1_z", "0002_a", "9_b", "10_c", "20261121093000_d"]


def test_a_migration_has_its_two_files(write: Write) -> None:
    """Shown as a person would type them."""
    (migration,) = discover([write("001_a.up.sql", "001_a.down.sql")]).migrations
    assert migration.up.file == "sql/001_a.up.sql"
    assert migration.down is not None
    assert migration.down.file == "sql/001_a.down.sql"
    assert migration.up.text() == "SELECT 1;\n"


def test_no_file_is_opened(write: Write) -> None:
    """Names are enough: contents are read when they are needed."""
    folder = write("001_a.up.sql")
    (folder / "001_a.up.sql").write_bytes(b"\xff")
    assert discover([folder]).problems == ()


def test_files_lie_in_folders_and_folders_of_folders(write: Write) -> None:
    """A feature may have a folder of its own, and there may be several roots."""
    folder = write("001_a.up.sql", "billing/002_b.up.sql", "billing/eu/003_c.up.sql")
    other = folder.parent / "more"
    other.mkdir()
    (other / "004_d.up.sql").touch()
    found = discover([other, folder])
    assert names(found) == ["001_a", "002_b", "003_c", "004_d"]
    assert found.migrations[2].up.file == "sql/billing/eu/003_c.up.sql"


def test_a_pair_may_lie_in_two_folders(write: Write) -> None:
    """Ups here, downs there."""
    (migration,) = discover([write("up/001_a.up.sql", "down/001_a.down.sql")]).migrations
    assert migration.down is not None


def test_hidden_files_and_folders_are_passed_over(write: Write) -> None:
    """Also those that fit."""
    found = discover([write("001_a.up.sql", ".002_b.up.sql", ".git/003_c.up.sql", "..data/004_d.up.sql", ".x.sql")])
    assert names(found) == ["001_a"]
    assert found.problems == ()


def test_what_editors_leave_behind_is_passed_over(write: Write) -> None:
    """Back-ups and swap files; a link that an editor holds as a lock leads nowhere, and is hidden."""
    folder = write(
        "001_a.up.sql", "001_a.up.sql~", "001_a.up.sql.bak", "#001_a.up.sql#", ".001_a.up.sql.swp", "README.md"
    )
    (folder / ".#001_a.up.sql").symlink_to("me@host.1234")
    found = discover([folder])
    assert names(found) == ["001_a"]
    assert found.problems == ()


def test_another_sql_file_is_a_warning(write: Write) -> None:
    """It may be meant to lie there: a dump, a note."""
    found = discover([write("001_a.up.sql", "schema.sql")])
    assert problems(found) == [("ignored_file", "sql/schema.sql is passed over: its name is not a migration's")]
    found.raise_for_problems()


def test_an_empty_folder_has_no_migrations(write: Write) -> None:
    """Nor any problem."""
    assert discover([write()]) == Discovery((), ())
    assert discover([]) == Discovery((), ())


# Folders that overlap, and links


def test_overlapping_folders_count_once(write: Write) -> None:
    """The same folder twice, a folder and its own subfolder, in any order and spelling."""
    folder = write("001_a.up.sql", "billing/002_b.up.sql", "billing/002_b.down.sql")
    spellings = [folder, Path("sql/billing"), Path("sql/../sql"), folder.absolute(), Path("./sql/")]
    for directories in (spellings, spellings[::-1]):
        found = discover(directories)
        assert names(found) == ["001_a", "002_b"]
        assert found.problems == ()


def test_a_folder_mounted_by_kubernetes(write: Write) -> None:
    """A ConfigMap's files and subfolders are links into a hidden folder that is swapped as a whole."""
    folder = write("..2026_11_21/001_a.up.sql", "..2026_11_21/001_a.down.sql", "..2026_11_21/billing/002_b.up.sql")
    (folder / "..data").symlink_to("..2026_11_21")
    for name in ("001_a.up.sql", "001_a.down.sql", "billing"):
        (folder / name).symlink_to(f"..data/{name}")
    found = discover([folder])
    assert names(found) == ["001_a", "002_b"]
    assert found.problems == ()
    assert [migration.up.file for migration in found.migrations] == ["sql/001_a.up.sql", "sql/billing/002_b.up.sql"]
    assert found.migrations[0].down is not None


def test_links_to_the_same_file_under_one_name_count_once(write: Write) -> None:
    """A folder shared by two projects, one of which is also linked into the other."""
    folder = write("001_a.up.sql")
    (folder / "shared").mkdir()
    (folder / "shared" / "001_a.up.sql").symlink_to("../001_a.up.sql")
    (folder.parent / "other").symlink_to("sql")
    found = discover([folder, folder.parent / "other"])
    assert names(found) == ["001_a"]
    assert found.problems == ()


def test_links_to_one_text_under_two_names_are_two_files(write: Write) -> None:
    """Stores that keep equal contents once link to one object: no migration vanishes by that."""
    folder = write()
    (folder.parent / "object").write_text("SELECT 1;")
    for name in ("001_a.up.sql", "001_a.down.sql", "002_b.up.sql", "002_b.down.sql"):
        (folder / name).symlink_to("../object")
    found = discover([folder])
    assert names(found) == ["001_a", "002_b"]
    assert all(migration.down is not None for migration in found.migrations)


def test_links_that_lead_back_do_not_go_round(write: Write) -> None:
    """To the folder itself, to one above it, to each other."""
    folder = write("001_a.up.sql", "b/002_b.up.sql", "c/003_c.up.sql")
    (folder / "self").symlink_to(".")
    (folder / "parent").symlink_to("..")
    (folder / "root").symlink_to("/")
    (folder / "b" / "c").symlink_to("../c")
    (folder / "c" / "b").symlink_to("../b")
    found = discover([folder])
    assert names(found) == ["001_a", "002_b", "003_c"]
    assert found.problems == ()


def test_a_folder_is_read_once(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many links lead to it."""
    folder = write("001_a.up.sql", "b/002_b.up.sql")
    for number in range(3):
        (folder / f"link{number}").symlink_to("b")
    scandir, read = os.scandir, []

    def count(path: str) -> object:
        read.append(os.path.realpath(path))
        return scandir(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", count)
        assert names(discover([folder, folder / "b"])) == ["001_a", "002_b"]
    assert len(read) == len(set(read)) == 2


def test_a_linked_folder_may_lie_elsewhere(write: Write, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Its files are shown by the path that leads to them."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "001_a.up.sql").touch()
    folder = write()
    (folder / "shared").symlink_to(elsewhere)
    (migration,) = discover([folder]).migrations
    assert migration.up.file == "sql/shared/001_a.up.sql"


# What is wrong


def test_two_files_of_one_version_and_direction(write: Write) -> None:
    """Each of the four paths is named, whatever the width of the number and the folder."""
    found = discover([write("2_a.up.sql", "2_a.down.sql", "x/002_b.up.sql", "x/002_b.down.sql")])
    assert problems(found) == [
        ("duplicate_version", "version 2 has 2 down files: sql/2_a.down.sql, sql/x/002_b.down.sql"),
        ("duplicate_version", "version 2 has 2 up files: sql/2_a.up.sql, sql/x/002_b.up.sql"),
    ]


def test_three_files_of_one_version(write: Write) -> None:
    """All of them are named."""
    found = discover([write("1_a.up.sql", "01_b.up.sql", "001_c.up.sql")])
    assert problems(found) == [
        ("duplicate_version", "version 1 has 3 up files: sql/001_c.up.sql, sql/01_b.up.sql, sql/1_a.up.sql")
    ]


def test_names_that_differ_in_case_are_two_files(write: Write) -> None:
    """Where the file system keeps both, they are one version twice."""
    assert codes(discover([write("001_a.up.sql", "001_A.up.sql")])) == ["duplicate_version"]


def test_a_down_of_another_migration_is_not_taken(write: Write) -> None:
    """Version and name both differ in spelling: these are two migrations, and rolling one back with the other harms."""
    found = discover([write("2_a.up.sql", "002_b.down.sql")])
    assert problems(found) == [
        ("duplicate_version", "version 2 is two migrations, each with one file: sql/2_a.up.sql, sql/002_b.down.sql")
    ]


def test_a_pair_with_two_names_is_a_warning(write: Write) -> None:
    """A slip of the pen under one spelling of the version: the pair is used."""
    found = discover([write("002_add_input.up.sql", "002_add_inputs.down.sql")])
    assert problems(found) == [
        (
            "name_mismatch",
            "the files of version 2 have different names: sql/002_add_input.up.sql, sql/002_add_inputs.down.sql",
        )
    ]
    assert found.migrations[0].down is not None
    found.raise_for_problems()


def test_a_version_spelled_in_two_ways_is_one_pair(write: Write) -> None:
    """The name tells that it is one migration."""
    found = discover([write("2_a.up.sql", "002_a.down.sql")])
    assert found.problems == ()
    assert found.migrations[0].label == "2"


def test_a_down_without_up(write: Write) -> None:
    """It is named, with the file that is missing."""
    found = discover([write("003_x.down.sql")])
    assert problems(found) == [("down_without_up", "sql/003_x.down.sql: version 3 has no up file")]
    assert found.problems[0].next_step == "add 003_x.up.sql, or remove the down file"
    assert found.migrations == ()


@pytest.mark.parametrize(
    "name", ["001-a.up.sql", "001_a.UP.SQL", "001_a.sql", "a.up.sql", "V1__a.sql", "001_a.up.sql.txt"]
)
def test_a_name_that_nearly_fits(write: Write, name: str) -> None:
    """An error and not a migration less."""
    found = discover([write(name)])
    assert problems(found) == [("file_name", f"sql/{name} is not named like a migration")]
    with pytest.raises(FilesInvalid):
        found.raise_for_problems()


def test_all_findings_are_reported_together(write: Write) -> None:
    """Nothing stops at the first; the error carries them all, and no warning among them."""
    found = discover(
        [
            write(
                "1_a.up.sql",
                "01_b.up.sql",
                "002-x.up.sql",
                "003_c.down.sql",
                "notes.sql",
                "004_d.up.sql",
                "004_e.down.sql",
            )
        ]
    )
    assert codes(found) == ["file_name", "ignored_file", "duplicate_version", "down_without_up", "name_mismatch"]
    with pytest.raises(FilesInvalid, match=r"\(and 2 more\)$") as caught:
        found.raise_for_problems()
    assert [problem.code for problem in caught.value.problems] == ["file_name", "duplicate_version", "down_without_up"]


def test_a_folder_that_is_not_there(write: Write) -> None:
    """Named, with what makes it; several are named together."""
    write("001_a.up.sql")
    with pytest.raises(FileError, match=r"^nowhere does not exist$") as caught:
        discover([Path("sql"), Path("nowhere")])
    assert caught.value.next_step == "sqlmig init"
    with pytest.raises(
        FileError, match=r"^nowhere does not exist; sql/001_a.up.sql is not a folder; x does not exist$"
    ):
        discover([Path("nowhere"), Path("sql/001_a.up.sql"), Path("x")])


def test_a_folder_that_is_a_file(write: Write) -> None:
    """Not for ``init`` to mend."""
    with pytest.raises(FileError, match="is not a folder") as caught:
        discover([write("001_a.up.sql") / "001_a.up.sql"])
    assert "--dir" in (caught.value.next_step or "")


def test_a_folder_that_cannot_be_looked_at(write: Write) -> None:
    """What the operating system says, without a traceback."""
    loop = write() / "loop"
    loop.symlink_to("loop")
    with pytest.raises(FileError, match=r"^sql/loop cannot be read: [A-Z]"):
        discover([loop])


def test_a_subfolder_that_cannot_be_read_is_a_finding(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in it is not known, so nothing may be applied; all else is still found."""
    folder = write("001_a.up.sql", "b/002_b.up.sql", "c/003-c.up.sql")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("b"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", refuse)
        found = discover([folder])
    assert names(found) == ["001_a"]
    assert problems(found) == [
        ("unreadable", "sql/b cannot be read: Permission denied"),
        ("file_name", "sql/c/003-c.up.sql is not named like a migration"),
    ]


def test_what_is_no_file_is_a_finding(write: Write) -> None:
    """A link that leads nowhere, or round, and a pipe, which would be waited for without end."""
    folder = write("001_a.up.sql")
    (folder / "002_b.up.sql").symlink_to("gone")
    (folder / "003_c.up.sql").symlink_to("003_c.up.sql")
    os.mkfifo(folder / "004_d.up.sql")
    (folder / "005-e.up.sql").symlink_to("gone")
    os.mkfifo(folder / "notes.sql")
    found = discover([folder])
    assert names(found) == ["001_a"]
    assert problems(found) == [
        ("unreadable", "sql/002_b.up.sql is a link that leads nowhere"),
        ("unreadable", "sql/003_c.up.sql is a link that leads nowhere"),
        ("unreadable", "sql/004_d.up.sql is not a file"),
        ("unreadable", "sql/005-e.up.sql is a link that leads nowhere"),
    ]


def test_names_that_are_no_text_can_be_shown(write: Write) -> None:
    """A byte that is not UTF-8 is spelled out, so that a report about it can be printed."""
    folder = os.fsencode(write())
    Path(os.fsdecode(folder + b"/001_\xff.up.sql")).touch()
    Path(os.fsdecode(folder + b"/\xff")).mkdir()
    Path(os.fsdecode(folder + b"/\xff/002_b.up.sql")).touch()
    found = discover([Path("sql")])
    assert problems(found) == [("file_name", "sql/001_\\xff.up.sql is not named like a migration")]
    assert found.migrations[0].up.file == "sql/\\xff/002_b.up.sql"
    assert found.migrations[0].up.text() == ""
    with pytest.raises(FileError, match=r"^gone\\xff does not exist$"):
        discover([Path(os.fsdecode(b"gone\xff"))])


def test_paths_are_shown_as_they_would_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative below the working directory, else as they are."""
    monkeypatch.chdir(tmp_path)
    assert show(tmp_path / "sql" / "a") == "sql/a"
    assert show(Path("sql/a")) == "sql/a"
    assert show(Path("/elsewhere/a")) == "/elsewhere/a"
    (tmp_path / "001_a.up.sql").touch()
    for folder in (Path(), tmp_path):
        assert discover([folder]).migrations[0].up.file == "001_a.up.sql"


def test_a_large_folder_takes_time_by_its_size(tmp_path: Path) -> None:
    """Ten times the files take ten times as long, not a hundred times."""

    def seconds(files: int) -> float:
        begun = time.process_time()
        assert len(discover([tmp_path], tmp_path).migrations) == files
        return time.process_time() - begun

    for version in range(1_000):
        (tmp_path / f"{version}_a.up.sql").touch()
        if version == 99:
            few = min(seconds(100) for _ in range(5))
    assert min(seconds(1_000) for _ in range(5)) < 30 * few


# Writing


def written(pair: tuple[Path, Path]) -> tuple[str, str]:
    return pair[0].name, pair[1].name


def test_the_first_pair(tmp_path: Path) -> None:
    """The folder is made; both files are valid but for the way back, which has to be written."""
    pair = new_pair(tmp_path / "a" / "sql", "create users", [])
    assert written(pair) == ("001_create_users.up.sql", "001_create_users.down.sql")
    (migration,) = discover([tmp_path / "a" / "sql"]).migrations
    assert [problem.code for problem in migration.problems] == ["empty_down"]
    assert migration.up.header.transaction
    assert b"\r" not in pair[0].read_bytes()


@pytest.mark.parametrize(
    ("existing", "label"),
    [((1,), "002"), ((1, 7, 3), "008"), ((999,), "1000"), ((20261121093000,), "20261121093001")],
)
def test_the_next_version(tmp_path: Path, existing: tuple[int, ...], label: str) -> None:
    """One above the highest, as wide as that one is spelled."""
    assert written(new_pair(tmp_path, "x", migrations(*existing)))[0] == f"{label}_x.up.sql"


def test_a_time_stamp_is_above_whatever_there_is(tmp_path: Path) -> None:
    """UTC to the second, or one more than the highest version."""
    stamp = written(new_pair(tmp_path, "x", migrations(3), timestamp=True))[0].partition("_")[0]
    assert re.fullmatch(r"20\d{12}", stamp)
    assert written(new_pair(tmp_path, "x", migrations(99999999999999), timestamp=True))[0].startswith(
        "100000000000000_"
    )


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("  add   e-mail ", "add_e-mail"),
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("a/b\\c:d*e?f", "a_b_c_d_e_f"),
        ("a.up.sql", "a.up.sql"),
        ("Über café", "Über_café"),
        ("Cafe\u0301", "Café"),
        ("a\nb\rc", "a_b_c"),
        ("__a__", "a"),
    ],
)
def test_any_name_makes_a_file_name(tmp_path: Path, name: str, stem: str) -> None:
    """It fits the grammar, stays in the folder, and its words are a comment of one line."""
    folder = tmp_path / "sql"
    up, down = new_pair(folder, name, [])
    assert up.name == f"001_{stem}.up.sql"
    assert FileName.parse(up.name) is not None
    assert up.parent == down.parent == folder
    (migration,) = discover([folder]).migrations
    assert migration.up.survey.statements == 0
    assert migration.up.text().startswith("-- ")


@pytest.mark.parametrize("name", ["", "  ", "///", "...", "-_-"])
def test_a_name_of_nothing_is_refused(tmp_path: Path, name: str) -> None:
    """With an example."""
    with pytest.raises(UsageError, match="makes no file name"):
        new_pair(tmp_path / "sql", name, [])
    assert not (tmp_path / "sql").exists()


def test_without_a_transaction(tmp_path: Path) -> None:
    """Both files get the header."""
    for path in new_pair(tmp_path, "x", [], transaction=False):
        assert path.read_text().startswith("-- sqlmig: no-transaction\n")


@pytest.mark.parametrize("taken", ["001_x.up.sql", "001_x.down.sql", "1_other.up.sql", "0001_other.down.sql"])
def test_a_version_that_is_taken_meanwhile(tmp_path: Path, taken: str) -> None:
    """Nothing is written over, and nothing of ours stays."""
    (tmp_path / taken).write_text("theirs")
    with pytest.raises(UsageError, match=taken) as caught:
        new_pair(tmp_path, "x", [])
    assert "run the command again" in (caught.value.next_step or "")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(taken, "theirs")]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """What the operating system says; nothing stays."""
    with pytest.raises(FileError, match="cannot be written: File name too long"):
        new_pair(tmp_path, "x" * 243, [])
    assert list(tmp_path.iterdir()) == []


def test_new_files_are_ordinary_files(tmp_path: Path) -> None:
    """Readable by whoever the umask says, and not executable."""
    for path in new_pair(tmp_path, "x", []):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o111
