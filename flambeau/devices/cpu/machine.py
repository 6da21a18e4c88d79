"""What this machine's processor is, as LLVM knows it, and the `Target` that code is generated for.

The setting `FLAMBEAU_VECTOR_BITS` narrows the target, which is how tests run the code for machines without AVX-512. May import
llvmlite (inside functions), `flambeau.config` and `flambeau.codegen.llvm.target`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import flambeau.config as config
from flambeau.codegen.llvm.target import Target

__all__ = ["host", "cache_sizes", "widest_vectors", "triple"]


def triple() -> str:
    """The running process' target triple."""
    import llvmlite.binding as llvm

    return llvm.get_process_triple()


@cache
def _features() -> dict[str, bool]:
    import llvmlite.binding as llvm

    return dict(llvm.get_host_cpu_features())


@cache
def widest_vectors() -> int:
    """The widest vectors that the machine has, in bits, of the widths that code is generated for."""
    features = _features()
    if triple().startswith(("x86_64", "amd64", "i386", "i686")):
        if all(features.get(f) for f in ("avx512f", "avx512vl", "avx512bw", "avx512dq")):
            return 512
        return 256 if features.get("avx2") and features.get("fma") and features.get("f16c") else 128
    return 128  # NEON, and everything else


@cache
def cache_sizes() -> dict[str, int]:
    """Bytes of a core's first (data) and second level cache, as `l1` and `l2`, where the system tells (Linux)."""
    found = {}
    for folder in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        try:
            level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        except OSError:
            continue
        if level in ("1", "2") and kind in ("Data", "Unified") and size.endswith("K") and size[:-1].isdigit():
            found[f"l{level}"] = int(size[:-1]) << 10
    return found


def host(bits: int | None = None) -> Target:
    """This machine as a target, with vectors of at most `bits` (default: the setting, else all there is)."""
    wanted = config.vector_bits() if bits is None else bits
    widest = widest_vectors()
    return _target(widest if wanted is None else min(wanted, widest))


@cache
def _target(bits: int) -> Target:
    import llvmlite.binding as llvm

    architecture = triple().partition("-")[0]
    features = _features()
    if bits < 512:
        features = {name: on and not name.startswith(("avx512", "avx10", "amx")) for name, on in features.items()}
    if bits < 256 and architecture == "x86_64":
        dropped = ("avx", "fma", "f16c", "vaes", "vpclmul")
        features = {name: on and not name.startswith(dropped) for name, on in features.items()}
    is_whole = bits == widest_vectors()
    sizes: Any = cache_sizes()
    return Target(
        vector_bits=bits,
        registers=32 if bits == 512 or architecture in ("aarch64", "arm64") else 16,
        cpu=llvm.get_host_cpu_name() if is_whole else ("x86-64" if architecture == "x86_64" else "generic"),
        features=",".join(("+" if on else "-") + name for name, on in sorted(features.items())),
        architecture=architecture,
        **sizes,
    )
