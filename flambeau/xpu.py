"""What programs ask of Intel's GPUs: there is no such device here (`torch.xpu` without one). Imports nothing heavy."""

from __future__ import annotations

from flambeau.absent import answering, nothing, refusing

_REFUSED = (
    "Event", "Stream", "current_device", "current_stream", "get_device_capability", "get_device_name", "get_device_properties",
    "get_rng_state", "init", "initial_seed", "mem_get_info", "set_device", "set_rng_state", "set_stream", "synchronize",
)  # fmt: skip

globals().update(answering(nothing))
globals().update(refusing(_REFUSED, AssertionError, "Torch not compiled with XPU enabled: torch.xpu.{name} has no device"))
__all__ = sorted([*nothing, *_REFUSED])
