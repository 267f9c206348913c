"""``max_lag``: a back-fill waits while a replica is behind."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest

from sqlmig import api
from sqlmig.embedded import Server
from sqlmig.errors import MissingPrivilege
from sqlmig.events import Event, Repeated, StepDone
from tests.support.processes import until
from tests.support.project import Project
from tests.support.standby import replayed

FILL = """\
-- sqlmig: no-transaction
-- sqlmig: repeat max_lag = 300ms
UPDATE filled SET y = x WHERE x IN (SELECT x FROM filled WHERE y IS NULL LIMIT 10);
"""


@pytest.fixture
def table(primary: Server, standby: Server) -> Iterator[psycopg.Connection[object]]:
    """30 rows to fill on the primary, which the standby has, too."""
    with psycopg.connect(primary.conninfo, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS sqlmig CASCADE; DROP TABLE IF EXISTS filled")
        connection.execute("CREATE TABLE filled AS SELECT x, NULL::int AS y FROM generate_series(1, 30) AS x")
        replayed(primary, standby)
        yield connection


def test_it_waits_while_the_standby_is_behind(
    offline_project: Project, primary: Server, standby: Server, table: psycopg.Connection[object]
) -> None:
    """Replay stands still on the standby until the wait was told; then it goes on to the end."""
    offline_project.write("001_fill.up.sql", FILL)
    events: list[Event] = []
    with psycopg.connect(standby.conninfo, autocommit=True) as follower:
        follower.execute("SELECT pg_wal_replay_pause()")

        def listen(event: Event) -> None:
            events.append(event)
            if isinstance(event, Repeated) and event.behind is not None:
                ((left,),) = table.execute("SELECT count(*) FROM filled WHERE y IS NULL").fetchall()
                assert left > 0
                follower.execute("SELECT pg_wal_replay_resume()")

        table.execute("SELECT pg_switch_wal()")
        table.execute("CREATE TABLE IF NOT EXISTS noise (x int); INSERT INTO noise VALUES (1)")
        lag = "SELECT coalesce(max(extract(epoch FROM replay_lag)), 0) FROM pg_stat_replication"

        def behind() -> bool:
            table.execute("INSERT INTO noise VALUES (1)")
            return bool(table.execute(lag).fetchall()[0][0] > 0.3)  # type: ignore[index,operator]

        until(behind, "a lag")
        api.Project(url=primary.conninfo, directory=offline_project.sql, listener=listen).apply()
    first = next(event for event in events if isinstance(event, Repeated))
    assert (first.runs, first.behind is not None) == (0, True)
    assert isinstance(events[-1], StepDone)
    assert table.execute("SELECT count(*) FROM filled WHERE y IS NULL").fetchall() == [(0,)]


def test_a_role_that_may_not_look_is_told_what_is_missing(
    offline_project: Project, primary: Server, table: psycopg.Connection[object]
) -> None:
    """Before the first run; granted, it goes on."""
    table.execute("DROP ROLE IF EXISTS app; CREATE ROLE app LOGIN; GRANT CREATE ON DATABASE app TO app")
    table.execute("GRANT ALL ON filled TO app")
    offline_project.write("001_fill.up.sql", FILL)
    url = psycopg.conninfo.make_conninfo(primary.conninfo, user="app")
    with pytest.raises(MissingPrivilege) as caught:
        api.Project(url=url, directory=offline_project.sql).apply()
    assert caught.value.next_step == 'GRANT pg_monitor TO "app";'
    assert table.execute("SELECT count(*) FROM filled WHERE y IS NULL").fetchall() == [(30,)]
    outcome = offline_project.invoke("status", "--url", url, "--json")
    assert json.loads(outcome.stdout)["migrations"][0]["state"] == "failed"
    table.execute("GRANT pg_monitor TO app")
    api.Project(url=url, directory=offline_project.sql).apply()
    assert table.execute("SELECT count(*) FROM filled WHERE y IS NULL").fetchall() == [(0,)]
    table.execute("DROP OWNED BY app; DROP ROLE app")
