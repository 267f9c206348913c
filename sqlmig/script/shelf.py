"""Room for what was read once and is needed again."""

from __future__ import annotations

ROOM = 1 << 23
"""Characters. What is made of them takes a few times as many bytes."""


class Shelf:
    """Holds the texts of scripts until they run, so many characters in all; what has no room is read again."""

    def __init__(self, room: int = ROOM) -> None:
        self.room = room

    def has_room_for(self, text: str) -> bool:
        """Whether the text may be kept; then it takes up its room."""
        fits = len(text) <= self.room
        if fits:
            self.room -= len(text)
        return fits
