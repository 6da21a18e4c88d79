"""`torch.__config__`: how the library was built. May import `flambeau.runtime`, `flambeau.version`."""

from flambeau.runtime import get_num_interop_threads, get_num_threads
from flambeau.version import __version__

__all__ = ["parallel_info", "show"]


def show() -> str:
    """The version, and what makes its kernels."""
    return f"flambeau built with:\n  - version {__version__}\n  - kernels for CPUs by LLVM, for GPUs in WGSL\n"


def parallel_info() -> str:
    """How many threads compute."""
    return (
        "ATen/Parallel:\n"
        f"\tat::get_num_threads() : {get_num_threads()}\n"
        f"\tat::get_num_interop_threads() : {get_num_interop_threads()}\n"
    )
