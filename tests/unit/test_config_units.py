"""Durations and sizes mean what they say, and what PostgreSQL would read otherwise is refused."""

from __future__ import annotations

import pytest

from sqlmig.config import parse_duration
from sqlmig.config.units import parse_size, server_duration
from sqlmig.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("500ms", 0.5),
        ("2min", 120),
        ("1.5h", 5400),
        ("1d", 86400),
        (" 2 min ", 120),
        ("0", 0),
        ("0s", 0),
        ("30", 30),
    ],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    """All of PostgreSQL's units, white space, and a bare number of seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "abc", "-1s", "1 s s", "5m", "1sec", "3S", "1e3s", "nan", "inf", "٣s", "1" * 400]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Anything else is a ConfigError that says how a duration is written."""
    with pytest.raises(ConfigError, match=r"30s|ms, s, min, h, d"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "sent"),
    [("3s", "3s"), ("0", "0"), ("0ms", "0"), ("0.0s", "0"), ("1ms", "1ms"), (" 1.5 min ", "1.5 min"), ("24d", "24d")],
)
def test_a_time_out_goes_to_the_server_as_written(text: str, sent: str) -> None:
    """The server reads the same duration, and every way to write none becomes 0."""
    assert server_duration(text) == sent


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5", "no unit"),
        ("0.4ms", "shorter than a millisecond"),
        ("0.0009s", "shorter than a millisecond"),
        ("25d", "longer than 24 days"),
        ("5m", "unit has to be"),
        ("500us", "unit has to be"),
        ("soon", "write it like"),
    ],
)
def test_a_time_out_that_the_server_reads_otherwise_is_refused(text: str, reason: str) -> None:
    """A bare 5 is milliseconds to the server, a part of a millisecond rounds to "off", 25 days do not fit."""
    with pytest.raises(ValueError, match=reason):
        server_duration(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1MB", 2**20),
        ("512kB", 2**19),
        ("2GB", 2**31),
        ("1MiB", 2**20),
        ("10", 10),
        ("10 B", 10),
        ("0", 0),
        ("1.5kb", 1536),
    ],
)
def test_a_size_is_read_in_bytes(text: str, count: int) -> None:
    """As PostgreSQL does, a kB is 1024 bytes; case does not matter."""
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["", "MB", "-1", "1TBx", "lots", "1 M B"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """Anything else says how a size is written."""
    with pytest.raises(ValueError, match=r"1MB|B, kB, MB, GB"):
        parse_size(text)
