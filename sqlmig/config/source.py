"""The configuration file: where it is, what stands in it and at which line, and the variables that it refers to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from pathlib import Path

from sqlmig.errors import ConfigError, Place
from sqlmig.frozen import dataclass
from sqlmig.patterns import pattern

FILE_NAME = "sqlmig.toml"
TABLE_IN_PYPROJECT = ("tool", "sqlmig")

POSITION = pattern(r" \(at line (\d+), column (\d+)\)")
TABLE_LINE = pattern(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?")
KEY_LINE = pattern(r"\s*([^\s=#\[][^=#]*?)\s*=")

REFERENCE = pattern(r"\$(?:(?P<dollar>\$)|\{(?P<name>[A-Za-z_]\w*)(?::-(?P<default>[^{}]*))?\}|(?P<broken>\{))")
SECRET_NAME = pattern(r"(?:PASS|PWD|SECRET|TOKEN|CREDENTIAL|(?:^|_)KEY$)", re.IGNORECASE)
NAME_OF_A_PLACE = pattern(r"(?:FILE|PATH|DIR)$", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """One configuration file, or none. Its text may hold passwords, so ``repr`` leaves it out."""

    path: Path | None = None
    shown: str = ""
    """The path as people are told it."""
    text: str = field(default="", repr=False)
    table: Mapping[str, object] = field(default_factory=dict, repr=False)
    within: tuple[str, ...] = ()
    """The table of the file that holds the configuration: none, or ``tool.sqlmig``."""

    @property
    def name(self) -> str:
        return self.path.name if self.path else ""

    def place(self, names: tuple[str, ...]) -> Place | None:
        """Where a table or key stands, or the file alone where the line is not plain to see."""
        return Place(self.shown, _line_of(self.text, (*self.within, *names))) if self.path else None


@dataclass(frozen=True)
class Level:
    """The settings that stand together in one table: those for all environments, or those of one."""

    source: Source
    section: tuple[str, ...] = ()
    table: Mapping[str, object] = field(default_factory=dict, repr=False)

    def what(self, key: str) -> str:
        return f"[{'.'.join(self.section)}] {key}" if self.section else key

    def error(self, key: str, message: str, next_step: str | None = None) -> ConfigError:
        place = self.source.place((*self.section, key))
        return ConfigError(f"{self.what(key)}: {message}", place=place, next_step=next_step)


def find_config(cwd: Path) -> Path | None:
    """The nearest configuration file, from ``cwd`` up to the root of the file system.

    That is ``sqlmig.toml``, or a ``pyproject.toml`` with a ``[tool.sqlmig]`` table; in one folder the first wins.
    """
    for folder in (cwd, *cwd.parents):
        if _is_file(own := folder / FILE_NAME):
            return own
        if _is_file(project := folder / "pyproject.toml") and _speaks_of_sqlmig(project):
            return project
    return None


def read_source(path: Path, cwd: Path) -> Source:
    """What stands in this file. Raises ConfigError where it cannot be read, is not TOML, or has no such table."""
    shown = str(path.relative_to(cwd)) if path.is_relative_to(cwd) else str(path)
    text = _read(path, shown)
    import tomllib

    try:
        table: object = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(str(error), shown) from None
    within = TABLE_IN_PYPROJECT if path.name == "pyproject.toml" else ()
    for name in within:
        table = table.get(name) if isinstance(table, dict) else None
    if not isinstance(table, dict):
        raise ConfigError(f"{shown} has no [{'.'.join(within)}] table", place=Place(shown))
    return Source(path, shown, text, table, within)


Write = Callable[[str, re.Match[str], str], str]
"""From a text, a reference to a variable in it, and the variable's value, to what is put in the reference's place."""


def as_it_is(_text: str, _reference: re.Match[str], value: str) -> str:
    return value


@dataclass
class Variables:
    """Replaces ``${VAR}``, and remembers the values of those whose name says that they are secret."""

    environ: Mapping[str, str] = field(repr=False)
    secrets: set[str] = field(default_factory=set, repr=False)

    def expand(self, text: str, level: Level, key: str, write: Write = as_it_is) -> str:
        """``${VAR}`` is its value, ``${VAR:-text}`` is text where VAR is unset or empty, ``$$`` is a dollar sign.

        Any other dollar sign stays, and values are not expanded again; ``write`` fits each into the text. Raises
        ConfigError where a variable is not set, or where it is referred to in another form.
        """

        def value(reference: re.Match[str]) -> str:
            if reference["dollar"]:
                return "$"
            if reference["broken"]:
                raise level.error(
                    key,
                    "the reference to a variable is not understood",
                    "write ${NAME}, ${NAME:-default}, or $$ for a dollar sign",
                )
            return write(text, reference, self._value(reference["name"], reference["default"], level, key))

        return REFERENCE.sub(value, text)

    def _value(self, name: str, default: str | None, level: Level, key: str) -> str:
        found = self.environ.get(name)
        if found is None and default is None:
            raise level.error(
                key,
                f"the environment variable {name} is not set",
                f"export {name}=..., or write ${{{name}:-default}}",
            )
        value = found or default or ""
        if SECRET_NAME.search(name) and not NAME_OF_A_PLACE.search(name):
            self.secrets.add(value)
        return value


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that this one was probably meant to be."""
    import difflib

    matches = difflib.get_close_matches(word.lower().replace("-", "_"), list(known), n=1)
    return matches[0] if matches else None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _speaks_of_sqlmig(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return False
    if TABLE_IN_PYPROJECT[1] not in text:
        return False
    import tomllib

    try:
        tool = tomllib.loads(text).get(TABLE_IN_PYPROJECT[0])
    except tomllib.TOMLDecodeError:
        return f"[{'.'.join(TABLE_IN_PYPROJECT)}" in text
    return isinstance(tool, dict) and TABLE_IN_PYPROJECT[1] in tool


def _read(path: Path, shown: str) -> str:
    try:
        return path.read_bytes().decode().removeprefix("\ufeff")
    except OSError as error:
        raise ConfigError(f"cannot read the configuration file {shown}: {error.strerror}", place=Place(shown)) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{shown} is not UTF-8: byte {error.start} is wrong", place=Place(shown)) from None


def _not_toml(message: str, shown: str) -> ConfigError:
    position = POSITION.search(message)
    line, column = (int(position[1]), int(position[2])) if position else (None, None)
    return ConfigError(f"{shown} is not TOML: {POSITION.sub('', message)}", place=Place(shown, line, column))


def _line_of(text: str, wanted: tuple[str, ...]) -> int | None:
    """The line of ``[a.b]`` or ``c = ...`` for this path of names, without a second parser: None where in doubt."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := TABLE_LINE.fullmatch(line):
            table = _names(header[1])
            if table == wanted:
                return number
        elif (key := KEY_LINE.match(line)) and (*table, *_names(key[1])) == wanted:
            return number
    return None


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
