"""Under what name machine code is kept on disk, and the runner's own code, kept there like kernels.

May import `flambeau.codegen.llvm` and its neighbours.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flambeau.codegen.llvm.target import Target
from flambeau.devices.cpu.cache import DiskCache
from flambeau.devices.cpu.image import Image
from flambeau.devices.cpu.jit import Jit

__all__ = ["kept_image", "name_on_disk", "sources"]

_MAKE_CODE = (
    "codegen/llvm/**/*.py",
    "kernels/*.py",
    "graph/primitives/attention.py",
    "graph/primitives/random.py",
    "dtypes.py",
    "traced.py",
    *(f"devices/cpu/{name}.py" for name in ("compiler", "image", "jit", "support")),
)
"""The code generator, and all that it imports."""


def sources() -> list[Path]:
    """The files that decide what code is generated, in order."""
    root = Path(__file__).parents[2]
    return sorted(path for pattern in _MAKE_CODE for path in root.glob(pattern))


@cache
def _version() -> str:
    """A digest of the code that generates code: a new version of it makes new kernels."""
    import llvmlite

    digest = hashlib.sha256(llvmlite.__version__.encode())
    for path in sources():
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def name_on_disk(target: Target, text: str) -> str:
    """The name of the code that is made of `text` for a target."""
    return hashlib.sha256("\0".join([_version(), repr(target), text]).encode()).hexdigest()


def kept_image(jit: Jit, ir: str) -> Image:
    """A module's machine code, from disk, else compiled. What it does may not depend on addresses of this process."""
    disk, name = DiskCache(), name_on_disk(jit.target, ir)
    data = disk.get(name)
    if data is not None:
        return Image.from_bytes(data)
    image = jit.assemble(ir)
    disk.put(name, image.to_bytes())
    return image
