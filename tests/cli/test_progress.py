"""What somebody at a terminal sees of work that takes long."""

from __future__ import annotations

import re

from tests.cli.terminal import at_terminal
from tests.support.database import Database
from tests.support.project import Project

BUILD = "-- sqlmig: no-transaction\nSELECT 1;\nCREATE INDEX CONCURRENTLY i ON t (x);"


def test_terminal_shows_how_far_an_index_is(project: Project, database: Database) -> None:
    """The phase that the server tells, and whom it waits for; gone when the index is there."""
    database.execute("CREATE TABLE t (x int)")
    project.write("001_index.up.sql", BUILD)
    with database.connect(autocommit=False) as writer:
        writer.execute("INSERT INTO t VALUES (1)")
        shown = re.compile(rf"001_index 2/2  waiting for writers.*, waits for pid {writer.info.backend_pid}, user")

        def end_it_once_it_is_shown(text: str) -> None:
            if shown.search(text):
                writer.rollback()

        seen = at_terminal(project, "apply", columns=200, watch=end_it_once_it_is_shown)
    assert seen.exit_code == 0
    assert shown.search(seen.text)
    after = seen.text.rpartition("\x1b[K")[2]
    assert "applied" in after
    assert "waiting" not in after


def test_terminal_shows_which_part_of_an_index_is_built(project: Project, database: Database) -> None:
    """In percent, where the server tells how much there is to do."""
    database.execute(
        "CREATE TABLE t (x int); INSERT INTO t SELECT generate_series(1, 1500);"
        "CREATE FUNCTION held(x int) RETURNS int IMMUTABLE LANGUAGE plpgsql COST 100000 AS"
        " $$BEGIN WHILE x = 1000 AND NOT pg_try_advisory_xact_lock_shared(1) LOOP PERFORM pg_sleep(0.01); END LOOP;"
        " RETURN x; END$$"
    )
    project.write("001_index.up.sql", BUILD.replace("(x)", "(held(x))"))
    shown = re.compile(r"001_index 2/2  building index: scanning table [1-9]\d?%")
    with database.connect() as holder:
        holder.execute("SELECT pg_advisory_lock(1)")

        def let_go_once_it_is_shown(text: str) -> None:
            if shown.search(text):
                holder.execute("SELECT pg_advisory_unlock_all()")

        seen = at_terminal(project, "apply", columns=200, watch=let_go_once_it_is_shown)
    assert seen.exit_code == 0
    assert shown.search(seen.text)


def test_nobody_is_shown_progress_in_a_log(project: Project, database: Database) -> None:
    """Where nobody looks on, there is a line for the result alone."""
    database.execute("CREATE TABLE t (x int)")
    project.write("001_index.up.sql", BUILD.replace("SELECT 1", "SELECT pg_sleep(0.6)"))
    outcome = project.run("apply")
    assert outcome.exit_code == 0
    assert "2/2" not in outcome.output
