"""psql is the judge: what sqlmig would send is what psql sends."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.property.prediction import as_sent, continues_with_backslash, is_routine_for_some, predict
from tests.property.psql import Psql
from tests.property.scripts import character_soups, scripts, unclosed


@given(script=st.one_of(scripts, character_soups))
def test_a_script_sends_what_psql_sends(psqls: list[Psql], script: str) -> None:
    """The same statements, character by character, and the same COPY data; up to the first error where there is one."""
    prediction = predict(script)
    readable = script[: prediction.error_at] if prediction.error else script
    assume(not continues_with_backslash(readable))
    expected = predict(readable)
    assert expected.error is None
    assume(not is_routine_for_some(readable))
    for psql in psqls:
        assert as_sent(psql.sent(readable)) == expected.messages, f"psql {psql.version}"


@given(script=unclosed)
def test_what_is_never_closed_is_not_closed_for_psql_either(psqls: list[Psql], script: str) -> None:
    """Where sqlmig finds a literal, name or comment without an end, psql sends the rest of the file as one message."""
    prediction = predict(script)
    assume(prediction.error is not None and "never closed" in str(prediction.error))
    assume(not continues_with_backslash(script))
    assume(not is_routine_for_some(script[: prediction.error_at]))
    last_line = script[prediction.error_at :].rstrip("\n").rpartition("\n")[2]
    for psql in psqls:
        sent = as_sent(psql.sent(script))
        assert sent[:-1] == prediction.messages, f"psql {psql.version}"
        assert sent[-1].text.rstrip("\n").endswith(last_line)


HARD = (Path(__file__).parent / "hard.txt").read_text(encoding="utf-8").rstrip("\n").split("\n@@\n")
"""Everything by which a script can be cut wrongly, in scripts that need no luck to be found."""


@pytest.mark.parametrize("script", HARD)
def test_hard_scripts_send_what_psql_sends(psqls: list[Psql], script: str) -> None:
    """Whatever ends their lines, with a byte order mark, and with or without a line break at the end."""
    for variant in (script, f"{script}\n", f"\ufeff{script}\n", script.replace("\n", "\r\n") + "\r\n"):
        prediction = predict(variant)
        assert prediction.error is None
        for psql in psqls:
            assert as_sent(psql.sent(variant)) == prediction.messages, f"psql {psql.version}"
