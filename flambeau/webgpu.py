"""`flambeau.webgpu`: the GPU's state and the knobs of its command batches, as `torch.cuda` has them for CUDA.

May import `flambeau.devices`, `flambeau.device`, `flambeau.storage`.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from flambeau import devices
from flambeau.device import as_device_name
from flambeau.device import device as Device

__all__ = [
    "is_available",
    "device_count",
    "get_device_name",
    "memory_stats",
    "memory_summary",
    "memory_allocated",
    "max_memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "empty_cache",
    "synchronize",
    "set_batch_threshold",
    "get_batch_threshold",
    "batch",
    "initialize",
    "fetch",
    "OutOfMemoryError",  # noqa: F822 - made by __getattr__
]

_Where = Device | str | int | None


def _backend(where: _Where) -> Any:
    name = as_device_name("webgpu" if where is None else where)
    if not name.startswith("webgpu"):
        raise ValueError(f"Expected a webgpu device, but got: {where}")
    return devices.backend(name)


def is_available() -> bool:
    """Whether there is an adapter that tensors can live on."""
    return device_count() > 0


def device_count() -> int:
    """How many adapters there are."""
    from flambeau.devices import webgpu

    return webgpu.count()


def get_device_name(device: _Where = None) -> str:
    """The adapter in its driver's words; raises RuntimeError when there is no such adapter."""
    return _backend(device).host.name


def _counted(device: _Where) -> Any:
    """The device's pool, its counters up to date."""
    pool = _backend(device).pool
    pool.collect()
    return pool


def memory_stats(device: _Where = None) -> dict[str, int]:
    """Counters of the memory pool: bytes and blocks, now and at most, under PyTorch's names."""
    pool = _counted(device)
    return {
        "allocated_bytes.all.current": pool.allocated,
        "allocated_bytes.all.peak": pool.allocated_peak,
        "reserved_bytes.all.current": pool.reserved,
        "reserved_bytes.all.peak": pool.reserved_peak,
        "allocation.all.allocated": pool.allocations,
        "segment.all.allocated": pool.creations,
        "num_ooms": pool.failures,
    }


def memory_allocated(device: _Where = None) -> int:
    """Bytes that tensors hold."""
    return _counted(device).allocated


def max_memory_allocated(device: _Where = None) -> int:
    """The most bytes that tensors have held since the start or `reset_peak_memory_stats`."""
    return _counted(device).allocated_peak


def memory_reserved(device: _Where = None) -> int:
    """Bytes that the pool holds, in tensors and idle."""
    return _counted(device).reserved


def reset_peak_memory_stats(device: _Where = None) -> None:
    """Starts the peaks again from what is held now."""
    pool = _counted(device)
    pool.allocated_peak, pool.reserved_peak = pool.allocated, pool.reserved


def memory_summary(device: _Where = None, abbreviated: bool = False) -> str:
    """The counters as a table."""
    backend = _backend(device)
    stats = memory_stats(device)
    lines = [f"webgpu memory on {backend.host.name}", "-" * 62]
    for title, key in (("Allocated memory", "allocated_bytes.all"), ("Reserved memory", "reserved_bytes.all")):
        now, most = stats[f"{key}.current"], stats[f"{key}.peak"]
        lines.append(f"{title:<24}{now / 2**20:>12.2f} MiB   peak {most / 2**20:>10.2f} MiB")
    if not abbreviated:
        lines.append(f"{'Allocations':<24}{stats['allocation.all.allocated']:>12}")
        lines.append(f"{'Buffers created':<24}{stats['segment.all.allocated']:>12}")
        lines.append(f"{'Out of memory':<24}{stats['num_ooms']:>12}")
        lines.append(f"{'Kernels run':<24}{backend.dispatches:>12}   in {backend.submissions} submissions")
    return "\n".join(lines) + "\n"


def empty_cache() -> None:
    """Gives memory that no tensor holds back to the driver."""
    for backend in devices.started():
        if backend.name.startswith("webgpu"):
            backend.release_memory()  # type: ignore[attr-defined]


def synchronize(device: _Where = None) -> None:
    """Computes what waits, and returns when the GPU has finished."""
    from flambeau.storage import realize

    realize([])
    _backend(device).synchronize()


def set_batch_threshold(kernels: int) -> None:
    """After how many recorded kernels a batch is submitted though nothing is read (default 256)."""
    if not isinstance(kernels, int) or isinstance(kernels, bool) or kernels < 1:
        raise ValueError(f"set_batch_threshold expects a positive integer, got {kernels!r}")
    _backend(None).threshold = kernels


def get_batch_threshold() -> int:
    """What `set_batch_threshold` set."""
    return _backend(None).threshold


async def initialize(device: _Where = None) -> None:
    """Opens the adapter, in a page whose call stack can't be suspended; elsewhere the first use does so by itself."""
    name = as_device_name("webgpu" if device is None else device)
    if sys.platform == "emscripten" and name not in {b.name for b in devices.started()}:
        from flambeau.devices.webgpu import WebGPUBackend
        from flambeau.devices.webgpu.browser import open_host_async

        index = int(name.partition(":")[2] or 0)
        devices.adopt(name, WebGPUBackend(await open_host_async(index), index))


async def fetch(tensor: Any) -> Any:
    """The tensor's value on the cpu device, awaited: for a page where `tensor.item()` can't wait for the GPU.

    Raises IndexError and the like where the computation failed.
    """
    from flambeau.storage import realize
    from flambeau.tensor import from_bytes

    node = tensor.detach().contiguous()._value()
    realize([node])
    backend = devices.backend(node.device)
    nbytes = node.size * node.dtype.itemsize
    if sys.platform == "emscripten" and node.device.startswith("webgpu"):
        data = await backend.download_async(node.buffer, nbytes)  # type: ignore[attr-defined]
    else:
        data = backend.download(node.buffer, nbytes)
    return from_bytes(data, tensor.dtype, tuple(tensor.shape), "cpu")


@contextlib.contextmanager
def batch(device: _Where = None) -> Iterator[None]:
    """Holds commands back until the end of the block (or a read), however many there are, and submits them together."""
    backend = _backend(device)
    backend.holding += 1
    try:
        yield
    finally:
        backend.holding -= 1
        if not backend.holding:
            from flambeau.storage import realize

            realize([])
            backend.flush()


def __getattr__(name: str) -> Any:
    if name == "OutOfMemoryError":
        from flambeau.devices.webgpu.host import OutOfMemoryError

        return OutOfMemoryError
    raise AttributeError(f"module 'flambeau.webgpu' has no attribute {name!r}")
