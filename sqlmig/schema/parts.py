"""Rows that are told with another object, put into words and into an order of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Rows = list[dict[str, Any]]


def _labels(rows: Rows) -> list[str]:
    return [row["label"] for row in sorted(rows, key=lambda row: row.get("sortorder", 0))]


def _parents(rows: Rows) -> list[str]:
    ordered = sorted(rows, key=lambda row: row["seqno"])
    return [row["parent"] + (" (being detached)" if row.get("detachpending") else "") for row in ordered]


def _mappings(rows: Rows) -> dict[str, list[str]]:
    words: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: (row["tokentype"], row["seqno"])):
        words.setdefault(f"token type {row['tokentype']}", []).append(row["dict"])
    return words


def _settings(rows: Rows) -> dict[str, dict[str, str]]:
    return {
        "all roles" if row["role"] == "PUBLIC" else f"role {row['role']}": row.get("settings", {})
        for row in sorted(rows, key=lambda row: str(row["role"]))
    }


ARRANGED: Mapping[str, Callable[[Rows], Any]] = {
    "pg_enum": _labels,
    "pg_inherits": _parents,
    "pg_ts_config_map": _mappings,
    "pg_db_role_setting": _settings,
}
"""By catalog. The rows of others are listed as they are, sorted."""
