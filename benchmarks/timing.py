"""Timing in turns: every candidate runs once a round, so that a noisy machine treats them alike; medians are compared."""

from __future__ import annotations

import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable

__all__ = ["geometric_mean", "inference_and_training", "measure", "table", "with_tuned_malloc"]

_UNCOUNTED = 3
_PAUSE = 0.03
"""Seconds; OpenMP's threads have stopped spinning by then."""

# PyTorch loses up to ten times on large outputs to page faults with glibc's defaults: it is measured with these raised.
_MALLOC = {"MALLOC_TRIM_THRESHOLD_": str(1 << 34), "MALLOC_MMAP_THRESHOLD_": str(1 << 34)}


def with_tuned_malloc() -> None:
    """Starts this program again with glibc's malloc thresholds raised, unless they are: they count only from the start."""
    if any(os.environ.get(k) != v for k, v in _MALLOC.items()):
        os.environ.update(_MALLOC)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def measure(candidates: dict[str, Callable[[], object]], seconds: float = 1.5, rounds: int = 7) -> dict[str, float]:
    """Median seconds of one call of each candidate. Each is warmed up, then all run in turns: at least `rounds` rounds, and
    until `seconds` a candidate are spent.

    Before each turn there is a pause and a few calls that don't count: a library's threads go on spinning for a while after
    its last call, on the cores that the next one needs, and its own have to wake and find theirs.
    """
    for f in candidates.values():
        for _ in range(3):
            f()
    times: dict[str, list[float]] = {name: [] for name in candidates}
    repeat = {}
    for name, f in candidates.items():
        start = time.perf_counter()
        f()
        repeat[name] = max(1, min(50, int(0.01 / max(time.perf_counter() - start, 1e-7))))
    finish = time.perf_counter() + seconds * len(candidates)
    done = 0
    while done < rounds or time.perf_counter() < finish:
        for name, f in candidates.items():
            time.sleep(_PAUSE)
            for _ in range(_UNCOUNTED):
                f()
            start = time.perf_counter()
            for _ in range(repeat[name]):
                f()
            times[name].append((time.perf_counter() - start) / repeat[name])
        done += 1
    return {name: statistics.median(t) for name, t in times.items()}


def geometric_mean(values: Iterable[float]) -> float:
    """exp of the mean logarithm."""
    logs = [math.log(v) for v in values]
    return math.exp(sum(logs) / len(logs))


def table(title: str, header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table under a heading."""
    widths = [max(len(r[i]) for r in [header, *rows]) for i in range(len(header))]

    def line(cells: list[str]) -> str:
        return "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (w + 2) for w in widths) + "|"
    return "\n".join([f"\n### {title}\n", line(header), rule, *map(line, rows)])


def inference_and_training(title: str, names: Iterable[str], times: Callable[[str, bool], tuple[float, float]]) -> str:
    """The table of models' inferences and training steps; `times` gives seconds of flambeau and of PyTorch."""
    rows: list[list[str]] = []
    ratios: list[list[float]] = [[], []]
    for name in names:
        row = [name]
        for is_training, found in enumerate(ratios):
            mine, theirs = times(name, bool(is_training))
            found.append(theirs / mine)
            row += [f"{mine * 1e3:.1f}", f"{theirs * 1e3:.1f}", f"{found[-1]:.2f}"]
        rows.append(row)
        print("|", " | ".join(row), "|", file=sys.stderr, flush=True)
    rows.append(["geometric mean", "", "", f"{geometric_mean(ratios[0]):.2f}", "", "", f"{geometric_mean(ratios[1]):.2f}"])
    return table(title, ["ms", "inference", "PyTorch", "ratio", "training step", "PyTorch", "ratio"], rows)
