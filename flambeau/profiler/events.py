"""What a profile holds: events, their averages by name, and the table. Imports nothing of flambeau."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

__all__ = ["FunctionEvent", "FunctionEventAvg", "EventList"]


@dataclass
class FunctionEvent:
    """One thing that took time: microseconds since the profile began, on the host or on a device.

    `category` is "user" (record_function), "kernel", "transfer", "compile", "routine" or "plan". `children` are the
    events inside it, on the same thread.
    """

    name: str
    category: str
    start: float
    duration: float
    thread: int = 0
    device: str = "cpu"
    children: list[FunctionEvent] = field(default_factory=list, repr=False)

    @property
    def is_on_device(self) -> bool:
        """Whether the time was measured by a device other than the processor."""
        return self.device != "cpu"

    @property
    def self_duration(self) -> float:
        """The duration less that of the events inside."""
        return self.duration - sum(c.duration for c in self.children)


@dataclass
class FunctionEventAvg:
    """All events of one name; times in microseconds."""

    key: str
    count: int = 0
    cpu_time_total: float = 0.0
    self_cpu_time_total: float = 0.0
    device_time_total: float = 0.0
    self_device_time_total: float = 0.0
    category: str = ""

    @property
    def cpu_time(self) -> float:
        """The mean time on the host."""
        return self.cpu_time_total / self.count if self.count else 0.0

    @property
    def device_time(self) -> float:
        """The mean time on the device."""
        return self.device_time_total / self.count if self.count else 0.0


_SORT_KEYS = (
    "count",
    "cpu_time",
    "cpu_time_total",
    "self_cpu_time_total",
    "device_time",
    "device_time_total",
    "self_device_time_total",
)
_ALIASES = {"cuda_time": "device_time", "cuda_time_total": "device_time_total", "self_cuda_time_total": "self_device_time_total"}


def _time(microseconds: float) -> str:
    if microseconds >= 1e6:
        return f"{microseconds / 1e6:.3f}s"
    if microseconds >= 1e3:
        return f"{microseconds / 1e3:.3f}ms"
    return f"{microseconds:.3f}us"


class EventList(list):  # type: ignore[type-arg]
    """A list of events or of averages, with PyTorch's `table`, `total_average` and `key_averages`."""

    def __init__(self, items: Iterable[FunctionEvent | FunctionEventAvg] = ()) -> None:
        super().__init__(items)

    def key_averages(self) -> EventList:
        """The events added up by name."""
        found: dict[str, FunctionEventAvg] = {}
        for e in self:
            a = found.setdefault(e.name, FunctionEventAvg(e.name, category=e.category))
            a.count += 1
            if e.is_on_device:
                a.device_time_total += e.duration
                a.self_device_time_total += e.self_duration
            else:
                a.cpu_time_total += e.duration
                a.self_cpu_time_total += e.self_duration
        return EventList(found.values())

    def total_average(self) -> FunctionEventAvg:
        """Everything added up."""
        averages: Sequence[FunctionEventAvg] = self if not self or isinstance(self[0], FunctionEventAvg) else self.key_averages()
        total = FunctionEventAvg("Total")
        for a in averages:
            total.count += a.count
            total.self_cpu_time_total += a.self_cpu_time_total
            total.self_device_time_total += a.self_device_time_total
        total.cpu_time_total, total.device_time_total = total.self_cpu_time_total, total.self_device_time_total
        return total

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        header: str | None = None,
        top_level_events_only: bool = False,
    ) -> str:
        """The averages as text, longest first where `sort_by` says by what; at most `row_limit` rows (-1: all).

        Raises AttributeError when `sort_by` is not one of the columns.
        """
        averages: list[FunctionEventAvg] = list(
            self if not self or isinstance(self[0], FunctionEventAvg) else self.key_averages()
        )
        if sort_by is not None:
            name = _ALIASES.get(sort_by, sort_by)
            if name not in _SORT_KEYS:
                raise AttributeError(f"sort_by must be one of {', '.join(_SORT_KEYS)}, got {sort_by!r}")
            averages.sort(key=lambda a: -getattr(a, name))
        if row_limit >= 0:
            averages = averages[:row_limit]
        total = self.total_average()
        on_device = total.self_device_time_total > 0
        columns: list[tuple[str, Callable[[FunctionEventAvg], str]]] = [
            ("Self CPU %", lambda a: _share(a.self_cpu_time_total, total.self_cpu_time_total)),
            ("Self CPU", lambda a: _time(a.self_cpu_time_total)),
            ("CPU total", lambda a: _time(a.cpu_time_total)),
            ("CPU time avg", lambda a: _time(a.cpu_time)),
        ]
        if on_device:
            columns += [
                ("Self device %", lambda a: _share(a.self_device_time_total, total.self_device_time_total)),
                ("Self device", lambda a: _time(a.self_device_time_total)),
                ("Device time avg", lambda a: _time(a.device_time)),
            ]
        columns.append(("# of Calls", lambda a: str(a.count)))
        rows = []
        for a in averages:
            name = a.key if len(a.key) <= max_name_column_width else a.key[: max_name_column_width - 3] + "..."
            rows.append([name, *(text(a) for _, text in columns)])
        titles = ["Name", *(title for title, _ in columns)]
        widths = [max(len(r[i]) for r in [titles, *rows]) for i in range(len(titles))]
        rule = "  ".join("-" * w for w in widths)
        lines = [header] if header else []
        lines += [rule, "  ".join(t.rjust(w) for t, w in zip(titles, widths)), rule]
        lines += ["  ".join(cell.rjust(w) for cell, w in zip(row, widths)) for row in rows]
        lines += [rule, f"Self CPU time total: {_time(total.self_cpu_time_total)}"]
        if on_device:
            lines.append(f"Self device time total: {_time(total.self_device_time_total)}")
        return "\n".join(lines) + "\n"


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2f}%" if whole else "0.00%"
