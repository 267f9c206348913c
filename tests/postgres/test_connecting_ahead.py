"""The connection of a command is opened, and its first question sent, while the program is still being loaded."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from bench.proxy import Proxy, proxy
from sqlmig.database import Opening, Session, connect
from sqlmig.database import opening as opening_module
from sqlmig.embedded.sockets import SOCKET
from sqlmig.errors import ConnectionLost, DatabaseError, NoConnection
from sqlmig.events import silent
from tests.support.database import Database
from tests.support.processes import until
from tests.support.project import Project

PATIENT = """
import sqlmig.database
sqlmig.database.IDLE_CHECK = sqlmig.database.opening.FAR = 60.0
import sqlmig.cli
sqlmig.cli.program()
"""
"""The command line on a machine that takes its time: nobody is asked what we wait for, and no server seems far away."""


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with closing(connect(database.url, listener=silent)) as session:
        yield session


@pytest.fixture
def wire(database: Database) -> Iterator[Proxy]:
    with proxy(database.server.socket_folder / SOCKET) as wire:
        yield wire


def test_what_is_asked_as_was_sent_ahead_is_asked_once(session: Session) -> None:
    session.ask("CREATE TABLE asked (x int)")
    session.ask_ahead("INSERT INTO asked VALUES (1) RETURNING x")
    assert session.ask("INSERT INTO asked VALUES (1) RETURNING x") == [("1",)]
    assert session.ask("INSERT INTO asked VALUES (1) RETURNING x") == [("1",)]
    assert session.ask("SELECT count(*) FROM asked") == [("2",)]


def test_another_question_gets_its_own_answer(session: Session) -> None:
    """What was sent ahead is cancelled, or its answer is thrown away."""
    session.ask_ahead("SELECT pg_sleep(60)")
    assert session.ask("SELECT 2") == [("2",)]
    session.ask_ahead("SELECT 1/0")
    assert session.ask("SELECT 3") == [("3",)]


def test_what_fails_ahead_fails_when_it_is_asked(session: Session) -> None:
    session.ask_ahead("SELECT 1/0")
    with pytest.raises(DatabaseError, match="division by zero"):
        session.ask("SELECT 1/0")
    assert session.ask("SELECT 1") == [("1",)]


def test_a_connection_that_is_lost_before_the_answer(session: Session, database: Database) -> None:
    session.ask_ahead("SELECT pg_sleep(60)")
    asleep = f"SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = {session.backend_pid}"
    until(lambda: database.value(asleep), "the session to sleep")
    database.value(f"SELECT pg_terminate_backend({session.backend_pid})")
    with pytest.raises(ConnectionLost):
        session.ask("SELECT pg_sleep(60)")


def test_an_opening_is_taken_once(database: Database) -> None:
    """The second who asks opens a session of its own."""
    opening = Opening(lambda: connect(database.url, listener=silent))
    session = opening.take()
    assert session is not None
    assert opening.take() is None
    opening.close()
    assert session.ask("SELECT 1") == [("1",)]
    session.close()


def test_an_opening_that_nobody_takes_is_closed(database: Database) -> None:
    made: list[Session] = []

    def open_session() -> Session:
        made.append(connect(database.url, listener=silent))
        return made[0]

    Opening(open_session).close()
    until(lambda: bool(made) and made[0].connection.closed, "closed")


def test_an_opening_that_fails_says_so_to_whoever_takes_it(database: Database) -> None:
    missing = psycopg.conninfo.make_conninfo(database.url, dbname="missing")
    opening = Opening(lambda: connect(missing, listener=silent))
    with pytest.raises(NoConnection, match="missing"):
        opening.take()


def test_another_is_begun_where_the_first_takes_its_time(database: Database) -> None:
    """Both are under way at once then; each is somebody's, or closed."""
    let_in, begun = threading.Event(), threading.Event()

    def far() -> Session:
        assert let_in.wait(60)
        return connect(database.url, listener=silent)

    def another() -> Session:
        begun.set()
        return far()

    opening = Opening(far, another)
    assert begun.wait(60)
    let_in.set()
    second = opening.another()
    assert second is not None
    assert opening.another() is None
    sessions = [opening.session(), second.session()]
    assert len({session.ask("SELECT pg_backend_pid()")[0] for session in sessions}) == 2
    opening.close()
    for session in sessions:
        assert session.ask("SELECT 1") == [("1",)]
        session.close()


def test_another_is_begun_when_it_is_asked_for(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening_module, "FAR", 60.0)
    made: list[Session] = []

    def open_session() -> Session:
        made.append(connect(database.url, listener=silent))
        return made[-1]

    opening = Opening(open_session, open_session)
    first = opening.session()
    assert made == [first]
    second = opening.another()
    assert second is not None
    assert made == [first, second.session()]
    for session in made:
        session.close()


def test_another_that_nobody_asks_for_is_closed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is not begun any more once the first was given up."""
    monkeypatch.setattr(opening_module, "FAR", 0.0)
    begun: list[None] = []
    made: list[Session] = []
    let_in = threading.Event()

    def open_session() -> Session:
        begun.append(None)
        assert let_in.wait(60)
        made.append(connect(database.url, listener=silent))
        return made[-1]

    opening = Opening(open_session, open_session)
    until(lambda: len(begun) == 2, "both")
    opening.close()
    let_in.set()
    until(lambda: len(made) == 2 and all(session.connection.closed for session in made), "both closed")
    opening = Opening(open_session, None)
    opening.close()
    assert opening.another() is None


def test_commands_ask_as_often_as_the_library(project: Project, wire: Proxy, database: Database) -> None:
    """One connection and two round trips where nothing is to be done; the first apply takes two and four."""
    project.write_config('lock_timeout = "2min"\n')
    project.write("001_a.up.sql", "CREATE TABLE a (x int)")
    url = wire.url(database.name)
    for arguments, expected in {
        ("status",): (1, 1),
        ("apply",): (2, 4),
        ("apply", "--steps", "1"): (1, 2),
        ("status", "--json"): (1, 2),
        ("current-version",): (1, 2),
        ("check",): (1, 2),
    }.items():
        wire.take()
        command = [sys.executable, "-c", PATIENT, *arguments, "--dir", "sql", "--url", url]
        subprocess.run(command, cwd=project.folder, env=project.environment(), check=True, capture_output=True)
        assert wire.take() == expected, arguments


def test_what_is_wrong_with_the_files_comes_first(project: Project) -> None:
    """Nobody hears of a database that cannot be reached either: it was not needed yet."""
    project.write("001_a.up.sql", "SELECT 1")
    project.write("001_b.up.sql", "SELECT 1")
    for command in ("apply", "rollback"):
        done = project.run(command, "--dir", "sql", "--url", "postgresql://nobody@127.0.0.1:1/nothing")
        assert done.exit_code == 2
        assert "version 1 has 2 up files" in done.stderr
        assert "127.0.0.1" not in done.stderr


def test_a_server_that_is_starting_is_waited_for(project: Project) -> None:
    """--wait tells of it while it lasts, as before."""
    project.write("001_a.up.sql", "SELECT 1")

    def told() -> bool:
        """Where this machine stands still for a moment, the time is over before there was a wait."""
        done = project.run("apply", "--dir", "sql", "--url", "postgresql://nobody@127.0.0.1:1/nothing", "--wait", "1s")
        assert done.exit_code == 5
        return "waiting: " in done.stderr

    until(told, "a wait that is told")
