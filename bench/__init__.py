"""How fast sqlmig is, beside psql, a limit, and other runners: ``python -m bench``."""
