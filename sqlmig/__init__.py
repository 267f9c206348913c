"""A PostgreSQL migration runner for people who write SQL.

What is here is the library: ``Project``, and what it takes, returns and raises. A name is imported when it is used, so
that the command line imports none. Other modules are the project's own, and may change with any release.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers understand it; typing itself need not be imported
if TYPE_CHECKING:
    from sqlmig.aio import AsyncProject
    from sqlmig.api import Project, require_current
    from sqlmig.errors import (
        AssertionFailed,
        CheckFailed,
        ConfigError,
        ConfirmationRequired,
        ConnectionLost,
        DatabaseError,
        FileError,
        FilesInvalid,
        Interrupted,
        LockHeld,
        MissingPrivilege,
        NoConnection,
        NoServer,
        NotAllowed,
        Place,
        Problem,
        ReadOnlyServer,
        ScriptError,
        ServerReport,
        SqlmigError,
        StatementFailed,
        TransactionEnded,
        Undecided,
        UnsupportedServer,
        UsageError,
    )
    from sqlmig.events import (
        Event,
        Listener,
        Noticed,
        Progressed,
        Rehearsing,
        Repeated,
        Retrying,
        RunStarted,
        StatementDone,
        StepDone,
        StepStarted,
        Waiting,
        Warned,
    )
    from sqlmig.migration import Direction, Migration
    from sqlmig.plan import (
        Apply,
        Goal,
        Plan,
        Redo,
        Refresh,
        Rollback,
        Step,
        StepKind,
        Switch,
    )
    from sqlmig.results import (
        BaselineResult,
        CheckResult,
        HistoryResult,
        LogEntry,
        Outcome,
        RenumberResult,
        RepairResult,
        RunResult,
        StatusResult,
        StepResult,
        SumResult,
        Where,
    )
    from sqlmig.standing import Standing, State
    from sqlmig.testing import TestDatabase
    from sqlmig.verdicts import DriftResult, RehearsalResult, Rehearsed, Verdict

    __version__: str

__all__ = [
    "Apply",
    "AssertionFailed",
    "AsyncProject",
    "BaselineResult",
    "CheckFailed",
    "CheckResult",
    "ConfigError",
    "ConfirmationRequired",
    "ConnectionLost",
    "DatabaseError",
    "Direction",
    "DriftResult",
    "Event",
    "FileError",
    "FilesInvalid",
    "Goal",
    "HistoryResult",
    "Interrupted",
    "Listener",
    "LockHeld",
    "LogEntry",
    "Migration",
    "MissingPrivilege",
    "NoConnection",
    "NoServer",
    "NotAllowed",
    "Noticed",
    "Outcome",
    "Place",
    "Plan",
    "Problem",
    "Progressed",
    "Project",
    "ReadOnlyServer",
    "Redo",
    "Refresh",
    "RehearsalResult",
    "Rehearsed",
    "Rehearsing",
    "RenumberResult",
    "RepairResult",
    "Repeated",
    "Retrying",
    "Rollback",
    "RunResult",
    "RunStarted",
    "ScriptError",
    "ServerReport",
    "SqlmigError",
    "Standing",
    "State",
    "StatementDone",
    "StatementFailed",
    "StatusResult",
    "Step",
    "StepDone",
    "StepKind",
    "StepResult",
    "StepStarted",
    "SumResult",
    "Switch",
    "TestDatabase",
    "TransactionEnded",
    "Undecided",
    "UnsupportedServer",
    "UsageError",
    "Verdict",
    "Waiting",
    "Warned",
    "Where",
    "__version__",
    "require_current",
]

HOMES = {
    **dict.fromkeys(("AsyncProject",), "aio"),
    **dict.fromkeys(
        (
            "Project",
            "require_current",
        ),
        "api",
    ),
    **dict.fromkeys(
        (
            "Event",
            "Listener",
            "Noticed",
            "Progressed",
            "Rehearsing",
            "Repeated",
            "Retrying",
            "RunStarted",
            "StatementDone",
            "StepDone",
            "StepStarted",
            "Waiting",
            "Warned",
        ),
        "events",
    ),
    **dict.fromkeys(
        (
            "Direction",
            "Migration",
        ),
        "migration",
    ),
    **dict.fromkeys(("Apply", "Goal", "Plan", "Redo", "Refresh", "Rollback", "Step", "StepKind", "Switch"), "plan"),
    **dict.fromkeys(
        (
            "BaselineResult",
            "CheckResult",
            "HistoryResult",
            "LogEntry",
            "Outcome",
            "RenumberResult",
            "RepairResult",
            "RunResult",
            "StatusResult",
            "StepResult",
            "SumResult",
            "Where",
        ),
        "results",
    ),
    **dict.fromkeys(
        (
            "Standing",
            "State",
        ),
        "standing",
    ),
    **dict.fromkeys(("DriftResult", "Rehearsed", "RehearsalResult", "Verdict"), "verdicts"),
    "TestDatabase": "testing",
}
"""The modules of the names that are no errors."""


def __getattr__(name: str) -> object:
    if name == "__version__":
        from sqlmig.version import VERSION

        return VERSION
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
