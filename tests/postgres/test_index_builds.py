"""Indexes built, rebuilt and dropped concurrently: what a broken build leaves is cleared away, and nothing else is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from sqlmig.errors import Interrupted, StatementFailed
from sqlmig.events import Progressed, Warned, silent
from tests.support.processes import until
from tests.support.project import Project
from tests.support.runner import Runs

HEADER = "-- sqlmig: no-transaction\n"


@pytest.fixture
def runs(project: Project) -> Runs:
    runs = Runs(project)
    runs.database.execute("CREATE TABLE t (x int, y int); INSERT INTO t VALUES (1, 1), (1, 2)")
    return runs


def indexes(runs: Runs, table: str = "t") -> dict[str, bool]:
    """The indexes of a table, and whether they can be used."""
    rows = runs.database.rows(
        f"SELECT indexrelid::regclass::text, indisvalid AND indisready AND indislive FROM pg_index"
        f" WHERE indrelid = '{table}'::regclass"
    )
    return dict(rows)


def make_unique(runs: Runs) -> None:
    runs.database.execute("UPDATE t SET x = y")


@contextmanager
def writer(runs: Runs) -> Iterator[int]:
    """An open transaction that has written to the table: concurrent builds and drops wait for it. Its pid."""
    with runs.database.connect(autocommit=False) as connection:
        connection.execute("UPDATE t SET y = y")
        yield connection.info.backend_pid
        connection.rollback()


@contextmanager
def cancelled_where_it_waits(runs: Runs, statement: str) -> Iterator[None]:
    """Somebody cancels a statement that begins like this as soon as it waits for others: it is half done then."""

    def cancel() -> None:
        waiting = (
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            f" AND wait_event_type = 'Lock' AND query LIKE '{statement}%'"
        )
        until(lambda: runs.database.rows(waiting), "a statement that waits")

    thread = threading.Thread(target=cancel)
    thread.start()
    yield
    thread.join()


@contextmanager
def another_build(runs: Runs, statement: str) -> Iterator[None]:
    """Somebody else builds an index and waits for a writer, until a command of ours waits for that build."""
    with runs.database.connect() as other, runs.database.connect(autocommit=False) as writing:
        writing.execute("UPDATE t SET y = y")
        thread = threading.Thread(target=lambda: other.execute(statement.encode()))
        thread.start()
        pid = other.info.backend_pid
        waiting = f"SELECT 1 FROM pg_stat_progress_create_index WHERE pid = {pid} AND phase LIKE 'waiting%'"
        until(lambda: runs.database.rows(waiting), "the other build")

        def release(event: object) -> None:
            if isinstance(event, Progressed) and f"pid {pid}," in "".join(event.blockers):
                writing.rollback()

        runs.listener = release
        yield
        thread.join()


@pytest.mark.parametrize("clause", ["i ON", "IF NOT EXISTS i ON", "ON", 'IF NOT EXISTS "i" ON ONLY'])
def test_a_failed_build_is_repeated(runs: Runs, clause: str) -> None:
    """Its invalid index is named with how to remove it; once the cause is gone, the next apply replaces it."""
    runs.write("001_a", f"{HEADER}SELECT 1;\nCREATE UNIQUE INDEX CONCURRENTLY {clause} t (x);\nSELECT 2;")
    error = runs.fails(StatementFailed)
    ((left, usable),) = indexes(runs).items()
    assert not usable
    assert f"DROP INDEX CONCURRENTLY {left};" in "".join(error.notes)
    assert f"index {left} is invalid" in (error.left_behind or "")
    runs.fails(StatementFailed)
    assert indexes(runs) == {left: False}
    make_unique(runs)
    runs.apply()
    assert indexes(runs) == {left: True}
    assert [f"index {left}" in event.problem.message for event in runs.told(Warned)] == [True, True]
    assert runs.applied() == ["001_a"]


def test_only_what_the_statement_left_is_dropped(runs: Runs) -> None:
    """Not the invalid indexes of others: of other names, of the same name elsewhere, or chosen before we began."""
    runs.database.execute("CREATE SCHEMA other; CREATE TABLE other.t (x int); INSERT INTO other.t VALUES (1), (1)")
    for statement in (
        "INDEX CONCURRENTLY j ON t (x)",
        "INDEX CONCURRENTLY i ON other.t (x)",
        "INDEX CONCURRENTLY ON t (x)",
    ):
        with pytest.raises(psycopg.errors.UniqueViolation):
            runs.database.execute(f"CREATE UNIQUE {statement}")
    make_unique(runs)
    runs.write("001_a", f"{HEADER}CREATE UNIQUE INDEX CONCURRENTLY i ON t (x);\nCREATE INDEX CONCURRENTLY ON t (x);")
    runs.apply()
    assert indexes(runs) == {"i": True, "j": False, "t_x_idx": False, "t_x_idx1": True}
    assert indexes(runs, "other.t") == {"other.i": False}


@pytest.mark.parametrize("clause", ["IF NOT EXISTS ", ""])
def test_an_index_that_another_session_builds_is_left_alone(runs: Runs, clause: str) -> None:
    """It is invalid as long as that lasts: it is waited for, told to be, and not dropped."""
    runs.write("001_a", f"{HEADER}CREATE INDEX CONCURRENTLY {clause}i ON t (x);\nSELECT 1;")
    with another_build(runs, "CREATE INDEX CONCURRENTLY i ON t (x)"):
        oid = runs.database.value("SELECT 'i'::regclass::oid")
        if clause:
            runs.apply()
        else:
            error = runs.fails(StatementFailed)
            assert error.server is not None
            assert error.server.sqlstate == "42P07"
    assert indexes(runs) == {"i": True}
    assert runs.database.value("SELECT 'i'::regclass::oid") == oid
    assert runs.told(Warned) == []


def test_an_index_that_another_role_builds_is_left_alone(runs: Runs) -> None:
    """Though of that build no more can be seen than its pid."""
    role = runs.database.role("migrator")
    runs.database.execute(
        f'ALTER TABLE t OWNER TO "{role}"; GRANT CREATE ON DATABASE "{runs.database.name}" TO "{role}";'
        f' GRANT ALL ON SCHEMA public TO "{role}"'
    )
    runs.url = runs.database.url_as(role)
    runs.write("001_a", f"{HEADER}CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (x);")
    with another_build(runs, "CREATE INDEX CONCURRENTLY i ON t (x)"):
        oid = runs.database.value("SELECT 'i'::regclass::oid")
        runs.apply()
    assert indexes(runs) == {"i": True}
    assert runs.database.value("SELECT 'i'::regclass::oid") == oid


def test_not_recorded_while_an_index_of_the_script_is_invalid(runs: Runs) -> None:
    """Also where a later statement made it so; told with what builds it."""
    runs.write(
        "001_a",
        f"{HEADER}CREATE INDEX CONCURRENTLY i ON t (x);\n"
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass;",
    )
    error = runs.fails(StatementFailed)
    assert error.statement == 1
    assert "REINDEX INDEX CONCURRENTLY i;" in "".join(error.notes)
    assert runs.states() == {"001_a": "failed"}
    runs.fails(StatementFailed)
    runs.database.execute("REINDEX INDEX CONCURRENTLY i")
    runs.apply()
    assert runs.applied() == ["001_a"]


def test_nothing_runs_behind_a_build_that_made_no_index(runs: Runs) -> None:
    """IF NOT EXISTS is content with an invalid index of that name on another table: sqlmig is not, at once."""
    runs.database.execute("CREATE TABLE u (x int); INSERT INTO u VALUES (1), (1)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        runs.database.execute("CREATE UNIQUE INDEX CONCURRENTLY i ON u (x)")
    runs.write("001_a", f"{HEADER}CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (x);\nINSERT INTO t VALUES (9, 9);")
    error = runs.fails(StatementFailed)
    assert error.statement == 1
    assert runs.database.rows("SELECT 1 FROM t WHERE x = 9") == []
    assert indexes(runs, "u") == {"i": False}
    runs.database.execute("DROP INDEX i")
    runs.apply()
    assert indexes(runs) == {"i": True}
    assert runs.database.value("SELECT count(*) FROM t WHERE x = 9") == 1


def test_the_index_of_a_partitioned_table_may_be_incomplete(runs: Runs) -> None:
    """Built for each partition and attached one by one, it is invalid in between, as documented."""
    runs.database.execute(
        "CREATE TABLE p (x int) PARTITION BY LIST (x); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)"
    )
    runs.write(
        "001_a",
        f"{HEADER}CREATE INDEX i ON ONLY p (x);\nCREATE INDEX CONCURRENTLY i1 ON p1 (x);\n"
        "ALTER INDEX i ATTACH PARTITION i1;",
    )
    runs.apply()
    assert runs.database.value(
        "SELECT bool_and(indisvalid) FROM pg_index WHERE indexrelid IN ('i'::regclass, 'i1'::regclass)"
    )


def test_no_lock_timeout_unless_asked_for(runs: Runs) -> None:
    """The wait for old transactions is part of a concurrent build; what it waits for is told meanwhile."""
    runs.configure(lock_timeout="100ms")
    runs.write("001_a", f"{HEADER}CREATE INDEX CONCURRENTLY i ON t (x);")
    with runs.database.connect(autocommit=False) as old:
        old.execute("UPDATE t SET y = y")
        begun = time.monotonic()
        released: list[Progressed] = []

        def release(event: object) -> None:
            if isinstance(event, Progressed) and event.blockers and time.monotonic() - begun > 0.5:
                released.append(event)
                old.rollback()

        runs.listener = release
        runs.apply()
        pid = old.info.backend_pid
    assert runs.applied() == ["001_a"]
    told = released[0]
    assert (told.number, told.total) == (1, 1)
    assert "waiting" in told.phase
    assert f"pid {pid}," in told.blockers[0]
    runs.listener = silent
    runs.write("002_b", f"{HEADER}-- sqlmig: lock_timeout = 100ms\nCREATE INDEX CONCURRENTLY j ON t (x);")
    with writer(runs):
        error = runs.fails(StatementFailed)
    assert error.server is not None
    assert error.server.sqlstate == "55P03"
    assert indexes(runs) == {"i": True, "j": False}
    runs.apply()
    assert indexes(runs) == {"i": True, "j": True}


def test_a_cancelled_build_behind_an_old_snapshot(runs: Runs) -> None:
    """A build that was given up is an error that names its index; it is not recorded as long as that is invalid."""
    runs.write("001_a", f"{HEADER}CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (x);")
    with runs.database.connect(autocommit=False) as old:
        old.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT 1 FROM t")
        for _ in range(2):

            def cancel(event: object) -> None:
                if isinstance(event, Progressed) and event.blockers:
                    runs.database.rows(
                        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                        " AND datname = current_database()"
                    )

            runs.listener = cancel
            error = runs.fails(StatementFailed)
            assert "DROP INDEX CONCURRENTLY i;" in "".join(error.notes)
            assert runs.states() == {"001_a": "failed"}
            assert indexes(runs) == {"i": False}
    runs.listener = silent
    runs.apply()
    assert indexes(runs) == {"i": True}
    assert runs.applied() == ["001_a"]


def test_an_interrupted_build(runs: Runs) -> None:
    """Ctrl-C cancels it; the next apply builds it."""
    runs.write("001_a", f"{HEADER}CREATE INDEX CONCURRENTLY ON t (x);\nCREATE INDEX CONCURRENTLY ON t (x);")
    with writer(runs):

        def interrupt(event: object) -> None:
            if isinstance(event, Progressed) and event.blockers:
                raise KeyboardInterrupt

        runs.listener = interrupt
        runs.fails(Interrupted)
    assert indexes(runs) == {"t_x_idx": False}
    runs.listener = silent
    runs.apply()
    assert indexes(runs) == {"t_x_idx": True, "t_x_idx1": True}


def test_what_a_broken_reindex_left_is_named_and_dropped(runs: Runs) -> None:
    """The transient index under its own name (``_ccnew``); those of others are left alone."""
    runs.database.execute("CREATE INDEX i ON t (x); CREATE INDEX j ON t (y)")
    with writer(runs), runs.database.connect() as other:
        with cancelled_where_it_waits(runs, "REINDEX"), pytest.raises(psycopg.errors.QueryCanceled):
            other.execute("REINDEX INDEX CONCURRENTLY j")
        runs.write("001_a", f"{HEADER}REINDEX INDEX CONCURRENTLY i;\nSELECT 1;")
        with cancelled_where_it_waits(runs, "REINDEX"):
            error = runs.fails(StatementFailed)
    assert "index i_ccnew is invalid" in (error.left_behind or "")
    assert "DROP INDEX CONCURRENTLY i_ccnew;" in "".join(error.notes)
    assert indexes(runs) == {"i": True, "i_ccnew": False, "j": True, "j_ccnew": False}
    runs.apply()
    assert indexes(runs) == {"i": True, "j": True, "j_ccnew": False}
    assert runs.applied() == ["001_a"]


@pytest.mark.parametrize("options", ["SUPERUSER", "NOSUPERUSER"])
def test_what_a_broken_reindex_left_of_a_toast_table(runs: Runs, options: str) -> None:
    """Dropped too, by who may; named for who may not, and the work goes on."""
    role = runs.database.role("owner", f"LOGIN {options}")
    runs.database.execute(
        f'CREATE TABLE long (x text); ALTER TABLE long OWNER TO "{role}";'
        f' GRANT CREATE ON DATABASE "{runs.database.name}" TO "{role}"; GRANT ALL ON SCHEMA public TO "{role}"'
    )
    runs.url = runs.database.url_as(role)
    runs.write("001_a", f"{HEADER}REINDEX TABLE CONCURRENTLY long;\nSELECT 1;")
    left = "SELECT count(*) FROM pg_class WHERE relname ~ '^pg_toast.*_ccnew$'"
    with runs.database.connect(autocommit=False) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT * FROM long")
        with cancelled_where_it_waits(runs, "REINDEX"):
            error = runs.fails(StatementFailed)
        assert "_ccnew is invalid" in (error.left_behind or "")
    assert runs.database.value(left) == 1
    runs.apply()
    assert runs.database.value(left) == (0 if options == "SUPERUSER" else 1)
    ((message),) = [event.problem.message for event in runs.told(Warned)]
    assert ("was dropped" in message) == (options == "SUPERUSER")
    assert "_ccnew" in message
    assert runs.applied() == ["001_a"]


def test_a_broken_drop_goes_on(runs: Runs) -> None:
    """The index is invalid meanwhile, and told to be; an index of that name elsewhere is not dropped in its place."""
    runs.database.execute(
        "CREATE INDEX i ON t (x); CREATE SCHEMA b; CREATE TABLE b.t (x int); CREATE INDEX i ON b.t (x)"
    )
    runs.write("001_a", f"{HEADER}SET search_path = public, b;\nDROP INDEX CONCURRENTLY i;\nSELECT 1;")
    with writer(runs), cancelled_where_it_waits(runs, "DROP INDEX"):
        error = runs.fails(StatementFailed)
    assert "index i is invalid" in (error.left_behind or "")
    runs.apply()
    assert runs.exists("public.i", "b.i") == [False, True]


def test_a_broken_detachment_is_finalized(runs: Runs) -> None:
    """Where the server has done the first half, the second one is all that is left to do."""
    if runs.database.value("SELECT current_setting('server_version_num')::int") < 140000:
        runs.write("001_a", f"{HEADER}ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;")
        assert runs.fails(StatementFailed).server is not None
        return
    runs.database.execute(
        'CREATE TABLE "P" (x int) PARTITION BY LIST (x); CREATE TABLE p1 PARTITION OF "P" FOR VALUES IN (1);'
        "CREATE SCHEMA s; ALTER TABLE p1 SET SCHEMA s"
    )
    runs.write(
        "001_a", f'{HEADER}ALTER TABLE IF EXISTS "P" DETACH PARTITION s.p1 CONCURRENTLY;\nINSERT INTO s.p1 VALUES (1);'
    )
    with runs.database.connect(autocommit=False) as reader:
        reader.execute('SELECT * FROM "P"')
        with cancelled_where_it_waits(runs, "ALTER TABLE"):
            error = runs.fails(StatementFailed)
        assert "half detached" in (error.left_behind or "")
    runs.apply()
    assert runs.applied() == ["001_a"]
    assert runs.database.rows("SELECT 1 FROM pg_inherits") == []


def test_a_way_back_builds_indexes_too(runs: Runs) -> None:
    """A down that stopped within a build is continued by the next rollback."""
    runs.write("001_a", "SELECT 1", f"{HEADER}SELECT 1;\nCREATE UNIQUE INDEX CONCURRENTLY ON t (x);\nSELECT 2;")
    runs.apply()
    error = runs.fails(StatementFailed, runs.rollback)
    assert "t_x_idx" in "".join(error.notes)
    make_unique(runs)
    runs.rollback()
    assert indexes(runs) == {"t_x_idx": True}
    assert runs.states() == {"001_a": "pending"}
