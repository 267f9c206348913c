"""A shadow with the sessions that play on it: one runs migrations as ``apply`` does, one looks on."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType

from sqlmig.access import Desk
from sqlmig.errors import CheckFailed, DatabaseError, SqlmigError, Undecided, UsageError
from sqlmig.migration import Applied, Direction, Migration
from sqlmig.plan import Apply, Plan, Step
from sqlmig.rehearsal.judging import Scene
from sqlmig.rehearsal.rows import FIXED, Rows, read_rows
from sqlmig.rehearsal.watching import Watch, Watched
from sqlmig.runner.failures import again
from sqlmig.schema.ignore import Ignore
from sqlmig.schema.inspect import inspect
from sqlmig.schema.snapshot import Snapshot
from sqlmig.shadow import Kind, Shadow

FAILURES = (DatabaseError, Undecided, CheckFailed)
"""How a script ends that does not work; anything else is no matter of the script."""

NOT_INSTALLED = re.compile(r'extension ".*" is not available|could not open extension control file')
"""What a server says of an extension whose files it does not have, up to 14 and since 15."""


class Stage:
    """Runs scripts on a shadow and looks at what they leave. A context manager: its sessions end with it."""

    def __init__(self, shadow: Shadow, ignore: Ignore, furnish: Callable[[Shadow], None]) -> None:
        self.shadow = shadow
        self.ignore = ignore
        self.furnish = furnish
        """Called with each empty shadow before anything is run there."""
        self._stack = ExitStack()
        self.scene = Scene(Snapshot({}, 0), {})

    def __enter__(self) -> Stage:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _open(self) -> None:
        with ExitStack() as opened:
            self._fit_out(opened)
            self._stack = opened.pop_all()

    def _fit_out(self, opened: ExitStack) -> None:
        self.furnish(self.shadow)
        access = self.shadow.access
        self.observer = access.open()
        opened.callback(self.observer.close)
        self.observer.ask(FIXED)
        self.watch = Watch(self.observer, self.shadow.left_out, shares_server=self.shadow.shares_server)
        session = Watched(access.open(), self.watch.look)
        opened.callback(session.close)
        alone = replace(access, environment=replace(access.environment, message_size=0))
        self.desk = Desk(alone, session, access.history.probe(session))
        if session.pooled:
            raise UsageError(
                "a pooler stands before the shadow, so that what a migration locks and writes cannot be seen",
                next_step="name the server itself: --shadow-url URL",
            )
        self.lock = opened.enter_context(self.desk.locked(0))

    def begin_again(self) -> None:
        """An empty shadow instead of this one, and new sessions."""
        self._stack.close()
        self.shadow.renew()
        self._open()

    def play(self, steps: Sequence[Step]) -> None:
        """Run steps as ``apply`` and ``rollback`` do. Raises what ``Runner.run`` raises; what ran before stays."""
        self.watch.begin()
        self.desk.runner(self.lock).run(Plan(Apply(), tuple(steps), ()), batch=1)

    def attempt(self, step: Step) -> SqlmigError | None:
        """Run one step; why it failed, where it did, and what to do about it where nothing but the shadow has it."""
        try:
            self.play([step])
        except FAILURES as error:
            error.left_behind = None
            if error.next_step is not None and error.next_step.endswith(again(step)):
                error.next_step = f"correct {step.script.file}, then: sqlmig rehearse"
            if self.shadow.kind is Kind.EMBEDDED and NOT_INSTALLED.search(error.message):
                error.notes = (
                    *error.notes,
                    "the PostgreSQL of the shadow comes without it: SQLMIG_PG_BIN or --shadow-url",
                )
            return error
        return None

    def look_around(self) -> Scene:
        """The shadow as it is by now, whatever happened before."""
        self.watch.seen()
        return self.look(everything=True)

    def look(self, *, everything: bool = False) -> Scene:
        """The shadow as it is by now. Rows are read again where the last step may have written."""
        written = None if everything else self.watch.written
        known: Rows = {} if everything else self.scene.rows
        rows = read_rows(self.observer, self.shadow.left_out, known, written)
        self.scene = Scene(inspect(self.observer, self.ignore, history=self.desk.history.schema), rows)
        return self.scene


def up(migration: Migration) -> Step:
    """The step that applies a migration."""
    return Step(migration.version, migration.label, migration.name, Direction.UP, migration.up, migration)


def down(migration: Migration) -> Step:
    """The step that undoes a migration that ``up`` applied. It has a down."""
    assert migration.down is not None  # noqa: S101 - the caller asked whether it is reversible
    record = Applied(
        migration.version, migration.label, migration.name, migration.up.checksum, None, True, batch=1, sequence=0
    )
    return Step(migration.version, migration.label, migration.name, Direction.DOWN, migration.down, migration, record)
