"""A connection that breaks at the worst moment: what took effect is told, and nothing half-applied stays."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from sqlmig.access import Access, Desk
from sqlmig.database import connect
from sqlmig.embedded import Server
from sqlmig.errors import ConnectionLost
from sqlmig.events import StatementDone, Waiting, silent
from tests.support.pgbouncer import Pooler, pooler
from tests.support.processes import until
from tests.support.project import Project
from tests.support.proxy import TO_CLIENT, TO_SERVER, Proxy, proxy
from tests.support.runner import Runs, outcomes

HOLDS_THE_LOCK = (
    "SELECT {what} FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
TERMINATE_THE_LOCK = HOLDS_THE_LOCK.format(what="pg_terminate_backend(pid)")

UNTIL_THE_LOCK_IS_LOST = f"""
    PERFORM set_config(name, '0', true) FROM pg_settings WHERE name = 'client_connection_check_interval';
    WHILE EXISTS ({HOLDS_THE_LOCK.format(what="")}) LOOP PERFORM pg_sleep(0.01); END LOOP;
"""


@pytest.fixture
def runs(project: Project) -> Runs:
    return Runs(project)


def test_the_lock_is_lost_between_two_messages_of_one_migration(runs: Runs) -> None:
    """The transaction that was open is rolled back, not ended by the question what is applied."""
    runs.write(
        "001_a",
        "CREATE TABLE a (x int);\nCOPY a FROM STDIN;\n1\n\\.\nCREATE TABLE b (x int);\nCOPY b FROM STDIN;\n1\n\\.\n",
    )

    def cut(event: object) -> None:
        if isinstance(event, StatementDone) and event.number == 2:
            runs.database.rows(TERMINATE_THE_LOCK)
            until(lambda: not runs.database.rows(TERMINATE_THE_LOCK), "the end of the lock's backend")

    runs.listener = cut
    error = runs.fails(ConnectionLost)
    assert "lock" in error.message
    assert "nothing was applied" in (error.left_behind or "")
    assert runs.exists("a", "b") == [False, False]
    runs.listener = silent
    runs.apply()
    assert runs.applied() == ["001_a"]


def test_a_connection_is_lost_once_the_server_says_so(runs: Runs, server: Server) -> None:
    """Not only when it is closed, which comes later, and with some networks never."""
    with proxy(server) as passing:
        passing.lingering = threading.Event()
        with closing(connect(passing.url(runs.database.name), listener=silent)) as session:
            assert session.still_connected()
            runs.database.rows(f"SELECT pg_terminate_backend({session.backend_pid})")
            until(lambda: not session.still_connected(), "the server's farewell")
            assert session.alive
            passing.lingering.set()


def test_what_is_known_of_a_session_outlives_it(runs: Runs) -> None:
    """An error is told with its place whatever became of the connection, and nothing more is sent."""
    access = Access(runs.api.environment, silent)
    with closing(connect(runs.database.url, listener=silent)) as session:
        desk = Desk(access, session, access.history.probe(session))
        known = desk.where, session.server_version, session.reads_plainly
        session.close()
        assert (desk.where, session.server_version, session.reads_plainly) == known
        session.roll_back()
        assert not session.still_connected()
        for act in (lambda: session.ask("SELECT 1"), lambda: desk.history.write(session, ["SELECT 1"])):
            with pytest.raises(ConnectionLost):
                act()


@pytest.fixture(scope="module")
def pool(server: Server) -> Iterator[Pooler]:
    with pooler(server) as made:
        yield made


@pytest.fixture(params=["direct", "pooler"])
def breaking(request: pytest.FixtureRequest, runs: Runs, server: Server) -> Iterator[Proxy]:
    """A proxy that ``runs`` goes through, before the server or before a pooler."""
    target = server if request.param == "direct" else request.getfixturevalue("pool").socket
    with proxy(target) as passing:
        runs.url = passing.url(runs.database.name)
        yield passing


def cut(passing: Proxy, sent: bytes, answer: bytes | None = None) -> None:
    """End the connections when a message with this text would go to the server, or the first such answer to it back."""
    seen = False

    def watch(direction: str, message: bytes) -> bool:
        nonlocal seen
        if direction == TO_SERVER and sent in message:
            seen = True
            return answer is not None
        return not (seen and direction == TO_CLIENT and answer is not None and answer in message)

    passing.watch = watch


def test_the_answer_to_a_commit_is_lost(runs: Runs, breaking: Proxy) -> None:
    """The history is asked: it has been applied, and that is what is told."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    cut(breaking, b"CREATE TABLE a", b"COMMIT\0")
    error = runs.fails(ConnectionLost)
    assert outcomes(error) == ["applied"]
    assert "1 of 1 steps are done" in (error.left_behind or "")
    assert runs.applied() == ["001_a"]
    assert runs.apply().steps == ()


