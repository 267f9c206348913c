"""The fingerprint of the tokens: what counts as a change of the SQL, and what does not."""

from __future__ import annotations

import hashlib

import pytest

from sqlmig.errors import ScriptError
from sqlmig.statements import digest_version, scanner, token_digest
from tests.support.cutting import WAYS, cut_by


@pytest.fixture(params=WAYS, autouse=True)
def way_to_cut(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long scripts are cut by one pattern, short ones by code: both must do the same."""
    cut_by(request.param, monkeypatch)


SAME = [
    ("SELECT 1;", "  SELECT\n\t1 ;\n"),
    ("SELECT 1;", "-- one\nSELECT /* two */ 1 -- three\n; /* /* four */ */"),
    ("SELECT 1;", "\ufeff-- sqlmig: no-transaction\r\nSELECT 1;"),
    ("SELECT a+b;", "SELECT a + b;"),
    ("SELECT a=-1, b<>-2;", "SELECT a = -1, b <> - 2;"),
    ("SELECT a.b, c [ 1 ];", "SELECT a . b, c[1];"),
    ("SELECT (1,2);", "SELECT ( 1 , 2 ) ;"),
    ("SELECT date'2020-01-01';", "SELECT date '2020-01-01';"),
    ("SELECT 'a' 'b';", "SELECT 'a'/**/'b';"),
    ("SELECT 'a'\n'b';", "SELECT 'a' -- and\n\n   'b';"),
    ("SELECT E'a'\n'\\'b';", "SELECT E'a' -- and\n\n   '\\'b';"),
    ("SELECT 'a'\r'b'\n\n'c';", "SELECT 'a' -- it's\n--\n'b'\r\n\t 'c';"),
    ("SELECT x'1'\r\n'F';", "SELECT x'1'\n -- ;\n'F';"),
    ("SELECT 'a\r\nb', \"c\r\nd\", $$e\r\nf$$;", "SELECT 'a\nb', \"c\nd\", $$e\nf$$;"),
    ("SELECT 'a\rb';", "SELECT 'a\nb';"),
    ("SELECT '';\r\n", "SELECT '';"),
    ("DO $$ a $$;", "DO\n$$ a $$ ;"),
    ("SELECT $1, a$b;", "SELECT $1,a$b;"),
    ("SELECT 5 # 3 @> b;", "SELECT 5#3@>b;"),
    ("SELECT x'1F', b'01', n'a', u&'a', U&\"b\";", "SELECT x'1F',b'01',n'a',u&'a',U&\"b\" ;"),
    ("COPY t FROM stdin;\n1\t2\n\\.\n", "COPY t\nFROM stdin; -- rows\r\n1\t2\r\n\\.\r\n"),
    ("COPY t FROM stdin;\n1\n\\.\nSELECT 1;", "COPY t FROM stdin;\n1\n\\.\n\n\nSELECT 1;"),
    ("SELECT 1;", "\\restrict abc\n\nSELECT 1;\n\\unrestrict abc\n"),
    ("SET standard_conforming_strings = off; SELECT '\\'';", "SET standard_conforming_strings=off; SELECT'\\'';"),
    ("", "-- nothing\n/* here */\n"),
]


@pytest.mark.parametrize(("one", "two"), SAME)
def test_comments_and_white_space_do_not_count(one: str, two: str) -> None:
    """Nor do line ends, a byte order mark, headers and pg_dump's restrict lines."""
    assert token_digest(one) == token_digest(two)


DIFFERENT = [
    ("SELECT 1;", "SELECT 2;"),
    ("SELECT 1;", "SELECT 1"),
    ("SELECT 1;", "SELECT 1;;"),
    ("SELECT 1;", "select 1;"),
    ("SELECT ab;", "SELECT a b;"),
    ("SELECT 'a b';", "SELECT 'a  b';"),
    ("SELECT 'a\nb';", "SELECT 'a\n\nb';"),
    ("SELECT 'a';", "SELECT ' a';"),
    ("SELECT 'a-- b';", "SELECT 'a';"),
    ('SELECT "a b";', 'SELECT "a  b";'),
    ("SELECT 'a', 'b';", "SELECT 'a, b';"),
    ("SELECT 'a' 'b';", "SELECT 'a''b';"),
    ("SELECT 'a'\n'b';", "SELECT 'ab';"),
    ("SELECT 'a' 'b';", "SELECT 'a'\n'b';"),
    ("SELECT 'a' 'b';", "SELECT 'a'\r'b';"),
    ("SELECT 'a' /* c */\n'b';", "SELECT 'a'\n'b';"),
    ("SELECT 'a' -- c\n'b';", "SELECT 'a' 'b';"),
    ("SELECT 'a'\n'b'\n'c';", "SELECT 'a'\n'b' 'c';"),
    ("SELECT E'a' '\\\\';", "SELECT E'a'\n'\\\\';"),
    ("SELECT x'1' 'F';", "SELECT x'1'\n'F';"),
    ("DO LANGUAGE 'plpgsql' 'BEGIN END';", "DO LANGUAGE 'plpgsql'\n'BEGIN END';"),
    ("SELECT $$a b$$;", "SELECT $$a  b$$;"),
    ("SELECT $$a -- b$$;", "SELECT $$a$$;"),
    ("SELECT $$a$$;", "SELECT $x$a$x$;"),
    ("SELECT e'a';", "SELECT e 'a';"),
    ("SELECT n'a';", "SELECT n 'a';"),
    ("SELECT a < = b;", "SELECT a <= b;"),
    ("SELECT a @ -b;", "SELECT a @-b;"),
    ("SELECT - -1;", "SELECT --1\n;"),
    ("SELECT 1.5;", "SELECT 1 .5;"),
    ("SELECT 1;", "SELECT 1; SELECT 1;"),
    ("COPY t FROM stdin;\n1 2\n\\.\n", "COPY t FROM stdin;\n1  2\n\\.\n"),
    ("COPY t FROM stdin;\n1\n\\.\n", "COPY t FROM stdin;\n1\n\n\\.\n"),
    ("COPY t FROM stdin;\n\\.\nSELECT 1;", "COPY t FROM stdin;\nSELECT 1;"),
    ("COPY t FROM stdin;\n-- a\n\\.\n", "COPY t FROM stdin;\n\\.\n"),
]


@pytest.mark.parametrize(("one", "two"), DIFFERENT)
def test_everything_else_counts(one: str, two: str) -> None:
    """Tokens, where one ends and the next begins, and every character in literals, names, bodies and data."""
    assert token_digest(one) != token_digest(two)


def test_what_it_is_does_not_change() -> None:
    """It is stored with each applied migration, so what is hashed stays as long as the version does."""
    assert digest_version == 1
    assert token_digest("") == hashlib.sha256(b"").hexdigest()
    expected = b"SELECT\0a\0,\0'b\nc'\0;\0COPY\0t\0FROM\0stdin\0;\0001\n2\n\0"
    script = "SELECT a, 'b\r\nc'; -- d\nCOPY t FROM stdin;\r\n1\r\n2\r\n\\.\r\n"
    assert token_digest(script) == hashlib.sha256(expected).hexdigest()


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_stream_has_the_same_digest(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """However the text arrives."""
    monkeypatch.setattr(scanner, "_WINDOW", 1)
    for pair in SAME:
        for script in pair:
            assert token_digest(script[at : at + size] for at in range(0, len(script), size)) == token_digest(script)


def test_a_long_script_is_hashed_as_a_short_one_is() -> None:
    """What is hashed at a time does not show in the digest."""
    tokens = b"INSERT\0INTO\0t\0VALUES\0(\0001\0)\0;\0" * 10_000
    assert token_digest("INSERT INTO t VALUES (1);\n" * 10_000) == hashlib.sha256(tokens).hexdigest()


def test_a_script_that_cannot_be_read_has_none() -> None:
    """Without its end a literal is no token."""
    with pytest.raises(ScriptError):
        token_digest("SELECT '")
