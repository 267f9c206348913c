"""One run of the command line: what was typed, and the way to the API and to the reports."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sqlmig.errors import ConfirmationRequired, UsageError
from sqlmig.frozen import dataclass
from sqlmig.report.output import Output

if TYPE_CHECKING:
    from sqlmig.api import Project
    from sqlmig.config import Environment
    from sqlmig.database import Opening, Session
    from sqlmig.report.reporter import Reporter
    from sqlmig.results import Result

T = TypeVar("T", bound="Result")


@dataclass(frozen=True)
class Target:
    """The options that every command takes, as they were typed."""

    env: str | None = None
    url: str | None = None
    directories: tuple[Path, ...] = ()
    config: Path | None = None
    yes: bool = False


class Invocation:
    """Begins with nothing but the words that were typed, so that whatever goes wrong is told in the way asked for."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.arguments = tuple(arguments)
        options = self.arguments[: self.arguments.index("--")] if "--" in self.arguments else self.arguments
        self.json = "--json" in options
        self.verbose = "--verbose" in options
        self.command: str | None = None
        self.typed: str | None = None
        """The word that was typed for the command: its name, or another one for it."""
        self.target = Target()
        self.output = Output(self.without_secrets)
        self._redact: Callable[[str], str] | None = None
        self._reporter: Reporter | None = None
        self._project: Project | None = None
        self._opening: Opening | None = None

    def without_secrets(self, text: str) -> str:
        """The text without every password that is known by now."""
        if self._redact is None:
            from sqlmig.config import known_redactor

            self._redact = known_redactor(os.environ, *self.arguments)
        return self._redact(text)

    @property
    def environment(self) -> str | None:
        """The environment's name, as far as it is known."""
        if self._project is not None:
            return self._project.environment.name
        return self.target.env or os.environ.get("SQLMIG_ENV") or None

    @property
    def reporter(self) -> Reporter:
        if self._reporter is None:
            if self.json:
                from sqlmig.report.json_reporter import Document

                self._reporter = Document(self)
            else:
                from sqlmig.report.reporter import Console

                self._reporter = Console(self)
        return self._reporter

    def speak(self, name: str | None) -> None:
        """Tell what comes in a format that CI systems read. Raises UsageError where --json asks for another."""
        if name in (None, "text"):
            return
        if self.json:
            raise UsageError("--format and --json contradict each other; give one of them")
        from sqlmig.report.formats.reporter import FormatReport

        self._reporter = FormatReport(self, str(name))

    def project(self, *, offline: bool = False, ahead: bool = False, locks: bool = False) -> Project:
        """The project that the options name. From here on its passwords are known, and taken out of all output.

        ``ahead`` begins to connect at once, while most of the program is still being loaded; ``locks`` says that the
        lock's connection may be needed, too.
        """
        from sqlmig import config

        target = self.target
        settings = config.load(
            env=target.env, url=target.url, directories=target.directories, config=target.config, connect=not offline
        )
        self._redact = settings.secrets
        self._opening = _opening(settings, locks=locks) if ahead and not settings.target.embedded else None
        from sqlmig.api import Project

        self._project = Project.of(settings, self.reporter.listener, self._opening)
        return self._project

    def close(self) -> None:
        """Give up a connection that was begun and that nobody needed."""
        if self._opening is not None:
            self._opening.close()

    def show(self, result: Result, exit_code: int = 0) -> int:
        self.reporter.result(result, exit_code)
        return exit_code

    def confirmed(self, act: Callable[[bool], T]) -> int:
        """Call ``act`` with whether the change is confirmed, ask for that where it is needed, and show the result.

        A person confirms by typing the environment's name. Raises ConfirmationRequired where there is nobody to ask,
        UsageError where something else was typed; nothing was changed then.
        """
        try:
            result = act(self.target.yes)
        except ConfirmationRequired as error:
            answer = self.reporter.ask(error)
            if answer is None:
                raise
            if answer.strip() != self.environment:
                raise UsageError("not confirmed; nothing was changed") from None
            result = act(True)
        return self.show(result)


def _opening(settings: Environment, *, locks: bool) -> Opening:
    from sqlmig.database import Opening, connect
    from sqlmig.events import silent
    from sqlmig.probing import probe
    from sqlmig.stopping import begun

    def open_session() -> Session:
        return connect(settings.target.conninfo.reveal(), redact=settings.secrets, listener=silent)

    def ask_where_we_are() -> Session:
        session = open_session()
        session.ask_ahead(probe(settings.history_schema, settings.role))
        return session

    def open_another() -> Session:
        begun(_load_runner)
        return open_session()

    return Opening(ask_where_we_are, open_another if locks else None)


def _load_runner() -> None:
    import sqlmig.runner  # noqa: F401 - to have it in time, where the server's answers are waited for


def at_most_one(**given: object) -> bool:
    """Whether one of these options was typed. Raises UsageError for two of them: they contradict each other."""
    names = [_spelling(name) for name, value in given.items() if value is not None and value is not False]
    if len(names) > 1:
        raise UsageError(f"{' and '.join(names)} contradict each other; give one of them")
    return bool(names)


def _spelling(name: str) -> str:
    return "MIGRATION" if name == "only" else "--" + name.replace("_", "-")
