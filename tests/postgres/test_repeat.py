"""``repeat``: a back-fill in batches, each committed by itself, that goes on where it was broken off."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest

from sqlmig.embedded import Server
from sqlmig.errors import ConnectionLost, FilesInvalid, Interrupted, StatementFailed
from sqlmig.events import Repeated, Retrying, StatementDone
from tests.cli.terminal import at_terminal
from tests.support.pgbouncer import Pooler, pooler
from tests.support.processes import until
from tests.support.project import Project
from tests.support.runner import Runs, outcomes, place

NO_TRANSACTION = "-- sqlmig: no-transaction\n"
FILL = "UPDATE t SET y = x WHERE x IN (SELECT x FROM t WHERE y IS NULL ORDER BY x LIMIT 10);\n"


@pytest.fixture
def runs(project: Project) -> Runs:
    """95 rows to fill, and a trigger that keeps each transaction in which one was filled."""
    runs = Runs(project)
    runs.database.execute("""
        CREATE TABLE t (x int PRIMARY KEY, y int);
        INSERT INTO t SELECT generate_series(1, 95);
        CREATE TABLE seen (run xid8 DEFAULT pg_current_xact_id(), rows int);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
            INSERT INTO seen (rows) SELECT count(*) FROM new HAVING count(*) > 0; RETURN NULL; END$$;
        CREATE TRIGGER note AFTER UPDATE ON t REFERENCING NEW TABLE AS new
            FOR EACH STATEMENT EXECUTE FUNCTION note()""")
    return runs


def fill(runs: Runs, said: str = "", *, before: str = "", behind: str = "") -> None:
    runs.write("001_fill", f"{NO_TRANSACTION}{before}-- sqlmig: repeat {said}\n{FILL}{behind}")


def batches(runs: Runs) -> list[int]:
    """The rows of each transaction, in their order."""
    assert runs.database.value("SELECT count(*) = count(DISTINCT run) FROM seen")
    return [rows for (rows,) in runs.database.rows("SELECT rows FROM seen ORDER BY run")]


def left(runs: Runs) -> int:
    return int(runs.database.value("SELECT count(*) FROM t WHERE y IS NULL"))


def test_it_runs_until_no_row_is_left_each_time_in_a_transaction_of_its_own(runs: Runs) -> None:
    """The statements around it run once."""
    runs.database.execute("CREATE TABLE once (what text)")
    fill(runs, before="INSERT INTO once VALUES ('before');\n", behind="INSERT INTO once VALUES ('behind');\n")
    assert outcomes(runs.apply()) == ["applied"]
    assert batches(runs) == [10] * 9 + [5]
    assert runs.database.rows("SELECT what FROM once") == [("before",), ("behind",)]
    assert [event.number for event in runs.told(StatementDone)] == [1, 2, 3]
    assert runs.states() == {"001_fill": "applied"}


def test_each_run_is_told_with_what_was_done_so_far(runs: Runs) -> None:
    fill(runs)
    runs.apply()
    told = runs.told(Repeated)
    assert [(event.runs, event.rows) for event in told] == [(n, min(10 * n, 95)) for n in range(1, 11)]
    assert [(event.number, event.total, event.statement.kind) for event in told] == [(1, 1, "UPDATE t")] * 10
    assert all(event.rate > 0 for event in told)


def test_with_nothing_to_do_it_runs_once(runs: Runs) -> None:
    runs.database.execute("UPDATE t SET y = x; TRUNCATE seen")
    fill(runs)
    runs.apply()
    assert (batches(runs), runs.told(Repeated)) == ([], [])


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM t WHERE x IN (SELECT x FROM t LIMIT 40)",
        "WITH few AS (SELECT x FROM t WHERE y IS NULL LIMIT 40) UPDATE t SET y = 1 FROM few WHERE t.x = few.x",
        "INSERT INTO kept SELECT x FROM t EXCEPT SELECT x FROM kept ORDER BY 1 LIMIT 40;",
        "WITH g AS (DELETE FROM t WHERE x IN (SELECT x FROM t LIMIT 40) RETURNING x) INSERT INTO kept SELECT * FROM g",
    ],
)
def test_every_kind_that_reports_its_rows(runs: Runs, statement: str) -> None:
    runs.database.execute("CREATE TABLE kept (x int)")
    runs.write("001_a", f"{NO_TRANSACTION}-- sqlmig: repeat\n{statement}")
    runs.apply()
    assert [event.rows for event in runs.told(Repeated)] == [40, 80, 95]


def test_downs_can_be_repeated(runs: Runs) -> None:
    runs.write("001_a", "SELECT 1", f"{NO_TRANSACTION}-- sqlmig: repeat\n{FILL}")
    runs.apply()
    runs.rollback()
    assert (left(runs), len(batches(runs)), runs.applied()) == (0, 10, [])


# Broken off


def test_a_failure_keeps_the_runs_before_it_and_goes_on_there(runs: Runs) -> None:
    runs.database.execute("ALTER TABLE t ADD CHECK (y <> 35)")
    fill(runs, before="CREATE TABLE a ();\n", behind="CREATE TABLE b ();\n")
    error = runs.fails(StatementFailed)
    assert (error.statement, error.statements) == (2, 3)
    assert "its statements before 2 stay, the 30 rows of 3 runs stay" in (error.left_behind or "")
    assert error.place is not None
    assert error.place.line == 4
    assert left(runs) == 65
    assert runs.exists("a", "b") == [True, False]
    runs.database.execute("ALTER TABLE t DROP CONSTRAINT t_y_check")
    result = runs.apply()
    assert result.steps[0].resumed_at == 2
    assert (left(runs), runs.exists("b")) == (0, [True])
    assert batches(runs) == [10] * 9 + [5]


def waiting_processes(runs: Runs) -> list[int]:
    rows = runs.database.rows(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return [pid for (pid,) in rows]


def test_a_killed_process_loses_nothing_that_was_committed(runs: Runs) -> None:
    """kill -9 in the middle of a run: that one is undone, those before it stay, the next apply does the rest."""
    fill(runs, before="CREATE TABLE a ();\n")
    with runs.database.connect() as blocker:
        blocker.execute("BEGIN; SELECT FROM t WHERE x = 45 FOR UPDATE")
        with runs.process() as process:
            until(lambda: waiting_processes(runs), "the run that waits for a row")
            process.kill()
            process.wait()
        assert left(runs) == 55
        blocker.execute("ROLLBACK")
    assert runs.states() == {"001_fill": "failed"}
    (problem,) = runs.status().problems
    assert "was interrupted at statement 2/2" in problem.message
    runs.apply()
    assert left(runs) == 0
    assert sum(batches(runs)) == 95
    assert runs.states() == {"001_fill": "applied"}


def test_a_killed_process_between_two_runs(runs: Runs) -> None:
    """While it pauses: everything is committed then, and nobody holds a lock."""
    fill(runs, "pause = 10min")
    with runs.process() as process:
        until(lambda: left(runs) == 85, "the first run")
        process.kill()
        process.wait()
    assert runs.states() == {"001_fill": "failed"}
    fill(runs, "pause = 1ms")
    assert runs.apply().steps[0].resumed_at == 1
    assert (left(runs), sum(batches(runs))) == (0, 95)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_while_it_pauses_is_told_at_once(runs: Runs, number: signal.Signals, code: int) -> None:
    fill(runs, "pause = 10min")
    with runs.project.spawn("apply", "--json") as process:
        until(lambda: left(runs) == 85, "the first run")
        process.send_signal(number)
        out, _ = process.communicate(timeout=120)
    assert process.returncode == code
    assert "stopped at statement 1/1" in out
    assert left(runs) == 85
    (entry,) = runs.status().migrations
    assert entry.applied is not None
    assert entry.applied.error == "57014: canceled by the user"


def test_an_interrupt_within_a_run_undoes_that_run_alone(runs: Runs) -> None:
    def stop(event: object) -> None:
        if isinstance(event, Repeated) and event.runs == 3:
            raise KeyboardInterrupt

    runs.listener = stop
    fill(runs)
    error = runs.fails(Interrupted)
    assert "stopped at statement 1/1" in (error.left_behind or "")
    assert left(runs) == 65
    runs.listener = lambda event: None
    runs.apply()
    assert batches(runs) == [10] * 9 + [5]


def test_an_interrupt_while_a_run_waits_for_a_row_cancels_it(runs: Runs) -> None:
    """At once: the row is still held when the command has ended."""
    fill(runs)
    with runs.database.connect() as blocker:
        blocker.execute("BEGIN; SELECT FROM t WHERE x = 45 FOR UPDATE")
        with runs.project.spawn("apply", "--json") as process:
            until(lambda: waiting_processes(runs), "the run that waits for a row")
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=120)
        assert process.returncode == 130
        assert waiting_processes(runs) == []
        assert left(runs) == 55
        blocker.execute("ROLLBACK")
    assert runs.apply().steps[0].resumed_at == 1
    assert batches(runs) == [10] * 9 + [5]


def test_an_edit_of_the_statement_itself_is_how_it_is_corrected(runs: Runs) -> None:
    """A smaller batch, say: the statements before it are what has to be the same."""
    runs.database.execute("ALTER TABLE t ADD CHECK (y <> 95)")
    fill(runs)
    runs.fails(StatementFailed)
    runs.database.execute("ALTER TABLE t DROP CONSTRAINT t_y_check")
    runs.write("001_fill", f"{NO_TRANSACTION}-- sqlmig: repeat\n{FILL.replace('LIMIT 10', 'LIMIT 1')}")
    runs.apply()
    assert batches(runs) == [10] * 9 + [1] * 5


@pytest.mark.parametrize(
    ("statement", "state", "column"),
    [
        ("UPDATE t SET nothing = 1 WHERE y IS NULL", "42703", 14),
        ("UPDATE t SETT y = 1 WHERE y IS NULL", "42601", 15),
        ("DELETE FROM t WHERE x / 0 = 1", "22012", 1),
        ("  DELETE FROM missing;", "42P01", 15),
    ],
)
def test_a_failure_has_its_place_in_the_file(runs: Runs, statement: str, state: str, column: int) -> None:
    """Wherever the server finds it: before anything of the message runs, or in the middle."""
    runs.write("001_a", f"{NO_TRANSACTION}SELECT 1;\n-- sqlmig: repeat\n{statement}")
    error = runs.fails(StatementFailed)
    assert error.server is not None
    assert (error.server.sqlstate, place(error)) == (state, ("001_a.up.sql", 4, column))
    assert error.statement == 2


def test_a_lost_lock_is_told_as_such(runs: Runs) -> None:
    """And no further run is begun."""

    holders = (
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )

    def lose(event: object) -> None:
        if isinstance(event, Repeated) and event.runs == 3:
            runs.database.rows(f"SELECT pg_terminate_backend(pid) FROM ({holders}) AS holder")
            until(lambda: not runs.database.rows(holders), "the end of the lock")

    runs.listener = lose
    fill(runs)
    runs.fails(ConnectionLost)
    assert left(runs) == 65
    runs.listener = lambda event: None
    runs.apply()
    assert batches(runs) == [10] * 9 + [5]


# Waiting


def test_a_deadlock_or_a_lock_that_is_not_granted_is_one_run_that_starts_again(runs: Runs) -> None:
    runs.configure(lock_retries=2)
    fill(runs, before="-- sqlmig: lock_timeout = 50ms\n")
    with runs.database.connect() as blocker:
        blocker.execute("BEGIN; SELECT FROM t WHERE x = 45 FOR UPDATE")

        def give_way(event: object) -> None:
            if isinstance(event, Retrying):
                assert left(runs) == 55
                blocker.execute("ROLLBACK")

        runs.listener = give_way
        runs.apply()
    assert len(runs.told(Retrying)) == 1
    assert batches(runs) == [10] * 9 + [5]


def test_a_lock_that_is_never_granted_ends_it(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """After as many attempts as are configured; the runs before it stay."""
    monkeypatch.setattr("sqlmig.stopping.pause", lambda seconds: None)
    runs.configure(lock_retries=2)
    fill(runs, before="-- sqlmig: lock_timeout = 20ms\n")
    with runs.database.connect() as blocker:
        blocker.execute("BEGIN; SELECT FROM t WHERE x = 45 FOR UPDATE")
        error = runs.fails(StatementFailed)
        blocker.execute("ROLLBACK")
    assert error.server is not None
    assert error.server.sqlstate == "55P03"
    assert len(runs.told(Retrying)) == 2
    assert left(runs) == 55


def test_it_pauses_between_two_runs_and_not_behind_the_last(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """No transaction is open meanwhile."""
    paused: list[tuple[float, int]] = []
    open_ones = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND state LIKE 'idle in transaction%' AND pid NOT IN"
        " (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock')"
    )
    monkeypatch.setattr(
        "sqlmig.stopping.pause", lambda seconds: paused.append((seconds, runs.database.value(open_ones)))
    )
    fill(runs, "pause = 1.5")
    runs.apply()
    assert paused == [(1.5, 0)] * 10


def test_deferred_constraints_are_checked_with_each_run(runs: Runs) -> None:
    runs.database.execute("""
        ALTER TABLE t ADD UNIQUE (y) DEFERRABLE INITIALLY DEFERRED;
        INSERT INTO t VALUES (200, 15)""")
    fill(runs)
    error = runs.fails(StatementFailed)
    assert error.server is not None
    assert error.server.sqlstate == "23505"
    assert left(runs) == 85


@pytest.fixture(scope="module")
def pool(server: Server) -> Iterator[Pooler]:
    with pooler(server) as made:
        yield made


def test_behind_a_pooler_each_run_may_have_another_backend(runs: Runs, pool: Pooler) -> None:
    runs.url = pool.url(runs.database.name)
    runs.configure(search_path="public")
    before = (
        "-- sqlmig: statement_timeout = 1min\n-- sqlmig: require SELECT current_setting('statement_timeout') = '1min'\n"
    )
    fill(runs, "max_lag = 1min", before=before, behind="-- sqlmig: ensure SELECT count(*) = 0 FROM t WHERE y IS NULL\n")
    runs.apply()
    assert batches(runs) == [10] * 9 + [5]


# Replicas


def test_without_a_replica_max_lag_changes_nothing(runs: Runs) -> None:
    fill(runs, "max_lag = 1s")
    runs.apply()
    assert batches(runs) == [10] * 9 + [5]


def test_without_a_replica_no_privilege_is_missing(runs: Runs) -> None:
    """Only where there is a replica: without one there is nothing that it could not see."""
    role = runs.database.role("app")
    runs.database.execute(f"""
        GRANT CREATE ON DATABASE "{runs.database.name}" TO "{role}";
        GRANT ALL ON ALL TABLES IN SCHEMA public TO "{role}" """)
    runs.url = runs.database.url_as(role)
    fill(runs, "max_lag = 1s")
    runs.apply()
    assert left(runs) == 0


# Shown


def test_the_plan_shows_it(runs: Runs) -> None:
    fill(runs, "pause = 100ms, max_lag = 10s")
    outcome = runs.project.invoke("plan")
    assert "sql/001_fill.up.sql:3  UPDATE t, until it affects no row, pause = 100ms, max_lag = 10s" in outcome.stdout
    (script,) = [step["script"] for step in runs.project.invoke("plan", "--json").json["steps"]]
    assert [(entry["kind"], entry["repeat"]) for entry in script] == [
        ("UPDATE t", {"pause_ms": 100.0, "max_lag_ms": 10000.0})
    ]


def test_a_terminal_shows_rows_and_rate_and_a_pipe_does_not(runs: Runs) -> None:
    fill(runs, "pause = 120ms")
    seen = at_terminal(runs.project, "apply")
    assert seen.exit_code == 0
    assert re.search(r"001_fill 1/1 +UPDATE t: \d+ rows, [\d,]+ rows/s", seen.text)
    runs.write("002_more", f"{NO_TRANSACTION}-- sqlmig: repeat\nDELETE FROM t WHERE x < 10")
    assert "rows/s" not in runs.project.invoke("apply").output


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (f"-- sqlmig: repeat\n{FILL}", "-- sqlmig: no-transaction"),
        (f"{NO_TRANSACTION}-- sqlmig: repeat\nSELECT 1", "INSERT, UPDATE, DELETE or MERGE"),
        (f"{NO_TRANSACTION}-- sqlmig: repeat\nUPDATE t SET y = 1", "add a condition"),
    ],
)
def test_what_cannot_be_repeated_is_refused_before_anything_runs(runs: Runs, text: str, advice: str) -> None:
    runs.write("001_a", "CREATE TABLE a ()")
    runs.write("002_b", text)
    error = runs.fails(FilesInvalid)
    assert advice in (error.next_step or "")
    assert runs.exists("a") == [False]
    assert runs.project.invoke("check", "--offline").exit_code == 2
