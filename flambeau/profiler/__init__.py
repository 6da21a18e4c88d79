"""`flambeau.profiler`: where time goes, in PyTorch's form.

    with flambeau.profiler.profile() as p:
        with flambeau.profiler.record_function("step"):
            ...
    print(p.key_averages().table(sort_by="self_device_time_total"))
    p.export_chrome_trace("trace.json")

Kernels appear by the operators that they were fused from, with the GPU's own time where the adapter has timestamps; host
routines, compilation and copies appear by name. May import `flambeau.devices` (inside functions) and `flambeau.profiler`.
"""

from flambeau.profiler.events import EventList, FunctionEvent, FunctionEventAvg
from flambeau.profiler.profile import ProfilerAction, ProfilerActivity, profile, record_function, schedule
from flambeau.profiler.traces import tensorboard_trace_handler

__all__ = [
    "EventList",
    "FunctionEvent",
    "FunctionEventAvg",
    "ProfilerAction",
    "ProfilerActivity",
    "kineto_available",
    "profile",
    "record_function",
    "schedule",
    "tensorboard_trace_handler",
]


def kineto_available() -> bool:
    """Whether `profile` can be used: always. (In PyTorch that takes a library of this name.)"""
    return True
