"""``python -m sqlmig`` is ``sqlmig``."""

import sys

from sqlmig.cli import main

sys.exit(main())
