"""Values of a template's keys: each kind is checked and written so that no value makes other SQL than was meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field

from sqlmig.frozen import dataclass
from sqlmig.queries import literal
from sqlmig.statements.lexer import token_at, token_end
from sqlmig.templates.words import RESERVED, identifier, parts

OPENING = {"(": ")", "[": "]"}
QUERY = re.compile(r"(?i)\s*(select|with|values|table)\b")
ATOM = re.compile(r"[\w.]+(?:\([^()']*\))?|'(?:[^']|'')*'")
"""An expression that needs no parentheses: a name, a number, a call, a literal."""
SIMPLE_TYPE = re.compile(r"(?P<name>\w+(?:\.\w+)*)(?P<dimensions>(?:\[\d*\])*)")
CONSTRAINT = frozenset(("check", "constraint", "exclude", "foreign", "like", "primary", "unique"))
"""What a line of a table's definition begins with where it defines no column."""


@dataclass(frozen=True)
class Value:
    """One value as SQL, and the other forms that a template may ask for."""

    text: str
    bare: str = ""
    """What other names are made of: the names without schema and quotes, joined by ``_``."""
    names: tuple[str, ...] = ()
    schema: str | None = None
    forms: Mapping[str, str] = field(default_factory=dict)

    def form(self, wanted: str) -> str:
        """``name``, ``schema``, ``literal``, ``lines``, ``of.ALIAS``. Raises KeyError for another form."""
        if wanted == "literal":
            return literal(self.text)
        if wanted.startswith("of.") and self.names:
            return ", ".join(f"{wanted[3:]}.{identifier(name)}" for name in self.names)
        return self.forms[wanted]


def name(text: str) -> Value:
    """A table, type or the like, with its schema or without."""
    found = parts(text)
    if len(found) > 2:
        raise ValueError("has too many parts: write schema.name, and in quotes what holds a dot")
    prefix = identifier(found[0]) + "." if len(found) == 2 else ""
    own = identifier(found[-1])
    schema = found[0] if prefix else None
    return Value(prefix + own, found[-1], found[-1:], schema, {"name": own, "schema": prefix})


def column(text: str) -> Value:
    """One name without a schema."""
    found = parts(text)
    if len(found) > 1:
        raise ValueError("is one name, without a table or schema; write it in quotes where it holds a dot")
    return Value(identifier(found[0]), found[0], found)


def columns(text: str) -> Value:
    """Names with commas between them."""
    names = tuple(column(part).bare for part in split(text))
    if len(set(names)) < len(names):
        raise ValueError("names a column twice")
    return Value(", ".join(map(identifier, names)), "_".join(names), names)


def sql_type(text: str) -> Value:
    """A type as SQL writes it; a reserved word alone is the name of one."""
    found = one(text)
    simple = SIMPLE_TYPE.fullmatch(found)
    if simple is not None:
        words = simple["name"].split(".")
        quoted = ".".join(identifier(word) if word.lower() in RESERVED else word for word in words)
        return Value(quoted + simple["dimensions"])
    return Value(found)


def expression(text: str) -> Value:
    """An expression or a query, in parentheses where it could not stand alone."""
    if QUERY.match(text):
        ", ".join(split(text))
        return Value(f"({text.strip()})")
    found = one(text)
    return Value(found if ATOM.fullmatch(found) or _in_parentheses(found) else f"({found})")


def expressions(text: str) -> Value:
    """Expressions with commas between them."""
    return Value(", ".join(split(text)))


def elements(text: str) -> Value:
    """What an index is on: columns by their names, expressions, with or without an order."""
    found = [_with_name_first(part, frozenset()) for part in split(text)]
    bare = "_".join(_bare(part) for part in split(text))
    return Value(", ".join(found), bare)


def definitions(text: str) -> Value:
    """Columns as CREATE TABLE defines them, and constraints."""
    found = [_with_name_first(part, CONSTRAINT) for part in split(text)]
    return Value(", ".join(found), forms={"lines": ",\n    ".join(found)})


