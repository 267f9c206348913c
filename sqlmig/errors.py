"""Everything that can go wrong, drawn as one tree.

    SqlmigError                          exit  code
    ├── UsageError                       2     usage
    │   ├── ConfirmationRequired         2     confirmation_required
    │   └── NotAllowed                   2     not_allowed
    ├── ConfigError                      2     configuration
    ├── FileError                        2     file_format
    │   ├── ScriptError                  2     script
    │   └── FilesInvalid                 2     files
    ├── CheckFailed                      3     check_failed
    ├── DatabaseError                    1     database
    │   ├── StatementFailed              1     statement_failed
    │   ├── AssertionFailed              1     assertion_failed
    │   ├── TransactionEnded             1     transaction_ended
    │   ├── MissingPrivilege             1     missing_privilege
    │   ├── ReadOnlyServer               1     read_only
    │   └── UnsupportedServer            1     unsupported_server
    ├── Undecided                        1     undecided
    ├── LockHeld                         4     lock_held
    ├── NoConnection                     5     no_connection
    │   ├── ConnectionLost               5     connection_lost
    │   └── NoServer                     5     no_server
    └── Interrupted                      130   interrupted   (143 for SIGTERM)

``code`` and ``exit_code`` never change: scripts rely on them. Every error carries the next command
to type in ``next_step`` where there is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from sqlmig.frozen import dataclass


@dataclass(frozen=True)
class Place:
    """A place in a file that a person can open: lines and columns count from 1, a tab is one column."""

    file: str
    line: int | None = None
    column: int | None = None
    excerpt: str | None = None
    """The text of that line, without its line break."""

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


@dataclass(frozen=True)
class Problem:
    """One finding about files or history. A list of them is complete: nothing stops at the first."""

    code: str
    message: str
    place: Place | None = None
    version: int | None = None
    warning: bool = False
    """A warning is shown and does not fail a command unless it is strict."""
    next_step: str | None = None
    diff: str | None = None
    """What changed, as a unified diff, where the former text is known."""


@dataclass(frozen=True)
class ServerReport:
    """What the server said of a failure, field by field, as in PostgreSQL's error and notice messages."""

    message: str
    sqlstate: str | None = None
    severity: str = "ERROR"
    detail: str | None = None
    hint: str | None = None
    context: str | None = None
    position: int | None = None
    """Counted in characters from 1 within the text that was sent."""
    table: str | None = None
    column: str | None = None
    constraint: str | None = None
    internal_query: str | None = None
    """What a function or a DO block was running, where that is not what was sent."""
    internal_position: int | None = None
    """Counted in characters from 1 within ``internal_query``."""


class SqlmigError(Exception):
    """Something a user can cause or meet. Shown without a traceback."""

    code: ClassVar[str] = "error"
    exit_code: int = 1

    def __init__(
        self,
        message: str,
        *,
        place: Place | None = None,
        next_step: str | None = None,
        server: ServerReport | None = None,
        statement: int | None = None,
        statements: int | None = None,
        left_behind: str | None = None,
        notes: Iterable[str] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.next_step = next_step
        """The command to type, or what to change."""
        self.server = server
        self.statement = statement
        """Number of the failing statement in its file, from 1; ``statements`` is how many there are."""
        self.statements = statements
        self.left_behind = left_behind
        """What the failure leaves in the database, in a sentence."""
        self.notes = tuple(notes)
        """Further facts, a line each: who blocks, which index is invalid."""
        self.result: object = None
        """What was done before the failure, as the value that the command would have returned."""

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message), self.__dict__)


def _rebuild(kind: type[SqlmigError], message: str) -> SqlmigError:
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    return error


class UsageError(SqlmigError):
    """Options that contradict each other, or name a version or batch that does not exist. Correct the command."""

    code = "usage"
    exit_code = 2


