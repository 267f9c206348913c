"""The schema of a database as a value: ``inspect`` reads it, ``snapshot`` holds it, ``diff`` compares two of them."""
