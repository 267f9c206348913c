"""What counts as a change of a script, and what as a change of comments only."""

from __future__ import annotations

import codecs
import hashlib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sqlmig.errors import FileError
from sqlmig.script import Direction, FileSource, RawDigest, Script
from sqlmig.script.text import CHUNK, SHORT
from tests.unit.making import Changing, of_bytes, up

TEXT = "-- a comment\nCREATE TABLE t (\n    x text DEFAULT 'a\nb'\n);\n"


def raw(data: bytes) -> str:
    return of_bytes(data).checksum.raw


def sql(text: str) -> str | None:
    return up(text).full_checksum.sql


def test_the_raw_checksum_is_sha_256_of_the_text() -> None:
    """Anybody can compute it: sha256sum of the file, once its line breaks are LF."""
    assert raw(TEXT.encode()) == hashlib.sha256(TEXT.encode()).hexdigest()
    assert raw(b"") == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize("size", [0, 1, SHORT - 1, SHORT, SHORT + 1, CHUNK, CHUNK + 1])
def test_files_of_any_length(tmp_path: Path, size: int) -> None:
    """A short one is read in one go, a long one in pieces."""
    data = (b"SELECT 1;\r\n" * (size // 11 + 1))[:size]
    path = tmp_path / "001_a.up.sql"
    path.write_bytes(data)
    expected = hashlib.sha256(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")).hexdigest()
    assert Script(Direction.UP, FileSource(path, "001_a.up.sql")).checksum.raw == expected == raw(data)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", [b"", codecs.BOM_UTF8])
def test_line_breaks_and_bom_are_no_change(line_break: str, bom: bytes) -> None:
    """Neither hash differs, so another checkout is not a change."""
    script = of_bytes(bom + TEXT.replace("\n", line_break).encode())
    assert script.full_checksum == up(TEXT).full_checksum
    assert script.survey.checksum == up(TEXT).checksum


@pytest.mark.parametrize(
    ("one", "other"),
    [("a\r\rb", "a\n\nb"), ("a\n\rb", "a\n\nb"), ("a\r\n\r\nb", "a\n\nb"), ("\r\r\n\n", "\n\n\n"), ("\r", "\n")],
)
def test_mixed_line_breaks(one: str, other: str) -> None:
    """Each CR, LF and CRLF is one line break."""
    assert raw(one.encode()) == raw(other.encode())


@pytest.mark.parametrize("other", ["", "\n", TEXT[:-1], TEXT + "\n", " " + TEXT, TEXT.replace("text", "TEXT")])
def test_any_other_change_is_one(other: str) -> None:
    """Case, a blank, a line break too many: the raw checksum differs."""
    assert up(other).checksum != up(TEXT).checksum


@example(parts=[b"\xef", b"\xbb", b"\xbf", b"a"])
@example(parts=[b"\xef\xbb", b"\xbf\r", b"\n"])
@example(parts=[b"\xef", b"\xbb", b"a"])
@given(parts=st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"", codecs.BOM_UTF8, b"\xef", b"\xbb", b"\xbf"])))
@settings(max_examples=60, deadline=None)
def test_the_digest_does_not_depend_on_how_it_is_fed(parts: list[bytes]) -> None:
    """In parts or whole, it is the hash of the text as defined."""
    whole = b"".join(parts)
    text = whole.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    digest = RawDigest()
    for part in parts:
        digest.update(part)
    assert digest.hexdigest() == hashlib.sha256(text).hexdigest()
    assert digest.hexdigest() == digest.hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        "create table t(x text default 'a  b',y int);insert into t values($$ -- c\n$$);",
        "create table t (x text default 'a  b', y int);\n\ninsert into t values ($$ -- c\n$$)\n;\n",
        "/* a ; */ create table t -- b\n(x text default 'a  b' , y int);insert into t values ($$ -- c\n$$); -- d",
        "\ufeffcreate table t\r\n(x text default 'a  b', y int);\r\ninsert into t values ($$ -- c\r\n$$);\r\n",
    ],
)
def test_comments_and_white_space_between_tokens_are_no_change_of_sql(other: str) -> None:
    """The token hash is the same, the raw one is not."""
    text = "create table t (x text default 'a  b', y int); insert into t values ($$ -- c\n$$);"
    assert sql(other) == sql(text)
    assert up(other).checksum != up(text).checksum


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select 'a b'", "select 'a  b'"),
        ("select 'a'", "select 'A'"),
        ("select 'a'", "select 'a '"),
        ("select '--a'", "select '--b'"),
        ('select "a b"', 'select "a  b"'),
        ("do $$ -- a\n$$", "do $$ -- b\n$$"),
        ("do $$ begin end $$", "do $$ begin  end $$"),
        ("select E'\\n'", "select '\\n'"),
        ("select 1 2", "select 12"),
        ("select a b", "select ab"),
        ("select a - -b", "select a --b"),
        ("select 1; select 2", "select 2; select 1"),
        ("select 1", "select 1; select 1"),
        ("select 5 # 3", "select 5"),
        ("copy t from stdin;\na\tb\n\\.\n", "copy t from stdin;\na\tc\n\\.\n"),
        ("copy t from stdin;\na\n\\.\n", "copy t from stdin;\na\n\n\\.\n"),
        ("copy t from stdin;\n-- a\n\\.\n", "copy t from stdin;\n\\.\n"),
    ],
)
def test_what_is_inside_a_token_counts(one: str, other: str) -> None:
    """Literals, names, bodies and COPY data to the last blank; two tokens are not one."""
    assert sql(one) != sql(other)


def test_nothing_in_a_token_can_be_taken_for_its_end() -> None:
    """Scripts with other tokens have other hashes, however the tokens are joined."""
    texts = ["select 'a','b'", "select 'a'',''b'", "select 'a,b'", "select 'a','b';", "select a,b", 'select "a,b"']
    assert len({sql(text) for text in texts}) == len(texts)


@pytest.mark.parametrize("line", ["no-transaction", "irreversible", "role = app_owner"])
def test_a_header_that_changes_the_outcome_is_no_mere_comment(line: str) -> None:
    """Who owns what is created, and whether there is a way back, is what was applied."""
    assert sql(f"-- sqlmig: {line}\nSELECT 1;") != sql("SELECT 1;")
    assert sql(f"-- sqlmig: {line}\nSELECT 1;") == sql(f"-- a\n--  SQLMIG: {line}\r\n\nSELECT 1;")


def test_headers_do_not_stand_for_each_other() -> None:
    """Each of them, and each value, has a hash of its own."""
    lines = ["", "no-transaction", "irreversible", "role = a", "role = b", "irreversible\n-- sqlmig: no-transaction"]
    assert len({sql(f"-- sqlmig: {line}\nSELECT 1;" if line else "SELECT 1;") for line in lines}) == len(lines)


def test_a_time_out_in_the_header_changes_no_outcome() -> None:
    """It says how long to wait, not what to do."""
    assert sql("-- sqlmig: lock_timeout = 2s\nSELECT 1;") == sql("SELECT 1;")


def test_both_checksums_are_of_one_text() -> None:
    """A file that changes between the two readings is an error, not a mixture."""
    script = Script(Direction.UP, Changing(["SELECT 1;", "SELECT 2;"]))
    with pytest.raises(FileError, match="changed while it was being read"):
        _ = script.full_checksum
