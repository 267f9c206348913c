"""Templates for migrations: which there are, what each has to know, and what it writes."""

from sqlmig.templates.library import template, templates
from sqlmig.templates.template import Key, Template
from sqlmig.templates.values import Value

__all__ = ["Key", "Template", "Value", "template", "templates"]
