"""Settings from the environment, each read in one place. Imports nothing of flambeau.

=======================  ====================================================================================================
FLAMBEAU_CACHE_DIR       where compiled kernels are kept (default: `flambeau` under the user's cache directory)
FLAMBEAU_CACHE_MB        how large that directory may grow, in megabytes (default 512; 0 keeps nothing on disk)
FLAMBEAU_NUM_THREADS     threads that compute (default: the processors this process may use)
FLAMBEAU_VECTOR_BITS     widest vectors to generate, 128, 256 or 512 (default: the machine's)
FLAMBEAU_WEBGPU          the package that speaks to GPUs, wgpu (default) or wgpudawn
FLAMBEAU_WEBGPU_ADAPTER  a part of the names of the GPUs to use (default: all, dedicated ones first)
=======================  ====================================================================================================
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_directory", "cache_megabytes", "num_threads", "vector_bits", "webgpu_adapter", "webgpu_package"]

_WEBGPU_PACKAGES = ("wgpu", "wgpudawn")


def _integer(name: str, minimum: int) -> int | None:
    text = os.environ.get(name, "").strip()
    if not text:
        return None
    try:
        value = int(text)
    except ValueError:
        value = minimum - 1
    if value < minimum:
        raise RuntimeError(f"{name} must be an integer of at least {minimum}, got {text!r}")
    return value


def cache_directory() -> Path:
    """The directory of compiled kernels; it need not exist."""
    chosen = os.environ.get("FLAMBEAU_CACHE_DIR")
    if chosen:
        return Path(chosen)
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home())
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "flambeau"


def cache_megabytes() -> int:
    value = _integer("FLAMBEAU_CACHE_MB", 0)
    return 512 if value is None else value


def num_threads() -> int:
    """How many threads compute."""
    value = _integer("FLAMBEAU_NUM_THREADS", 1)
    if value is not None:
        return value
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1


def vector_bits() -> int | None:
    value = _integer("FLAMBEAU_VECTOR_BITS", 128)
    if value is not None and value not in (128, 256, 512):
        raise RuntimeError(f"FLAMBEAU_VECTOR_BITS must be 128, 256 or 512, got {value}")
    return value


def webgpu_package() -> str:
    name = os.environ.get("FLAMBEAU_WEBGPU", "").strip() or _WEBGPU_PACKAGES[0]
    if name not in _WEBGPU_PACKAGES:
        raise RuntimeError(f"FLAMBEAU_WEBGPU must be one of {', '.join(_WEBGPU_PACKAGES)}, got {name!r}")
    return name


def webgpu_adapter() -> str:
    """A part of an adapter's name, in small letters; empty where all will do."""
    return os.environ.get("FLAMBEAU_WEBGPU_ADAPTER", "").strip().lower()
