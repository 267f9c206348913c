"""The commands of one project, called in this process, with every event that they sent."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from sqlmig import api
from sqlmig.access import Access
from sqlmig.errors import SqlmigError
from sqlmig.events import Event, Noticed, Retrying, StatementDone, StepDone, StepStarted
from sqlmig.plan import Apply, Rollback
from sqlmig.results import CheckResult, LogEntry, RunResult, StatusResult
from tests.support.project import Project

Failure = TypeVar("Failure", bound=BaseException)
Kind = TypeVar("Kind", bound=Event)

DRIVER = """
import sys
from sqlmig import api
from sqlmig.errors import SqlmigError
url, directory, config, command = sys.argv[1:]
project = api.Project(url=url, directory=directory, config=__import__("pathlib").Path(config))
try:
    getattr(project, command)()
except SqlmigError as error:
    print(f"{type(error).__name__}: {error.message} | {error.left_behind}", file=sys.stderr)
    sys.exit(error.exit_code)
"""


UNWATCHED = (
    "SELECT set_config('client_connection_check_interval', '0', false) FROM pg_settings"
    " WHERE name = 'client_connection_check_interval'"
)
"""Lets a backend go on without looking whether its client is gone, as PostgreSQL 13 does anyhow."""

UNWATCHED_SLEEP = f"pg_sleep(600 * (SELECT count(*) + 1 FROM ({UNWATCHED} OFFSET 0) AS setting(done) WHERE done <> ''))"
"""Sleeps ten minutes at least, whatever becomes of the client."""


def limit_messages(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Let messages be of this many characters at most; 0 sends each statement alone."""
    found = Access.settings
    limited = property(lambda access: replace(found.__get__(access), message_size=size))
    monkeypatch.setattr(Access, "settings", limited)


class Runs:
    """A project with a configuration of its own, whose commands go to ``url``, by default as the superuser."""

    def __init__(self, project: Project, *, url: str | None = None, **settings: object) -> None:
        assert project.database is not None
        self.project = project
        self.database = project.database
        self.url = url or project.database.url
        self.schema = str(settings.get("history_schema", "sqlmig"))
        self.events: list[Event] = []
        self.listener: Callable[[Event], None] = lambda event: None
        """Called with each event after it was kept: may raise, or change the world."""
        self.configure(**settings)

    def configure(self, **settings: object) -> None:
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in settings.items()]
        self.config = self.project.write_config("\n".join(lines))

    def _listen(self, event: Event) -> None:
        self.events.append(event)
        self.listener(event)

    @property
    def api(self) -> api.Project:
        return api.Project(url=self.url, directory=self.project.sql, config=self.config, listener=self._listen)

    def write(self, name: str, up: str | bytes, down: str | bytes | None = None) -> None:
        """Write a migration's files."""
        self.project.write(f"{name}.up.sql", up)
        if down is not None:
            self.project.write(f"{name}.down.sql", down)

    def remove(self, name: str) -> None:
        for path in self.project.sql.glob(f"{name}.*.sql"):
            path.unlink()

    def apply(self, goal: Apply | None = None, **options: Any) -> RunResult:
        return self.api.apply(goal, **options)

    def rollback(self, goal: Rollback | None = None, **options: Any) -> RunResult:
        return self.api.rollback(goal, **options)

    def status(self) -> StatusResult:
        return self.api.status()

    def check(self, **options: Any) -> CheckResult:
        return self.api.check(**options)

    def fails(self, kind: type[Failure], command: Callable[[], object] | None = None) -> Failure:
        """The error with which a command, ``apply`` unless told otherwise, ends."""
        with pytest.raises(kind) as caught:
            (command or self.apply)()
        return caught.value

    def told(self, kind: type[Kind]) -> list[Kind]:
        """The events of one kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def notices(self) -> list[tuple[str | None, str, str]]:
        """Migration, severity and text of everything the server said aside."""
        return [
            (str(event.step) if event.step else None, event.report.severity, event.report.message)
            for event in self.told(Noticed)
        ]

    def states(self) -> dict[str, str]:
        """The state of each migration."""
        return {str(standing): standing.state.value for standing in self.status().migrations}

    def applied(self) -> list[str]:
        """What the history holds as complete, in order of application; nothing where there is no history."""
        if not self.database.value(f'SELECT to_regclass($$"{self.schema}".migration$$) IS NOT NULL'):
            return []
        rows = self.database.rows(
            f"SELECT label || '_' || name FROM \"{self.schema}\".migration WHERE progress = 'done' ORDER BY sequence"
        )
        return [name for (name,) in rows]

    def log(self) -> tuple[LogEntry, ...]:
        return self.api.history().entries

    def logged(self) -> list[tuple[str, str | None]]:
        """Event and migration of each line of the log."""
        return [(entry.event, entry.label and f"{entry.label}_{entry.name}") for entry in self.log()]

    def exists(self, *relations: str) -> list[bool]:
        """Whether each of these relations is there."""
        return [self.database.value(f"SELECT to_regclass('{relation}') IS NOT NULL") for relation in relations]

    @contextmanager
    def process(self, command: str = "apply") -> Iterator[subprocess.Popen[str]]:
        """A command in a process of its own, to be killed; ``stderr`` names the error with which it ended."""
        arguments = [self.url, str(self.project.sql), str(self.config), command]
        with subprocess.Popen(
            [sys.executable, "-c", DRIVER, *arguments],
            env=self.project.environment({"SQLMIG_URL": None}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()


def outcomes(value: RunResult | SqlmigError) -> list[str]:
    """What became of each step, also as an error's ``result`` tells it."""
    result = value.result if isinstance(value, SqlmigError) else value
    assert isinstance(result, RunResult)
    return [step.outcome.value for step in result.steps]


def place(error: SqlmigError) -> tuple[str, int | None, int | None]:
    """File name, line and column of an error."""
    assert error.place is not None, error
    return error.place.file.rpartition("/")[2], error.place.line, error.place.column


def steps(events: Sequence[Event], kind: type[StepStarted | StepDone | StatementDone | Retrying]) -> list[str]:
    """The migrations of the events of one kind, in order."""
    return [str(event.step) for event in events if isinstance(event, kind)]
