"""What a command tells: lines for people. ``json_reporter`` gives one JSON document instead."""

from __future__ import annotations

import traceback
from typing import Protocol

from sqlmig.errors import ConfirmationRequired, SqlmigError
from sqlmig.events import Listener
from sqlmig.report.console import result_lines, server_line, summary_lines
from sqlmig.report.failures import error_lines
from sqlmig.report.output import Output
from sqlmig.report.progress import Progress, table_of
from sqlmig.report.text import Fixed
from sqlmig.results import BaselineResult, Outcome, RepairResult, Result, RunResult, ServerResult

BEGUN = (Outcome.APPLIED, Outcome.ROLLED_BACK, Outcome.FAILED)


class Asked(Protocol):
    """What a report has to know of the command it is about; some of it becomes known on the way."""

    @property
    def output(self) -> Output: ...

    @property
    def verbose(self) -> bool: ...

    @property
    def command(self) -> str | None: ...

    @property
    def environment(self) -> str | None: ...


class Reporter(Protocol):
    """How the command line speaks. After ``result`` or ``error`` all is said."""

    @property
    def listener(self) -> Listener: ...

    def ask(self, error: ConfirmationRequired) -> str | None:
        """Show what would be done, and return what a person types to confirm it; None where nobody can be asked."""

    def result(self, result: Result, exit_code: int = 0) -> None: ...

    def error(self, error: SqlmigError) -> None: ...


class Console:
    """Results on stdout; progress, notices, warnings and errors on stderr."""

    def __init__(self, asked: Asked) -> None:
        self.output = asked.output
        self.verbose = asked.verbose
        self.progress = Progress(asked.output, results=True, verbose=asked.verbose)

    @property
    def listener(self) -> Listener:
        return self.progress

    def ask(self, error: ConfirmationRequired) -> str | None:
        if not self.output.interactive:
            return None
        if isinstance(error.result, RunResult | RepairResult | BaselineResult):
            self._say(error.result)
        self.output.asides(["", error.message])
        return self.output.prompt("type the name of the environment to go on: ")

    def result(self, result: Result, exit_code: int = 0) -> None:
        if isinstance(result, ServerResult):
            self._server(result)
            return
        if not isinstance(result, RunResult):
            self._say(result)
            return
        self.progress.warn([*result.plan.refusals, *result.warnings] if result.dry_run else [*result.warnings])
        if result.dry_run:
            self._say(result)
        else:
            self._rest_of(result)

    def error(self, error: SqlmigError) -> None:
        if isinstance(error.result, RunResult) and error.result.dry_run and error.result.plan.refusals:
            self.progress.warn([*error.result.warnings])
            self._say(error.result)
        elif isinstance(error.result, RunResult) and any(step.outcome in BEGUN for step in error.result.steps):
            self._rest_of(error.result)
        self.output.asides(error_lines(error, self.output.secrets, self.output.width))

    def _rest_of(self, result: RunResult) -> None:
        untold = [step for step in result.steps if (step.version, step.direction) not in self.progress.told]
        self.output.lines(table_of(result.plan, self.output.width).rows(untold))
        self.output.lines(summary_lines(result, self.verbose))

    def _server(self, result: ServerResult) -> None:
        """The URL alone on stdout, for ``psql "$(sqlmig db url)"``."""
        if result.url is None:
            self._say(result)
        else:
            self.output.asides([server_line(result)])
            self.output.lines([Fixed(result.url)])

    def _say(self, result: Result) -> None:
        self.output.lines(result_lines(result, self.output.secrets, self.output.width, self.verbose))


def show_traceback(output: Output, error: BaseException) -> None:
    """Where a bug struck: source lines and messages, never the values of variables."""
    text = "".join(traceback.TracebackException.from_exception(error, capture_locals=False).format())
    output.asides([Fixed(text.rstrip("\n"))])
