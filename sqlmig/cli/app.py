"""The command line as a whole: its commands, its signals, and what every error becomes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any, ClassVar

import typer

from sqlmig.cli.commands import COMMON, HELP_NAMES, Commands
from sqlmig.cli.invocation import Invocation
from sqlmig.cli.version import show_version
from sqlmig.errors import FileError, Interrupted, SqlmigError, Terminated, UsageError
from sqlmig.report.text import Fixed

NAME = "sqlmig"
COMPLETION = "_SQLMIG_COMPLETE"

TyperUsageError: Any = typer.BadParameter.__base__
"""What typer raises for words it cannot parse; it names only this subclass."""


class AllCommands(Commands):
    """Every command, in the order of help: begin, change, look, mend."""

    table: ClassVar[Mapping[str, str]] = {
        "init": "sqlmig.cli.making:init",
        "new": "sqlmig.cli.making:new",
        "templates": "sqlmig.cli.making:templates",
        "apply": "sqlmig.cli.running:apply",
        "rollback": "sqlmig.cli.running:rollback",
        "redo": "sqlmig.cli.running:redo",
        "refresh": "sqlmig.cli.running:refresh",
        "reset": "sqlmig.cli.running:reset",
        "fresh": "sqlmig.cli.running:fresh",
        "seed": "sqlmig.cli.seeding:app",
        "switch": "sqlmig.cli.branching:switch",
        "status": "sqlmig.cli.looking:status",
        "plan": "sqlmig.cli.running:plan",
        "check": "sqlmig.cli.looking:check",
        "repair": "sqlmig.cli.mending:repair",
        "baseline": "sqlmig.cli.mending:baseline",
        "renumber": "sqlmig.cli.branching:renumber",
        "rehearse": "sqlmig.cli.proving:rehearse",
        "drift": "sqlmig.cli.proving:drift",
        "dump": "sqlmig.cli.proving:dump",
        "history": "sqlmig.cli.looking:history",
        "db": "sqlmig.cli.serving:app",
        "current-version": "sqlmig.cli.looking:current_version",
    }
    # As in Knex, "up" and "down" alone are about one migration; their functions see to that.
    aliases: ClassVar[Mapping[str, str]] = {
        "up": "apply",
        "up:all": "apply",
        "latest": "apply",
        "migrate": "apply",
        "down": "rollback",
        "list": "status",
        "make": "new",
        "currentVersion": "current-version",
    }


app = typer.Typer(
    name=NAME,
    cls=AllCommands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=HELP_NAMES,
)


def _version(value: bool) -> None:
    if value:
        raise typer.Exit(show_version())


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Migrations for PostgreSQL, written in SQL."""


def run(arguments: Sequence[str]) -> int:
    """Run one command, tell how it went, and return its exit code."""
    invocation = Invocation(arguments)
    try:
        with _termination():
            exit_code = _run(invocation)
    except SqlmigError as error:
        exit_code = _tell(invocation, error)
    except KeyboardInterrupt as stop:
        exit_code = _tell(invocation, Interrupted("interrupted", exit_code=getattr(stop, "exit_code", 130)))
    except BrokenPipeError:  # typer writes its help itself
        invocation.output.discard()
        exit_code = 0
    except OSError as error:
        exit_code = _tell_file_error(invocation, error)
    except Exception as error:
        exit_code = _tell_bug(invocation, error)
    return invocation.output.exit_code(exit_code)


def command_line() -> Any:
    """The tree of commands, as typer parses it."""
    return typer.main.get_command(app)


def _run(invocation: Invocation) -> int:
    root = command_line()
    try:
        if os.environ.get(COMPLETION):  # a shell asks which words may come next; this exits
            root.main(args=[], prog_name=NAME, complete_var=COMPLETION)
        with root.make_context(NAME, list(invocation.arguments), obj=invocation) as context:
            if not invocation.arguments:
                invocation.output.asides([Fixed(context.get_help())])
                return UsageError.exit_code
            return int(root.invoke(context) or 0)
    except typer.Exit as stop:
        return stop.exit_code
    except SystemExit as stop:  # how typer's own completion and its options end
        return int(stop.code or 0)
    except TyperUsageError as error:
        raise _usage_error(error, invocation) from None
    finally:
        invocation.close()


def _usage_error(error: Any, invocation: Invocation) -> SqlmigError:
    path = f"{NAME} {invocation.command}" if invocation.command else NAME
    if hasattr(error, "option_name") and hasattr(error, "possibilities"):
        message = _no_option(error.option_name, error.possibilities, behind=isinstance(error.cmd, Commands))
    elif getattr(error, "param", None) is not None and error.message:
        is_option = error.param.param_type_name == "option"
        message = f"{error.param.opts[0] if is_option else error.param.metavar}: {error.message}"
    else:
        message = error.format_message().rstrip(".")
        message = message[:1].lower() + message[1:]
    return UsageError(message, next_step=f"{path} --help")


def _no_option(name: str, near: Sequence[str] | None, *, behind: bool) -> str:
    if behind and name.lstrip("-") in {"dir", "yes", *COMMON}:
        return f"{name} stands behind the command: {NAME} status {name}"
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"there is no option {name}{hint}"


def _tell(invocation: Invocation, error: SqlmigError) -> int:
    invocation.reporter.error(error)
    return error.exit_code


def _tell_file_error(invocation: Invocation, error: OSError) -> int:
    """What the system refused to do with a file or folder is for the user to mend, and no bug."""
    if error.filename is None:
        return _tell_bug(invocation, error)
    return _tell(invocation, FileError(f"{os.fsdecode(error.filename)}: {error.strerror}"))


def _tell_bug(invocation: Invocation, error: Exception) -> int:
    from sqlmig.report.reporter import show_traceback

    if invocation.verbose:
        show_traceback(invocation.output, error)
    again = "report what it printed" if invocation.verbose else "run it again with --verbose and report what it prints"
    return _tell(invocation, SqlmigError(f"a bug in sqlmig: {type(error).__name__}: {error}", next_step=again))


@contextmanager
def _termination() -> Iterator[None]:
    """SIGTERM, like Ctrl-C, cancels what is under way. Where this is not the main thread it stays as it is."""

    def terminate(number: int, frame: FrameType | None) -> None:
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, terminate)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
