"""Reading a script: encodings, pieces of any size, what must not run, and files that change meanwhile."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlmig.errors import FileError, Place, ScriptError
from sqlmig.script import Direction, FileSource, Script, Shelf, TextSource
from sqlmig.statements import Gap, Statement
from tests.unit.making import Changing, Slow, Unreadable, down, of_bytes, up

CONTINUED = "-- sqlmig: lock_timeout = 2s\r\nSELECT 'é€😀';\rSELECT $$\r\n$$;\r\n"


def codes(script: Script) -> list[str]:
    return [problem.code for problem in script.problems]


def places(script: Script) -> list[tuple[str, int | None, int | None]]:
    return [
        (problem.code, problem.place.line, problem.place.column)
        for problem in script.problems
        if problem.place is not None
    ]


# Bytes


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 1000])
@pytest.mark.parametrize("bom", [b"", codecs.BOM_UTF8])
def test_text_is_the_same_however_it_is_read(size: int, bom: bytes) -> None:
    """Reads may end inside a BOM, a character or a line break: text, statements, header and checksums do not change."""
    script, whole = of_bytes(bom + CONTINUED.encode(), size), up(CONTINUED)
    assert script.text() == CONTINUED
    assert [piece.text for piece in script.pieces()] == [piece.text for piece in whole.pieces()]
    assert script.header == whole.header
    assert script.survey == whole.survey
    assert script.checksum == whole.checksum


@given(text=st.text(st.sampled_from("aé€😀\r\n;'-\ufeff ")), size=st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_any_text_survives_any_reads(text: str, size: int) -> None:
    """But for one BOM at its very beginning, nothing is dropped and nothing added."""
    script = of_bytes(text.encode(), size)
    assert script.text() == text.removeprefix("\ufeff")
    assert script.checksum == of_bytes(text.encode()).checksum


def test_only_the_first_bom_is_none_of_the_text() -> None:
    """A second one, as careless joining of files leaves it, is text: it is kept, hashed, and the script can be run."""
    script = of_bytes(codecs.BOM_UTF8 * 2 + b"SELECT 1;")
    assert script.text() == "\ufeffSELECT 1;"
    assert script.checksum != up("SELECT 1;").checksum
    assert list(script.verified_pieces())


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b"\xe9", 0),
        (b"SELECT '\xe9t\xe9';", 8),
        (codecs.BOM_UTF8 + b"SELECT 1; -- \xff", 16),
        (b"-- \xe2\x82", 3),
        (b"-- \xe2\x82 SELECT 1", 3),
        (b"-- \xe2\x82\xac \xf0\x9f\x98", 7),
        (b"\xef\xbb", 0),
        (b"x\xed\xa0\x80", 1),
    ],
)
def test_bad_utf8_is_named_by_file_and_byte(data: bytes, offset: int, size: int) -> None:
    """The offset counts from the beginning of the file, its BOM included, wherever the reads end."""
    script = of_bytes(data, size)
    with pytest.raises(FileError, match=rf"^sql/001_a\.up\.sql is not UTF-8: byte {offset} \(") as caught:
        script.text()
    assert caught.value.place == Place("sql/001_a.up.sql")
    assert codes(script) == ["file_format"]


def test_bad_utf8_far_into_a_file() -> None:
    """The offset is right beyond the first pieces that are read."""
    data = b"-- padding \xc3\xa9\n" * 60_000 + b"\xc3("
    with pytest.raises(FileError, match=f"byte {len(data) - 2} "):
        of_bytes(data).text()


def test_utf16_is_told_from_other_encodings() -> None:
    """What Windows tools call Unicode is not advised to be read as Latin 1."""
    with pytest.raises(FileError) as caught:
        of_bytes("SELECT 1".encode("utf-16")).text()
    assert caught.value.next_step == "convert it: iconv -f UTF-16 -t UTF-8 sql/001_a.up.sql"


def test_advice_can_be_pasted() -> None:
    """A file with a space or a quote in its name is quoted for the shell."""
    with pytest.raises(FileError) as caught:
        Script(Direction.UP, Slow(b"\xff", name="my sql/a'b.sql")).text()
    assert caught.value.next_step == """convert it: iconv -f LATIN1 -t UTF-8 'my sql/a'"'"'b.sql'"""


@pytest.mark.parametrize(
    "source", [Unreadable(), FileSource(Path("/nowhere/x"), "x"), FileSource(Path("/"), "a folder")]
)
def test_a_file_that_cannot_be_read_is_a_finding(source: Unreadable | FileSource) -> None:
    """Nothing that the operating system says comes as an exception of Python's."""
    script = Script(Direction.DOWN, source)
    for read in (script.text, lambda: script.checksum, lambda: script.survey, lambda: script.header):
        with pytest.raises(FileError, match=r"cannot be read: [A-Z]"):
            read()
    assert codes(script) == ["file_format"]


