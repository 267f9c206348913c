"""Statements as people read them. What these functions return is never sent to a server."""

from __future__ import annotations


def preview(text: str, width: int = 80) -> str:
    head = " ".join(text[: width * 4].split())
    return head if len(head) <= width else head[: width - 1] + "…"


def pretty(text: str) -> str:
    return text
