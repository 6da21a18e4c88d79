"""What programs ask of Apple's GPUs by this name: there is none here (`torch.mps` without one). Imports nothing heavy."""

from __future__ import annotations

from flambeau.absent import answering, refusing

_ANSWERS = {"device_count": 0, "is_available": False}
_REFUSED = (
    "Event", "compile_shader", "current_allocated_memory", "driver_allocated_memory", "empty_cache", "get_rng_state",
    "manual_seed", "recommended_max_memory", "seed", "set_per_process_memory_fraction", "set_rng_state", "synchronize",
)  # fmt: skip

globals().update(answering(_ANSWERS))
globals().update(refusing(_REFUSED, RuntimeError, 'Cannot execute {name}() without MPS backend: the GPU here is "webgpu"'))
__all__ = sorted([*_ANSWERS, *_REFUSED])
