"""``require``, ``ensure`` and ``repeat``: where they may stand, what they may say, and what they do to a checksum."""

from __future__ import annotations

import pytest

from sqlmig.errors import Problem, ScriptError
from sqlmig.script import Repeat
from tests.unit.making import down, of_bytes, up

NO_TRANSACTION = "-- sqlmig: no-transaction\n"


def problems(text: str) -> list[tuple[str, int | None]]:
    return [(problem.code, problem.place.line if problem.place else None) for problem in up(text).problems]


def the(text: str) -> Problem:
    (problem,) = up(text).problems
    return problem


def required(text: str) -> list[str]:
    return [assertion.query for assertion in up(text).header.requires]


def ensured(text: str) -> list[str]:
    assert up(text).problems == ()
    return [assertion.query for assertion in up(text).survey.ensures]


def repeats(text: str) -> list[Repeat]:
    assert up(text).problems == ()
    return list(up(text).survey.repeats)


# Where they stand


def test_require_stands_in_the_header_and_ensure_at_the_end() -> None:
    """Several of each, in their order, among prose, with their places."""
    text = """\
-- sqlmig: require SELECT true
-- and then
-- sqlmig: require SELECT count(*) = 0 FROM t;
CREATE TABLE a ();
CREATE TABLE b ();
-- sqlmig: ensure SELECT 1 = 1
  -- sqlmig: ensure SELECT 2 = 2
"""
    assert required(text) == ["SELECT true", "SELECT count(*) = 0 FROM t"]
    assert ensured(text) == ["SELECT 1 = 1", "SELECT 2 = 2"]
    survey = up(text).survey
    assert [
        (assertion.kind, assertion.line, assertion.column) for assertion in (*survey.header.requires, *survey.ensures)
    ] == [
        ("require", 1, 1),
        ("require", 3, 1),
        ("ensure", 6, 1),
        ("ensure", 7, 3),
    ]


@pytest.mark.parametrize(
    "end", ["SELECT 1;", "SELECT 1", "SELECT 1;;", "COPY t FROM STDIN;\n1\n\\.", "SELECT 1; /* a */"]
)
def test_the_end_is_behind_the_last_statement_however_it_ends(end: str) -> None:
    """In its line too, and without a semicolon."""
    assert ensured(f"{end}\n-- sqlmig: ensure SELECT true") == ["SELECT true"]
    if "COPY" not in end:
        assert ensured(f"{end} -- sqlmig: ensure SELECT true\n") == ["SELECT true"]


def test_in_a_script_without_statements_the_header_is_the_end() -> None:
    text = "-- sqlmig: require SELECT 1 = 1\n-- sqlmig: ensure SELECT true"
    assert (required(text), ensured(text)) == (["SELECT 1 = 1"], ["SELECT true"])


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("-- sqlmig: ensure SELECT true\nSELECT 1;", "move it to the end of the file"),
        ("SELECT 1;\n-- sqlmig: ensure SELECT true\nSELECT 2;", "move it to the end of the file"),
        ("SELECT 1;\n-- sqlmig: require SELECT true\nSELECT 2;", "move it into the comments at the top of the file"),
        ("SELECT 1;\n-- sqlmig: require SELECT true", "move it into the comments at the top of the file"),
        ("SELECT\n-- sqlmig: ensure SELECT true\n1;", "move it to the end of the file"),
        ("SELECT 1;\n-- sqlmig: repeat", "put it above the statement that it is about"),
        (f"{NO_TRANSACTION}DELETE\n-- sqlmig: repeat\nFROM t", "put it above the statement that it is about"),
        (f"{NO_TRANSACTION}-- sqlmig: repeat\n-- sqlmig: repeat\nDELETE FROM t", "remove one of the two"),
    ],
)
def test_anywhere_else_they_are_an_error(text: str, advice: str) -> None:
    problem = the(text)
    assert (problem.code, problem.next_step) == ("misplaced_directive", advice)


