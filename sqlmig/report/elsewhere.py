"""Where results are rendered that few commands have: those modules are imported when one is to be shown."""

from __future__ import annotations

from collections.abc import Mapping

from sqlmig.results import Result

MODULES: Mapping[str, str] = {
    **dict.fromkeys(("RehearsalResult", "DriftResult", "DumpResult"), "sqlmig.report.proof"),
    **dict.fromkeys(("RenumberResult", "SumResult"), "sqlmig.report.branching"),
    **dict.fromkeys(("SeedFileResult", "TemplatesResult"), "sqlmig.report.making"),
}
"""The module that registers ``result_lines`` and ``body`` for a result, by the name of its class."""


def module_of(result: Result) -> str:
    """The module to import. Raises TypeError where nothing renders such a result."""
    try:
        return MODULES[type(result).__name__]
    except KeyError:
        raise TypeError(f"nothing renders {type(result).__name__}") from None
