"""What a command tells with --json: one document."""

from __future__ import annotations

from sqlmig.errors import ConfirmationRequired, SqlmigError
from sqlmig.events import Listener, silent
from sqlmig.report.documents import Json, dumped, error_document, result_document
from sqlmig.report.progress import Progress
from sqlmig.report.reporter import Asked
from sqlmig.results import Result


class Document:
    """One JSON document on stdout. stderr stays silent, but for what --verbose asks for."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self._listener: Listener = Progress(asked.output, results=False, verbose=True) if asked.verbose else silent

    @property
    def listener(self) -> Listener:
        return self._listener

    def ask(self, error: ConfirmationRequired) -> str | None:
        return None

    def result(self, result: Result, exit_code: int = 0) -> None:
        self._print(result_document(result, self.asked.command, self.asked.environment, exit_code))

    def error(self, error: SqlmigError) -> None:
        self._print(error_document(error, self.asked.command, self.asked.environment))

    def _print(self, document: Json) -> None:
        self.asked.output.document(dumped(document, self.asked.output.secrets))