def test_a_word_that_only_begins_like_one_is_unknown() -> None:
    """With the right one suggested."""
    for word, advice in {
        "requires SELECT true": "did you mean: -- sqlmig: require SELECT ...",
        "ensures SELECT true": "did you mean: -- sqlmig: ensure SELECT ...",
        "repeated": "did you mean: -- sqlmig: repeat",
        "require-that SELECT 1": "did you mean: -- sqlmig: require SELECT ...",
    }.items():
        with pytest.raises(ScriptError) as caught:
            _ = up(f"-- sqlmig: {word}\nSELECT 1").header
        assert caught.value.message.startswith("unknown directive")
        assert caught.value.next_step == advice


# What they say


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 'a;b' = 'c -- d'",
        "WITH a AS (SELECT 1) SELECT true FROM a",
        "VALUES (true)",
        "TABLE flags",
        "(SELECT true)",
        "SELECT $$;$$ IS NOT NULL",
    ],
)
def test_any_query_of_one_line_will_do(query: str) -> None:
    assert required(f"-- sqlmig: require {query}\nSELECT 1") == [query]
    assert ensured(f"SELECT 1;\n--sqlmig:ensure\t{query} ; -- because\r\n") == [query]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("", "needs a query, in the same line"),
        (";", "needs a query, in the same line"),
        ("-- later", "needs a query, in the same line"),
        ("SELECT true; DROP TABLE t", "takes one query, and these are 2"),
        ("DROP TABLE t", "takes a query, and this is DROP TABLE"),
        ("UPDATE t SET x = 1", "takes a query, and this is UPDATE"),
        ("WITH a AS (SELECT 1) DELETE FROM t", "takes a query, and this is DELETE FROM"),
        ("count(*) = 0", "takes a query, and this is "),
        ("SELECT 'open", "a string literal is never closed"),
        ("\\d", ""),
    ],
)
def test_what_is_no_query_is_an_error(said: str, message: str) -> None:
    """The same one for both, with an example of what to write."""
    for kind, text in {
        "require": f"-- sqlmig: require {said}\nSELECT 1",
        "ensure": f"SELECT 1;\n-- sqlmig: ensure {said}",
    }.items():
        problem = the(text)
        assert problem.code == "script"
        assert problem.message.startswith(kind)
        assert problem.next_step == f"write, say: -- sqlmig: {kind} SELECT count(*) = 0 FROM orphan"
        if "literal" not in message:
            assert message in problem.message


def test_repeat_says_how() -> None:
    """For the statement below it, and for that one alone."""
    text = f"""{NO_TRANSACTION}
SELECT 1;
-- sqlmig: repeat
UPDATE t SET x = 1 WHERE x IS NULL;
-- sqlmig: repeat pause = 100ms
;
DELETE FROM t;
-- sqlmig: repeat max_lag=10s,pause = 1.5
INSERT INTO t SELECT 1;
-- sqlmig:   REPEAT
"""
    assert repeats(text.replace("-- sqlmig:   REPEAT\n", "")) == [
        Repeat(2),
        Repeat(3, pause=0.1),
        Repeat(4, pause=1.5, max_lag=10),
    ]
    assert problems(text) == [("misplaced_directive", 11)]


def test_repeat_of_the_first_statement_stands_in_the_header() -> None:
    """Among the header's own lines, in any order."""
    text = "-- sqlmig: repeat\n-- sqlmig: no-transaction\n-- sqlmig: lock_timeout = 2s\nDELETE FROM t"
    assert repeats(text) == [Repeat(1)]
    assert up(text).header.lock_timeout == "2s"


@pytest.mark.parametrize(
    "said",
    [
        "pause",
        "pause =",
        "= 1s",
        "100ms",
        "pause = 1s max_lag = 2s",
        "pauses = 1s",
        "pause = long",
        "pause = 1s,",
        "pause = 1s, pause = 2s",
    ],
)
def test_what_repeat_cannot_be_told_is_an_error(said: str) -> None:
    problem = the(f"{NO_TRANSACTION}-- sqlmig: repeat {said}\nDELETE FROM t")
    assert (problem.code, problem.place and problem.place.line) == ("script", 2)