def test_a_file_is_read_from_disk(tmp_path: Path) -> None:
    """Each reading opens the file anew."""
    path = tmp_path / "x.sql"
    path.write_bytes(codecs.BOM_UTF8 + b"SELECT 1;\r\n")
    script = Script(Direction.UP, FileSource(path, "x.sql"))
    assert script.text() == "SELECT 1;\r\n"
    path.write_bytes(b"SELECT 2;")
    assert script.text() == "SELECT 2;"


def test_texts_are_not_in_a_repr() -> None:
    """A traceback or a log does not spill what was stored."""
    assert "secret" not in repr(TextSource("secret", "x"))


# What must not run


def test_statements_are_counted_without_empty_ones() -> None:
    """A lone semicolon, comments and COPY data are no statements."""
    text = ";;-- a\nSELECT 1;;COPY t FROM STDIN;\n1\n2;\n\\.\n/* b */ SELECT 2"
    assert up(text).survey.statements == 3


@pytest.mark.parametrize(
    "command", ["BEGIN", "COMMIT", "END", "ROLLBACK", "ABORT", "START TRANSACTION", "commit and chain"]
)
def test_transaction_control_is_found_before_anything_runs(command: str) -> None:
    """By file, line and column, with and without no-transaction."""
    text = f"SELECT 1;\n  SELECT '{command};'; {command};\n"
    column = text.splitlines()[1].rindex(command) + 1
    assert places(up(text)) == [("transaction_control", 2, column)]
    assert places(up("-- sqlmig: no-transaction\n" + text)) == [("transaction_control", 3, column)]


def test_savepoints_are_fine_in_a_transaction() -> None:
    """They leave the transaction open; alone they make no sense."""
    text = "SAVEPOINT a; ROLLBACK TO a; RELEASE a;"
    assert codes(up(text)) == []
    assert codes(up("-- sqlmig: no-transaction\n" + text)) == ["transaction_control"] * 3


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX CONCURRENTLY i ON t (x)",
        "DROP INDEX CONCURRENTLY i",
        "REINDEX TABLE CONCURRENTLY t",
        "VACUUM t",
        "CREATE DATABASE d",
        "DROP TABLESPACE s",
        "ALTER SYSTEM SET work_mem = '1MB'",
    ],
)
def test_statements_without_a_transaction_need_the_header(statement: str) -> None:
    """The finding names the line and the header to add; with the header there is none."""
    script = up(f"-- a\n{statement};")
    assert places(script) == [("needs_no_transaction", 2, 1)]
    assert script.problems[0].next_step == "add this line at the top of the file: -- sqlmig: no-transaction"
    assert codes(up(f"-- sqlmig: no-transaction\n{statement};")) == []


def test_everything_is_found_at_once() -> None:
    """A wrong header, a misplaced one, transaction control and an open literal, in order of place."""
    text = (
        "-- sqlmig: nothing\n-- sqlmig: role\n;-- sqlmig: irreversible\nCOMMIT; SELECT 1\n  -- sqlmig: role = x\n  + 1;"
        "\n-- sqlmig: no-transaction\nSELECT 'open"
    )
    assert places(up(text)) == [
        ("script", 1, 1),
        ("script", 2, 1),
        ("misplaced_directive", 3, 2),
        ("transaction_control", 4, 1),
        ("misplaced_directive", 5, 3),
        ("misplaced_directive", 7, 1),
        ("script", 8, 8),
    ]
    with pytest.raises(ScriptError, match="unknown directive 'nothing'"):
        up(text).survey  # noqa: B018


def test_a_header_in_doubt_brings_no_follow_up() -> None:
    """Where a directive is misspelled, nobody is told to add what was probably meant by it."""
    assert codes(up("-- sqlmig: no-transactions\nVACUUM;")) == ["script"]


def test_what_a_broken_text_holds_is_found_up_to_there() -> None:
    """An unterminated literal and bytes that are not UTF-8 do not hide what stands before them."""
    assert codes(up("COMMIT; SELECT 'x")) == ["transaction_control", "script"]
    script = of_bytes(b"COMMIT;\n" + b"SELECT 1;\n" * 10_000 + b"\xff", 1 << 16)
    assert sorted(codes(script)) == ["file_format", "transaction_control"]


