"""Executes a Plan: the very steps that ``plan`` prints, in their order."""

from sqlmig.runner.run import Runner
from sqlmig.runner.settings import Settings

__all__ = ["Runner", "Settings"]
