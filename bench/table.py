"""Figures as Markdown: medians, and beside them the ratio to the limit within a repetition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from bench.measure import Figure

STANDARD = "limit"


class Table:
    """A row for each kind of work, a column for each runner."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.figures: dict[str, dict[str, dict[int, Figure]]] = defaultdict(lambda: defaultdict(dict))

    def add(self, repetition: int, name: str, figures: Mapping[str, Figure]) -> None:
        for what, figure in figures.items():
            self.figures[what][name][repetition] = figure

    def lines(self) -> Iterator[str]:
        yield f"| work | {' | '.join(self.names)} | sqlmig: CPU, memory, round trips |"
        yield "| --- |" + " ---: |" * (len(self.names) + 1)
        for what, by_name in self.figures.items():
            cells = [self._cell(by_name.get(name, {}), by_name[STANDARD]) for name in self.names]
            yield f"| {what} | {' | '.join(cells)} | {self._details(by_name['sqlmig'])} |"

    def _cell(self, figures: Mapping[int, Figure], standard: Mapping[int, Figure]) -> str:
        if not figures or not standard:
            return "-"
        ratio = median(figure.wall / standard[repetition].wall for repetition, figure in figures.items())
        return f"{median(figure.wall for figure in figures.values()):.3f} s ({ratio:.2f})"

    def _details(self, figures: Mapping[int, Figure]) -> str:
        cpu = median(figure.cpu for figure in figures.values())
        memory = max(figure.memory for figure in figures.values())
        figure = next(iter(figures.values()))
        return f"{cpu:.2f} s, {memory:.0f} MB, {figure.round_trips} ({figure.connections} connections)"
