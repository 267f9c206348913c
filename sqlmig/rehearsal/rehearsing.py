"""Up, down, and up again: each migration of a course, on a stage, with a verdict on each."""

from __future__ import annotations

import time
from collections.abc import Iterator

from sqlmig.errors import SqlmigError
from sqlmig.events import Listener, Rehearsing, silent
from sqlmig.migration import Migration
from sqlmig.rehearsal.filling import Filling
from sqlmig.rehearsal.judging import Findings, Scene, after_down, after_second_up, verdict_on
from sqlmig.rehearsal.stage import FAILURES, Stage, down, up
from sqlmig.results import Locks
from sqlmig.verdicts import Rehearsed, Verdict

NOTHING_SEEN = Locks((), ())


class Rehearsal:
    """Runs a course on a stage."""

    def __init__(
        self, stage: Stage, filling: Filling, *, ignore_column_order: bool = False, listener: Listener = silent
    ) -> None:
        self.stage = stage
        self.filling = filling
        self.course = filling.course
        self.ignore_column_order = ignore_column_order
        self.listener = listener

    def run(self) -> Iterator[Rehearsed]:
        """Each chosen migration as it is rehearsed; ends behind one whose up fails, since the next ones need it.

        Raises what running a migration raises that is not chosen; the shadow has then to be filled in another way.
        """
        waiting: list[Migration] = []
        number = 0
        self.filling.fill(self.stage)
        self.stage.look_around()
        for migration in self.course.migrations:
            if migration.version not in self.course.chosen:
                waiting.append(migration)
                continue
            if waiting:
                self.stage.play([up(other) for other in waiting])
                waiting.clear()
                self.stage.look_around()
            number += 1
            self.listener(Rehearsing(str(migration), number, len(self.course.chosen)))
            found = self._rehearse(migration)
            yield found
            if found.verdict is Verdict.UP_FAILS:
                return

    def locks(self) -> Iterator[tuple[int, Locks]]:
        """The version of each migration with what it locks, rewrites and builds; run up only.

        Raises what running a migration raises.
        """
        self.filling.fill(self.stage)
        self.stage.look_around()
        for number, migration in enumerate(self.course.migrations, start=1):
            self.listener(Rehearsing(str(migration), number, len(self.course.migrations)))
            try:
                self.stage.play([up(migration)])
            except FAILURES as error:
                error.notes = (*error.notes, "on the shadow; the target was not touched")
                error.left_behind = None
                raise
            yield migration.version, self.stage.watch.seen()

    def _rehearse(self, migration: Migration) -> Rehearsed:
        begun = time.perf_counter()
        before = self.stage.scene
        error = self.stage.attempt(up(migration))
        if error is not None:
            return _rehearsed(migration, Verdict.UP_FAILS, begun, error=error)
        first = self.stage.look(everything=not migration.up.header.transaction)
        locks = self.stage.watch.seen()
        if not migration.reversible:
            return _rehearsed(migration, Verdict.IRREVERSIBLE, begun, locks=locks)
        error = self.stage.attempt(down(migration))
        if error is not None:
            self._mend(migration, first, self._look_back(migration))
            return _rehearsed(migration, Verdict.DOWN_FAILS, begun, locks=locks, error=error)
        findings = after_down(before, self._look_back(migration), ignore_column_order=self.ignore_column_order)
        second_error, second = self._up_again(migration, first)
        verdict = verdict_on(findings, second_error, second)
        return _rehearsed(
            migration,
            verdict,
            begun,
            locks=locks,
            error=second_error if verdict is Verdict.NOT_REPEATABLE else None,
            findings=findings or second,
        )

    def _look_back(self, migration: Migration) -> Scene:
        return self.stage.look(everything=migration.down is None or not migration.down.header.transaction)

    def _up_again(self, migration: Migration, first: Scene) -> tuple[SqlmigError | None, Findings]:
        """What a second up leaves differently; where it does, the stage is brought to where the first left it."""
        error = self.stage.attempt(up(migration))
        scene = self.stage.look(everything=not migration.up.header.transaction)
        self.stage.watch.seen()
        findings = after_second_up(first, scene, ignore_column_order=False)
        if error is not None or findings:
            self._mend(migration, first, None)
        if self.ignore_column_order:
            findings = after_second_up(first, scene, ignore_column_order=True)
        return error, findings

    def _mend(self, migration: Migration, wanted: Scene, found: Scene | None) -> None:
        """Bring the stage to where the migration was up, by way of an empty shadow, unless it is there."""
        if found is not None and found == wanted:
            return
        self.stage.begin_again()
        self.filling.fill(self.stage)
        place = self.course.migrations.index(migration)
        self.stage.play([up(other) for other in self.course.migrations[: place + 1]])
        self.stage.look_around()


def _rehearsed(
    migration: Migration,
    verdict: Verdict,
    begun: float,
    *,
    locks: Locks = NOTHING_SEEN,
    error: SqlmigError | None = None,
    findings: Findings | None = None,
) -> Rehearsed:
    findings = findings or Findings()
    return Rehearsed(
        migration.version,
        migration.label,
        migration.name,
        verdict,
        findings.differences,
        findings.rows,
        locks,
        error,
        (time.perf_counter() - begun) * 1000,
    )
