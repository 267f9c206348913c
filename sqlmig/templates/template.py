"""Templates: two files with keys, from which the files of a migration are made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from sqlmig import statements
from sqlmig.errors import ScriptError, UsageError
from sqlmig.frozen import dataclass
from sqlmig.templates.values import KINDS, Value, chosen
from sqlmig.templates.words import identifier, shortened

PLACEHOLDER = re.compile(r"(?<!\$)\$\{(?P<key>[a-z][a-z0-9_]*)(?:\.(?P<form>[a-z][a-z0-9_.]*))?\}")
SECTION = re.compile(r"\$\[(?P<body>[^\]$]*(?:\$\{[a-z0-9_.]+\}[^\]$]*)+)\]")
"""Left out, brackets and all, where one of its keys has no value. ``$[*]`` of a jsonpath has no key: it is none."""

NOTHING = "\0"
"""Stands where something was left out; in no text that is sent."""
BLANK = NOTHING + " \t\r"

TITLE = "title"
OF_THE_CATALOG = ("save", "restore", "notes", "losses")
"""Keys that are filled from the database, for templates that read it."""


@dataclass(frozen=True)
class Key:
    """What has to be known to fill a template. Without ``default`` it is asked for, unless it is ``optional``."""

    name: str
    kind: str
    description: str
    choices: tuple[str, ...] = ()
    optional: bool = False
    default: str | None = None
    """May refer to keys before it."""

    @property
    def required(self) -> bool:
        return not self.optional and self.default is None

    def read(self, text: str) -> Value | None:
        """Raises ValueError, without the key, where the text is no value of this kind."""
        return chosen(text, self.choices) if self.kind == "word" else KINDS[self.kind](text)


@dataclass(frozen=True)
class Template:
    """A template as its files say it. ``file`` is None for one that comes with sqlmig."""

    name: str
    description: str
    keys: tuple[Key, ...]
    up: str
    down: str | None
    reads_database: bool = False
    alternatives: tuple[tuple[str, str], ...] = ()
    file: str | None = None

    def missing(self, given: Iterable[str]) -> tuple[Key, ...]:
        """The keys that still need a value."""
        known = set(given)
        return tuple(key for key in self.keys if key.required and key.name not in known)

    def values(self, given: Mapping[str, str]) -> dict[str, Value | None]:
        """Every key with its value, None where it has none.

        Raises UsageError for a key that is unknown or has no value that it could have, and for all that are missing.
        """
        self._check_names(given)
        found: dict[str, Value | None] = {}
        for key in self.keys:
            text = given.get(key.name)
            if text is None and key.default is not None:
                text = _default(key, found)
            try:
                found[key.name] = None if text is None else key.read(text)
            except ValueError as error:
                raise UsageError(f"{key.name}: {error}", next_step=f"-D {key.name}=...: {key.description}") from None
        for one, other in self.alternatives:
            if found.get(one) is not None and found.get(other) is not None:
                raise UsageError(f"{one} and {other} contradict each other", next_step="give one of them")
        return found

    def _check_names(self, given: Mapping[str, str]) -> None:
        names = [key.name for key in self.keys]
        for name in given:
            if name not in names:
                import difflib

                near = difflib.get_close_matches(name, names, 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise UsageError(
                    f"template {self.name} has no key {name!r}{hint}",
                    next_step=f"its keys are {', '.join(names) or 'none'}: sqlmig templates",
                )
        if lacking := self.missing(given):
            told = ", ".join(f"{key.name} ({key.description})" for key in lacking)
            raise UsageError(
                f"template {self.name} needs {told}",
                next_step=" ".join(f"-D {key.name}=..." for key in lacking),
            )

    def render(self, values: Mapping[str, Value | None], title: str) -> tuple[str, str | None]:
        """The texts of the up and the down file.

        Raises UsageError where values would make other statements than the template has, which no value of the kinds
        that are checked alone can do.
        """
        filled = {**values, TITLE: Value(title)}
        up = _rendered(self.up, filled)
        down = None if self.down is None else _rendered(self.down, filled)
        harmless = {key: value and _harmless(key, value) for key, value in filled.items()}
        for text, template in ((up, self.up), (down, self.down)):
            if text is None or template is None:
                continue
            if _count(text) != _count(_rendered(template, harmless)):
                raise UsageError(
                    f"these values make other statements of template {self.name} than it has",
                    next_step="give a name that does not hold what ends a quoted part of the template",
                )
        return up, down


def _default(key: Key, found: Mapping[str, Value | None]) -> str:
    """The default as it would be typed. A name made of others is made to fit; it lies in the schema of the first."""
    text = key.default or ""
    if not PLACEHOLDER.search(text):
        return text
    pieces: list[tuple[str, bool]] = []
    schema = None
    at = 0
    for match in PLACEHOLDER.finditer(text):
        value = found.get(match["key"]) or Value("")
        schema = schema if schema is not None else value.schema
        pieces += [(text[at : match.start()], False), (value.bare, True)]
        at = match.end()
    made = identifier(shortened([*pieces, (text[at:], False)]))
    return f"{identifier(schema)}.{made}" if schema is not None and key.kind == "name" else made


def _harmless(key: str, value: Value) -> Value:
    """A value that is known to stay within its place; whole statements from the catalog stay as they are."""
    if key in OF_THE_CATALOG or not value.text:
        return value
    return Value("x", "x", ("x",), None, {"name": "x", "schema": "", "lines": "x"})


def _rendered(text: str, values: Mapping[str, Value | None]) -> str:
    """The text with its values, without lines of which nothing is left. Values are put in last, as they are."""
    kept = SECTION.sub(lambda match: match["body"] if _has_all(match["body"], values) else NOTHING, text)
    kept = PLACEHOLDER.sub(lambda match: match[0] if _form(match, values) else NOTHING, kept)
    lines = [
        line.replace(NOTHING, "").rstrip() for line in kept.split("\n") if NOTHING not in line or line.strip(BLANK)
    ]
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    return PLACEHOLDER.sub(lambda match: _form(match, values), body) + "\n"


def _has_all(body: str, values: Mapping[str, Value | None]) -> bool:
    return all(values.get(match["key"]) is not None for match in PLACEHOLDER.finditer(body))


def _form(match: re.Match[str], values: Mapping[str, Value | None]) -> str:
    value = values.get(match["key"])
    if value is None:
        return ""
    return value.form(match["form"]) if match["form"] else value.text


def _count(text: str) -> int | None:
    try:
        return sum(not statement.is_empty for statement in statements.split(text))
    except ScriptError:
        return None
