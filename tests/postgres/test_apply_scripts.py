"""Scripts of every shape: long, large, empty, with data, without an end."""

from __future__ import annotations

import pytest

from sqlmig.errors import StatementFailed
from sqlmig.events import StatementDone, StepDone
from tests.support.project import Project
from tests.support.runner import Runs, limit_messages, outcomes, place, steps

COPIED = "COPY a (x, y) FROM STDIN;\n1\tone\n2\t\\N\n3\ta\\\\b;\n\\.\n"


@pytest.fixture(params=[1 << 19, 120, 0], ids=["together", "small", "singly"])
def runs(project: Project, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """The same whether statements travel together, a few at a time, or alone."""
    limit_messages(monkeypatch, request.param)
    return Runs(project)


@pytest.fixture
def plain(project: Project) -> Runs:
    return Runs(project)


def test_the_number_of_messages_changes_nothing(runs: Runs) -> None:
    """Five migrations of several statements leave the same, and tell each statement once."""
    for number in range(1, 6):
        inserts = "".join(f"INSERT INTO t{number} VALUES ({n});\n" for n in range(20))
        runs.write(f"00{number}_m", f"CREATE TABLE t{number} (x int);\n{inserts}", f"DROP TABLE t{number}")
    runs.apply()
    assert steps(runs.events, StepDone) == [f"00{number}_m" for number in range(1, 6)]
    assert [event.number for event in runs.told(StatementDone)] == list(range(1, 22)) * 5
    assert runs.database.rows("SELECT sum(x) FROM t5") == [(190,)]
    runs.rollback()
    assert runs.exists("t1", "t5") == [False, False]


@pytest.mark.parametrize("bad", ["SELECT 1/0", "SELECT x FROM nowhere", "SELEC 1"])
def test_a_failure_far_into_a_script(runs: Runs, bad: str) -> None:
    """Nothing of the migration stays, wherever the messages were cut."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    inserts = "".join(f"INSERT INTO a VALUES ({n});\n" for n in range(30))
    runs.write("002_b", f"{inserts}{bad};\n{inserts}")
    runs.write("003_c", "CREATE TABLE c (x int)")
    error = runs.fails(StatementFailed)
    assert error.statement == 31
    assert place(error)[:2] == ("002_b.up.sql", 31)
    assert outcomes(error) == ["applied", "failed", "not_run"]
    assert runs.database.rows("SELECT x FROM a") == []
    assert runs.exists("c") == [False]


def test_copy_brings_its_data(runs: Runs) -> None:
    """In a transactional migration, between other statements, several times, empty and without an end."""
    runs.write(
        "001_a",
        f"CREATE TABLE a (x int, y text);\n{COPIED}COPY a FROM stdin;\n\\.\n"
        f"INSERT INTO a VALUES (4, 'é');\nCOPY a FROM STDIN (FORMAT csv);\n5,\"five\n5\"\n\\.\n",
    )
    runs.write("002_b", "COPY a FROM STDIN;\n6\t€😀\n7\tseven")
    runs.apply()
    assert runs.database.rows("SELECT x, y FROM a ORDER BY x") == [
        (1, "one"),
        (2, None),
        (3, "a\\b;"),
        (4, "é"),
        (5, "five\n5"),
        (6, "€😀"),
        (7, "seven"),
    ]
    assert runs.applied() == ["001_a", "002_b"]


def test_copy_without_a_transaction(runs: Runs) -> None:
    """It travels alone there as well."""
    runs.write("001_a", f"-- sqlmig: no-transaction\nCREATE TABLE a (x int, y text);\n{COPIED}SELECT 1;")
    runs.apply()
    assert runs.database.value("SELECT count(*) FROM a") == 3


@pytest.mark.parametrize("header", ["", "-- sqlmig: no-transaction\n"])
def test_bad_data_are_an_error_of_their_copy(runs: Runs, header: str) -> None:
    """The statement is named, and the line of the bad row; the migration leaves nothing."""
    runs.write("001_a", "CREATE TABLE a (x int, y text)")
    runs.write("002_b", f"{header}INSERT INTO a VALUES (0);\nCOPY a FROM STDIN;\n1\tone\nbad\ttwo\n\\.\nSELECT 1;")
    error = runs.fails(StatementFailed)
    lines = header.count("\n")
    assert place(error)[:2] == ("002_b.up.sql", lines + 2)
    assert (error.statement, error.statements) == (2, 3)
    assert error.server is not None
    assert error.server.sqlstate == "22P02"
    assert "line 2" in (error.server.context or "")
    assert f"these data are in line {lines + 4} of the file" in error.notes
    assert runs.database.rows("SELECT x FROM a") == ([(0,)] if header else [])


def test_copy_into_a_table_that_is_not_there(runs: Runs) -> None:
    """The data are not mistaken for statements."""
    runs.write("001_a", "COPY nowhere FROM STDIN;\n1;\n\\.\nCREATE TABLE a (x int);")
    error = runs.fails(StatementFailed)
    assert error.server is not None
    assert error.server.sqlstate == "42P01"
    assert runs.exists("a") == [False]
    runs.write("001_a", "CREATE TABLE a (x int);")
    runs.apply()


def test_copy_to_stdout_is_read_to_its_end(runs: Runs) -> None:
    """Its rows go nowhere, and the connection stays in step."""
    runs.write(
        "001_a",
        "CREATE TABLE a AS SELECT generate_series(1, 20000) AS x;\nCOPY a TO STDOUT;\nINSERT INTO a VALUES (0);",
    )
    runs.write("002_b", "-- sqlmig: no-transaction\nCOPY (SELECT 1) TO STDOUT;\nINSERT INTO a VALUES (-1);")
    runs.apply()
    assert runs.database.value("SELECT count(*) FROM a") == 20002


@pytest.mark.parametrize("text", ["", "\n", "-- nothing\n", "/* */", ";", ";;;\n;", "-- sqlmig: irreversible\n"])
def test_an_up_without_a_statement(plain: Runs, text: str) -> None:
    """It is applied like any other."""
    plain.write("001_a", text)
    plain.write("002_b", "CREATE TABLE b (x int)")
    plain.apply()
    assert plain.applied() == ["001_a", "002_b"]
    assert plain.states() == {"001_a": "applied", "002_b": "applied"}


@pytest.mark.parametrize(
    "end", ["", ";", " -- a comment", "; -- a comment", "\n/* so */", ";;", ";\n;\n", "\r\n", " --"]
)
def test_the_end_of_a_script(runs: Runs, end: str) -> None:
    """With or without semicolon, comment, line break."""
    runs.write("001_a", f"CREATE TABLE a (x int); INSERT INTO a VALUES (1){end}")
    runs.write("002_b", f"-- sqlmig: no-transaction\nINSERT INTO a VALUES (2){end}")
    runs.write("003_c", "INSERT INTO a VALUES (3)")
    runs.apply()
    assert runs.database.rows("SELECT x FROM a ORDER BY x") == [(1,), (2,), (3,)]


def test_empty_statements_are_not_counted(runs: Runs) -> None:
    """A lone semicolon gives no result inside a message, wherever it stands."""
    runs.write("001_a", ";;CREATE TABLE a (x int);;\n;SELECT 1;; ;/* */;SELECT 2;;")
    runs.write("002_b", "-- sqlmig: no-transaction\n;;SELECT 1;;\n;SELECT 2;")
    runs.apply()
    assert [(event.number, event.total) for event in runs.told(StatementDone)] == [
        (1, 3),
        (2, 3),
        (3, 3),
        (1, 2),
        (2, 2),
    ]


def test_rules_that_make_several_or_no_results(runs: Runs) -> None:
    """A statement is one reply, whatever a rule makes of it."""
    runs.write(
        "001_a",
        "CREATE TABLE a (x int); CREATE TABLE b (x int);\n"
        "CREATE RULE nothing AS ON INSERT TO a DO INSTEAD NOTHING;\n"
        "CREATE RULE more AS ON INSERT TO b DO ALSO (INSERT INTO a VALUES (1); SELECT 1; SELECT 2);\n"
        "INSERT INTO a VALUES (1);\nINSERT INTO b VALUES (1);\nINSERT INTO b VALUES (2);\nSELECT 1;",
    )
    runs.write("002_b", "SELECT 1; SELECT 1/0")
    error = runs.fails(StatementFailed)
    assert outcomes(error) == ["applied", "failed"]
    assert error.statement == 2
    assert runs.applied() == ["001_a"]


def test_five_thousand_statements(plain: Runs) -> None:
    """Each is told, and counted in the history."""
    inserts = "".join(f"INSERT INTO a VALUES ({n});\n" for n in range(4999))
    plain.write("001_a", f"CREATE TABLE a (x int);\n{inserts}")
    plain.apply()
    assert len(plain.told(StatementDone)) == 5000
    assert plain.database.value("SELECT count(*) FROM a") == 4999
    assert plain.database.value("SELECT statements FROM sqlmig.migration") == 5000


def test_five_megabytes(plain: Runs) -> None:
    """Of one long statement and many short ones; the failing one far behind is named."""
    long = "INSERT INTO a VALUES ('" + "é" * 1_200_000 + "');\n"
    short = "INSERT INTO a VALUES ('" + "x" * 1000 + "');\n"
    plain.write("001_a", "CREATE TABLE a (x text);\n" + long + short * 2600)
    plain.write("002_b", short * 600 + "SELECT 1/0;")
    error = plain.fails(StatementFailed)
    assert place(error) == ("002_b.up.sql", 601, 1)
    assert plain.database.rows("SELECT count(*), sum(length(x)) FROM a") == [(2601, 1_200_000 + 2_600_000)]


def test_a_hundred_small_migrations(plain: Runs) -> None:
    """They travel together and are told one by one."""
    for number in range(1, 101):
        plain.write(f"{number:03}_m", f"CREATE TABLE t{number} (x int)", f"DROP TABLE t{number}")
    plain.apply()
    assert steps(plain.events, StepDone) == [f"{number:03}_m" for number in range(1, 101)]
    assert plain.database.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 100
    plain.rollback()
    assert plain.database.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    assert plain.applied() == []
