"""Whether backslashes are ordinary characters in plain literals, as the script itself switches it."""

from __future__ import annotations

from sqlmig.patterns import pattern
from sqlmig.statements.head import Token, head, keys

SETTING = "standard_conforming_strings"


class StandardStrings:
    """Follows ``standard_conforming_strings`` through SET, RESET, set_config and the transactions around them.

    What a function or a DO block sets is not seen. Inside a transaction that somebody else began, SET LOCAL counts.
    """

    def __init__(self, at_start: bool, *, in_transaction: bool) -> None:
        self.on = at_start
        self._default = at_start
        self._in_transaction = in_transaction
        self._on_before = at_start
        self._on_after = at_start
        self._savepoints: list[tuple[str, bool, bool]] = []

    def follow(self, statement: str) -> None:
        """Takes note of one statement, which the server is assumed to have run."""
        found = head(statement, 200)
        words = keys(found)
        command = words[0] if words else ""
        if command in ("BEGIN", "START"):
            self._begin()
        elif command in ("COMMIT", "END", "PREPARE", "ROLLBACK", "ABORT"):
            self._end(words)
        elif command in ("SAVEPOINT", "RELEASE"):
            self._savepoint(command, words[-1])
        elif command == "SET":
            self._set(words)
        elif words[:2] in (["RESET", "ALL"], ["DISCARD", "ALL"]) or (command == "RESET" and _is_setting(words[-1])):
            self._change(self._default, local=False)
        else:
            self._set_config(found)

    def _begin(self) -> None:
        if not self._in_transaction:
            self._in_transaction = True
            self._on_before = self._on_after = self.on

    def _end(self, words: list[str]) -> None:
        command = words[0]
        if words[1:2] == ["PREPARED"] or (command == "PREPARE" and words[1:2] != ["TRANSACTION"]):
            return
        if "TO" in words:
            self._roll_back_to(words[-1])
        elif self._in_transaction:
            self.on = self._on_before if command in ("ROLLBACK", "ABORT") else self._on_after
            self._on_before = self._on_after = self.on
            self._in_transaction = words[-2:] == ["AND", "CHAIN"]
            self._savepoints.clear()

    def _savepoint(self, command: str, name: str) -> None:
        if command == "SAVEPOINT":
            self._savepoints.append((name, self.on, self._on_after))
        else:
            self._forget_savepoints(name)

    def _roll_back_to(self, name: str) -> None:
        kept = self._forget_savepoints(name)
        if kept:
            _, self.on, self._on_after = kept
            self._savepoints.append(kept)

    def _forget_savepoints(self, name: str) -> tuple[str, bool, bool] | None:
        names = [savepoint[0] for savepoint in self._savepoints]
        if name not in names:
            return None
        at = len(names) - 1 - names[::-1].index(name)
        kept = self._savepoints[at]
        del self._savepoints[at:]
        return kept

    def _set(self, words: list[str]) -> None:
        at = 2 if words[1:2] in (["SESSION"], ["LOCAL"]) else 1
        if len(words) >= at + 3 and _is_setting(words[at]) and words[at + 1] in ("TO", "="):
            value = self._default if words[at + 2] == "DEFAULT" else _boolean(words[at + 2])
            self._change(value, local=words[1] == "LOCAL")

    def _set_config(self, found: list[Token]) -> None:
        words = keys(found)
        for at, word in enumerate(words):
            call = words[at + 1 : at + 7]
            if word == "SET_CONFIG" and len(call) == 6 and _is_setting(call[1].strip("'")):
                self._change(_boolean(call[3]), local=_boolean(call[5]) is True)

    def _change(self, value: bool | None, *, local: bool) -> None:
        if value is None or (local and not self._in_transaction):
            return
        self.on = value
        if not local:
            self._on_after = value


def _is_setting(word: str) -> bool:
    return word.strip('"').lower() == SETTING


_BOOLEAN = pattern(r"(?ai)'?(?:(on|t(?:r(?:ue?)?)?|y(?:es?)?|1)|(off?|f(?:a(?:l(?:se?)?)?)?|no?|0))'?")


def _boolean(word: str) -> bool | None:
    """What PostgreSQL's ``parse_bool`` makes of a word; None if it would refuse it."""
    match = _BOOLEAN.fullmatch(word)
    return bool(match[1]) if match else None