def test_scanning_errors_name_file_line_and_column() -> None:
    """Also where the text is only read, and not surveyed."""
    script = up("SELECT 1;\n\nSELECT $a$ ...", "sql/007_x.up.sql")
    for read in (lambda: list(script.pieces()), lambda: script.full_checksum, lambda: script.survey):
        with pytest.raises(ScriptError) as caught:
            read()
        assert str(caught.value.place) == "sql/007_x.up.sql:3:8"
        assert caught.value.place is not None
        assert caught.value.place.excerpt == "SELECT $a$ ..."


@pytest.mark.parametrize("text", ["", "\n", "-- to be done\n", "/* nothing */ ;", "\ufeff", ";;;"])
def test_a_down_without_a_statement_is_an_error(text: str) -> None:
    """An up may be empty; a down that undoes nothing says so on purpose, or is a mistake."""
    assert codes(down(text)) == ["empty_down"]
    assert codes(up(text)) == []
    assert codes(down("-- sqlmig: irreversible\n" + text.removeprefix("\ufeff"))) == []


def test_what_cannot_be_read_is_not_called_empty() -> None:
    """One finding, the true one."""
    assert codes(down("-- \0")) == ["script"]


def test_scripts_are_cut_into_their_pieces() -> None:
    """Joined, the pieces are the text."""
    pieces = list(up("-- a\nSELECT 1; SELECT 2").pieces())
    assert [type(piece) for piece in pieces] == [Gap, Statement, Gap, Statement]
    assert "".join(piece.text for piece in pieces) == "-- a\nSELECT 1; SELECT 2"


# Files that change


def test_a_file_changed_since_the_survey_is_not_run() -> None:
    """Not one piece of the new text is handed out, be it only the header that changed."""
    source = Changing(["SELECT 1;"])
    script = Script(Direction.UP, source, Shelf(0))
    assert script.survey.statements == 1
    for text in ("SELECT 2;", "-- sqlmig: role = x\nSELECT 1;", ""):
        source.texts[:] = [text]
        with pytest.raises(FileError, match="changed since it was looked at") as caught:
            next(script.verified_pieces())
        assert caught.value.next_step == "run the command again"


def test_a_long_file_changed_while_it_runs_is_noticed() -> None:
    """Before its last part is handed out, so that a transaction is rolled back."""
    text = f"SELECT 1; -- {'x' * 85}\n" * 12_000
    source = Changing([text])
    script = Script(Direction.UP, source)
    assert script.survey.statements == 12_000
    source.texts.extend([text] * len(source.opened) + [text + "SELECT 2;"])
    run: list[str] = []
    with pytest.raises(FileError, match="changed while it was being read"):
        run.extend(piece.text for piece in script.verified_pieces())
    assert run
    assert "SELECT 2;" not in run


@pytest.mark.parametrize("text", ["SELECT 1;", "\ufeffCOPY t FROM STDIN;\r\n1\r\n\\.\r\n", ""])
def test_a_text_that_was_kept_runs_as_it_was_surveyed(text: str) -> None:
    """What a file says later is neither run nor recorded nor stored."""
    source = Changing([text])
    script = Script(Direction.UP, source, Shelf(len(text)))
    assert script.survey.size == len(text.removeprefix("\ufeff"))
    source.texts[:] = ["SELECT 2;"]
    for _ in range(2):
        assert "".join(piece.text for piece in script.verified_pieces()) == text.removeprefix("\ufeff")
    assert "".join(script.verified_chunks()) == text.removeprefix("\ufeff")
    assert script.recorded_checksum == up(text).full_checksum


def test_no_more_is_kept_than_there_is_room_for() -> None:
    """All scripts of a folder share it; those that came first are kept."""
    shelf = Shelf(20)
    sources = [Changing([f"SELECT {number};"]) for number in (1, 2, 3)]
    scripts = [Script(Direction.UP, source, shelf) for source in sources]
    assert [script.survey.statements for script in scripts] == [1, 1, 1]
    for source in sources:
        source.texts[:] = ["SELECT 4;"]
    assert [piece.text for script in scripts[:2] for piece in script.verified_pieces()] == ["SELECT 1;", "SELECT 2;"]
    with pytest.raises(FileError, match="changed since it was looked at"):
        next(scripts[2].verified_pieces())


def test_what_was_kept_is_read_as_it_sets_its_strings() -> None:
    """The checksum of the tokens is the same, whether the text was cut for it or before."""
    text = "SET standard_conforming_strings = off;\nSELECT 'a\\'; -- ';\nRESET ALL;\nSELECT 'b\\';\n"
    kept = up(text)
    assert kept.survey.statements == 4
    assert kept.full_checksum == Script(Direction.UP, TextSource(text, "a"), Shelf(0)).full_checksum


