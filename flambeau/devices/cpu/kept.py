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

__all__ = ["kept_image", "name_on_disk"]

_MAKE_CODE = ("compiler", "image", "jit", "support")


@cache
def _sources() -> str:
    """A digest of the code that generates code: a new version of it makes new kernels."""
    import llvmlite

    root = Path(__file__).parents[2]
    digest = hashlib.sha256(llvmlite.__version__.encode())
    own = [root / "dtypes.py", *(root / "devices/cpu" / f"{name}.py" for name in _MAKE_CODE)]
    for path in sorted([*root.glob("codegen/llvm/**/*.py"), *own]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def name_on_disk(target: Target, text: str) -> str:
    """The name of the code that is made of `text` for a target."""
    return hashlib.sha256("\0".join([_sources(), repr(target), text]).encode()).hexdigest()


def kept_image(jit: Jit, ir: str) -> Image:
    """A module's machine code, from disk, else compiled. What it does may not depend on addresses of this process."""
    disk, name = DiskCache(), name_on_disk(jit.target, ir)
    data = disk.get(name)
    if data is not None:
        return Image.from_bytes(data)
    image = jit.assemble(ir)
    disk.put(name, image.to_bytes())
    return image