def test_repeat_in_a_transaction_is_refused() -> None:
    problem = the("-- sqlmig: repeat\nDELETE FROM t")
    assert (problem.code, problem.next_step) == (
        "repeat",
        "add this line at the top of the file: -- sqlmig: no-transaction",
    )


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT move_some()",
        "CALL move_some()",
        "DO $$BEGIN END$$",
        "CREATE TABLE a ()",
        "WITH gone AS (DELETE FROM t RETURNING 1) SELECT count(*) FROM gone",
        "COPY t TO STDOUT",
        "UPDATE t SET x = 1",
        "VACUUM t",
    ],
)
def test_what_would_never_end_is_refused(statement: str) -> None:
    problem = the(f"{NO_TRANSACTION}-- sqlmig: repeat\n{statement}")
    assert problem.code == "repeat"
    assert problem.message.endswith("so it would never end")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE t SET x = 1 WHERE x IS NULL",
        "with a as (select 1) update t set x = 1 where x is null",
        "DELETE FROM t",
        "INSERT INTO a SELECT * FROM b EXCEPT SELECT * FROM a LIMIT 10",
        "MERGE INTO a USING b ON a.x = b.x WHEN NOT MATCHED THEN INSERT VALUES (1)",
    ],
)
def test_what_reports_its_rows_can_be_repeated(statement: str) -> None:
    assert repeats(f"{NO_TRANSACTION}-- sqlmig: repeat\n{statement}") == [Repeat(1)]


# Checksums

BARE = "UPDATE t SET x = 1 WHERE x IS NULL;\nSELECT 1;"


def sql(text: str) -> str | None:
    """The checksum of the SQL, which is the same however the script is read."""
    full = up(text).full_checksum
    assert full == of_bytes(text.encode()).full_checksum
    script = up(text)
    for _ in script.verified_pieces():
        pass
    assert script.full_checksum == full
    return full.sql


@pytest.mark.parametrize(
    "text",
    [
        f"-- sqlmig: require SELECT true\n{BARE}",
        f"{BARE}\n-- sqlmig: ensure SELECT true",
        f"{NO_TRANSACTION}-- sqlmig: repeat\n{BARE}",
    ],
)
def test_they_count_as_sql(text: str) -> None:
    """They change what comes of a file."""
    without = "\n".join(line for line in text.split("\n") if line.startswith("-- sqlmig: no-tr") or "--" not in line)
    assert sql(text) != sql(without)


def test_comments_white_space_and_pauses_do_not_count() -> None:
    template = NO_TRANSACTION + "-- sqlmig: require {}\n-- sqlmig: repeat {}\n" + BARE + "\n-- sqlmig: ensure {}"
    text = template.format("SELECT  true -- why", "pause = 1s", "SELECT 1")
    same = template.format("SELECT true;", "max_lag = 2s", "/* so */ SELECT\t1")
    assert sql(text) == sql(same)


def test_the_place_of_a_repeat_counts() -> None:
    """As does which of the two an assertion is."""
    other = BARE.replace("SELECT 1", "DELETE FROM t")
    first, second = other.split("\n")
    assert sql(f"{NO_TRANSACTION}-- sqlmig: repeat\n{first}\n{second}") != sql(
        f"{NO_TRANSACTION}{first}\n-- sqlmig: repeat\n{second}"
    )
    assert sql("-- sqlmig: require SELECT true") != sql("-- sqlmig: ensure SELECT true")


def test_long_scripts_are_read_alike() -> None:
    """One that is read in parts has the same directives and the same checksum."""
    filler = "SELECT 1;\n" * 60_000
    text = f"-- sqlmig: require SELECT true\n{filler}-- sqlmig: ensure SELECT 2 = 2\n"
    script = up(text)
    assert [assertion.line for assertion in script.survey.ensures] == [60_002]
    assert script.full_checksum.sql != up(text.replace("2 = 2", "3 = 3")).full_checksum.sql
    for _ in (second := up(text)).verified_pieces():
        pass
    assert second.full_checksum == script.full_checksum


def test_down_files_have_them_too() -> None:
    script = down("-- sqlmig: require SELECT true\nSELECT 1;\n-- sqlmig: ensure SELECT true")
    assert script.problems == ()
    assert (len(script.header.requires), len(script.survey.ensures)) == (1, 1)