class ConfirmationRequired(UsageError):
    """A protected environment, and nobody confirmed. Repeat with ``--yes``."""

    code = "confirmation_required"


class NotAllowed(UsageError):
    """The configuration forbids this command in this environment. Change the configuration if it is meant."""

    code = "not_allowed"


class ConfigError(SqlmigError):
    """sqlmig.toml, an environment variable or an option has a value that cannot be used. Correct it where named."""

    code = "configuration"
    exit_code = 2


class FileError(SqlmigError):
    """A migration file or folder cannot be used. Correct the file that is named."""

    code = "file_format"
    exit_code = 2


class ScriptError(FileError):
    """The text of one file is not a script that can be sent: the place is where the trouble begins."""

    code = "script"


class FilesInvalid(FileError):
    """Several findings about the files, all of them in ``problems``. ``sqlmig check --offline`` lists them too."""

    code = "files"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        more = len(self.problems) - 1
        message = first.message + (f" (and {more} more)" if more else "")
        super().__init__(message, place=first.place, next_step=first.next_step or "sqlmig check --offline")


class CheckFailed(SqlmigError):
    """Drift, missing, pending, out of order or irreversible migrations, all of them in ``problems``."""

    code = "check_failed"
    exit_code = 3

    def __init__(self, problems: Iterable[Problem], message: str | None = None) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        more = len(self.problems) - 1
        text = message or first.message + (f" (and {more} more)" if more else "")
        super().__init__(text, place=first.place, next_step=first.next_step)


class DatabaseError(SqlmigError):
    """The server refused something that sqlmig itself asked for. What it said is in ``server``."""

    code = "database"
    exit_code = 1


class StatementFailed(DatabaseError):
    """A statement of a migration failed. ``left_behind`` says what stays; correct the file and apply again."""

    code = "statement_failed"


class AssertionFailed(DatabaseError):
    """What a migration requires before it, or ensures behind it, is not true. ``left_behind`` says what stays."""

    code = "assertion_failed"


class TransactionEnded(DatabaseError):
    """A migration ended its own transaction. What it did before is kept by the server; look before you go on."""

    code = "transaction_ended"


class MissingPrivilege(DatabaseError):
    """The role may not create or write the history. ``next_step`` is the GRANT that is missing."""

    code = "missing_privilege"


class ReadOnlyServer(DatabaseError):
    """A hot standby or a read-only session, and something to write. Connect to the primary."""

    code = "read_only"


class UnsupportedServer(DatabaseError):
    """Not PostgreSQL, or older than 13. ``--unsupported-server`` goes on at your own risk."""

    code = "unsupported_server"


class Undecided(SqlmigError):
    """A non-transactional migration stopped where its outcome cannot be known. Decide with ``sqlmig repair``."""

    code = "undecided"
    exit_code = 1


class LockHeld(SqlmigError):
    """Another runner holds the lock. Wait, or give it time with ``--lock-wait``."""

    code = "lock_held"
    exit_code = 4


class NoConnection(SqlmigError):
    """No connection to the server. What libpq said is in the message, without any password."""

    code = "no_connection"
    exit_code = 5


class ConnectionLost(NoConnection):
    """The connection broke while working. ``left_behind`` says what was applied; run the command again."""

    code = "connection_lost"


class NoServer(NoConnection):
    """Nothing is configured and no PostgreSQL is installed. ``next_step`` is the command that installs one."""

    code = "no_server"


class Interrupted(SqlmigError):
    """Ctrl-C (exit 130) or SIGTERM (143). The running statement was cancelled, its transaction rolled back."""

    code = "interrupted"
    exit_code = 130

    def __init__(self, message: str, *, exit_code: int = 130, left_behind: str | None = None) -> None:
        super().__init__(message, left_behind=left_behind)
        self.exit_code = exit_code


class Terminated(KeyboardInterrupt):
    """SIGTERM, treated as Ctrl-C but for its exit code."""

    exit_code = 143
