"""Runs that are broken off at any moment, and the proof that nothing is lost, doubled or left over."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.support.database import Database
from tests.support.processes import until

DRIVER = """
import json, os, sys
import sqlmig.api, sqlmig.access, sqlmig.runner, sqlmig.mending, sqlmig.report.reporter, sqlmig.report.documents
import sqlmig.cli.running, sqlmig.cli.mending
from sqlmig.cli import main
sqlmig.access.RECONNECT_SECONDS = 60.0
for line in sys.stdin:
    order = json.loads(line)
    if "wait" in order:
        print(os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1]), flush=True)
        continue
    pid = os.fork()
    if pid:
        print(pid, flush=True)
        continue
    code = 70
    try:
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["env"])
        for number, path in enumerate([os.devnull, order["out"], order["err"]]):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), number)
        streams = [open(number, "w" if number else "r", closefd=False) for number in range(3)]
        sys.stdin, sys.stdout, sys.stderr = streams
        code = main(order["arguments"])
    except SystemExit as stopped:
        code = stopped.code if isinstance(stopped.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
"""
"""Runs sqlmig's command line in forked children, which spares each of them the imports."""

ATTEMPTS = 8


@dataclass
class Child:
    """One command in a process of its own."""

    commander: Commander
    pid: int
    out: Path
    err: Path
    status: int | None = None

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """The exit code; the negative number of the signal where one ended it."""
        if self.status is None:
            self.status = int(self.commander.order({"wait": self.pid}))
        return self.status

    @property
    def json(self) -> Any:
        return json.loads(self.out.read_text())

    @property
    def said(self) -> str:
        return f"exit code {self.status}\n{self.out.read_text()}\n{self.err.read_text()}"


class Commander:
    """Starts commands in one folder."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self.count = 0
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def order(self, order: Mapping[str, object]) -> str:
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(order) + "\n")
        stdin.flush()
        return stdout.readline()

    def start(self, url: str, *arguments: str) -> Child:
        self.count += 1
        out, err = (self.folder / f"{kind}-{self.count}" for kind in ("out", "err"))
        order = {
            "arguments": [*arguments, "--json"],
            "cwd": str(self.folder),
            "env": {**self.environment, "SQLMIG_URL": url},
            "out": str(out),
            "err": str(err),
        }
        return Child(self, int(self.order(order)), out, err)

    def close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            _close(stream)
        self.process.kill()
        self.process.wait()


def _close(stream: IO[str] | None) -> None:
    if stream is not None:
        stream.close()


@contextlib.contextmanager
def commander(folder: Path, environment: Mapping[str, str]) -> Iterator[Commander]:
    made = Commander(folder, environment)
    try:
        yield made
    finally:
        made.close()


def complete(commander: Commander, database: Database, url: str, *arguments: str) -> list[str]:
    """Run a command until it succeeds, doing what its error says to do; the commands that it took.

    There is one kind of error that names another command: where nobody can tell whether a statement took effect.
    Then a person looks; here the marks that such statements make.
    """
    commands = []
    for _ in range(ATTEMPTS):
        commands.append(" ".join(arguments))
        child = commander.start(url, *arguments)
        if child.wait() == 0:
            return commands
        error = child.json["error"]
        assert error["code"] == "undecided", child.said
        took_effect = database.value("SELECT count(*) FROM mark WHERE what = 'undecided'") > 0
        at = error["statement"] + took_effect
        assert f"--resume-at {at}" in error["next_step"], child.said
        version = error["message"].split("_")[0]
        commands.append(f"repair {version} --resume-at {at}")
        repaired = commander.start(url, "repair", version, "--resume-at", str(at), "--yes")
        assert repaired.wait() == 0, repaired.said
    raise AssertionError(f"not complete after {', '.join(commands)}\n{child.said}")


STATE = {
    "history": """
        SELECT version, label, name, baseline, retired, reversible, up_checksum, up_sql_checksum, down_checksum,
               down_sql_checksum, md5(up_source), md5(down_source), progress, direction, statement, prefix, error,
               applied_by, role
          FROM sqlmig.migration ORDER BY sequence""",
    "log": """
        SELECT event, label, count(*) FROM sqlmig.event WHERE event IN ('apply', 'rollback')
         GROUP BY 1, 2 ORDER BY 1, 2""",
    "invalid indexes": """
        SELECT indexrelid::regclass::text FROM pg_index WHERE NOT (indisvalid AND indisready AND indislive)
         ORDER BY 1""",
    "detached": "SELECT inhrelid::regclass::text, inhparent::regclass::text FROM pg_inherits ORDER BY 1",
}


def state(database: Database) -> dict[str, object]:
    """Everything that two databases must have in common: schema, rows, history."""
    found: dict[str, object] = {"schema": database.dump()}
    with database.connect() as connection:
        for what, query in STATE.items():
            found[what] = list(map(str, connection.execute(query.encode()).fetchall()))
        tables = connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p')"
            " AND relnamespace::regnamespace::text NOT IN ('sqlmig', 'pg_catalog', 'information_schema')"
        ).fetchall()
        for (table,) in tables:
            rows = connection.execute(f"SELECT count(*), md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM {table} t")
            found[f"rows of {table}"] = rows.fetchone()
    return found


LEFT = """
    SELECT format('%s in backend %s', locktype, pid) FROM pg_locks WHERE locktype = 'advisory'
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION ALL SELECT format('backend %s: %s', pid, query) FROM pg_stat_activity
     WHERE application_name = 'sqlmig' AND datname = current_database()
"""


def no_lock_left(database: Database) -> None:
    """A backend gives up its locks when it ends, which is a little later than its client."""
    locks = (
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    until(lambda: not database.rows(locks), "the end of all locks")


def nothing_left(database: Database) -> None:
    """No lock and no backend of a command that has ended."""
    with database.connect() as connection:
        until(lambda: not connection.execute(LEFT.encode()).fetchall(), "the end of all locks and backends")
