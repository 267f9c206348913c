"""Results of commands about branches: ``renumber``, ``repair --sum``."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmig.report.console import Redact, result_lines, where_line
from sqlmig.report.documents import Json, body, findings
from sqlmig.report.failures import problem_lines
from sqlmig.report.text import Fixed, count
from sqlmig.results import Renamed, RenumberResult, SumResult


@result_lines.register
def _(result: RenumberResult, secrets: Redact, limit: int | None, verbose: bool) -> Iterator[str]:
    if result.where is not None:
        yield where_line(result.where, verbose)
    yield from problem_lines(result.warnings, secrets, limit)
    for renamed in result.renamed:
        yield from (Fixed(f"{before} -> {after}") for before, after in renamed.files)
    yield from (f"wrote {path}" for path in result.sums)
    would = " would be" if result.dry_run else ""
    told = f"{count(len(result.renamed), 'migration')}{would} renumbered"
    yield told + ("; nothing was changed" if would else "") if result.renamed else "nothing to renumber"


@result_lines.register
def _(result: SumResult, secrets: Redact, limit: int | None, verbose: bool) -> Iterator[str]:
    yield from (f"wrote {path}" for path in result.written)
    yield from (f"{path} is right" for path in result.kept)


@body.register
def _(result: RenumberResult) -> Json:
    return {
        "renamed": [_renamed(renamed) for renamed in result.renamed],
        "sums": list(result.sums),
        "dry_run": result.dry_run,
        **findings(result.warnings),
    }


def _renamed(renamed: Renamed) -> Json:
    return {
        "version": renamed.version,
        "label": renamed.label,
        "name": renamed.name,
        "new_version": renamed.new_version,
        "new_label": renamed.new_label,
        "files": [{"from": before, "to": after} for before, after in renamed.files],
    }


@body.register
def _(result: SumResult) -> Json:
    return {"changes": [], "sums": list(result.written)}
