"""Where to connect: as an option, a variable, the file or libpq's own variables say, or to the embedded PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path

from sqlmig.config.conninfo import (
    LIBPQ_KEYWORDS,
    MisreadError,
    check_field,
    fit,
    merge,
    parse,
)
from sqlmig.config.secrets import SECRET_KEYWORDS, Redactor, Secret, secrets_in
from sqlmig.config.source import Level, Variables
from sqlmig.errors import ConfigError
from sqlmig.frozen import dataclass

EMBEDDED = "embedded"
EMBEDDED_FOLDER = ".sqlmig"

ADDRESS_KEYS = ("url", "url_command")

SERVER_KEYWORDS = ("host", "hostaddr", "service")
"""Which server: a table that names one is not led elsewhere by what a more general table says of these."""

PUBLIC_KEYWORDS = ("user", "dbname", "host", "hostaddr", "service")
PUBLIC_VARIABLES = ("PGUSER", "PGDATABASE", "PGHOST", "PGHOSTADDR", "PGSERVICE")

CHOOSING_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGPASSFILE", "PGSERVICE")
"""A person who has set one of these means a server, not the embedded one."""


@dataclass(frozen=True)
class Target:
    """Where a command connects."""

    embedded: bool
    conninfo: Secret
    """What libpq reads: a URL or conninfo string as it was given, with the fields added. "" leaves all to libpq."""
    source: str
    """Where this was said, in words for people."""
    folder: Path | None = None
    """The home of the embedded PostgreSQL."""


@dataclass(frozen=True)
class Connection:
    """A target, the secrets that lead there, and the values beside them that are shown."""

    target: Target
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    public: frozenset[str] = frozenset()


def resolve(url: str | None, levels: Sequence[Level], variables: Variables, root: Path) -> Connection:
    """The first that is given of: ``url``, SQLMIG_URL, the file's settings, libpq's variables, the embedded server.

    ``levels`` go from the general to the special. Runs ``url_command`` where it decides. Raises ConfigError, without
    any part of a URL, where libpq would not understand what it is given, or take a password for something else.
    """
    environ = variables.environ
    if url is not None:
        return _given(url, "--url", root)
    if from_environment := environ.get("SQLMIG_URL", "").strip():
        return _given(from_environment, "SQLMIG_URL", root)
    if configured := _configured(levels, variables, root):
        return configured
    if chosen := [name for name in CHOOSING_VARIABLES if environ.get(name)]:
        return Connection(Target(False, Secret(""), f"PG* variables ({', '.join(chosen)})"))
    return _embedded("nothing configured: embedded PostgreSQL", root)


def is_given(url: str | None, environ: Mapping[str, str]) -> bool:
    """Whether an option or a variable says where to connect, so that the file is not asked."""
    return url is not None or bool(environ.get("SQLMIG_URL", "").strip())


def is_configured(level: Level) -> bool:
    """Whether this table of the file says where to connect, not only how."""
    return any(key in level.table for key in (*ADDRESS_KEYS, *PUBLIC_KEYWORDS, "port"))


def known_redactor(environ: Mapping[str, str], *texts: str) -> Redactor:
    """One for the passwords that can be known before any file is read: the environment's, and those in these texts."""
    secrets = {environ.get("PGPASSWORD", "")}.union(*map(secrets_in, (environ.get("SQLMIG_URL", ""), *texts)))
    return Redactor(secrets, (environ.get(name, "") for name in PUBLIC_VARIABLES))


def _embedded(source: str, root: Path) -> Connection:
    return Connection(Target(True, Secret(""), source, root / EMBEDDED_FOLDER))


def _given(text: str, source: str, root: Path) -> Connection:
    text = text.strip()
    if text == EMBEDDED:
        return _embedded(source, root)
    try:
        parameters = parse(text)
    except MisreadError as error:
        raise ConfigError(f"{source}: {error.message}", next_step=error.next_step) from None
    return _libpq(text, parameters, source)


def _libpq(conninfo: str, parameters: Mapping[str, str], source: str) -> Connection:
    return Connection(
        Target(False, Secret(conninfo), source),
        secrets_in(conninfo).union(parameters.get(key, "") for key in SECRET_KEYWORDS),
        frozenset(parameters.get(key, "") for key in PUBLIC_KEYWORDS),
    )


