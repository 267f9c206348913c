"""What the command ``templates`` returns."""

from __future__ import annotations

from sqlmig.frozen import dataclass
from sqlmig.results import Result
from sqlmig.templates.template import Template


@dataclass(frozen=True)
class TemplatesResult(Result):
    """All templates by name."""

    templates: tuple[Template, ...]
