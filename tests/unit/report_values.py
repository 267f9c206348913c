"""Made-up results, events and errors, for what is made of them."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlmig.errors import Place, Problem, ServerReport, StatementFailed
from sqlmig.migration import Applied, Migration
from sqlmig.plan import Apply, Plan, Rollback, Step
from sqlmig.results import Outcome, RunResult, StepResult, Where
from sqlmig.script import Checksum, Direction, Script, TextSource
from sqlmig.standing import Standing, State

WHERE = Where("production", "shop", "PostgreSQL 18.6 on db.example.com:5432", "deploy", "sqlmig.toml [env.production]")
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
UP_SQL = "-- Users.\nCREATE TABLE users (id int);\nCREATE INDEX users_id ON users (id);\n"


def script(file: str, text: str = "SELECT 1;\n", direction: Direction = Direction.UP) -> Script:
    return Script(direction, TextSource(text, file))


def migration(version: int = 1, name: str = "create_users", text: str = UP_SQL, *, down: bool = True) -> Migration:
    label = f"{version:03}"
    return Migration(
        version,
        name,
        script(f"sql/{label}_{name}.up.sql", text),
        script(f"sql/{label}_{name}.down.sql", "DROP TABLE users;\n", Direction.DOWN) if down else None,
        label,
    )


def step(version: int = 1, name: str = "create_users", direction: Direction = Direction.UP, **settings: object) -> Step:
    files = migration(version, name)
    source = files.up if direction is Direction.UP or files.down is None else files.down
    return Step(version, files.label, name, direction, source, files, **settings)  # type: ignore[arg-type]


def step_result(planned: Step, outcome: Outcome, duration_ms: float | None = None) -> StepResult:
    return StepResult(
        planned.version,
        planned.label,
        planned.name,
        planned.direction,
        planned.transaction,
        planned.script.survey.statements,
        outcome,
        duration_ms,
        planned.from_history,
        planned.resume_at,
    )


def run_result(*outcomes: Outcome, dry_run: bool = False, problems: tuple[Problem, ...] = ()) -> RunResult:
    """Step 1 with the first outcome, step 2 with the second, and so on; each that ran took its number in ms."""
    down = Outcome.ROLLED_BACK in outcomes
    direction = Direction.DOWN if down else Direction.UP
    steps = [step(number, f"step_{number}", direction) for number in range(1, len(outcomes) + 1)]
    ran = (Outcome.APPLIED, Outcome.ROLLED_BACK)
    results = [
        step_result(planned, outcome, float(planned.version) if outcome in ran else None)
        for planned, outcome in zip(steps, outcomes, strict=True)
    ]
    plan = Plan(Rollback() if down else Apply(), tuple(steps), problems)
    batch = 7 if Outcome.APPLIED in outcomes else None
    return RunResult("apply", WHERE, tuple(results), plan.warnings, plan, batch, dry_run, None if dry_run else 12.5)


def record(version: int = 1, name: str = "create_users", **settings: object) -> Applied:
    values: dict[str, object] = {
        "reversible": True,
        "batch": 3,
        "sequence": version,
        "applied_at": NOON,
        "applied_by": "deploy",
        "role": "app_owner",
        "host": "ci-7",
        "duration_ms": 12.3456,
        "sqlmig_version": "0.1.0",
        "git_commit": "abc123",
        **settings,
    }
    return Applied(version, f"{version:03}", name, Checksum("aa"), Checksum("bb"), **values)  # type: ignore[arg-type]


def standing(
    state: State = State.APPLIED,
    files: Migration | None = None,
    applied: Applied | None = None,
    problem: Problem | None = None,
) -> Standing:
    known = files or applied
    assert known is not None
    return Standing(known.version, known.label, known.name, state, files, applied, problem)


DRIFT = Problem(
    "drift",
    "001_create_users is not what was applied: sql/001_create_users.up.sql changed: SQL",
    Place("sql/001_create_users.up.sql"),
    1,
    warning=True,
    next_step="undo the edit, or accept it: sqlmig repair 001",
    diff="--- applied\n+++ sql/001_create_users.up.sql\n@@ -1 +1 @@\n-SELECT 1;\n+SELECT 2;\n",
)
PENDING = Problem("pending", "002_more is pending", Place("sql/002_more.up.sql"), 2, next_step="sqlmig apply")
NO_VACUUM = Problem(
    "needs_no_transaction",
    "VACUUM cannot run inside a transaction",
    Place("sql/002_more.up.sql", 3, 1),
    2,
    next_step="add this line at the top of the file: -- sqlmig: no-transaction",
)

SERVER = ServerReport(
    'duplicate key value violates unique constraint "users_pkey"',
    sqlstate="23505",
    detail="Key (id)=(1) already exists.",
    hint="Take another.",
    context='SQL statement "INSERT INTO users"\nPL/pgSQL function f() line 2 at SQL statement',
    position=8,
)


def statement_failed() -> StatementFailed:
    error = StatementFailed(
        f"002_more: {SERVER.message}",
        place=Place("sql/002_more.up.sql", 12, 9, "INSERT\tINTO users VALUES (1);"),
        next_step="correct sql/002_more.up.sql, then: sqlmig apply",
        server=SERVER,
        statement=2,
        statements=5,
        left_behind="002_more was rolled back: nothing of it stays",
        notes=["blocked by pid 4711 (app, idle in transaction for 3 min)"],
    )
    error.result = run_result(Outcome.APPLIED, Outcome.FAILED, Outcome.NOT_RUN)
    return error
