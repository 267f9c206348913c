"""Programs that are told what a run does: each event as one JSON document on their standard input.

They run beside the work, one after the other, and can neither stop nor delay it: what goes wrong with them becomes a
warning, and at the end of a run they get a few seconds more.
"""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from sqlmig import events
from sqlmig.config.secrets import redacted
from sqlmig.errors import Problem, ServerReport, SqlmigError
from sqlmig.plan import Step, StepKind

TIME_LIMIT = 5.0
"""Seconds that a program may take for one event; then it is killed, and told nothing more."""

SECONDS = re.compile(r"\d+ s\b")
"""What makes the same reason for waiting another text each second."""

LAST_WAIT = 5.0
"""Seconds that the end of a run waits for events that were not told yet."""

FORMAT = 1

Json = dict[str, object]


class Programs:
    """A listener that tells programs. After ``close`` it is silent, and nothing of theirs is running."""

    def __init__(
        self, commands: Sequence[Sequence[str]], folder: Path, facts: Mapping[str, str], redact: Callable[[str], str]
    ) -> None:
        self.commands = [tuple(command) for command in commands]
        self.folder = folder
        self.facts = {**facts, "run": uuid4().hex}
        self.redact = redact
        self.begun = False
        self.deadline: float | None = None
        self.untold = 0
        self.reason = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.complaints: dict[str, None] = {}
        self.waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._tell_all, name="sqlmig-on-event", daemon=True)

    def __call__(self, event: events.Event) -> None:
        """Take an event; returns at once. Single statements and notices are left out: there may be millions.

        A wait is told once for each reason.
        """
        if isinstance(event, events.Waiting):
            reason = SECONDS.sub("", event.reason)
            if reason == self.reason:
                return
            self.reason = reason
        told = _described(event)
        if told is not None:
            self._put(told)

    def finish(self, error: BaseException | None) -> tuple[Problem, ...]:
        """Tell how the run ended, and what went wrong with the programs. Waits no longer than it must. Never raises."""
        if self.begun:
            self._put(_ending(error))
            self.deadline = time.monotonic() + LAST_WAIT
            self.waiting.put(None)
            with suppress(KeyboardInterrupt):
                self.thread.join(LAST_WAIT + TIME_LIMIT)
            if self.process is not None and self.thread.is_alive():
                _kill(self.process)
        if self.untold:
            self.complaints[f"{self.untold} events were not told in time"] = None
        return tuple(
            Problem("on_event", f"on_event: {complaint}", warning=True, next_step="correct on_event, or the program")
            for complaint in self.complaints
        )

    def _put(self, told: Json) -> None:
        document = {"format": FORMAT, **told, "at": datetime.now(UTC).isoformat(), **self.facts}
        self.waiting.put(json.dumps(redacted(document, self.redact)).encode() + b"\n")
        if not self.begun:
            self.begun = True
            self.thread.start()

    def _tell_all(self) -> None:
        while (data := self.waiting.get()) is not None:
            for command in tuple(self.commands):
                if self.deadline is not None and time.monotonic() > self.deadline:
                    self.untold += 1
                elif not self._tell(command, data):
                    self.commands.remove(command)

    def _tell(self, command: tuple[str, ...], data: bytes) -> bool:
        """Whether the program is to be told more."""
        try:
            process = self.process = self._started(command, data)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "a word holds a NUL character"
            self.complaints[f"{command[0]} cannot be run: {reason}"] = None
            return False
        try:
            code = process.wait(TIME_LIMIT)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.wait()
            self.complaints[f"{command[0]} took longer than {TIME_LIMIT:g} s and was killed"] = None
            return False
        if code != 0:
            self.complaints[f"{command[0]} ended with exit code {code}"] = None
        return True

    def _started(self, command: tuple[str, ...], data: bytes) -> subprocess.Popen[bytes]:
        with tempfile.TemporaryFile() as document:
            document.write(data)
            document.seek(0)
            return subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=document,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """With its children, where the system knows groups of processes."""
    with suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _described(event: events.Event) -> Json | None:
    match event:
        case events.RunStarted(plan):
            return {"event": "run_started", "steps": [_step(step) for step in plan.steps]}
        case events.StepStarted(step):
            return {"event": "step_started", "step": _step(step)}
        case events.StepDone(step, duration):
            return {"event": "step_done", "step": _step(step), "duration_ms": round(duration, 3)}
        case events.Retrying():
            return {
                "event": "retrying",
                "step": _step(event.step),
                "attempt": event.attempt,
                "attempts": event.attempts,
                "delay_ms": round(event.delay * 1000, 3),
                "blockers": list(event.blockers),
                **_report(event.report),
            }
        case events.Warned(problem):
            return {"event": "warned", "code": problem.code, "message": problem.message, "version": problem.version}
        case events.Waiting(reason, _):
            return {"event": "waiting", "message": reason}
        case _:
            return None


def _step(step: Step) -> Json:
    migration = step.kind is StepKind.MIGRATION
    return {
        "kind": str(step.kind),
        "version": step.version if migration else None,
        "label": step.label if migration else None,
        "name": step.name,
        "direction": str(step.direction),
        "file": step.script.file,
    }


def _report(report: ServerReport) -> Json:
    return {"message": report.message, "sqlstate": report.sqlstate}


def _ending(error: BaseException | None) -> Json:
    if error is None:
        return {"event": "run_done"}
    if not isinstance(error, SqlmigError):
        return {"event": "run_failed", "code": None, "message": type(error).__name__, "exit_code": None}
    place = error.place
    return {
        "event": "run_failed",
        "code": error.code,
        "message": error.message,
        "exit_code": error.exit_code,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "sqlstate": error.server.sqlstate if error.server else None,
        "left_behind": error.left_behind,
    }
