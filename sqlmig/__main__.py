"""``python -m sqlmig`` is ``sqlmig``."""

import sys

from sqlmig.cli import program

sys.exit(program())
