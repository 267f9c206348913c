"""The pure heart: migrations, what is applied, and a goal make a Plan. Never touches a database."""

from sqlmig.plan.beside import HOOKS, hook_problems, with_hooks, with_seeds
from sqlmig.plan.goals import Apply, Goal, Redo, Refresh, Rollback, Seed, Switch
from sqlmig.plan.planning import NOTES, plan
from sqlmig.plan.steps import SCRIPT_PROBLEMS, Plan, Step, StepKind

__all__ = [
    "HOOKS",
    "NOTES",
    "SCRIPT_PROBLEMS",
    "Apply",
    "Goal",
    "Plan",
    "Redo",
    "Refresh",
    "Rollback",
    "Seed",
    "Step",
    "StepKind",
    "Switch",
    "hook_problems",
    "plan",
    "with_hooks",
    "with_seeds",
]
