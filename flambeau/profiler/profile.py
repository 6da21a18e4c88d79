"""`profile` and `record_function`. May import `flambeau.profiler`, `flambeau.graph` and (inside functions) `flambeau.devices`."""

from __future__ import annotations

import enum
import functools
import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flambeau.graph import node
from flambeau.profiler import recorder
from flambeau.profiler.events import EventList, FunctionEvent

__all__ = ["profile", "record_function", "schedule", "ProfilerActivity", "ProfilerAction"]


class ProfilerActivity(enum.Enum):
    """What to record; `CUDA` means the GPU, as programs written for PyTorch say it."""

    CPU = 0
    CUDA = 2


class ProfilerAction(enum.Enum):
    """What a schedule asks of a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def schedule(*, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0) -> Callable[[int], ProfilerAction]:
    """What the profiler does in each step: `wait` steps off, `warmup` without keeping, `active` recorded, `repeat` times."""
    if min(wait, warmup, repeat, skip_first) < 0 or active <= 0:
        raise ValueError("schedule expects wait, warmup, repeat and skip_first of at least 0 and active of at least 1")

    def action(step: int) -> ProfilerAction:
        if step < 0:
            raise ValueError(f"step must be non-negative. Got {step}.")
        step -= skip_first
        length = wait + warmup + active
        if step < 0 or (repeat > 0 and step // length >= repeat):
            return ProfilerAction.NONE
        place = step % length
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD_AND_SAVE if place == length - 1 else ProfilerAction.RECORD

    return action


class _Span:
    """An open event on this thread."""

    __slots__ = ("_profile", "_name", "_category", "_start")

    def __init__(self, owner: profile, name: str, category: str) -> None:
        self._profile, self._name, self._category = owner, name, category

    def __enter__(self) -> _Span:
        self._profile._open()
        self._start = time.perf_counter_ns()
        return self

    def __exit__(self, *_: Any) -> None:
        self._profile._close(self._name, self._category, self._start)


class profile:
    """Records what runs inside `with profile() as p:`. Raises RuntimeError when one is running already.

    Args:
        activities: which of `ProfilerActivity` to record; default all.
        schedule: a function of the step's number (see `schedule`), moved on by `step()`.
        on_trace_ready: called with the profile when a recorded span of steps ends, and at the end.
        record_shapes, profile_memory, with_stack, with_flops, with_modules: accepted as PyTorch has them; they add nothing.

    >>> with torch.profiler.profile() as p:
    ...     with torch.profiler.record_function("forward"):
    ...         total = torch.ones(8).exp().sum().item()
    >>> "forward" in [event.key for event in p.key_averages()]
    True
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[profile], Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
    ) -> None:
        chosen = set(ProfilerActivity if activities is None else activities)
        self._on_host = ProfilerActivity.CPU in chosen
        self._on_device = ProfilerActivity.CUDA in chosen
        self._schedule = schedule
        self._on_trace_ready = on_trace_ready
        self._local = threading.local()
        self._lock = threading.Lock()
        self.step_num = 0
        self._events: list[FunctionEvent] = []
        self._waiting: list[tuple[Any, Sequence[str], Any, float]] = []
        self._origin = 0
        self._running = False

    # --- running ------------------------------------------------------------------------------------------------------
    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def start(self) -> None:
        """Starts recording (what the schedule says of step 0)."""
        self._origin = time.perf_counter_ns()
        if self._action() is not ProfilerAction.NONE:
            self._begin()

    def stop(self) -> None:
        """Waits for what was started, and ends."""
        if self._running:
            self._end()
            if self._on_trace_ready is not None:
                self._on_trace_ready(self)

    def step(self) -> None:
        """Says that a step has ended; the schedule decides what happens in the next."""
        before = self._action()
        self.step_num += 1
        after = self._action()
        if before is ProfilerAction.RECORD_AND_SAVE or (self._running and after is ProfilerAction.NONE):
            self._end()
            if self._on_trace_ready is not None:
                self._on_trace_ready(self)
        if before is ProfilerAction.WARMUP and after in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE):
            self._wait_for_devices()
            self._events.clear()
        if after is not ProfilerAction.NONE and not self._running:
            self._begin()

    def _action(self) -> ProfilerAction:
        return ProfilerAction.RECORD if self._schedule is None else self._schedule(self.step_num)

    def _begin(self) -> None:
        self._wait_for_devices()
        self._events = []
        from flambeau.profiler.naming import operator_name

        recorder.start(self)
        node.naming = operator_name
        self._running = True

    def _end(self) -> None:
        self._wait_for_devices()
        recorder.stop()
        node.naming = None
        self._running = False
        self._collect()

    def _wait_for_devices(self) -> None:
        from flambeau import devices

        for backend in devices.started():
            flush = getattr(backend, "flush", None)
            if flush is not None:
                flush()
            backend.synchronize()

    # --- what devices report ------------------------------------------------------------------------------------------
    def span(self, name: str, category: str) -> _Span:
        """A context whose duration is recorded."""
        return _Span(self, name, category)

    def _open(self) -> None:
        stack = getattr(self._local, "stack", None)
        if stack is None:
            stack = self._local.stack = []
        stack.append([])

    def _close(self, name: str, category: str, start: int) -> None:
        end = time.perf_counter_ns()
        children = self._local.stack.pop()
        event = FunctionEvent(
            name, category, (start - self._origin) / 1e3, (end - start) / 1e3, threading.get_ident() & 0xFFFF, "cpu", children
        )
        if self._local.stack:
            self._local.stack[-1].append(event)
        if self._on_host:
            with self._lock:
                self._events.append(event)

    def launched(self, name: str, start_ns: int, end_ns: int, device: str = "cpu", kernel: Any = None) -> None:
        """A kernel (`kernel` in the kernel IR) that ran from `start_ns` to `end_ns` on the host's `perf_counter_ns` clock."""
        if not self._on_host and device == "cpu":
            return
        event = FunctionEvent(name, "kernel", (start_ns - self._origin) / 1e3, (end_ns - start_ns) / 1e3, 0, device)
        stack = getattr(self._local, "stack", None)
        if stack and device == "cpu":
            stack[-1].append(event)
        with self._lock:
            self._events.append(event)

    def submitted(self, backend: Any, labels: Sequence[str], token: Any) -> None:
        """A GPU's command batch: its kernels' names, and what the host will give their times for."""
        if self._on_device:
            with self._lock:
                self._waiting.append((backend, labels, token, (time.perf_counter_ns() - self._origin) / 1e3))

    def _collect(self) -> None:
        """Asks the GPU for the times of what was submitted; its clock's zero is put where the batch was submitted."""
        shift: dict[int, float] = {}
        for backend, labels, token, submitted in self._waiting:
            times = backend.host.timings(token) if token is not None else []
            if not times:  # no timestamps here: the kernels are listed, their time is not known
                self._events += [FunctionEvent(label, "kernel", submitted, 0.0, 0, backend.name) for label in labels]
                continue
            offset = shift.setdefault(id(backend), submitted - times[0][0] / 1e3)
            for label, (start, end) in zip(labels, times):
                self._events.append(FunctionEvent(label, "kernel", start / 1e3 + offset, (end - start) / 1e3, 0, backend.name))
        self._waiting.clear()

    # --- results ------------------------------------------------------------------------------------------------------
    def events(self) -> EventList:
        """All events, in order of their start."""
        self._require_end()
        events: list[FunctionEvent] = sorted(self._events, key=lambda e: e.start)
        return EventList(events)

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> EventList:
        """Events added up by name; `.table(sort_by=…)` prints them."""
        return self.events().key_averages()

    def export_chrome_trace(self, path: str) -> None:
        """Writes the events for chrome://tracing and Perfetto."""
        lanes: dict[str, int] = {}
        trace: list[dict[str, Any]] = []
        for e in self.events():
            lane = lanes.setdefault(e.device, len(lanes))
            trace.append(
                {"name": e.name, "cat": e.category, "ph": "X", "ts": e.start, "dur": e.duration, "pid": lane, "tid": e.thread}
            )
        for device, lane in lanes.items():
            trace.append({"name": "process_name", "ph": "M", "pid": lane, "args": {"name": device}})
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": trace, "displayTimeUnit": "ms"}, file)

    def _require_end(self) -> None:
        if self._running:
            raise RuntimeError("the profile is still being taken: ask for results after the with block, or after stop()")


class record_function:
    """A named span of the program, as a context manager or a decorator; free where no profile is being taken."""

    def __init__(self, name: str, args: str | None = None) -> None:
        if not isinstance(name, str):
            raise TypeError(f"record_function expects a name (str), but got {type(name).__name__}")
        self.name = name
        self._open: list[Any] = []

    def __enter__(self) -> record_function:
        span = recorder.span(self.name, "user")
        span.__enter__()
        self._open.append(span)
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.pop().__exit__(*error)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name):
                return function(*args, **kwargs)

        return wrapped
