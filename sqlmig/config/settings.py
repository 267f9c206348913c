"""Everything that one command needs to know, read from options, variables, the file and the defaults, in that order."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TypeVar

from sqlmig.config import values
from sqlmig.config.connection import (
    ADDRESS_KEYS,
    Connection,
    Target,
    is_configured,
    is_given,
    known_redactor,
    resolve,
)
from sqlmig.config.conninfo import LIBPQ_KEYWORDS
from sqlmig.config.secrets import Redactor, Secret
from sqlmig.config.source import FILE_NAME, Level, Source, Variables, find_config, nearest, read_source
from sqlmig.errors import ConfigError
from sqlmig.frozen import dataclass

ENVIRONMENTS = "env"
DEFAULT_ENVIRONMENT = "default_environment"

UNNAMED = "default"
"""The environment that the general settings make alone, unless the file has an environment of this name."""

DEFAULTS: Mapping[str, object] = {
    "directory": "sql",
    "protected": False,
    "allow_rollback": False,
    "role": "",
    "search_path": None,
    "lock_timeout": "3s",
    "statement_timeout": "",
    "lock_retries": 5,
    "lock_wait": "30s",
    "on_drift": "warn",
    "on_schema_drift": "off",
    "schema_snapshots": False,
    "ignore": [],
    "history_schema": "sqlmig",
    "store_up_limit": "1MB",
    "message_size": "512kB",
    "seeds": "seeds",
    "allow_seeds": False,
    "hooks": "",
    "on_event": [],
}
"""What an environment may set beside its connection, as it would stand in the file."""

GENERAL_KEYS = (DEFAULT_ENVIRONMENT, ENVIRONMENTS)
ENVIRONMENT_KEYS = (*DEFAULTS, *ADDRESS_KEYS, *LIBPQ_KEYWORDS)

DEFAULT_FILE = """\
directory = "sql"
default_environment = "development"

[env.development]
url = "embedded"              # a PostgreSQL of its own, kept under .sqlmig/

[env.production]
url = "${DATABASE_URL}"       # or url_command = ["vault", "kv", "get", "-field=url", "secret/app"]
protected = true              # changes have to be confirmed; rollback needs allow_rollback = true as well
# role = "app_owner"          # SET ROLE: the owner of what the migrations create
# lock_timeout = "3s"         # how long a statement waits for a lock before the migration is retried
# on_drift = "error"          # refuse to apply while an applied file has changed
"""

T = TypeVar("T")


@dataclass(frozen=True)
class Environment:
    """Everything one command needs to know. No password shows in its ``repr``, its copies or ``asdict``."""

    name: str
    root: Path
    """The folder of the configuration file, else the working directory."""
    config_file: Path | None
    directories: tuple[Path, ...]
    """Where the migrations are, absolute; nothing is known of whether they exist."""
    target: Target
    protected: bool
    allow_rollback: bool
    role: str | None
    lock_timeout: str | None
    """As ``SET lock_timeout`` takes it; "0" is off."""
    statement_timeout: str | None
    """As ``SET statement_timeout`` takes it; None leaves the server's own."""
    lock_retries: int
    lock_wait: str
    """How long to wait for another runner, for ``parse_duration``."""
    search_path: str | None
    on_drift: str
    """``warn`` or ``error``."""
    on_schema_drift: str
    """``off``, ``warn`` or ``error``: what ``apply`` does where the database is not what migrations left."""
    schema_snapshots: bool
    """Whether what changes the database keeps a snapshot of the schema that it left."""
    ignore: tuple[str, ...]
    """Objects that no snapshot holds, as ``kind:name``."""
    history_schema: str
    store_up_limit: int
    """The bytes of an up file that the history stores at most."""
    message_size: int
    """The characters of SQL that travel to the server together at most; 0 sends each statement alone."""
    seeds: tuple[Path, ...]
    """Where the seeds are, absolute; nothing is known of whether they exist."""
    allow_seeds: bool
    """Whether seeds may run here although the environment is protected."""
    hooks: Path | None
    """Where the hooks are, absolute; None where there are none."""
    on_event: tuple[tuple[str, ...], ...]
    """Programs that are told of each event of a run, each with its arguments."""
    secrets: Redactor = field(compare=False)

    @property
    def keeps_snapshots(self) -> bool:
        """Whether what changes the database stores a snapshot: what is to be compared has to be known."""
        return self.schema_snapshots or self.on_schema_drift != "off"