def words(text: str) -> Value:
    """Any text, as a literal."""
    if "\0" in text:
        raise ValueError("has a NUL character")
    return Value(literal(text))


def flag(text: str) -> Value | None:
    """Yes or no: a template sees the one as the empty text, the other as no value at all."""
    answers = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
    try:
        return Value("") if answers[text.strip().lower()] else None
    except KeyError:
        raise ValueError("has to be yes or no") from None


def chosen(text: str, choices: tuple[str, ...]) -> Value:
    """One of a few words."""
    wanted = " ".join(text.split()).lower()
    for choice in choices:
        if choice.lower() == wanted:
            return Value(choice)
    raise ValueError(f"has to be one of {', '.join(choices)}")


KINDS: Mapping[str, Callable[[str], Value | None]] = {
    "name": name,
    "column": column,
    "columns": columns,
    "type": sql_type,
    "expression": expression,
    "expressions": expressions,
    "elements": elements,
    "definitions": definitions,
    "text": words,
    "flag": flag,
}
"""Reads a value of each kind. Raises ValueError, without the key, for what is none."""


def one(text: str) -> str:
    """A piece of SQL that stands for one thing: whole tokens, nothing behind a comma, no end of a statement."""
    found = list(split(text))
    if len(found) > 1:
        raise ValueError("has a comma outside parentheses")
    return found[0]


def split(text: str) -> list[str]:
    """A piece of SQL cut at its commas outside parentheses.

    Raises ValueError where it could reach beyond itself: an open quote or parenthesis, a comment, a semicolon.
    """
    cuts = [-1]
    closing: list[str] = []
    for group, start, end in _tokens(text):
        part = text[start:end]
        if part in OPENING:
            closing.append(OPENING[part])
        elif part in (")", "]"):
            if not closing or closing.pop() != part:
                raise ValueError(f"has a {part} too many")
        elif part == ";":
            raise ValueError("holds a semicolon")
        elif part == "," and not closing and group in ("other", "operator"):
            cuts.append(start)
    if closing:
        raise ValueError(f"lacks a {closing[-1]}")
    found = [text[start + 1 : end].strip() for start, end in zip(cuts, [*cuts[1:], len(text)], strict=True)]
    if not all(found):
        raise ValueError("is empty" if len(found) == 1 else "has nothing beside a comma")
    return found


def _tokens(text: str) -> Iterator[tuple[str, int, int]]:
    if "\0" in text:
        raise ValueError("has a NUL character")
    at = 0
    while at < len(text):
        match = token_at(text, at, True)
        end = token_end(text, match)
        group = match.lastgroup or ""
        if group in ("line", "comment"):
            raise ValueError("holds a comment")
        if end < 0:
            raise ValueError(f"has a {match[0][-1]} that is not closed")
        if group != "space":
            yield group, at, end
        at = end


def _in_parentheses(text: str) -> bool:
    """Whether the first parenthesis closes at the very end."""
    depth = 0
    for _, start, end in _tokens(text):
        depth += (text[start] == "(") - (text[start:end] == ")")
        if depth == 0:
            return text[start:end] == ")" and end == len(text)
    return False


def _with_name_first(part: str, kept: frozenset[str]) -> str:
    """The part, with the name of a column that it begins with as an identifier; nothing else is touched."""
    found = list(_tokens(part))
    group, start, end = found[0]
    following = part[found[1][1] : found[1][2]] if len(found) > 1 else ""
    word = part[start:end]
    if group != "word" or word.lower() in kept or following in ("(", ".", "::"):
        return part
    return identifier(word) + part[end:]


def _bare(part: str) -> str:
    """What an index is called after: the column, or the function of an expression."""
    for group, start, end in _tokens(part):
        if group == "word":
            return part[start:end]
        if group == "name":
            return parts(part[start:end])[0]
    return "expr"
