"""The connections of a run: what they ask of TCP and of the server, and what may be set for a role or a database."""

from __future__ import annotations

import os
import socket
import time

import pytest

from sqlmig.database import connect
from sqlmig.embedded import Server
from sqlmig.errors import ConnectionLost, StatementFailed
from sqlmig.events import Retrying, Waiting, silent
from sqlmig.lock import RunnerLock
from tests.support.pgbouncer import pooler
from tests.support.processes import until
from tests.support.project import Project
from tests.support.proxy import TO_SERVER, proxy
from tests.support.runner import Runs

HEADER = "-- sqlmig: no-transaction\n"


@pytest.fixture
def runs(project: Project) -> Runs:
    return Runs(project)


@pytest.mark.parametrize(("more", "idle"), [("", 30), ("&keepalives_idle=7", 7)])
def test_a_peer_that_vanished_is_noticed(runs: Runs, server: Server, more: str, idle: int) -> None:
    """TCP keepalives are on and give up within a minute; whoever sets them otherwise is obeyed."""
    with proxy(server) as passing:
        session = connect(passing.url(runs.database.name) + more, listener=silent)
        with socket.socket(fileno=os.dup(session.pgconn.socket)) as used:
            options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            assert used.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert [used.getsockopt(socket.IPPROTO_TCP, option) for option in options] == [idle, 10, 3]
        session.close()


def test_nothing_is_prepared(runs: Runs, server: Server) -> None:
    """No message of the extended protocol is sent: a pooler may give each transaction to another backend."""
    runs.write(
        "001_a", "CREATE TABLE a (x int);\nCOPY a FROM STDIN;\n1\n\\.\nINSERT INTO a VALUES (2);", "DROP TABLE a"
    )
    runs.write("002_b", f"{HEADER}CREATE INDEX CONCURRENTLY i ON a (x);\nINSERT INTO a VALUES (3);", "DROP INDEX i")
    kinds: set[bytes] = set()

    def watch(direction: str, message: bytes) -> bool:
        if direction == TO_SERVER and message[:1].isalpha():
            kinds.add(message[:1])
        return True

    with proxy(server) as passing:
        passing.watch = watch
        runs.url = passing.url(runs.database.name)
        runs.apply()
        runs.status()
        runs.rollback()
    assert kinds == {b"Q", b"X", b"d", b"c"}


SETTINGS = [
    "default_transaction_isolation = 'serializable'",
    "default_transaction_isolation = 'repeatable read'",
    "default_transaction_deferrable = on",
    "idle_in_transaction_session_timeout = '50ms'",
    "statement_timeout = '5s'",
    "lock_timeout = '1ms'",
    "search_path = ''",
    "client_min_messages = 'debug5'",
    "session_replication_role = replica",
    "DateStyle = 'German'",
    "bytea_output = 'escape'",
    "quote_all_identifiers = on",
]


@pytest.mark.parametrize("setting", SETTINGS)
def test_what_is_set_for_a_role_disturbs_nobody(runs: Runs, setting: str) -> None:
    """Neither the lock, which outlives every time-out and holds no snapshot, nor the history."""
    role = runs.database.role("deployer", "LOGIN SUPERUSER")
    runs.database.execute(f'ALTER ROLE "{role}" SET {setting}')
    runs.url = runs.database.url_as(role)
    runs.write("001_a", "CREATE TABLE public.a (x int);\nSELECT pg_sleep(0.4);", "DROP TABLE public.a")
    alone = f"{HEADER}CREATE INDEX CONCURRENTLY i ON public.a (x);\nSELECT 1;\nVACUUM public.a;"
    together = "CREATE INDEX i ON public.a (x);"  # a transaction of several messages may be idle, on a slow machine
    runs.write("002_b", together if setting.startswith("idle_in") else alone, "DROP INDEX public.i")
    runs.apply()
    assert runs.states() == {"001_a": "applied", "002_b": "applied"}
    runs.rollback()
    assert runs.states() == {"001_a": "pending", "002_b": "pending"}


def test_waiting_for_the_lock_is_not_being_idle(runs: Runs) -> None:
    """An idle_session_timeout does not end the session that is to work once the wait is over."""
    if runs.database.value("SELECT current_setting('server_version_num')::int") >= 140000:
        runs.database.execute(f"ALTER DATABASE \"{runs.database.name}\" SET idle_session_timeout = '2s'")
    runs.write("001_a", "CREATE TABLE a (x int)")
    lock = RunnerLock(connect(runs.url, listener=silent), "sqlmig")
    lock.acquire(0, silent)
    begun = time.monotonic()

    def release(event: object) -> None:
        if isinstance(event, Waiting) and time.monotonic() - begun > 3:
            lock.release()

    runs.listener = release
    runs.apply(lock_wait=60)
    assert runs.applied() == ["001_a"]


def test_a_pool_of_one_connection_is_too_small(runs: Runs, server: Server) -> None:
    """One holds the lock, another one works: told, instead of the pooler's own word alone."""
    runs.write("001_a", "CREATE TABLE a (x int)")
    with pooler(server, pool_size=1, more="query_wait_timeout = 1") as pool:
        runs.url = pool.url(runs.database.name)
        error = runs.fails(ConnectionLost)
    assert "query_wait_timeout" in error.message
    assert "two connections" in (error.next_step or "")
    assert runs.exists("a") == [False]
    with pooler(server, pool_size=2) as pool:
        runs.url = pool.url(runs.database.name)
        runs.apply()
    assert runs.applied() == ["001_a"]


def test_attempts_come_later_and_later_and_not_in_step(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause doubles up to half a minute, and is drawn between its half and its whole."""
    slept: list[float] = []
    monkeypatch.setattr("sqlmig.stopping.pause", slept.append)
    runs.configure(lock_timeout="1ms", lock_retries=7)
    runs.database.execute("CREATE TABLE t (x int)")
    runs.write("001_a", "ALTER TABLE t ADD y int")
    with runs.database.connect(autocommit=False) as other:
        other.execute("SELECT * FROM t")
        runs.fails(StatementFailed)
    longest = [1, 2, 4, 8, 16, 30, 30]
    pauses = [event.delay for event in runs.told(Retrying)]
    assert all(whole / 2 <= pause <= whole for pause, whole in zip(pauses, longest, strict=True))
    assert len({pause / whole for pause, whole in zip(pauses, longest, strict=True)}) > 1
    assert set(pauses) <= set(slept)


def test_what_blocks_is_shortened_and_names_its_user(runs: Runs) -> None:
    """A long query of somebody else is cut, on one line; its parameters are not shown."""
    role = runs.database.role("reporter", "LOGIN")
    runs.database.execute(f'CREATE TABLE t (x text); GRANT SELECT ON t TO "{role}"')
    runs.configure(lock_timeout="300ms", lock_retries=0)
    runs.write("001_a", "ALTER TABLE t ADD y int")
    with runs.database.connect(role, autocommit=False) as other:
        other.prepare_threshold = 0
        other.execute("SELECT\n x FROM t WHERE x = %s " + "OR x IS NULL " * 40, ["a secret"])
        (note,) = until(lambda: runs.fails(StatementFailed).notes, "a look at who blocks, while it still does")
    assert f"user {role}" in note
    assert "SELECT x FROM t WHERE x = $1 OR x IS NULL" in note
    assert "secret" not in note
    assert "\n" not in note
    assert len(note) < 300
