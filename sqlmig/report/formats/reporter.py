"""A check told twice: the document for a CI system on stdout, the lines for people on stderr."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

from sqlmig.errors import ConfirmationRequired, Problem, SqlmigError
from sqlmig.events import Listener
from sqlmig.report.console import result_lines
from sqlmig.report.failures import error_lines
from sqlmig.report.formats.findings import Findings, findings, of_error
from sqlmig.report.progress import Progress
from sqlmig.report.reporter import Asked
from sqlmig.results import CheckResult, Result


class FormatReport:
    """Speaks one format. The document comes also where there was no check: then it has the reason as its finding."""

    def __init__(self, asked: Asked, name: str) -> None:
        self.output = asked.output
        self.verbose = asked.verbose
        self.render: Callable[[Findings], str] = import_module(f"sqlmig.report.formats.{name}").rendered
        self.progress = Progress(asked.output, results=False, verbose=asked.verbose)

    @property
    def listener(self) -> Listener:
        return self.progress

    def ask(self, error: ConfirmationRequired) -> str | None:
        return None

    def result(self, result: Result, exit_code: int = 0) -> None:
        if isinstance(result, CheckResult):
            self._document(result.problems, result.checked, exit_code, strict=result.strict)
        self.output.asides(result_lines(result, self.output.secrets, self.output.width, self.verbose))

    def error(self, error: SqlmigError) -> None:
        self._document(of_error(error), 0, error.exit_code, complete=False)
        self.output.asides(error_lines(error, self.output.secrets, self.output.width))

    def _document(
        self,
        problems: Sequence[Problem],
        checked: int,
        exit_code: int,
        *,
        strict: bool = False,
        complete: bool = True,
    ) -> None:
        secrets = self.output.secrets
        told = findings(problems, checked, exit_code, strict=strict, complete=complete, secrets=secrets)
        if text := self.render(told):
            self.output.document(text)
