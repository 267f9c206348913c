"""``python -m sqlmig`` is ``sqlmig``."""

from sqlmig.cli import program

program()
