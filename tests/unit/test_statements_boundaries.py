"""Where statements begin and end."""

from __future__ import annotations

import pytest

from sqlmig.statements import CopyData, Gap, Piece, Statement, scan, scanner, split
from tests.support.cutting import WAYS, cut_by


@pytest.fixture(params=WAYS, autouse=True)
def way_to_cut(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long scripts are cut by one pattern, short ones by code: both must do the same."""
    cut_by(request.param, monkeypatch)


WHOLE = {
    "a plain literal": "SELECT 'a;b';",
    "a doubled quote": "SELECT 'it''s; fine';",
    "a backslash is an ordinary character": r"SELECT 'c:\';",
    "an escaped quote": r"SELECT E'it\'s; fine';",
    "an escaped backslash": r"SELECT e'a\\';",
    "a prefix is no word": "SELECT 1 AS value'a;';",
    "a word that ends in e is no prefix": r"SELECT date'c:\';",
    "a bit string": "SELECT B'1;0', x'1;F';",
    "a national literal": r"SELECT N'c:\;';",
    "a literal with Unicode escapes": r"SELECT U&'d\0061t\+000061;' UESCAPE '!';",
    "a quoted name with Unicode escapes": r'SELECT U&"d\0061;" FROM t;',
    "a quoted name": 'SELECT "a;b""c;" FROM t;',
    "a literal that goes on on the next line": "SELECT 'a;'\n  'b;';",
    "an escaped literal that goes on": "SELECT E'a;' -- ;\n\n 'it\\'s;';",
    "a dollar-quoted literal": "SELECT $$a;b'$$;",
    "a tagged literal": "SELECT $body$a;$$;$other$;'$body$;",
    "a tag with letters beyond ASCII": "SELECT $é1$;$e1$;$é1$;",
    "dollar quotes inside each other": "DO $a$ BEGIN EXECUTE $b$ SELECT ';' $b$; END $a$;",
    "a dollar in a name": "SELECT a$b$c, d$$;",
    "a parameter": "PREPARE p AS SELECT $1$2;",
    "a dollar-quoted literal behind a number": "SELECT 1$a$;$a$;",
    "a dollar-quoted literal behind a literal": "SELECT ''$a$;$a$;",
    "letters behind a number belong to it": "SELECT 1a$b$c;",
    "letters behind a number are no prefix": r"SELECT 1.e'\', 2;",
    "a prefix behind a number and a dot": r"SELECT 1e+5.e'\';';",
    "a sign behind a number begins no comment": "SELECT 1e--;",
    "an underscore behind a number": "SELECT 1_000$a$;",
    "a block comment": "SELECT /* ; ' */ 1;",
    "comments inside comments": "SELECT /* /* ; */ ; ' */ 1;",
    "a comment of stars": "SELECT /***;**/ 1;",
    "a slash and a star that open nothing": "SELECT '/*', 1 /*/;*/;",
    "a line comment": "SELECT 1 -- ; '\n;",
    "a line comment that a carriage return ends": "SELECT 1 -- ; '\r;",
    "operators that hold comments": "SELECT 1 +/*;*/ 2 --;\n;",
    "operators with a hash": "SELECT 5 # 3, a #> b, c @>/*;*/ d;",
    "operators with minus signs": "SELECT a - -1, b @- c, d->>e;",
    "parentheses": "CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO a VALUES (1); INSERT INTO b VALUES (2););",
    "parentheses inside each other": "SELECT (((((';'))))), (1;(2;(3;)));",
    "a parenthesis too many": "SELECT 1);",
    "names that are words of routines": 'CREATE TABLE begin ("end" int, atomic int, loop int, declare int);',
    "labels that are words of routines": "SELECT 1 AS begin, 2 AS end, 3 AS case;",
    "a variable of psql's": "SELECT :name, :'name', :\"name\", a[1:2];",
    "letters beyond ASCII": "SELECT 'ä;' AS größe, 😀;",
    "a form feed and a vertical tab": "SELECT\f1\v;",
    "no word at all": "'a;' (;) + \"b;\";",
    "a semicolon alone": ";",
}


@pytest.mark.parametrize("text", WHOLE.values(), ids=WHOLE.keys())
def test_one_statement_stays_one(text: str) -> None:
    """Semicolons inside literals, names, comments and parentheses end nothing; what follows is the next statement."""
    assert [statement.text for statement in split(f"{text}{text}\nSELECT 2;")] == [text, text, "SELECT 2;"]


ROUTINES = {
    "a function": "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;",
    "a procedure, replaced": "create or replace procedure p()\nbegin atomic\n insert into t values (1);\nend;",
    "a body without statements": "CREATE PROCEDURE p() BEGIN ATOMIC END;",
    "an empty statement in the body": "CREATE PROCEDURE p() BEGIN ATOMIC ; END;",
    "comments between all words": (
        "CREATE/*;*/OR -- ;\nREPLACE/*/**/;*/FUNCTION f() BEGIN/*/**/;*/ATOMIC /*;*/SELECT 1;/*;*/END--\n;"
    ),
    "CASE": "CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE a WHEN 1 THEN CASE WHEN true THEN 2 END END; END;",
    "a label END": "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 AS end; SELECT 2 end; END;",
    "a column END": "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT t.end, t.case, t.begin FROM t; END;",
    "a label CASE": "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 AS case; SELECT 2 case; END;",
    "a column BEGIN": "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT begin FROM t; END;",
    "a function that is called begin": "CREATE FUNCTION begin() RETURNS int LANGUAGE sql RETURN 1;",
    "a function begin with a body": "CREATE FUNCTION begin(atomic int) RETURNS int BEGIN ATOMIC SELECT 1; END;",
    "a type that is called begin": "CREATE FUNCTION f() RETURNS begin BEGIN ATOMIC SELECT 1; END;",
    "a comment behind the name begin": "CREATE FUNCTION begin /*;*/ () BEGIN /* /*;*/ */ ATOMIC SELECT 1; END;",
    "a parameter begin of a type atomic": "CREATE FUNCTION f(begin atomic) RETURNS int RETURN 1;",
    "RETURN with CASE": "CREATE FUNCTION f(a int) RETURNS int RETURN CASE WHEN a > 1 THEN 1 END;",
    "a name that begins with begin": "CREATE FUNCTION begin_atomic() RETURNS int RETURN 1;",
    "a body in a literal": "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN ATOMIC; RETURN 1; END $$;",
    "a literal in the body": "CREATE FUNCTION f() BEGIN ATOMIC SELECT 'END; $$'; SELECT $$END;$$; SELECT (1;); END;",
    "a statement in parentheses": "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC (SELECT 1); END;",
    "a body that has no END where psql counts one": "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 END;",
    "a body that the server refuses": "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC CREATE TABLE t (a int); END;",
    "a body inside a body": "CREATE FUNCTION f() BEGIN ATOMIC CREATE FUNCTION g() BEGIN ATOMIC SELECT 1; END; END;",
}


@pytest.mark.parametrize("text", ROUTINES.values(), ids=ROUTINES.keys())
def test_a_routine_stays_one(text: str) -> None:
    """A body between BEGIN ATOMIC and END belongs to its routine, whatever words its columns and labels are."""
    assert [statement.text for statement in split(f"{text}\n{text} SELECT 2;")] == [text, text, "SELECT 2;"]


def test_only_routines_have_bodies() -> None:
    """BEGIN begins a transaction everywhere else, even with ATOMIC behind it."""
    script = (
        "BEGIN; SELECT 1; END; BEGIN ISOLATION LEVEL SERIALIZABLE; COMMIT; CREATE TABLE t (a int) BEGIN ATOMIC; END;"
    )
    assert [statement.text for statement in split(script)] == [
        "BEGIN;",
        "SELECT 1;",
        "END;",
        "BEGIN ISOLATION LEVEL SERIALIZABLE;",
        "COMMIT;",
        "CREATE TABLE t (a int) BEGIN ATOMIC;",
        "END;",
    ]


def test_only_letters_of_ascii_have_two_cases() -> None:
    """What only looks like a keyword in another case is a name, as for psql and the server."""
    script = "CREATE FUNCT\u0131ON f() BEGIN ATOMIC SELECT 1; END; CREATE FUNCTION f() BEGIN ATOM\u0130C SELECT 1; END;"
    assert [statement.text[-9:] for statement in split(script)] == ["SELECT 1;", "END;", "SELECT 1;", "END;"]


def test_a_body_that_never_ends_does_not_swallow_the_statements_after_it() -> None:
    """A forgotten semicolon before END ends the routine where psql ends it, so the error is shown at its place."""
    routine = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 END;"
    assert [s.text for s in split(f"{routine} CREATE TABLE t (); BEGIN; END;")] == [
        routine,
        "CREATE TABLE t ();",
        "BEGIN;",
        "END;",
    ]


LAST = {
    "SELECT 1": "SELECT 1",
    "SELECT 1 \n\t": "SELECT 1",
    "SELECT 1 -- end": "SELECT 1",
    "SELECT 1 /* end */ -- x\n /* /* */ */": "SELECT 1",
    "SELECT '--' --": "SELECT '--'",
    "SELECT $$ /* $$ /* */": "SELECT $$ /* $$",
    "SELECT (1; --\n": "SELECT (1;",
    "SELECT 1e--": "SELECT 1e--",
    "SELECT size--": "SELECT size",
    "SELECT 1.5e -- x": "SELECT 1.5e",
    "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; -- x": "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1;",
}


@pytest.mark.parametrize(("script", "text"), LAST.items())
def test_the_last_semicolon_may_be_missing(script: str, text: str) -> None:
    """The end of the file ends a statement, which then ends with its last token."""
    pieces = list(scan(f"SELECT 0;{script}"))
    assert [piece.text for piece in pieces if isinstance(piece, Statement)] == ["SELECT 0;", text]
    assert "".join(piece.text for piece in pieces) == f"SELECT 0;{script}"


def test_without_statements_there_are_only_gaps() -> None:
    """A file of comments and white space has one gap, an empty one nothing."""
    script = "\ufeff-- nothing; to\r\n/* see /* here; */ */ \f\n"
    assert [type(piece) for piece in scan(script)] == [Gap]
    assert list(scan("")) == []
    assert list(scan(iter(()))) == []


def test_what_pg_dump_writes_around_its_output_is_a_gap() -> None:
    r"""Lines with \restrict and \unrestrict stand between statements and are not sent."""
    script = "--\n-- dump\n--\n\n\\restrict 5Hxyz\n\nSET a = 1;\n\\unrestrict 5Hxyz\r\n\n"
    assert [statement.text for statement in split(script)] == ["SET a = 1;"]
    assert "".join(piece.text for piece in scan(script)) == script


def shape(pieces: list[Piece]) -> list[tuple[str, str]]:
    """Which pieces there are; the parts of COPY data in one."""
    found: list[tuple[str, str]] = []
    for piece in pieces:
        if isinstance(piece, CopyData) and found and found[-1][0] == "CopyData":
            found[-1] = ("CopyData", found[-1][1] + piece.text)
        else:
            found.append((type(piece).__name__, piece.text))
    return found


EVERYTHING = (
    "\ufeff-- head\r\n-- sqlmig: no-transaction\n"
    + "\n".join((*WHOLE.values(), *ROUTINES.values()))
    + "\nCOPY t FROM stdin; -- rows\n1\t2\n\\\\.\n\n\\.\r\nSELECT 1 -- last"
)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, 1000, 100_000])
@pytest.mark.parametrize("window", [1, 1 << 16])
def test_a_stream_is_cut_as_the_whole_is(monkeypatch: pytest.MonkeyPatch, size: int, window: int) -> None:
    """The pieces, their places and their directives do not depend on how the text arrives and how much is read."""
    monkeypatch.setattr(scanner, "_WINDOW", window)
    whole = list(scan(EVERYTHING))
    parts = list(scan(EVERYTHING[at : at + size] for at in range(0, len(EVERYTHING), size)))
    assert shape(parts) == shape(whole)
    assert [p for p in parts if isinstance(p, Statement)] == [p for p in whole if isinstance(p, Statement)]
    assert [p for p in parts if isinstance(p, Gap)] == [p for p in whole if isinstance(p, Gap)]
    assert all(EVERYTHING[piece.start : piece.end] == piece.text for piece in parts)


def test_a_stream_holds_no_more_than_a_statement() -> None:
    """Statements are handed over while the source is still being read."""
    read = 0

    def parts() -> object:
        nonlocal read
        for number in range(10_000):
            read += 1
            yield f"INSERT INTO t VALUES ({number}, 'some text');\n" * 100

    statements = split(parts())  # type: ignore[arg-type]
    assert next(statements).text == "INSERT INTO t VALUES (0, 'some text');"
    assert read < 100


def test_statements_longer_than_what_is_read_at_once() -> None:
    """A statement of many parts is found whole, and so is the one after it."""
    values = ",\n".join(f"({number}, 'it''s; {number}')" for number in range(20_000))
    script = f"INSERT INTO t VALUES\n{values};\nSELECT $$ {values} $$;\n/* {values} */ SELECT 3;"
    parts = (script[at : at + 1000] for at in range(0, len(script), 1000))
    assert [statement.text[-10:] for statement in split(parts)] == [s.text[-10:] for s in split(script)]
    assert [len(statement.text) for statement in split(script)] == [len(values) + 22, len(values) + 14, 9]
