"""Values as they stand in the file, turned into what they mean. Each function raises ValueError, without the key."""

from __future__ import annotations

from sqlmig.config.units import parse_duration, parse_size, server_duration
from sqlmig.errors import ConfigError

IDENTIFIER_BYTES = 63
"""PostgreSQL documentation, 4.1.1 "Identifiers and Key Words": longer names are cut."""

ON_DRIFT = ("warn", "error")
ON_SCHEMA_DRIFT = ("off", "warn", "error")


def text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError('has to be a text, in "quotes"')
    if "\0" in value:
        raise ValueError("has a NUL character")
    return value


def boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("has to be true or false, without quotes")
    return value


def count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("has to be a whole number from 0 on, without quotes")
    return value


def size(value: object) -> int:
    """Bytes: a whole number, or a text such as 1MB."""
    return parse_size(value) if isinstance(value, str) else count(value)


def timeout(value: object) -> str | None:
    """A time-out as the server reads it; the empty text leaves the server's own."""
    return server_duration(_duration_text(value)) if value != "" else None


def duration(value: object) -> str:
    """A time that sqlmig waits, as ``parse_duration`` reads it."""
    written = _duration_text(value)
    try:
        parse_duration(written)
    except ConfigError as error:
        raise ValueError(error.message) from None
    return written


def on_drift(value: object) -> str:
    written = text(value)
    if written not in ON_DRIFT:
        raise ValueError('has to be "warn" or "error"')
    return written


def on_schema_drift(value: object) -> str:
    written = text(value)
    if written not in ON_SCHEMA_DRIFT:
        raise ValueError('has to be "off", "warn" or "error"')
    return written


def patterns(value: object) -> tuple[str, ...]:
    """A list of ``kind:name``."""
    if not isinstance(value, list):
        raise ValueError('has to be a list of objects: ["schema:partman", "table:app.part_*"]')
    written = tuple(map(text, value))
    for pattern in written:
        kind, colon, name = pattern.partition(":")
        if not (kind.strip() and colon and name.strip()):
            raise ValueError(f'"{pattern}" names no kind of object: write it as kind:name, as in "schema:partman"')
    return written


def search_path(value: object) -> str | None:
    """The text that ``SET search_path`` takes; the empty one is an empty path."""
    return None if value is None else text(value)


def role(value: object) -> str | None:
    """A role's name; the empty text is none."""
    return identifier(value) if value != "" else None


def schema(value: object) -> str:
    """The name of a schema that may be created."""
    name = identifier(value)
    if name.startswith("pg_") or name == "information_schema":
        raise ValueError("is a name that PostgreSQL keeps for itself")
    return name


def identifier(value: object) -> str:
    name = text(value)
    if not name:
        raise ValueError("is empty")
    if len(name.encode(errors="surrogatepass")) > IDENTIFIER_BYTES:
        raise ValueError(f"is longer than {IDENTIFIER_BYTES} bytes, and PostgreSQL would cut it")
    return name


def folders(value: object) -> tuple[str, ...]:
    """One folder or a list of them."""
    names = tuple(map(text, value)) if isinstance(value, list) else (text(value),)
    if not names or not all(names):
        raise ValueError('has to be a folder, or a list of folders: ["sql", "more/sql"]')
    return names


def commands(value: object) -> tuple[tuple[str, ...], ...]:
    """Programs with their arguments: a list of lists of words, or one such list alone."""
    if not isinstance(value, list):
        raise ValueError('has to be a list of commands: [["notify", "--quiet"]]')
    several = value if any(isinstance(item, list) for item in value) else [value] if value else []
    if not all(isinstance(item, list) and item for item in several):
        raise ValueError('has to be a list of commands, each a list of words: [["notify", "--quiet"], ["log"]]')
    found = tuple(tuple(map(text, item)) for item in several)
    if not all(words[0] for words in found):
        raise ValueError("has a command without a name")
    return found


def _duration_text(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text(value)
