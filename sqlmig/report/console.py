"""Results as lines for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import singledispatch
from importlib import import_module

from sqlmig.errors import Problem
from sqlmig.migration import Progress
from sqlmig.plan import Step as PlanStep
from sqlmig.plan import StepKind
from sqlmig.report.elsewhere import module_of
from sqlmig.report.failures import diff_lines, problem_lines
from sqlmig.report.locks import lock_lines
from sqlmig.report.steps import Steps, outcome_counts, script_lines
from sqlmig.report.style import Style, styled
from sqlmig.report.text import Fixed, Table, count, duration, harmless, local_time
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
from sqlmig.script import Direction
from sqlmig.standing import Standing, State, stop
from sqlmig.statements import pretty

Redact = Callable[[str], str]

STATE_STYLES = {
    State.PENDING: Style.CAREFUL,
    State.APPLIED: Style.GOOD,
    State.DRIFTED: Style.BAD,
    State.MISSING: Style.BAD,
    State.OUT_OF_ORDER: Style.BAD,
    State.FAILED: Style.BAD,
}


@singledispatch
def result_lines(result: Result, secrets: Redact, limit: int | None, verbose: bool) -> Iterator[str]:
    """A result as lines that fit the limit where there is one. Reads the scripts of a plan for their statements."""
    import_module(module_of(result))
    return result_lines.dispatch(type(result))(result, secrets, limit, verbose)


def where_line(where: Where, verbose: bool = False) -> str:
    """The environment and its database; ``verbose`` adds what chose it."""
    source = f" (from {where.source})" if verbose else ""
    return f"{where.environment}: database {where.database} on {where.server} as {where.role}{source}"


@result_lines.register
def _run(result: RunResult, secrets: Redact, limit: int | None, verbose: bool) -> Iterator[str]:
    if result.dry_run:
        yield from _plan_lines(result, verbose)
        return
    directions = {step.direction for step in result.steps}
    yield from Steps.fit(map(str, result.steps), directions, limit).rows(result.steps)
    yield from summary_lines(result, verbose)


def summary_lines(result: RunResult, verbose: bool) -> Iterator[str]:
    """What a run came to, below its steps."""
    if not result.steps:
        yield f"nothing to do on {where_line(result.where, verbose)}"
        return
    batch = f", batch {result.batch}" if result.batch is not None else ""
    took = f", {duration(result.duration_ms)}" if result.duration_ms is not None else ""
    yield outcome_counts(result.steps) + batch + took
    yield where_line(result.where, verbose)


def _plan_lines(result: RunResult, verbose: bool) -> Iterator[str]:
    """Every step and every statement of it, as they would be run."""
    yield where_line(result.where, verbose)
    if not result.steps:
        yield "nothing to do"
        return
    steps = {(step.version, step.direction): step for step in result.plan.steps}
    for step in result.steps:
        yield ""
        yield styled(Style.STRONG, f"{_verb(step)} {step}") + ": " + ", ".join(_manner(step))
        planned = steps.get((step.version, step.direction))
        if planned is not None:
            yield from _statement_lines(planned, step.resumed_at or 1, verbose)
        if step.locks is not None:
            yield from lock_lines(step.locks)
    yield ""
    if result.plan.refusals:
        yield "none of this can run as it stands; nothing was changed"
    else:
        yield f"{_what_would_run(result)} would run; nothing was changed"


def _what_would_run(result: RunResult) -> str:
    kinds = Counter(step.kind for step in result.steps)
    return " and ".join(count(kinds[kind], str(kind)) for kind in (StepKind.MIGRATION, StepKind.SEED) if kinds[kind])


def _verb(step: StepResult) -> str:
    if step.kind is not StepKind.MIGRATION:
        return f"run {step.kind}"
    return "apply" if step.direction is Direction.UP else "roll back"


def _manner(step: StepResult) -> Iterator[str]:
    yield "one transaction" if step.transaction else "no transaction"
    yield count(step.statements, "statement")
    if step.resumed_at is not None:
        yield f"from statement {step.resumed_at} on"
    if step.from_history:
        yield "the down stored when it was applied"


def _statement_lines(step: PlanStep, first: int, verbose: bool) -> Iterator[str]:
    for part in step.parts:
        yield from _lines_of(part, first if part is step else 1, verbose)


def _lines_of(part: PlanStep, first: int, verbose: bool) -> Iterator[str]:
    for found in script_lines(part.script):
        if found.number < first and first > 1:
            continue
        place = f"  {part.script.file}:{found.line}"
        yield styled(Style.FAINT, place) + "  " + harmless(str(found))
        if verbose and found.sql:
            yield from (Fixed("      " + line) for line in harmless(pretty(found.sql)).split("\n"))


@result_lines.register
def _status(result: StatusResult, secrets: Redact, limit: int | None, verbose: bool) -> Iterator[str]:
    yield where_line(result.where, verbose)
    if not result.migrations:
        yield "no migrations; write the first: sqlmig new create_users"
        return
    heads = ("migration", "state", "batch", "applied at", "")
    rows = [(standing, _status_row(standing)) for standing in result.migrations]
    table = Table.fit([heads, *(cells for _, cells in rows)], limit, shrink=0, right=[2])
    yield from (Fixed(styled(Style.FAINT, line)) for line in table.row(heads))
    for standing, (name, state, *cells) in rows:
        yield from table.row((name, styled(STATE_STYLES[standing.state], state), *cells))
    problems = _once([*(s.problem for s in result.migrations if s.problem is not None), *result.problems])
    if problems:
        yield ""
        yield from problem_lines(problems, secrets, limit)
    yield ""
    states = Counter(standing.state for standing in result.migrations)
    told = ", ".join(f"{states[state]} {_words(state)}" for state in State if states[state])
    yield f"{count(len(result.migrations), 'migration')}: {told}"


def _once(problems: Iterable[Problem]) -> list[Problem]:
    return list(dict.fromkeys(problems))


def _words(state: State) -> str:
    return state.replace("_", " ")


def _status_row(standing: Standing) -> tuple[str, str, str, str, str]:
    record = standing.applied
    batch = str(record.batch) if record is not None else ""
    when = local_time(record.applied_at) if record is not None else ""
    return (str(standing), _words(standing.state), batch, when, ", ".join(_remarks(standing)))


def _remarks(standing: Standing) -> Iterator[str]:
    record = standing.applied
    if record is None:
        return
    if record.progress is not Progress.DONE:
        verb = "failed" if record.progress is Progress.FAILED else "stopped"
        back = " of its down" if record.direction is Direction.DOWN else ""
        yield f"{verb} {stop(record).replace('statement ', '')}{back}"
    if record.baseline:
        yield "baseline"
    if record.retired:
        yield "file gone"
    if not record.reversible:
        yield "irreversible"


@result_lines.register
def _check(result: CheckResult, secrets: Redact, limit: int | None, verbose: bool) -> Iterator[str]:
    if result.where is not None:
        yield where_line(result.where, verbose)
    yield from problem_lines(result.problems, secrets, limit)
    errors = sum(not problem.warning for problem in result.problems)
    warnings = len(result.problems) - errors
    found = [count(errors, "problem")] if errors else []
    found += [count(warnings, "warning")] if warnings else []
    yield f"{count(result.checked, 'migration')} checked: " + (", ".join(found) or styled(Style.GOOD, "all is well"))


@result_lines.register
def _repair(result: RepairResult, secrets: Redact, limit: int | None, verbose: bool) -> Iterator[str]:
    for change in result.changes:
        name = str(change)
        yield change.what if change.what.startswith(name) else f"{name}: {change.what}"
        if change.diff:
            yield from diff_lines(secrets(change.diff))
    if result.changes:
        yield f"{count(len(result.changes), 'change')} to the history of {where_line(result.where, verbose)}"
    else:
        yield f"nothing to repair on {where_line(result.where, verbose)}"
    yield from (f"wrote {path}" for path in result.sums)


@result_lines.register
def _baseline(result: BaselineResult, secrets: Redact, limit: int | None, verbose: bool) -> Iterator[str]:
    for standing in result.recorded:
        yield f"{standing}"
    told = f"{count(len(result.recorded), 'migration')} recorded as applied, none run"
    yield (told if result.recorded else "nothing to record") + f", on {where_line(result.where, verbose)}"


@result_lines.register
def _history(result: HistoryResult, secrets: Redact, limit: int | None, verbose: bool) -> Iterator[str]:
    yield where_line(result.where, verbose)
    if not result.entries:
        yield "nothing has happened yet"
        return
    heads = ("at", "event", "migration", "time", "batch", "by")
    rows = [_history_row(entry) for entry in result.entries]
    table = Table.fit([heads, *rows], limit, shrink=2, right=[3, 4])
    yield from (Fixed(styled(Style.FAINT, line)) for line in table.row(heads))
    for entry, row in zip(result.entries, rows, strict=True):
        yield from table.row(row)
        if entry.detail:
            yield f"    {entry.detail}"
        if verbose:
            yield styled(Style.FAINT, "    " + ", ".join(_circumstances(entry)))


def _history_row(entry: LogEntry) -> tuple[str, ...]:
    what = f"{entry.label}_{entry.name}" if entry.version is not None else entry.name or ""
    batch = str(entry.batch) if entry.batch is not None else ""
    return (local_time(entry.at), entry.event, what, duration(entry.duration_ms), batch, entry.user or "")


def _circumstances(entry: LogEntry) -> Iterator[str]:
    facts = {"role": entry.role, "host": entry.host, "sqlmig": entry.sqlmig_version, "commit": entry.git_commit}
    yield from (f"{name} {value}" for name, value in facts.items() if value)


@result_lines.register
def _new(result: NewResult, secrets: Redact, limit: int | None, verbose: bool) -> Iterator[str]:
    yield Fixed(result.up)
    if result.down is not None:
        yield Fixed(result.down)


@result_lines.register
def _init(result: InitResult, secrets: Redact, limit: int | None, verbose: bool) -> Iterator[str]:
    yield from (f"wrote {path}" for path in result.written)
    yield from (f"kept {path}, which was there" for path in result.kept)


@result_lines.register
def _version(result: VersionResult, secrets: Redact, limit: int | None, verbose: bool) -> Iterator[str]:
    yield result.label or "none"


@result_lines.register
def _server(result: ServerResult, secrets: Redact, limit: int | None, verbose: bool) -> Iterator[str]:
    yield server_line(result)
    if result.url is not None:
        yield Fixed(result.url)


def server_line(result: ServerResult) -> str:
    """Whether the project's own server runs, and where its data are."""
    verb = {(True, True): "started", (True, False): "is running", (False, True): "stopped"}
    said = verb.get((result.running, result.changed), "is not running")
    version = f" {result.version}" if result.version else ""
    return f"PostgreSQL{version} {said}, its data in {result.folder}"
