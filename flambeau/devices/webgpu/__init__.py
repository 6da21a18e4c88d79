"""The `webgpu` device: kernels as WGSL, run natively through wgpu-py or in a web page through the browser's `navigator.gpu`.

May import `flambeau.codegen.wgsl`, `flambeau.kernels`, `flambeau.schedule`, `flambeau.graph`, `flambeau.dtypes` and
`flambeau.profiler`.
"""

from __future__ import annotations

import sys

from flambeau.devices.webgpu.backend import WebGPUBackend
from flambeau.devices.webgpu.host import Host, OutOfMemoryError

__all__ = ["start", "count", "describe", "WebGPUBackend", "OutOfMemoryError"]


def start(index: int) -> WebGPUBackend:
    """The running adapter number `index`; raises RuntimeError, saying what to do, when there is none."""
    return WebGPUBackend(_open(index), index)


def _open(index: int) -> Host:
    if sys.platform == "emscripten":
        from flambeau.devices.webgpu.browser import open_host
    else:
        from flambeau.devices.webgpu.native import open_host
    return open_host(index)


def count() -> int:
    """How many adapters `start` can open."""
    return len(describe())


def describe() -> list[str]:
    """A line about each adapter, in the order of their indices; empty where WebGPU can't be had."""
    if sys.platform == "emscripten":
        from flambeau.devices.webgpu.browser import adapters
    else:
        from flambeau.devices.webgpu.native import adapters
    return adapters()
