"""A digest that is taken beside other work is the one that is taken at once."""

from __future__ import annotations

import hashlib
import random

import pytest

from sqlmig.hashing import MUCH, Background


@pytest.mark.parametrize("sizes", [[], [0], [MUCH], [MUCH - 1, MUCH, MUCH + 1], [1, 4 * MUCH] * 5, [2 * MUCH] * 9])
def test_the_order_is_kept(sizes: list[int]) -> None:
    """Much data and little in turn, and as often as one likes."""
    generator = random.Random(len(sizes))
    parts = [generator.randbytes(size) for size in sizes]
    background, expected = Background(hashlib.sha256()), hashlib.sha256()
    for part in parts:
        background.update(part)
        expected.update(part)
    assert background.hexdigest() == expected.hexdigest()
    background.update(b"more")
    expected.update(b"more")
    assert background.hexdigest() == expected.hexdigest()


def test_what_goes_wrong_is_not_lost() -> None:
    """It comes out with the next call."""

    class Wrong:
        def update(self, data: bytes, /) -> None:
            raise ValueError("wrong")

        def hexdigest(self) -> str:
            return ""

    background = Background(Wrong())
    background.update(bytes(MUCH))
    with pytest.raises(ValueError, match="wrong"):
        background.hexdigest()