def _configured(levels: Sequence[Level], variables: Variables, root: Path) -> Connection | None:
    """The settings of the file put together: fields over the URL beside them, the special over the general."""
    fields = _fields(levels)
    address = next((level for level in reversed(levels) if _address_key(level)), None)
    key = _address_key(address) if address else None
    if address is None or key is None:
        return _assembled({}, fields, None, variables) if fields else None
    before, after = levels[: levels.index(address)], levels[levels.index(address) + 1 :]
    text = _address(address, key, variables, root)
    if text == EMBEDDED:
        _check_stands_alone(address, key)
        if any(level in fields.values() for level in after):
            return _assembled({}, fields, None, variables)
        return _embedded(_source(address, key), root)
    try:
        in_url = parse(text)
    except MisreadError as error:
        raise address.error(key, error.message, error.next_step) from None
    added = {name: level for name, level in fields.items() if level not in before or name not in in_url}
    if not added:
        return _libpq(text, in_url, _source(address, key))
    if any(name in level.table for level in after for name in SERVER_KEYWORDS):
        in_url = {name: value for name, value in in_url.items() if name not in SERVER_KEYWORDS}
    return _assembled(in_url, added, _source(address, key), variables)


def _fields(levels: Sequence[Level]) -> dict[str, Level]:
    """The connection parameters that count, each with the table whose value it is."""
    fields: dict[str, Level] = {}
    for level in levels:
        if any(key in level.table for key in (*ADDRESS_KEYS, *SERVER_KEYWORDS)):
            fields = {name: owner for name, owner in fields.items() if name not in SERVER_KEYWORDS}
        fields.update((name, level) for name in level.table if name in LIBPQ_KEYWORDS)
    return fields


def _assembled(
    in_url: Mapping[str, str], fields: Mapping[str, Level], source: str | None, variables: Variables
) -> Connection:
    parameters = {**in_url, **{name: _field(level, name, variables) for name, level in fields.items()}}
    said = source or ", ".join(_source(level, name) for name, level in fields.items())
    return _libpq(merge(parameters), parameters, said)


def _field(level: Level, name: str, variables: Variables) -> str:
    value = level.table[name]
    if not isinstance(value, str | int):
        raise level.error(name, "has to be a text or a whole number")
    text = variables.expand(value, level, name) if isinstance(value, str) else str(int(value))
    try:
        check_field(name, text)
    except MisreadError as error:
        raise level.error(name, error.message, error.next_step) from None
    return text


def _address_key(level: Level) -> str | None:
    keys = [key for key in ADDRESS_KEYS if key in level.table]
    if len(keys) > 1:
        raise level.error(keys[1], "stands beside a url", "keep one of the two")
    return keys[0] if keys else None


def _address(level: Level, key: str, variables: Variables, root: Path) -> str:
    return _url(level, variables) if key == "url" else _url_by_command(level, variables, root)


def _url(level: Level, variables: Variables) -> str:
    template = level.table["url"]
    if not isinstance(template, str):
        raise level.error("url", "has to be a text")
    return variables.expand(template, level, "url", fit).strip()


def _url_by_command(level: Level, variables: Variables, root: Path) -> str:
    from sqlmig.config.command import CommandError, output_of

    words = [variables.expand(word, level, "url_command") for word in _words(level)]
    redact = known_redactor(variables.environ).knowing(variables.secrets)
    try:
        return output_of(words, root, variables.environ, redact)
    except CommandError as error:
        failure = level.error("url_command", f"the command {error.message}")
        failure.notes = error.lines
        raise failure from None


def _words(level: Level) -> list[str]:
    value = level.table["url_command"]
    if isinstance(value, str):
        import shlex

        try:
            value = shlex.split(value)
        except ValueError:
            raise level.error("url_command", "has a quote without its end") from None
    if not (isinstance(value, list) and value and all(isinstance(word, str) for word in value)):
        raise level.error("url_command", 'has to be a list of words, such as ["vault", "kv", "get", "..."]')
    return value


def _check_stands_alone(level: Level, key: str) -> None:
    beside = [name for name in level.table if name in LIBPQ_KEYWORDS]
    if beside:
        raise level.error(
            beside[0], f'says how to connect, and {key} beside it says "{EMBEDDED}"', "keep one of the two"
        )


def _source(level: Level, key: str) -> str:
    return f"{level.source.name} {level.what(key)}"
