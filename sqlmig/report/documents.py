"""Results as JSON documents. docs/json.md describes every key; keys are added and never change their meaning.

Within a document every key is always there: null where there is nothing to say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import singledispatch
from importlib import import_module
from typing import Any

from sqlmig.errors import FileError, Place, Problem, SqlmigError
from sqlmig.migration import Progress
from sqlmig.plan import Step as PlanStep
from sqlmig.plan import StepKind
from sqlmig.report.elsewhere import module_of
from sqlmig.report.locks import locks_document
from sqlmig.report.steps import script_lines
from sqlmig.results import (
    BaselineResult,
    CheckResult,
    HistoryResult,
    InitResult,
    LogEntry,
    NewResult,
    RepairResult,
    Result,
    RunResult,
    ServerResult,
    StatusResult,
    StepResult,
    VersionResult,
    Where,
)
from sqlmig.script import Repeat
from sqlmig.standing import Standing

FORMAT = 1
"""Rises when a key changes its meaning or goes."""

Json = dict[str, Any]
RUN = ("steps", "batch", "dry_run", "duration_ms")
BODIES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("apply", "rollback", "redo", "refresh", "reset", "fresh", "switch", "plan"), RUN),
    "status": ("migrations",),
    "check": ("checked", "strict"),
    "repair": ("changes", "sums"),
    "renumber": ("renamed", "sums", "dry_run"),
    "baseline": ("migrations",),
    "history": ("events",),
    "rehearse": ("migrations", "skipped", "shadow", "duration_ms"),
    "drift": ("differences", "fingerprint", "known", "basis", "accepted"),
    "dump": ("schema", "sql", "fingerprint", "file", "diff", "differences"),
    "current-version": ("version", "label", "name"),
    "new": ("up", "down"),
    "seed new": ("file",),
    "seed run": RUN,
    "templates": ("templates",),
    "init": ("written", "kept"),
    **dict.fromkeys(("db start", "db stop", "db url"), ("running", "url", "folder", "server_version", "changed")),
}
"""What each command's document has beside the keys that all documents have."""


def result_document(result: Result, command: str | None, environment: str | None, exit_code: int) -> Json:
    """What a command that came to its end has to say. Reads the scripts of a plan for their statements."""
    return {**_frame(command, environment, exit_code), **_where(result), **body(result)}


def error_document(error: SqlmigError, command: str | None, environment: str | None) -> Json:
    """What went wrong; with the keys of the command's result, filled where some of it ran."""
    problems: tuple[Problem, ...] = getattr(error, "problems", ())
    document = _frame(command, environment, error.exit_code)
    if isinstance(error.result, RunResult | RepairResult | BaselineResult):
        document |= {**_where(error.result), **body(error.result)}
    found = findings(problems)
    for kind, known in found.items():
        document[kind] = document[kind] + [problem for problem in known if problem not in document[kind]]
    document["error"] = {
        **failure(error),
        "left_behind": error.left_behind,
        "notes": list(error.notes),
        "next_step": error.next_step,
    }
    return document


def dumped(document: Json, secrets: Callable[[str], str]) -> str:
    """The document as text without secrets, in ASCII: any reader and any encoding takes it."""
    from sqlmig.config.secrets import redacted

    return json.dumps(redacted(document, secrets), indent=2, allow_nan=False)


def _frame(command: str | None, environment: str | None, exit_code: int) -> Json:
    return {
        "format": FORMAT,
        "command": command,
        "environment": environment,
        "ok": exit_code == 0,
        "exit_code": exit_code,
        "database": None,
        "server": None,
        "role": None,
        **dict.fromkeys(BODIES.get(command or "", ())),
        "problems": [],
        "warnings": [],
        "error": None,
    }


def _where(result: Result) -> Json:
    where: Where | None = getattr(result, "where", None)
    if where is None:
        return {}
    return {
        "environment": where.environment,
        "database": where.database,
        "server": where.server,
        "role": where.role,
    }


@singledispatch
def body(result: Result) -> Json:
    """What a command's document has beside the keys that all have, as BODIES says."""
    import_module(module_of(result))
    return body.dispatch(type(result))(result)


@body.register
def _(result: RunResult) -> Json:
    planned = {(step.version, step.direction): step for step in result.plan.steps}
    return {
        "steps": [_step(step, planned.get((step.version, step.direction)), result.dry_run) for step in result.steps],
        "batch": result.batch,
        "dry_run": result.dry_run,
        "duration_ms": milliseconds(result.duration_ms),
        **findings([*result.plan.refusals, *result.warnings]),
    }


def _step(step: StepResult, planned: PlanStep | None, with_statements: bool) -> Json:
    return {
        "kind": str(step.kind),
        "version": step.version if step.kind is StepKind.MIGRATION else None,
        "label": step.label if step.kind is StepKind.MIGRATION else None,
        "name": step.name,
        "direction": str(step.direction),
        "transaction": step.transaction,
        "statements": step.statements,
        "outcome": str(step.outcome),
        "duration_ms": milliseconds(step.duration_ms),
        "from_history": step.from_history,
        "resumed_at": step.resumed_at,
        "locks": locks_document(step.locks),
        "file": planned.script.file if planned is not None else None,
        "script": _script(planned) if with_statements and planned is not None else None,
    }


