"""Durations and sizes as PostgreSQL writes them."""

from __future__ import annotations

from sqlmig.errors import ConfigError
from sqlmig.patterns import pattern

MILLISECONDS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
LONGEST = 2**31 - 1
"""PostgreSQL keeps a time-out as a signed 32-bit count of milliseconds: 24 days."""

BYTES = {"": 1, "b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30}

QUANTITY = pattern(r"(?P<number>[0-9]{1,15}(?:\.[0-9]{1,15})?)\s*(?P<unit>[A-Za-z]*)")


def parse_duration(text: str) -> float:
    """Seconds in a duration such as ``30s``, ``500ms``, ``1.5min``; a number alone counts seconds.

    Raises ConfigError for anything else.
    """
    try:
        number, unit = _quantity(text, "30s, 500ms or 2min")
        return number * _milliseconds(unit or "s", text) / 1_000
    except ValueError as error:
        raise ConfigError(str(error)) from None


def server_duration(text: str) -> str:
    """A duration that the server reads as it was meant, for ``SET lock_timeout`` and the like.

    Raises ValueError where the server would read another: a number without a unit (milliseconds there), a part of a
    millisecond (rounded to 0, which switches the time-out off), a unit that it does not know, or too long a time.
    """
    number, unit = _quantity(text, "3s, 500ms or 2min, or 0 for none")
    if number == 0:
        return "0"
    if not unit:
        raise ValueError(f'"{text.strip()}" has no unit: write {text.strip()}s for seconds or {text.strip()}ms')
    milliseconds = number * _milliseconds(unit, text)
    if milliseconds < 1:
        raise ValueError(f'"{text.strip()}" is shorter than a millisecond; 0 switches the time-out off')
    if milliseconds > LONGEST:
        raise ValueError(f'"{text.strip()}" is longer than 24 days, the longest that PostgreSQL knows')
    return text.strip()


def parse_size(text: str) -> int:
    """Bytes in a size such as ``512kB``, ``1MB``; as for PostgreSQL, a kB is 1024 bytes. Raises ValueError."""
    number, unit = _quantity(text, "512kB, 1MB or 2GB")
    factor = BYTES.get(unit.lower().replace("ib", "b"))
    if factor is None:
        raise ValueError(f'"{text.strip()}" is not a size: its unit has to be one of B, kB, MB, GB')
    return int(number * factor)


def _quantity(text: str, examples: str) -> tuple[float, str]:
    match = QUANTITY.fullmatch(text.strip())
    if not match:
        raise ValueError(f'"{text.strip()}" is not a number with a unit: write it like {examples}')
    return float(match["number"]), match["unit"]


def _milliseconds(unit: str, text: str) -> int:
    if unit not in MILLISECONDS:
        raise ValueError(f'"{text.strip()}" is not a duration: its unit has to be one of {", ".join(MILLISECONDS)}')
    return MILLISECONDS[unit]
