"""Where templates come from: those of sqlmig, and a project's own, which may take their place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sqlmig.errors import FileError, Place, UsageError
from sqlmig.templates.template import OF_THE_CATALOG, PLACEHOLDER, SECTION, TITLE, Key, Template
from sqlmig.templates.values import KINDS

OWN = "templates"
"""The folder of a project's own templates, beside its configuration file."""
BUILT_IN = Path(__file__).with_name("sql")
UP, DOWN = ".up.sql", ".down.sql"

HEADER = "-- template"
BROKEN_SECTION = re.compile(r"\$\[(?=[^\]\n]*\$\{)")
DESCRIPTION = re.compile(r"-- template: (?P<text>.+)")
KEY = re.compile(
    r"-- template key (?P<name>[a-z][a-z0-9_]*) (?P<kind>[a-z]+)(?:\((?P<choices>[^)]+)\))?"
    r"(?: (?P<optional>optional)| = (?P<default>.*?))?: (?P<description>.+)"
)
EITHER = re.compile(r"-- template either (?P<one>[a-z][a-z0-9_]*) or (?P<other>[a-z][a-z0-9_]*)")
READS = "-- template reads the database"

FORMS = {"name": ("name", "schema"), "definitions": ("lines",)}
"""What may stand behind the dot of a placeholder, by the kind of its key; ``literal`` may behind all."""
NAMED = ("name", "column", "columns")
"""Kinds that have the form ``of.ALIAS``."""


def templates(root: Path) -> tuple[Template, ...]:
    """All templates by name, a project's own in the place of one that comes with sqlmig. Raises FileError."""
    found = {template.name: template for folder in (BUILT_IN, root / OWN) for template in _in(folder)}
    return tuple(found[name] for name in sorted(found))


def template(root: Path, name: str) -> Template:
    """One template. Raises UsageError, with the nearest one, where there is none of this name, and FileError."""
    for folder in (root / OWN, BUILT_IN):
        path = folder / f"{name}{UP}"
        if path.name == f"{name}{UP}" and path.is_file():
            return _read(path)
    import difflib

    names = [known.name for known in templates(root)]
    near = difflib.get_close_matches(name, names, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise UsageError(f"there is no template {name!r}{hint}", next_step="sqlmig templates")


def _in(folder: Path) -> Iterator[Template]:
    if not folder.is_dir():
        return
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    for name in names:
        if name.endswith(UP):
            yield _read(folder / name)
        elif name.endswith(DOWN) and name.removesuffix(DOWN) + UP not in names:
            path = str(folder / name)
            advice = f"add {name.removesuffix(DOWN)}{UP}, or remove it"
            raise FileError(f"{path}: a template needs an up file", place=Place(path), next_step=advice)


def _read(path: Path) -> Template:
    """The template whose up file this is. Raises FileError with the place of what is wrong in it."""
    down = path.with_name(path.name.removesuffix(UP) + DOWN)
    reading = _Reading()
    up_text = reading.body(path)
    down_text = reading.body(down) if down.is_file() else None
    for file, text in ((path, up_text), (down, down_text)):
        reading.check_placeholders(file, text or "")
    if reading.reads_database and not reading.names_a_column:
        advice = "add: -- template key table name: the table; and: -- template key column column: the column"
        raise _wrong(path, None, "a template that reads the database has the keys table and column", advice)
    if not reading.description:
        raise _wrong(path, 1, "a template says what it makes", "add a line: -- template: A new table.")
    return Template(
        path.name.removesuffix(UP),
        reading.description,
        tuple(reading.keys.values()),
        up_text,
        down_text,
        reading.reads_database,
        tuple(reading.alternatives),
        None if path.parent == BUILT_IN else str(path),
    )


class _Reading:
    """What the header lines of a template's two files say."""

    def __init__(self) -> None:
        self.description = ""
        self.keys: dict[str, Key] = {}
        self.alternatives: list[tuple[str, str]] = []
        self.reads_database = False

    @property
    def names_a_column(self) -> bool:
        """Whether it asks for a table and one column of it."""
        kinds = {key.name: key.kind for key in self.keys.values() if key.required}
        return kinds.get("table") == "name" and kinds.get("column") == "column"

    def body(self, path: Path) -> str:
        """The text without its header lines, which keep their places as empty lines at first."""
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise FileError(f"{path} cannot be read: {error}", place=Place(str(path))) from None
        lines = []
        for number, line in enumerate(text.splitlines(), start=1):
            if line.startswith(HEADER):
                self._header(path, number, line.rstrip())
            else:
                lines.append(line)
        return "\n".join(lines)

    def _header(self, path: Path, number: int, line: str) -> None:
        if line == READS:
            self.reads_database = True
        elif match := KEY.fullmatch(line):
            self._key(path, number, match)
        elif match := EITHER.fullmatch(line):
            self.alternatives.append((match["one"], match["other"]))
        elif match := DESCRIPTION.fullmatch(line):
            self.description = self.description or match["text"]
        else:
            advice = "write: -- template key NAME KIND: what it is; or: -- template key NAME KIND = default: what it is"
            raise _wrong(path, number, "this line is not understood", advice)

    def _key(self, path: Path, number: int, match: re.Match[str]) -> None:
        name, kind = match["name"], match["kind"]
        choices = tuple((match["choices"] or "").split("|")) if match["choices"] else ()
        if kind not in KINDS and not (kind == "word" and choices):
            kinds = ", ".join((*KINDS, "word(this|that)"))
            raise _wrong(path, number, f"{kind} is no kind of key", f"the kinds are {kinds}")
        if name in self.keys or name in (TITLE, *OF_THE_CATALOG):
            raise _wrong(path, number, f"there is a key {name} already", "choose another name")
        for used in PLACEHOLDER.finditer(match["default"] or ""):
            if used["key"] not in self.keys:
                raise _wrong(path, number, f"the default refers to {used['key']}, which no line before says", None)
        self.keys[name] = Key(
            name, kind, match["description"], choices, match["optional"] is not None, match["default"]
        )

    def check_placeholders(self, path: Path, text: str) -> None:
        """Raise FileError at a placeholder that nothing will fill, and at a section that would not be one."""
        for broken in BROKEN_SECTION.finditer(SECTION.sub("", text)):
            raise self._unknown(path, broken, "in $[...] stand keys and text, but no ] and no other $")
        for match in PLACEHOLDER.finditer(text):
            key, form = self.keys.get(match["key"]), match["form"]
            known = match["key"] == TITLE or (self.reads_database and match["key"] in OF_THE_CATALOG)
            if key is None and not (known and not form):
                raise self._unknown(path, match, f"no line says what {match['key']} is")
            if key is not None and form and not _has_form(key, form):
                raise self._unknown(path, match, f"a key of the kind {key.kind} has no form {form}")

    def _unknown(self, path: Path, match: re.Match[str], message: str) -> FileError:
        numbered = enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1)
        line = next((number for number, text in numbered if match[0] in text and not text.startswith(HEADER)), None)
        return _wrong(path, line, f"{match[0]}: {message}", "add a line: -- template key NAME KIND: what it is")


def _has_form(key: Key, form: str) -> bool:
    if form.startswith("of."):
        return key.kind in NAMED
    return form == "literal" or form in FORMS.get(key.kind, ())


def _wrong(path: Path, line: int | None, message: str, advice: str | None) -> FileError:
    return FileError(f"{path}: {message}", place=Place(str(path), line), next_step=advice)
