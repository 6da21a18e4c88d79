"""The mypy plugin: ``plugins = ["flambeau.typing.mypy"]``.

It reads `Shaped` (and jaxtyping's) strings, keeps sizes in a tensor type's third argument, a tuple of literals: an integer, or
a string such as ``'H // 2'``; and evaluates the results of `flambeau.typing.signatures` with the library's own shape rules,
whose errors it reports. What it does not know is left open, so that it reports nothing false.

May import `flambeau.typing`, `flambeau.shapes` and mypy.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from flambeau.typing.mypy.plugin import ShapePlugin as ShapePlugin
from flambeau.typing.mypy.plugin import plugin as plugin


def _fingerprint() -> str:
    """Of the plugin and the rules that it asks: where they change, mypy may not use what it has cached."""
    package = Path(__file__).resolve().parent.parent.parent
    digest = hashlib.sha256()
    for folder in ("typing", "shapes"):
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


__version__ = _fingerprint()
