"""Annotations of shapes, dtypes and devices: read by type checkers, kept at run time, enforced where asked for.

    from flambeau import Tensor, float32
    from flambeau.typing import Shaped, checked, cpu, shape_vars

    @shape_vars("N, H, W")
    def features(x: Shaped[Tensor[float32, cpu], "[N, 3, H, W]"]) -> Shaped[Tensor[float32, cpu], "[N, 64, H // 2, W // 2]"]: ...

`Shaped[T, "[…]"]` is `typing.Annotated`, so every tool that knows Python's typing reads it as T; Pyrefly and the mypy plugin
(`plugins = ["flambeau.typing.mypy"]`) read the shape. Sizes are integers, names declared with `shape_vars`, sums, differences,
products and floor divisions of these, ``*Names`` for any number of dimensions, and ``_`` for a size of no interest.

May import `flambeau.tensor`, `flambeau.dtypes` and `flambeau.shapes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated as Shaped
from typing import Any, TypeVar

from flambeau.tensor import Tensor
from flambeau.typing.checking import checked

__all__ = ["Shaped", "Tensor", "checked", "cpu", "reference", "shape_vars", "webgpu"]

Function = TypeVar("Function", bound=Callable[..., Any])


class cpu:
    """The CPU, as a type argument: `Tensor[float32, cpu]`."""


class webgpu:
    """WebGPU, as a type argument."""


class reference:
    """The NumPy device, as a type argument."""


def shape_vars(names: str) -> Callable[[Function], Function]:
    """Declares the size names, separated by commas, that the `Shaped` annotations of a function or class use.

    Does nothing at run time but keep the names (``function.__shape_vars__``). ``*Names`` stands for any number of dimensions.
    """
    declared = tuple(name.strip() for name in names.split(",") if name.strip())
    for name in declared:
        if not name.removeprefix("*").isidentifier():
            raise ValueError(f"shape_vars: {name!r} is not a name (in {names!r})")

    def declare(target: Function) -> Function:
        target.__shape_vars__ = declared  # type: ignore[attr-defined]
        return target

    return declare