def _script(step: PlanStep) -> list[Json]:
    return [
        {
            "file": part.script.file,
            "line": found.line,
            "column": found.column,
            "kind": found.what,
            "repeat": _repeat(found.repeat),
        }
        for part in step.parts
        for found in script_lines(part.script)
    ]


def _repeat(repeat: Repeat | None) -> Json | None:
    if repeat is None:
        return None
    max_lag = milliseconds(repeat.max_lag * 1000) if repeat.max_lag is not None else None
    return {"pause_ms": milliseconds(repeat.pause * 1000), "max_lag_ms": max_lag}


@body.register
def _(result: StatusResult) -> Json:
    found = [standing.problem for standing in result.migrations if standing.problem is not None]
    return {
        "migrations": [_migration(standing) for standing in result.migrations],
        **findings(dict.fromkeys([*found, *result.problems])),
    }


def _migration(standing: Standing) -> Json:
    record, files = standing.applied, standing.migration
    stopped = record is not None and record.progress is not Progress.DONE
    return {
        "version": standing.version,
        "label": standing.label,
        "name": standing.name,
        "state": str(standing.state),
        "reversible": _reversible(standing),
        "batch": record.batch if record else None,
        "applied_at": _time(record.applied_at) if record else None,
        "applied_by": record.applied_by if record else None,
        "role": record.role if record else None,
        "host": record.host if record else None,
        "duration_ms": milliseconds(record.duration_ms) if record else None,
        "sqlmig_version": record.sqlmig_version if record else None,
        "git_commit": record.git_commit if record else None,
        "baseline": record.baseline if record else None,
        "up_file": files.up.file if files else None,
        "down_file": files.down.file if files and files.down else None,
        "direction": str(record.direction) if record and stopped else None,
        "statement": record.statement if record and stopped else None,
        "statements": record.statements if record and stopped else None,
        "error": record.error if record and stopped else None,
        "next_step": standing.problem.next_step if standing.problem else None,
    }


def _reversible(standing: Standing) -> bool | None:
    if standing.applied is not None:
        return standing.applied.reversible
    try:
        return standing.migration.reversible if standing.migration is not None else None
    except FileError:
        return None


@body.register
def _(result: CheckResult) -> Json:
    return {"checked": result.checked, "strict": result.strict, **findings(result.problems)}


@body.register
def _(result: RepairResult) -> Json:
    return {
        "changes": [
            {
                "version": change.version,
                "label": change.label,
                "name": change.name,
                "what": change.what,
                "diff": change.diff,
            }
            for change in result.changes
        ],
        "sums": list(result.sums),
    }


@body.register
def _(result: BaselineResult) -> Json:
    return {"migrations": [_migration(standing) for standing in result.recorded]}


@body.register
def _(result: HistoryResult) -> Json:
    return {"events": [_event(entry) for entry in result.entries]}


def _event(entry: LogEntry) -> Json:
    return {
        "at": _time(entry.at),
        "event": entry.event,
        "version": entry.version,
        "label": entry.label,
        "name": entry.name,
        "batch": entry.batch,
        "user": entry.user,
        "role": entry.role,
        "host": entry.host,
        "duration_ms": milliseconds(entry.duration_ms),
        "sqlmig_version": entry.sqlmig_version,
        "git_commit": entry.git_commit,
        "detail": entry.detail,
    }


@body.register
def _(result: VersionResult) -> Json:
    return {"version": result.version, "label": result.label, "name": result.name}


@body.register
def _(result: NewResult) -> Json:
    return {"up": result.up, "down": result.down}


@body.register
def _(result: InitResult) -> Json:
    return {"written": list(result.written), "kept": list(result.kept)}


@body.register
def _(result: ServerResult) -> Json:
    return {
        "running": result.running,
        "url": result.url,
        "folder": result.folder,
        "server_version": result.version,
        "changed": result.changed,
    }


def findings(problems: Iterable[Problem]) -> Json:
    """The keys ``problems`` and ``warnings``."""
    found = list(problems)
    return {
        "problems": [_problem(problem) for problem in found if not problem.warning],
        "warnings": [_problem(problem) for problem in found if problem.warning],
    }


def _problem(problem: Problem) -> Json:
    return {
        "code": problem.code,
        "message": problem.message,
        **_place(problem.place),
        "version": problem.version,
        "next_step": problem.next_step,
        "diff": problem.diff,
    }


def failure(error: SqlmigError) -> Json:
    """What failed, and where."""
    server = error.server
    return {
        "code": error.code,
        "message": error.message,
        **_place(error.place),
        "statement": error.statement,
        "statements": error.statements,
        "sqlstate": server.sqlstate if server else None,
        "detail": server.detail if server else None,
        "hint": server.hint if server else None,
        "context": server.context if server else None,
    }


def _place(place: Place | None) -> Json:
    return {
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
    }


def milliseconds(value: float | None) -> float | None:
    """Not finer than a microsecond."""
    return None if value is None else round(value, 3)


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat()
