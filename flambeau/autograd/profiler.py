"""`torch.autograd.profiler`: the profiler by the module that older programs have it from."""

from flambeau.missing import names
from flambeau.profiler import EventList, FunctionEvent, profile, record_function

__all__ = ["EventList", "FunctionEvent", "profile", "record_function"]

globals().update(names("autograd.profiler"))
