"""Databases of our own to try migrations on: found a place, made, and dropped whatever happens."""

from sqlmig.shadow.place import Kind, Shadow, open_shadow

__all__ = ["Kind", "Shadow", "open_shadow"]
