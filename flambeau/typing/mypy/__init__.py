"""The mypy plugin: ``plugins = ["flambeau.typing.mypy"]``.

It reads `Shaped` (and jaxtyping's) strings, keeps sizes in a tensor type's third argument, a tuple of literals: an integer, or
a string such as ``'H // 2'``; and evaluates the results of `flambeau.typing.signatures` with the library's own shape rules,
whose errors it reports. What it does not know is left open, so that it reports nothing false.

May import `flambeau.typing`, `flambeau.shapes` and mypy.
"""

from __future__ import annotations

from flambeau.typing.mypy.plugin import ShapePlugin as ShapePlugin
from flambeau.typing.mypy.plugin import plugin as plugin
