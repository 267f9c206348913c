"""The pure heart: migrations, what is applied, and a goal make a Plan. Never touches a database."""

from sqlmig.plan.goals import Apply, Goal, Redo, Refresh, Rollback, Switch
from sqlmig.plan.planning import NOTES, plan
from sqlmig.plan.steps import SCRIPT_PROBLEMS, Plan, Step, script_problems

__all__ = [
    "NOTES",
    "SCRIPT_PROBLEMS",
    "Apply",
    "Goal",
    "Plan",
    "Redo",
    "Refresh",
    "Rollback",
    "Step",
    "Switch",
    "plan",
    "script_problems",
]