def load(
    *,
    env: str | None = None,
    url: str | None = None,
    directories: Sequence[Path] = (),
    config: Path | None = None,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
    connect: bool = True,
) -> Environment:
    """The settings of one environment: option over environment variable over file over default.

    Reads the file and, where the connection comes from there, runs its ``url_command``; writes nothing. Without
    ``connect``, what only a connection needs is left alone (the URL, its parts and its command, ``role`` and
    ``search_path``), so that their variables need not be set; the target is then an empty one.

    Raises ConfigError, which names the file, line and key and what to do, and shows no part of a URL or password.
    """
    cwd = _working_directory(cwd)
    variables = Variables(os.environ if environ is None else environ)
    source = _source(config, cwd, variables.environ)
    root = source.path.parent if source.path else cwd
    general, environments = _tables(source)
    name, levels = _chosen(env, general, environments, variables)
    connection = Connection(Target(False, Secret(""), "not needed by a command that works offline"))
    if connect:
        if not is_given(url, variables.environ):
            _check_chosen(name, general, environments)
        connection = resolve(url, levels, variables, root)
    settings = Settings(levels, variables)
    redactor = known_redactor(variables.environ, url or "")
    return Environment(
        name=name,
        root=root,
        config_file=source.path,
        directories=_directories(directories, cwd, settings, root),
        target=connection.target,
        protected=settings.read("protected", values.boolean),
        allow_rollback=settings.read("allow_rollback", values.boolean),
        role=settings.read("role", values.role) if connect else None,
        lock_timeout=settings.read("lock_timeout", values.timeout),
        statement_timeout=settings.read("statement_timeout", values.timeout),
        lock_retries=settings.read("lock_retries", values.count),
        lock_wait=settings.read("lock_wait", values.duration),
        search_path=settings.read("search_path", values.search_path) if connect else None,
        on_drift=settings.read("on_drift", values.on_drift),
        on_schema_drift=settings.read("on_schema_drift", values.on_schema_drift),
        schema_snapshots=settings.read("schema_snapshots", values.boolean),
        ignore=settings.read("ignore", values.patterns),
        history_schema=settings.read("history_schema", values.schema),
        store_up_limit=settings.read("store_up_limit", values.size),
        message_size=settings.read("message_size", values.size),
        seeds=tuple(root / folder for folder in settings.read("seeds", values.folders)),
        allow_seeds=settings.read("allow_seeds", values.boolean),
        hooks=_folder(root, settings.read("hooks", values.text)),
        on_event=settings.read("on_event", values.commands) if connect else (),
        secrets=redactor.knowing(connection.secrets | variables.secrets, (*connection.public, name)),
    )


def write_default(folder: Path) -> Path:
    """Write a configuration file to begin with, and say where. Raises ConfigError where one exists: it is kept."""
    path = folder / FILE_NAME
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(DEFAULT_FILE)
    except FileExistsError:
        raise ConfigError(f"{path} exists already", next_step="change that file") from None
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from None
    return path


@dataclass(frozen=True)
class Settings:
    """The tables that make one environment, from the general to the special."""

    levels: Sequence[Level]
    variables: Variables

    def read(self, key: str, convert: Callable[[object], T]) -> T:
        """The value that counts, with its variables replaced. Raises ConfigError where ``convert`` refuses it."""
        level = next((level for level in reversed(self.levels) if key in level.table), None)
        if level is None:
            return convert(DEFAULTS[key])
        try:
            return convert(self._expand(level.table[key], level, key))
        except ValueError as error:
            raise level.error(key, str(error)) from None

    def _expand(self, value: object, level: Level, key: str) -> object:
        if isinstance(value, str):
            return self.variables.expand(value, level, key)
        if isinstance(value, list):
            return [self._expand(item, level, key) for item in value]
        return value


def _working_directory(cwd: Path | None) -> Path:
    try:
        return (cwd or Path.cwd()).resolve()
    except FileNotFoundError:
        raise ConfigError("the working directory does not exist any more", next_step="cd to another folder") from None


