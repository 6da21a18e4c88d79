"""What was measured: times of runs, and what they tell. Imports nothing of flambeau."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable
from typing import Any

__all__ = ["Measurement", "TaskSpec", "select_unit", "unit_to_english"]

_UNITS = (("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0))
_NAMES = {"ns": "nanosecond", "us": "microsecond", "ms": "millisecond", "s": "second"}
_MANY_RUNS, _WIDE_SPREAD = 4, 0.1  # a spread is told of where there are that many times, and warned of above that part


def select_unit(t: float) -> tuple[str, float]:
    """The unit that shows seconds best, and its length in seconds."""
    for name, length in reversed(_UNITS):
        if t >= length:
            return name, length
    return _UNITS[0]


def unit_to_english(u: str) -> str:
    """A unit's name."""
    return _NAMES[u]


@dataclasses.dataclass(init=True, repr=False, eq=True, frozen=True)
class TaskSpec:
    """What was timed."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The label, or the statement."""
        if self.label is not None:
            return self.label + (f": {self.sub_label}" if self.sub_label else "")
        return self.stmt.strip().split("\n")[0]

    def summarize(self) -> str:
        """All that is known of it, in lines."""
        lines = [self.title]
        lines += [line for line in (self.description, f"setup: {self.setup}" if self.setup != "pass" else None) if line]
        return "\n".join(lines)


@dataclasses.dataclass(init=True, repr=False)
class Measurement:
    """Times in seconds of `number_per_run` runs each, of one task."""

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = None

    @property
    def times(self) -> list[float]:
        """Seconds of one run each."""
        return [t / self.number_per_run for t in self.raw_times]

    def _check(self) -> list[float]:
        if not self.raw_times:
            raise ValueError("There are no times in this measurement")
        return self.times

    @property
    def mean(self) -> float:
        """The mean, in seconds."""
        return statistics.fmean(self._check())

    @property
    def median(self) -> float:
        """The median, in seconds."""
        return statistics.median(self._check())

    def _quantile(self, part: float) -> float:
        ordered = sorted(self._check())
        place = part * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (place - low) * (ordered[high] - ordered[low])

    @property
    def iqr(self) -> float:
        """The distance between the quartiles, in seconds."""
        return self._quantile(0.75) - self._quantile(0.25)

    @property
    def significant_figures(self) -> int:
        """How many digits the spread of the times leaves sure (one to three)."""
        for digits in (3, 2):
            if self.iqr <= self.median * 10.0 ** -(digits - 1):
                return digits
        return 1

    @property
    def has_warnings(self) -> bool:
        """Whether the times differ so much that they tell little."""
        return self.iqr / self.median > _WIDE_SPREAD

    @property
    def title(self) -> str:
        return self.task_spec.title

    @property
    def env(self) -> str:
        return self.task_spec.env or "Unspecified env"

    @property
    def as_row_name(self) -> str:
        return self.task_spec.sub_label or self.task_spec.stmt or "[Unknown]"

    def __repr__(self) -> str:
        lines = [super().__repr__(), self.task_spec.summarize()]
        if self.raw_times:
            unit, length = select_unit(self.median)
            many = len(self.raw_times) >= _MANY_RUNS
            lines.append(f"  {'Median: ' if many else ''}{self.median / length:.2f} {unit}")
            if many:
                low, high = self._quantile(0.25) / length, self._quantile(0.75) / length
                lines.append(f"  IQR:    {self.iqr / length:.2f} {unit} ({low:.2f} to {high:.2f})")
        n, number = len(self.raw_times), self.number_per_run
        threads = self.task_spec.num_threads
        lines.append(f"  {n} measurement{'s' if n > 1 else ''}, {number} runs {'per measurement, ' if n > 1 else ', '}"
                     f"{threads} thread{'s' if threads > 1 else ''}")  # fmt: skip
        if self.raw_times and self.has_warnings:
            lines.append("  WARNING: the times differ by more than a tenth: something else ran beside, or there are too few.")
        return "\n".join(lines)

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """One measurement for each task, with the times of all of them."""
        by_task: dict[TaskSpec, list[Measurement]] = {}
        for m in measurements:
            by_task.setdefault(m.task_spec, []).append(m)
        return [Measurement(1, [t for m in group for t in m.times], task) for task, group in by_task.items()]
