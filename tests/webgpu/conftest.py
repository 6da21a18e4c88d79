"""The webgpu device of this machine, as it is and as other adapters would have kernels; skipped where there is no adapter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

ADAPTERS = {
    "own": {},
    "gpu": {"is_software": False},
    "portable": {
        "is_software": False,
        "max_storage_buffers": 8,
        "max_workgroup_bytes": 16 << 10,
        "max_invocations": 256,
        "has_float64": False,
        "has_float16": False,
        "has_subgroups": False,
    },
    "tiny bindings": {"max_binding_bytes": 256, "max_workgroups": 3, "max_storage_buffers": 24},
    "three buffers": {"max_storage_buffers": 3},
}
"""What tests change in the adapter's description, so that one machine runs the kernels of many; no limit is beyond its own."""


def described(changes: dict[str, Any]) -> Any:
    from flambeau.devices import webgpu

    if not webgpu.count():
        pytest.skip("no WebGPU adapter")
    from flambeau.devices.webgpu import _open

    host = _open(0)
    limits = {name: min(n, getattr(host.target, name)) for name, n in changes.items() if name.startswith("max_")}
    host.target = replace(host.target, **changes | limits)
    return webgpu.WebGPUBackend(host, 0)


@pytest.fixture(scope="session", params=ADAPTERS)
def adapter(request: Any) -> Any:
    """A device that generates kernels for one of `ADAPTERS`."""
    return described(ADAPTERS[request.param])


@pytest.fixture(scope="session")
def backend() -> Any:
    """The machine's own device."""
    from flambeau.devices import backend as start
    from flambeau.devices import webgpu

    if not webgpu.count():
        pytest.skip("no WebGPU adapter")
    return start("webgpu:0")
