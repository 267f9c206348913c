"""Commands as typer knows them: the options that all of them take, and each one built when it is asked for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, ClassVar, get_args

import typer
from typer.core import TyperCommand, TyperGroup

from sqlmig.cli import options
from sqlmig.cli.invocation import Invocation, Target
from sqlmig.errors import UsageError

Function = Callable[..., int | None]

KEYWORD = inspect.Parameter.KEYWORD_ONLY
CONTEXT = inspect.Parameter("context", KEYWORD, annotation=typer.Context)
COMMON = {
    "env": options.Env,
    "url": options.Url,
    "directories": options.Dir,
    "config": options.Config,
    "json": options.Json,
    "verbose": options.Verbose,
}

HELP_NAMES = {"help_option_names": ["--help", "-h"]}


class AsTyped:
    """Values as they were typed: the options' callbacks read them.

    Takes the place of typer's own conversion, for which each command would import pydantic (70 ms). A typer that does
    not look for it here converts first, and the callbacks then find their work done.
    """

    def coerce(self, value: object, param: Any, ctx: object) -> object:
        several = param.multiple or param.nargs == -1
        return () if value is None and several else value


def _as_typed(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        vars(parameter)["_runtime_param"] = AsTyped()
    return parameters


class Command(TyperCommand):
    """A command whose help tells its own options from those that every command has."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _as_typed(super().get_params(ctx))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        arguments: list[Any] = []
        own: list[Any] = []
        common: list[Any] = []
        for parameter in self.get_params(ctx):
            if parameter.param_type_name == "argument":
                arguments.append((parameter.metavar, parameter.help))
            elif (record := parameter.get_help_record(ctx)) is not None:
                (common if parameter.name in COMMON or parameter.name == "help" else own).append(record)
        for title, records in (("Arguments", arguments), ("Options", own), ("Options of every command", common)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


class Commands(TyperGroup):
    """A group that imports and builds a command when it is asked for."""

    table: ClassVar[Mapping[str, str]] = {}
    """Where each command's function is: ``module:function``."""
    aliases: ClassVar[Mapping[str, str]] = {}
    """Other names for commands, in no help."""
    prefix: ClassVar[str] = ""

    def get_params(self, ctx: Any) -> list[Any]:
        return _as_typed(super().get_params(ctx))

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        name = self.aliases.get(cmd_name, cmd_name)
        if name in self.table and name not in self.commands:
            module, _, attribute = self.table[name].partition(":")
            self.add_command(built(getattr(import_module(module), attribute), name), name)
        return self.commands.get(name)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name = args[0]
        command = self.get_command(ctx, name)
        if command is None and not name.startswith("-"):
            import difflib

            near = difflib.get_close_matches(name, [*self.table, *self.aliases], 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"there is no command {name!r}{hint}", next_step=f"sqlmig {self.prefix}--help")
        canonical = self.aliases.get(name, name)
        if isinstance(ctx.obj, Invocation):  # a shell that asks for completions has none
            ctx.obj.command, ctx.obj.typed = self.prefix + canonical, name
        return super().resolve_command(ctx, [canonical, *args[1:]])


def family(commands: type[Commands]) -> typer.Typer:
    """Commands behind one word: ``sqlmig db start``."""
    return typer.Typer(
        cls=commands,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=HELP_NAMES,
    )


def built(command: Any, name: str) -> Any:
    """What typer makes of a function, or of a family of commands."""
    if isinstance(command, typer.Typer):
        group = typer.main.get_command(command)
        group.name = name
        return group
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    settings: dict[str, Any] = {"context_settings": HELP_NAMES, "hidden": command.hidden}
    app.command(name, cls=Command, **settings)(_with_common_options(command.function, command.changes))
    return typer.main.get_command(app)


class Declared:
    """A command's function, with what the command line has to know of it."""

    def __init__(self, function: Function, *, changes: bool, hidden: bool) -> None:
        self.function = function
        self.changes = changes
        self.hidden = hidden


def command(*, changes: bool = False, hidden: bool = False) -> Callable[[Function], Declared]:
    """Declare a command. Its function takes the Invocation and its own options, and returns an exit code (None: 0).

    ``changes`` gives it --yes.
    """
    return lambda function: Declared(function, changes=changes, hidden=hidden)


def _text(annotation: Any) -> Any:
    """The parameter as typer is to know it: as text, where a callback of ours reads it."""
    base, info = get_args(annotation)
    if info.callback is None:
        return annotation
    text: Any = list[str] if "list" in str(base) else str
    return Annotated[text | None if type(None) in get_args(base) else text, info]


def _with_common_options(function: Function, changes: bool) -> Callable[..., int]:
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    common = {**COMMON, "yes": options.Yes} if changes else COMMON

    def run(context: typer.Context, **values: Any) -> int:
        invocation: Invocation = context.obj
        given = {key: values.pop(key) for key in common}
        invocation.target = Target(
            env=given["env"],
            url=given["url"],
            directories=tuple(Path(folder) for folder in given["directories"] or ()),
            config=given["config"],
            yes=given.get("yes", False),
        )
        return function(invocation, **values) or 0

    parameters = [
        CONTEXT,
        *(parameter.replace(kind=KEYWORD, annotation=_text(parameter.annotation)) for parameter in own),
    ]
    for key, annotation in common.items():
        default = False if annotation in (options.Json, options.Verbose, options.Yes) else None
        parameters.append(inspect.Parameter(key, KEYWORD, default=default, annotation=_text(annotation)))
    vars(run)["__signature__"] = inspect.Signature(parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__doc__ = function.__doc__
    return run
