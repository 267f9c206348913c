"""The two ways in which a script is cut: long ones by one pattern, short ones by code. Both must do the same."""

from __future__ import annotations

import pytest

from sqlmig.statements import scanner

WAYS = ("pattern", "code")


def cut_by(way: str, patch: pytest.MonkeyPatch) -> None:
    """Let every script be cut in one way, however long it is and whatever was cut before it."""
    patch.setattr(scanner, "_SHORT", 0 if way == "pattern" else 1 << 30)
    patch.setattr(scanner, "_WORTH_COMPILING", 1 << 30)
