"""What programs ask of CUDA, on machines that have none: there is no such device here (`torch.cuda` without a GPU).

May import `flambeau.amp` and below.
"""

from __future__ import annotations

from typing import Any

from flambeau.absent import AcceleratorError as AcceleratorError
from flambeau.absent import OutOfMemoryError as OutOfMemoryError
from flambeau.absent import StreamContext, answering, nothing, refusing, refusing_types
from flambeau.cuda import amp as amp

_ANSWERS = {
    **nothing, "memory_cached": 0, "max_memory_cached": 0, "reset_max_memory_allocated": None,
    "reset_max_memory_cached": None, "host_memory_stats": nothing["memory_stats"], "is_current_stream_capturing": False,
    "list_gpu_processes": "", "caching_allocator_enable": None,
}  # fmt: skip
_TYPES = ("CUDAGraph", "Event", "ExternalStream", "Stream", "graph")
_REFUSED = (
    "can_device_access_peer", "current_blas_handle", "current_device",
    "current_stream", "default_stream", "get_device_capability", "get_device_name", "get_device_properties",
    "get_per_process_memory_fraction", "get_rng_state",
    "get_sync_debug_mode", "graph_pool_handle", "init", "initial_seed", "ipc_collect",
    "make_graphed_callables", "mem_get_info",
    "memory_snapshot", "memory_summary", "set_device", "set_per_process_memory_fraction", "set_rng_state", "set_stream",
    "set_sync_debug_mode",
    "synchronize", "utilization", "caching_allocator_alloc", "caching_allocator_delete", "clock_rate", "cudart",
    "device_memory_used", "get_allocator_backend", "get_stream_from_external", "graph", "memory_usage", "power_draw",
    "temperature",
)  # fmt: skip

globals().update(answering(_ANSWERS))
_WHY = 'Torch not compiled with CUDA enabled: torch.cuda.{name} has no device; the GPU here is "webgpu"'
globals().update(refusing(_REFUSED, AssertionError, _WHY) | refusing_types(_TYPES, AssertionError, _WHY))


stream = StreamContext
_initialized = False
"""What `is_initialized` answers: reversible networks look here before they save generators' states."""


class device(StreamContext):
    """Does nothing: as in PyTorch, a context for devices that aren't there (`with torch.cuda.device(0)`) changes nothing."""


device_of = device


class CudaError(RuntimeError):
    """What a call of CUDA's runtime answers: `code`, a number. Never raised here."""

    def __init__(self, code: int) -> None:
        super().__init__(f"CUDA error {code}")


class DeferredCudaCallError(Exception):
    """What a call that waited for CUDA's start raises. Never raised here."""


def set_rng_state_all(new_states: Any) -> None:
    """Nothing for no states; raises AssertionError for any."""
    for state in new_states:
        set_rng_state(state)  # type: ignore[name-defined]  # noqa: F821 - one of `_REFUSED`


default_generators: tuple[Any, ...] = ()
has_half, has_magma = True, False

_NAMES = (
    "AcceleratorError", "CudaError", "DeferredCudaCallError", "OutOfMemoryError", "StreamContext", "amp", "default_generators",
    "device", "device_of", "set_rng_state_all", "stream",
)  # fmt: skip
__all__ = sorted([*_NAMES, *_ANSWERS, *_REFUSED, *_TYPES])
