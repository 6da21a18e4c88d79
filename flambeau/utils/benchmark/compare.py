"""`Compare`: measurements side by side, as a table. Imports nothing of flambeau but `measurement`."""

from __future__ import annotations

from collections.abc import Iterable

from flambeau.utils.benchmark.measurement import Measurement, select_unit, unit_to_english

__all__ = ["Compare"]


class Compare:
    """A table for each label: a row for each sub-label (and number of threads), a column for each description."""

    def __init__(self, results: Iterable[Measurement]) -> None:
        self._results: list[Measurement] = []
        self.extend_results(results)
        self._trims = self._highlights = False

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """Adds measurements; raises ValueError for anything else."""
        for result in results:
            if not isinstance(result, Measurement):
                raise ValueError(f"Expected an instance of `Measurement`, got {type(result)} instead.")
            self._results.append(result)

    def trim_significant_figures(self) -> None:
        """Shows no digits that the spread leaves unsure."""
        self._trims = True

    def highlight_warnings(self) -> None:
        """Marks times that differ much among themselves."""
        self._highlights = True

    def colorize(self, rowwise: bool = False) -> None:
        """Colours aren't shown: the tables are plain text."""

    def print(self) -> None:
        """Prints the tables."""
        print(str(self))

    def __str__(self) -> str:
        labels = list(dict.fromkeys(m.task_spec.label for m in self._results))
        return "\n".join(self._table(label) for label in labels)

    def _table(self, label: str | None) -> str:
        results = Measurement.merge([m for m in self._results if m.task_spec.label == label])
        columns = list(dict.fromkeys(m.task_spec.description or "" for m in results))
        rows = list(dict.fromkeys((m.task_spec.num_threads, m.as_row_name) for m in results))
        unit, length = select_unit(min(m.median for m in results))
        cells = {(m.task_spec.num_threads, m.as_row_name, m.task_spec.description or ""): self._cell(m, length) for m in results}
        lines = [["", *columns]]
        threads = None
        for count, name in rows:
            if count != threads:
                threads = count
                lines.append([f"{count} thread{'s' if count > 1 else ''}:", *[""] * len(columns)])
            lines.append([f"  {name}", *[cells.get((count, name, c), "") for c in columns]])
        widths = [max(len(line[i]) for line in lines) for i in range(len(columns) + 1)]
        body = ["  |  ".join([line[0].ljust(widths[0]), *[c.rjust(w) for c, w in zip(line[1:], widths[1:])]]) for line in lines]
        title = f"[ {label or results[0].task_spec.title} ]"
        return "\n".join([title.center(len(body[0]), "-"), *body, "", f"Times are in {unit_to_english(unit)}s ({unit})."])

    def _cell(self, m: Measurement, length: float) -> str:
        value = m.median / length
        digits = m.significant_figures if self._trims else 3
        whole = len(str(int(value)))
        shown = f"{value:.{max(digits - whole, 0)}f}" if value >= 1 else f"{value:.{digits}g}"
        return f"(! {m.iqr / m.median:.0%}) {shown}" if self._highlights and m.has_warnings else shown
