"""What kind of statement a text is, from its first words and its options."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from sqlmig.statements.lexer import comment_end, dollar_end, token_pattern


class TransactionRule(Enum):
    """How a statement gets on with a transaction around it."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    ENDS = "ends"
    SAVEPOINT = "savepoint"


@dataclass(frozen=True, slots=True)
class Facts:
    kind: str
    command: str
    transaction: TransactionRule = TransactionRule.INSIDE
    copy: str | None = None
    index: str | None = None
    index_table: str | None = None
    changes_session: bool = False


def tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """The tokens of one statement without its gaps: group of ``token_pattern``, text, place."""
    pattern = token_pattern(True)
    at = 0
    while at < len(text):
        match = pattern.match(text, at)
        assert match is not None  # noqa: S101 - the last alternative matches any character
        group, end = match.lastgroup or "other", match.end()
        if group == "comment":
            end = comment_end(text, at)
        elif group == "dollar":
            end = dollar_end(text, at, match[0])
        if end < 0:
            end = len(text)
        if group not in ("space", "line", "comment"):
            yield group, text[at:end], at
        at = end


_LIMIT = 60


def describe(text: str) -> Facts:
    words: list[str] = []
    for group, token, _ in tokens(text):
        words.append(token if group == "name" else token.upper() if group == "word" else token)
        if len(words) > _LIMIT:
            break
    return _facts(words, text)


def _facts(words: list[str], text: str) -> Facts:
    first = words[0] if words else ";"
    second = words[1] if len(words) > 1 else ""
    copy = None
    if first == "COPY":
        copy = _copy(words)
    rule = TransactionRule.INSIDE
    if first in ("BEGIN", "COMMIT", "END", "ABORT") or (first == "START" and second == "TRANSACTION"):
        rule = TransactionRule.ENDS
    if first == "PREPARE" and second == "TRANSACTION":
        rule = TransactionRule.ENDS
    if first in ("COMMIT", "ROLLBACK") and second == "PREPARED":
        rule = TransactionRule.OUTSIDE
    elif first == "ROLLBACK":
        rest = [word for word in words[1:4] if word not in ("WORK", "TRANSACTION")]
        rule = TransactionRule.SAVEPOINT if rest[:1] == ["TO"] else TransactionRule.ENDS
    if first in ("SAVEPOINT", "RELEASE"):
        rule = TransactionRule.SAVEPOINT
    if first == "VACUUM" or (first, second) in (
        ("CREATE", "DATABASE"),
        ("DROP", "DATABASE"),
        ("CREATE", "TABLESPACE"),
        ("DROP", "TABLESPACE"),
        ("ALTER", "SYSTEM"),
        ("CREATE", "SUBSCRIPTION"),
        ("DROP", "SUBSCRIPTION"),
        ("DISCARD", "ALL"),
    ):
        rule = TransactionRule.OUTSIDE
    index = table = None
    command = " ".join(w for w in (first, second) if w.isalpha())
    if "CONCURRENTLY" in words[:8] and first in ("CREATE", "DROP", "REINDEX", "ALTER"):
        rule = TransactionRule.OUTSIDE
        at = words.index("CONCURRENTLY")
        command = " ".join(words[: at + 1])
        if "INDEX" in words[:at]:
            rest = words[at + 1 :]
            if rest[:3] == ["IF", "NOT", "EXISTS"]:
                rest = rest[3:]
            elif rest[:2] == ["IF", "EXISTS"]:
                rest = rest[2:]
            name = []
            for word in rest:
                if word in ("ON", ";"):
                    break
                name.append(word)
            index = "".join(name).lower() or None
    changes = first == "DISCARD" or (
        first in ("SET", "RESET", "SELECT")
        and any(s in text.lower() for s in ("standard_conforming_strings", "client_encoding", "all"))
    )
    return Facts(" ".join(words[:3]).rstrip(";"), command, rule, copy, index, table, changes)


def _copy(words: list[str]) -> str | None:
    for first, second in zip(words, words[1:], strict=False):
        if second in ("STDIN", "STDOUT") and first in ("FROM", "TO"):
            return "in" if first == "FROM" else "out"
    return None