def _source(config: Path | None, cwd: Path, environ: Mapping[str, str]) -> Source:
    told = config or (Path(environ["SQLMIG_CONFIG"]) if environ.get("SQLMIG_CONFIG") else None)
    if told:
        return read_source((cwd / told).parent.resolve() / told.name, cwd)
    found = find_config(cwd)
    return read_source(found, cwd) if found else Source()


def _folder(root: Path, name: str) -> Path | None:
    return root / name if name else None


def _directories(options: Sequence[Path], cwd: Path, settings: Settings, root: Path) -> tuple[Path, ...]:
    if options:
        return tuple(cwd / folder for folder in options)
    if from_environment := settings.variables.environ.get("SQLMIG_DIR"):
        return tuple(cwd / folder for folder in from_environment.split(os.pathsep) if folder)
    return tuple(root / folder for folder in settings.read("directory", values.folders))


def _tables(source: Source) -> tuple[Level, dict[str, Level]]:
    """The general settings and those of each environment. Raises ConfigError for a key that none of them knows."""
    general = Level(source, (), {key: value for key, value in source.table.items() if key != ENVIRONMENTS})
    environments: dict[str, Level] = {}
    tables = source.table.get(ENVIRONMENTS, {})
    if not isinstance(tables, dict):
        raise general.error(ENVIRONMENTS, "has to be a table", f"write [{ENVIRONMENTS}.NAME]")
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise Level(source, (ENVIRONMENTS,)).error(name, "has to be a table", f"write [{ENVIRONMENTS}.NAME]")
        environments[name] = Level(source, (ENVIRONMENTS, name), table)
    _check_keys((general, *environments.values()))
    return general, environments


def _check_keys(levels: Sequence[Level]) -> None:
    for level in levels:
        known = ENVIRONMENT_KEYS if level.section else (*GENERAL_KEYS, *ENVIRONMENT_KEYS)
        for key, value in level.table.items():
            if key not in known:
                raise level.error(key, "is not a key of the configuration", _instead(level, key, value, known))


def _instead(level: Level, key: str, value: object, known: Sequence[str]) -> str:
    if key in GENERAL_KEYS:
        return f"{key} belongs to the top of the file, before any [{ENVIRONMENTS}.NAME]"
    if meant := nearest(key, known):
        return f"did you mean {meant}?"
    if isinstance(value, dict) and not level.section:
        return f"an environment is written [{ENVIRONMENTS}.{key}]"
    return f"the keys are {', '.join((*DEFAULTS, *ADDRESS_KEYS))}, and the connection parameters of libpq"


def _chosen(
    env: str | None, general: Level, environments: Mapping[str, Level], variables: Variables
) -> tuple[str, tuple[Level, ...]]:
    """The name of the environment and its levels. Raises ConfigError, with the names that exist, for another name."""
    if env is not None:
        name, said_by = env, "--env"
    elif from_environment := variables.environ.get("SQLMIG_ENV"):
        name, said_by = from_environment, "SQLMIG_ENV"
    elif DEFAULT_ENVIRONMENT in general.table:
        name, said_by = Settings((general,), variables).read(DEFAULT_ENVIRONMENT, values.text), DEFAULT_ENVIRONMENT
    else:
        name, said_by = UNNAMED, ""
    if name in environments:
        return name, (general, environments[name])
    if name == UNNAMED:
        return name, (general,)
    raise ConfigError(
        f'{said_by}: there is no environment "{name}"',
        place=general.source.place((DEFAULT_ENVIRONMENT if said_by == DEFAULT_ENVIRONMENT else ENVIRONMENTS,)),
        next_step=_how_to_choose(environments) if environments else f"write [{ENVIRONMENTS}.{name}] into {FILE_NAME}",
    )


def _how_to_choose(environments: Mapping[str, Level]) -> str:
    return f"choose one of {', '.join(environments)} with --env"


def _check_chosen(name: str, general: Level, environments: Mapping[str, Level]) -> None:
    """Nobody chose, and only the environments say where to connect: none of them is to be guessed."""
    if name not in environments and environments and not is_configured(general):
        raise ConfigError(
            "no environment is chosen",
            place=general.source.place((ENVIRONMENTS,)),
            next_step=f"{_how_to_choose(environments)}, or set {DEFAULT_ENVIRONMENT}",
        )