def test_the_connection_that_asks_is_closed_while_it_is_opened(runs: Runs, breaking: Proxy) -> None:
    """It is tried again: what the first one did not hear is told all the same."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    cut(breaking, b"CREATE TABLE a", b"COMMIT\0")
    first = breaking.watch
    assert first is not None

    def then_another(direction: str, message: bytes) -> bool:
        passes = first(direction, message)
        if not passes:
            breaking.cut = {TO_CLIENT: breaking.passed[TO_CLIENT] + 20}
        return passes

    breaking.watch = then_another
    error = runs.fails(ConnectionLost)
    assert [event.reason for event in runs.told(Waiting) if "closed the connection" in event.reason]
    assert outcomes(error) == ["applied"]
    assert "1 of 1 steps are done" in (error.left_behind or "")


def test_a_commit_never_arrives(runs: Runs, breaking: Proxy) -> None:
    """What was sent before it is rolled back, and nothing was applied."""
    runs.write("001_a", "CREATE TABLE a (x int);\nCOPY a FROM STDIN;\n1\n\\.\nCREATE TABLE b (x int);")
    cut(breaking, b"CREATE TABLE b")
    error = runs.fails(ConnectionLost)
    assert outcomes(error) == ["failed"]
    assert error.left_behind == "nothing was applied"
    assert runs.exists("a", "b") == [False, False]
    runs.apply()
    assert runs.applied() == ["001_a"]


def test_a_commit_is_still_to_come_when_the_connection_is_lost(runs: Runs, breaking: Proxy) -> None:
    """What the server is at is waited for and told; what it has not begun it does not begin any more."""
    runs.write("001_a", f"CREATE TABLE a (x int);\nDO $$BEGIN RAISE NOTICE 'now'; {UNTIL_THE_LOCK_IS_LOST} END$$;")
    runs.write("002_b", "CREATE TABLE b (x int)")
    cut(breaking, b"CREATE TABLE a", b"now\0")
    error = runs.fails(ConnectionLost)
    assert outcomes(error) == ["applied", "failed"]
    assert "1 of 2 steps are done, the last is 001_a" in (error.left_behind or "")
    assert runs.exists("a", "b") == [True, False]
    runs.apply()
    assert runs.applied() == ["001_a", "002_b"]
    assert runs.logged() == [("apply", "001_a"), ("apply", "002_b")]


def test_the_answer_to_a_rollback_is_lost(runs: Runs, breaking: Proxy) -> None:
    """Undone, though nobody heard of it."""
    runs.write("001_a", "CREATE TABLE a (x int)", "DROP TABLE a")
    runs.apply()
    cut(breaking, b"DROP TABLE a", b"COMMIT\0")
    error = runs.fails(ConnectionLost, runs.rollback)
    assert outcomes(error) == ["rolled_back"]
    assert runs.states() == {"001_a": "pending"}


@pytest.mark.parametrize(
    ("statement", "answer"),
    [
        ("INSERT INTO t VALUES (1);", b"INSERT 0 1\0"),
        ("CREATE INDEX CONCURRENTLY ON t (x);", b"CREATE INDEX\0"),
        ("DROP INDEX CONCURRENTLY t_y_idx;", b"DROP INDEX\0"),
    ],
)
def test_an_answer_is_lost_without_a_transaction(runs: Runs, breaking: Proxy, statement: str, answer: bytes) -> None:
    """Whether the statement took effect is seen by the next apply: nothing runs twice, nothing is left out."""
    runs.database.execute("CREATE TABLE t (x int, y int); CREATE INDEX ON t (y)")
    runs.write("001_a", f"-- sqlmig: no-transaction\nSELECT 1;\n{statement}\nSELECT 2;")
    cut(breaking, statement.encode(), answer)
    error = runs.fails(ConnectionLost)
    assert "001_a stopped at statement 2/3" in (error.left_behind or "")
    runs.apply()
    assert runs.applied() == ["001_a"]
    indexes = runs.database.value("SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass")
    assert (runs.database.value("SELECT count(*) FROM t"), indexes) == {
        "INSERT": (1, 1),
        "CREATE": (0, 2),
        "DROP": (0, 0),
    }[statement.split()[0]]


def test_what_a_lost_connection_left_running_is_waited_for(runs: Runs, server: Server) -> None:
    """A backend that is at its end is still listed when its locks are gone: that is no reason to refuse."""
    statement = "CREATE INDEX CONCURRENTLY i ON t (x);"
    runs.database.execute("CREATE TABLE t (x int)")
    runs.write("001_a", f"-- sqlmig: no-transaction\nSELECT 1;\n{statement}\nSELECT 2;")
    with proxy(server) as breaking:
        runs.url = breaking.url(runs.database.name)
        cut(breaking, statement.encode())
        runs.fails(ConnectionLost)
    with runs.database.connect(autocommit=False) as writer, closing(runs.database.connect()) as left:
        writer.execute("INSERT INTO t VALUES (1)")
        left.pgconn.send_query(statement.encode())
        pid = left.info.backend_pid
        working = f"SELECT pid FROM pg_stat_activity WHERE pid = {pid} AND wait_event_type = 'Lock'"
        until(lambda: runs.database.rows(working), "the build")
        runs.url = runs.database.url
        runs.listener = lambda event: writer.rollback() if isinstance(event, Waiting) else None
        runs.apply()
    assert [event.reason for event in runs.told(Waiting) if f"in backend {pid}, though" in event.reason]
    assert runs.applied() == ["001_a"]
    assert runs.database.value("SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass") == 1


ALONE = {
    "CREATE DATABASE {other};": (b"CREATE DATABASE\0", "SELECT count(*) FROM pg_database WHERE datname = '{other}'"),
    "DROP DATABASE {mine};": (b"DROP DATABASE\0", "SELECT count(*) + 1 FROM pg_database WHERE datname = '{mine}'"),
    "COMMIT PREPARED '{mine}';": (b"COMMIT PREPARED\0", "SELECT count(*) FROM t WHERE x = 5"),
    "VACUUM t;": (b"VACUUM\0", "SELECT 1"),
    "REINDEX TABLE CONCURRENTLY t;": (b"REINDEX\0", "SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass"),
    "ALTER SYSTEM RESET work_mem;": (b"ALTER SYSTEM\0", "SELECT 1"),
}
"""Statements that run alone, the server's answer, and a query that gives 1 once they took effect once."""


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("template", ALONE)
def test_statements_that_run_alone(runs: Runs, breaking: Proxy, template: str, arrives: bool) -> None:
    """Whether or not it arrived: the next apply sees what became of it, and goes on."""
    names = {"mine": f"mine_{runs.database.name}", "other": f"other_{runs.database.name}"}
    statement, (answer, check) = template.format(**names), ALONE[template]
    runs.database.execute("CREATE TABLE t (x int, y int); CREATE INDEX ON t (y)")
    with runs.database.connect() as connection:
        connection.execute(f"CREATE DATABASE {names['mine']}".encode())
        connection.execute("BEGIN; INSERT INTO t VALUES (5)")
        connection.execute(f"PREPARE TRANSACTION '{names['mine']}'".encode())
        if "COMMIT" not in statement:
            connection.execute(f"ROLLBACK PREPARED '{names['mine']}'".encode())
        try:
            runs.write("001_a", f"-- sqlmig: no-transaction\nSELECT 1;\n{statement}\nSELECT 2;")
            cut(breaking, statement.encode(), answer if arrives else None)
            error = runs.fails(ConnectionLost)
            assert "001_a stopped at statement 2/3" in (error.left_behind or "")
            runs.apply()
            assert runs.applied() == ["001_a"]
            assert runs.database.rows(check.format(**names)) == [(1,)]
        finally:
            for name in names.values():
                connection.execute(f"DROP DATABASE IF EXISTS {name} (FORCE)".encode())
