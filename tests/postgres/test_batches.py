"""Migrations travel together: how often the server is asked, and what an own size of the messages changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.proxy import Proxy, proxy
from sqlmig.embedded.sockets import SOCKET
from sqlmig.errors import FilesInvalid, NoConnection, StatementFailed
from sqlmig.plan import Rollback
from tests.support.database import Database
from tests.support.processes import until
from tests.support.project import Project
from tests.support.runner import Runs, outcomes, place


@pytest.fixture
def wire(database: Database) -> Iterator[Proxy]:
    with proxy(database.server.socket_folder / SOCKET) as wire:
        yield wire


@pytest.fixture
def runs(project: Project, wire: Proxy, database: Database, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """On a slow machine, too, nobody looks who is in the way: that takes round trips of its own."""
    monkeypatch.setattr("sqlmig.runner.run.IDLE_CHECK", 60.0)
    return Runs(project, url=wire.url(database.name), lock_timeout="2min")


def write(runs: Runs, first: int, last: int) -> None:
    """Small migrations with these versions."""
    for number in range(first, last + 1):
        up = f"CREATE TABLE t{number} (id int PRIMARY KEY, name text);\nCREATE INDEX ON t{number} (name);\nSELECT 1;"
        runs.write(f"{number:03d}_t", up, f"DROP TABLE t{number};")


def test_round_trips(runs: Runs, wire: Proxy) -> None:
    """How often the server is asked beside what each connection needs, whatever the number of migrations."""
    write(runs, 1, 1)
    wire.take()
    runs.status()
    assert wire.take() == (1, 1)  # without a history there is nothing to read
    runs.apply()
    assert wire.take() == (2, 4)
    runs.status()
    assert wire.take() == (1, 2)
    runs.apply()
    assert wire.take() == (1, 2)
    write(runs, 2, 101)
    runs.apply()
    assert wire.take() in ((2, 5), (2, 6))  # a server nearby gets a part of them before the rest is ready
    runs.rollback(Rollback(everything=True))
    assert wire.take() == (2, 5)
    assert runs.applied() == []


def test_further_migrations_take_a_tenth_of_a_round_trip_at_most(runs: Runs, wire: Proxy) -> None:
    """Also where there are so many that they need several messages."""
    write(runs, 1, 300)
    wire.take()
    runs.apply()
    assert wire.take()[1] <= 4 + 30
    assert len(runs.applied()) == 300


def test_statements_take_no_round_trips(runs: Runs, wire: Proxy) -> None:
    """Five thousand in one migration fit into few messages."""
    runs.write("001_a", "CREATE TABLE a (x int);\n" + "INSERT INTO a VALUES (1);\n" * 5000)
    wire.take()
    runs.apply()
    assert wire.take()[1] <= 6


def test_assertions_take_no_round_trips(runs: Runs, wire: Proxy) -> None:
    """They travel with the statements around them."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    runs.apply()
    wire.take()
    runs.write("002_b", "CREATE TABLE b (x int)")
    runs.apply()
    without = wire.take()
    require, ensure = (
        "-- sqlmig: require SELECT count(*) = 0 FROM a\n",
        "-- sqlmig: ensure SELECT count(*) = 1 FROM a\n",
    )
    runs.write("003_c", f"{require * 5}INSERT INTO a VALUES (1);\n{ensure * 5}")
    runs.apply()
    assert wire.take() == without


def test_each_run_of_a_repeated_statement_is_one_round_trip(runs: Runs, wire: Proxy) -> None:
    runs.write("001_a", "CREATE TABLE a (x int);\nINSERT INTO a VALUES (0)")
    runs.apply()
    took = []
    for number, most in enumerate((10, 60), start=2):
        runs.write(
            f"00{number}_b", f"-- sqlmig: no-transaction\n-- sqlmig: repeat\nUPDATE a SET x = x + 1 WHERE x < {most}"
        )
        wire.take()
        runs.apply()
        took.append(wire.take()[1])
    assert took[1] - took[0] == 40


def test_the_size_of_messages_is_configured(runs: Runs, wire: Proxy) -> None:
    """Smaller ones take more round trips and give the same."""
    write(runs, 1, 20)
    runs.configure(message_size="4kB")
    wire.take()
    runs.apply()
    several = wire.take()[1]
    runs.rollback(Rollback(everything=True))
    runs.configure(message_size=0)
    wire.take()
    runs.apply()
    assert 6 < several < 60 < wire.take()[1]
    assert len(runs.applied()) == 20


@pytest.mark.parametrize("size", ["1GB", "512kB", "300B", "0"])
@pytest.mark.parametrize("bad", ["SELECT 1/0", "SELECT nowhere FROM t1", "CREATE TABEL x (y int)"])
def test_the_failing_statement_is_the_same_with_every_size(runs: Runs, bad: str, size: str) -> None:
    """Where statements travel never shows in what is said of them, nor in what is left behind."""
    runs.configure(message_size=size)
    write(runs, 1, 4)
    runs.write("003_t", f"CREATE TABLE t3 (x int);\nSELECT 1;\n  {bad};\nSELECT 2;")
    error = runs.fails(StatementFailed)
    assert place(error) == ("003_t.up.sql", 3, 3 if "1/0" in bad else 10)
    assert (error.statement, error.statements) == (3, 4)
    assert outcomes(error) == ["applied", "applied", "failed", "not_run"]
    assert runs.exists("t1", "t2", "t3", "t4") == [True, True, False, False]


@pytest.mark.parametrize("size", ["512kB", "0"])
def test_session_settings_do_not_travel_along(runs: Runs, size: str) -> None:
    """What changes how text is read counts from the next statement on, in one message or in many."""
    runs.configure(message_size=size)
    runs.write(
        "001_a",
        "CREATE TABLE a (v text);\nSET standard_conforming_strings = off;\nINSERT INTO a VALUES ('a\\\\b');\n"
        "SET standard_conforming_strings = on;\nINSERT INTO a VALUES ('a\\\\b');",
    )
    runs.apply()
    assert sorted(runs.database.rows("SELECT v FROM a")) == [("a\\\\b",), ("a\\b",)]


def test_the_connection_of_the_lock_is_closed_where_it_was_not_needed(runs: Runs) -> None:
    """It is opened while the files are looked at: what is found there must not leave it open."""
    write(runs, 1, 1)
    runs.write("002_bad", "COMMIT;")
    runs.fails(FilesInvalid)
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    assert until(lambda: runs.database.value(others) == 0, "the end of all backends")


def test_the_connection_of_the_lock_fails_like_any_other(runs: Runs, database: Database) -> None:
    """Where the server takes one connection, but no second one, the command ends as without any."""
    write(runs, 1, 1)
    role = database.role("alone", "LOGIN CONNECTION LIMIT 1")
    runs.url = database.url_as(role)
    assert "too many connections" in runs.fails(NoConnection).message
    assert runs.exists("t1") == [False]
