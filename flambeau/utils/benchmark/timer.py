"""`Timer`: how long a statement takes, once what it computes is there. May import `flambeau.runtime`."""

from __future__ import annotations

import sys
import textwrap
import time
import timeit
from collections.abc import Callable
from typing import Any

from flambeau.runtime import get_num_threads, set_num_threads, synchronize
from flambeau.utils.benchmark.measurement import Measurement, TaskSpec

__all__ = ["Timer", "timer"]


def timer() -> float:
    """A clock in seconds, read when everything of this thread is computed."""
    synchronize()
    return time.perf_counter()


def _computed(stmt: str) -> str:
    """The statement, and the computing of what it made, which is kept until then: nobody would see a result that is dropped."""
    try:
        compile(stmt, "<stmt>", "eval")
    except SyntaxError:
        return f"{stmt}\n_synchronize()"
    return f"_kept = (\n{stmt}\n)\n_synchronize()"


class Timer:
    """Times a statement, given as text with the names in `globals`, on `num_threads` threads.

    What each run made is computed before the next begins, so that the time is that of the work.

    >>> from flambeau.utils.benchmark import Timer
    >>> Timer("x + 1", globals={"x": torch.zeros(3)}).timeit(10).number_per_run
    10
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Any = "py",
    ) -> None:
        if str(language).lower() not in ("py", "python", "language.python"):
            raise ValueError(f"Timer measures Python statements, got language {language!r}")
        if global_setup:
            raise ValueError(f"global_setup is C++ only, got `{global_setup}`: move it to `setup`")
        names = dict(globals or {})
        names.setdefault("torch", sys.modules["flambeau"])
        self._read = timer
        names["_synchronize"] = synchronize
        stmt, setup = textwrap.dedent(stmt), textwrap.dedent(setup)
        self._timer = timeit.Timer(_computed(stmt.strip() or "pass"), setup.strip() or "pass", timer, names)
        self._task_spec = TaskSpec(stmt, setup, global_setup, label, sub_label, description, env, num_threads)

    def _times(self, number: int, count: int = 1) -> list[float]:
        """Seconds that `number` runs took, `count` times."""
        before = get_num_threads()
        set_num_threads(self._task_spec.num_threads)
        try:
            return [max(self._timer.timeit(number), 1e-9) for _ in range(count)]
        finally:
            set_num_threads(before)

    def timeit(self, number: int = 1_000_000) -> Measurement:
        """The time of `number` runs, after a few to warm up."""
        self._times(max(number // 100, 2))
        return Measurement(number, self._times(number), self._task_spec)

    def repeat(self, repeat: int = -1, number: int = -1) -> None:
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def autorange(self, callback: Callable[[int, float], None] | None = None) -> None:
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def _block_size(self, min_run_time: float) -> int:
        """How many runs to time at once, so that reading the clock takes no thousandth of it."""
        clock = min(self._clock() for _ in range(10))
        number = 1
        while True:
            taken = self._times(number)[0]
            if (clock / taken <= 1e-4 and taken >= min_run_time / 1000) or taken > min_run_time:
                return number
            number *= 10

    def _clock(self) -> float:
        read = self._read
        start = read()
        return max(read() - start, 1e-9)

    def blocked_autorange(self, callback: Callable[[int, float], None] | None = None, min_run_time: float = 0.2) -> Measurement:
        """Times of blocks of runs, until `min_run_time` seconds of them are measured."""
        number = self._block_size(min_run_time)
        times: list[float] = []
        while not times or sum(times) < min_run_time:
            times += self._times(number)
            if callback is not None:
                callback(number, times[-1])
        return Measurement(number, times, self._task_spec)

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Callable[[int, float], None] | None = None,
    ) -> Measurement:
        """Times of blocks of runs, until the quartiles lie within `threshold` of the median, or `max_run_time` is over."""
        number = self._block_size(0.05)
        times: list[float] = []
        while True:
            start = sum(times)
            while sum(times) - start < min_run_time or len(times) < 3:
                times += self._times(number)
                if callback is not None:
                    callback(number, times[-1])
            found = Measurement(number, times, self._task_spec)
            if found.iqr / found.median < threshold or sum(times) > max_run_time:
                return found
