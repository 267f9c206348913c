"""What commands that write files have to say."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmig.report.console import Redact, result_lines
from sqlmig.report.documents import Json, body
from sqlmig.report.style import Style, styled
from sqlmig.report.text import Fixed, width
from sqlmig.results import SeedFileResult
from sqlmig.templates import Key, Template
from sqlmig.templates.results import TemplatesResult


@result_lines.register
def _templates(result: TemplatesResult, secrets: Redact, limit: int | None, verbose: bool) -> Iterator[str]:
    for number, template in enumerate(result.templates):
        if number:
            yield ""
        own = f"  ({template.file})" if template.file is not None else ""
        yield styled(Style.STRONG, template.name) + own
        yield f"  {template.description}"
        column = max((width(key.name) for key in template.keys), default=0)
        for key in template.keys:
            yield f"    {key.name:{column}}  {key.description}{_remark(key)}"


def _remark(key: Key) -> str:
    if key.choices:
        return f"; one of {', '.join(key.choices)}" + (" (optional)" if key.optional else "")
    if key.default is not None:
        return f" (else {key.default})"
    return " (optional)" if key.optional else ""


@result_lines.register
def _seed_file(result: SeedFileResult, secrets: Redact, limit: int | None, verbose: bool) -> Iterator[str]:
    yield Fixed(result.file)


@body.register
def _(result: SeedFileResult) -> Json:
    return {"file": result.file}


@body.register
def _(result: TemplatesResult) -> Json:
    return {"templates": [_template(template) for template in result.templates]}


def _template(template: Template) -> Json:
    return {
        "name": template.name,
        "description": template.description,
        "file": template.file,
        "reads_database": template.reads_database,
        "keys": [
            {
                "name": key.name,
                "kind": key.kind,
                "choices": list(key.choices),
                "required": key.required,
                "default": key.default,
                "description": key.description,
            }
            for key in template.keys
        ],
    }