def test_a_long_file_with_a_stamp_is_read_once_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stamp says that nobody wrote to it; where it was written to, not one piece is handed out."""
    text = f"SELECT 1; -- {'x' * 85}\n" * 12_000
    path = tmp_path / "001_a.up.sql"
    path.write_text(text)
    opened: list[str] = []
    found = FileSource.open
    monkeypatch.setattr(FileSource, "open", lambda source: (opened.append(source.name), found(source))[1])
    script = Script(Direction.UP, FileSource(path, "001_a.up.sql"))
    assert script.survey.statements == 12_000
    opened.clear()
    assert sum(isinstance(piece, Statement) for piece in script.verified_pieces()) == 12_000
    assert len(opened) == 1
    path.write_text(text.replace("SELECT 1", "SELECT 2", 1))
    with pytest.raises(FileError, match="changed since it was looked at"):
        next(script.verified_pieces())


def test_a_file_that_is_written_to_in_the_same_instant_is_noticed(tmp_path: Path) -> None:
    """Where the stamp does not tell, the checksum does, before the last piece."""
    text = f"SELECT 1; -- {'x' * 85}\n" * 12_000
    path = tmp_path / "001_a.up.sql"
    path.write_text(text)
    script = Script(Direction.UP, Unstamped(path, "001_a.up.sql"))
    assert script.survey.statements == 12_000
    path.write_text(text.replace("SELECT 1", "SELECT 2", 1))
    pieces = script.verified_pieces()
    with pytest.raises(FileError, match="changed while it was being read"):
        assert sum(isinstance(piece, Statement) for piece in pieces) < 12_000


class Unstamped(FileSource):
    """A file whose stamp is always the same."""

    stamp = property(lambda source: (1,))  # type: ignore[assignment]


@pytest.mark.parametrize("statements", [1, 2_000])
def test_a_short_file_is_read_once_to_run(statements: int) -> None:
    """What is compared with the survey is what runs: a change after that comes too late to matter."""
    text = f"SELECT 1; -- {'x' * 85}\n" * statements
    source = Changing([text])
    script = Script(Direction.UP, source, Shelf(0))
    assert script.survey.statements == statements
    source.texts.extend([text] * len(source.opened) + [text + "SELECT 2;"])
    assert "".join(piece.text for piece in script.verified_pieces()) == text
    with pytest.raises(FileError, match="changed since it was looked at"):
        next(script.verified_pieces())


@pytest.mark.parametrize("statements", [1, 4_000, 12_000])
def test_what_is_recorded_is_what_was_surveyed(statements: int) -> None:
    """Both checksums, whether the text was run or not."""
    text = f"SELECT 1; -- {'x' * 85}\n" * statements
    ran, not_run = Script(Direction.UP, Changing([text])), Script(Direction.UP, Changing([text]))
    assert ran.survey.checksum == not_run.survey.checksum == up(text).checksum
    assert list(ran.verified_pieces())
    assert ran.recorded_checksum == not_run.recorded_checksum == up(text).full_checksum


def test_no_other_text_is_recorded_than_what_was_surveyed() -> None:
    """Checksums that were taken of an earlier text are not those of the survey."""
    text = f"SELECT 1; -- {'x' * 85}\n" * 4_000
    source = Changing([text])
    script = Script(Direction.UP, source)
    assert script.full_checksum == up(text).full_checksum
    source.texts[:] = [text + "SELECT 2;"]
    assert script.survey.statements == 4_001
    with pytest.raises(FileError, match="changed since it was looked at"):
        _ = script.recorded_checksum


def test_an_unchanged_file_runs() -> None:
    """Line breaks and a BOM are no change, nor is a second run."""
    script = Script(Direction.UP, Changing(["\ufeffSELECT 1;\r\n", "SELECT 1;\n"]), Shelf(0))
    for _ in range(2):
        assert [piece.text for piece in script.verified_pieces()] == ["SELECT 1;", "\n"]


@pytest.mark.parametrize("readings", range(1, 4))
@pytest.mark.parametrize("changed", ["SELECT 2;", "-- sqlmig: no-transaction\nSELECT 1;"])
def test_a_survey_is_of_one_text(changed: str, readings: int) -> None:
    """A file that is written meanwhile gives an error, or is surveyed as one of the two texts; never a mixture."""
    script = Script(Direction.UP, Changing(["SELECT 1;"] * readings + [changed]))
    if script.problems:
        assert codes(script) == ["file_format"]
        assert "changed while it was being read" in script.problems[0].message
    else:
        assert script.survey in (up("SELECT 1;").survey, up(changed).survey)
