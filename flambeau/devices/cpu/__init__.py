"""The CPU: kernels compiled by LLVM through llvmlite; without llvmlite, NumPy.

- `memory` pools buffers; `arena` lays out a plan's temporaries.
- `compiler` turns kernels into code (`jit`), kept on disk (`cache`).
- `executable` makes a plan ready and runs it; `runner` is the native team of threads; `host` runs what Python must.

May import everything below `devices` in the list of `ARCHITECTURE.md`.
"""

from __future__ import annotations

from typing import Any

__all__ = ["start"]


def start(index: int) -> Any:
    """The CPU's backend. There is one; a higher index is an error."""
    if index != 0:
        raise RuntimeError(f"invalid device ordinal: cpu:{index}; there is one CPU")
    try:
        import llvmlite.binding  # noqa: F401
    except ImportError as error:
        from flambeau.devices.cpu.fallback import NumpyBackend

        return NumpyBackend(str(error))
    from flambeau.devices.cpu.backend import CpuBackend

    return CpuBackend()
