"""einops on our tensors: `flambeau.rearrange`, `reduce`, `repeat`, and the backend with which einops' own functions work.

The einops package reads the patterns and plans the steps; the steps are our operators, so they are views where they can be.
einops finds a backend among the subclasses of its `AbstractBackend`. As importing flambeau does not import einops, ours is made
when einops is imported, by whoever does it: a finder in `sys.meta_path` waits for that. May import what `flambeau.ops` may.
"""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from flambeau.tensor import Tensor

__all__ = ["rearrange", "reduce", "repeat"]


class _Backend:
    """What einops needs of a tensor library."""

    framework_name = "flambeau"

    def is_appropriate_type(self, tensor: object) -> bool:
        return isinstance(tensor, Tensor)

    def from_numpy(self, x: Any) -> Tensor:
        from flambeau.ops.sharing import from_numpy

        return from_numpy(x)

    def to_numpy(self, x: Tensor) -> Any:
        return x.detach().cpu().numpy()

    def arange(self, start: int, stop: int) -> Tensor:
        from flambeau.ops.sequences import arange

        return arange(start, stop)

    def shape(self, x: Tensor) -> tuple[int, ...]:
        return tuple(x.shape)

    def reshape(self, x: Tensor, shape: Any) -> Tensor:
        return x.reshape(tuple(shape))

    def transpose(self, x: Tensor, axes: Any) -> Tensor:
        return x.permute(tuple(axes))

    def reduce(self, x: Tensor, operation: str, axes: Any) -> Tensor:
        axes = tuple(axes)
        if operation in ("min", "max"):
            return getattr(x, "a" + operation)(axes)
        if operation in ("prod", "any", "all"):
            for axis in sorted(axes, reverse=True):
                x = getattr(x, operation)(axis)
            return x
        return getattr(x, operation)(axes)

    def stack_on_zeroth_dimension(self, tensors: list[Tensor]) -> Tensor:
        from flambeau.ops.joining import stack

        return stack(tensors)

    def add_axis(self, x: Tensor, new_position: int) -> Tensor:
        return x.unsqueeze(new_position)

    def add_axes(self, x: Tensor, n_axes: int, pos2len: dict[int, int]) -> Tensor:
        sizes = [-1] * n_axes
        for position, length in pos2len.items():
            x = x.unsqueeze(position)
            sizes[position] = length
        return x.expand(sizes)

    def tile(self, x: Tensor, repeats: Any) -> Tensor:
        return x.repeat(repeats)

    def concat(self, tensors: list[Tensor], axis: int) -> Tensor:
        from flambeau.ops.joining import cat

        return cat(tensors, axis)

    def is_float_type(self, x: Tensor) -> bool:
        return x.dtype.is_floating_point

    def einsum(self, pattern: str, *x: Tensor) -> Tensor:
        from flambeau.ops.einsum import einsum

        return einsum(pattern, *x)


class _AfterImport:
    """A loader that has einops' module loaded as always, and then adds our backend to it."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        _add_backend(module)


class _Waiting:
    """A finder for einops' backends alone; it goes once they are found."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != "einops._backends":
            return None
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _AfterImport(spec.loader)  # type: ignore[assignment]
        return spec


def _add_backend(module: Any) -> None:
    module.FlambeauBackend = type("FlambeauBackend", (_Backend, module.AbstractBackend), {})


if "einops._backends" in sys.modules:
    _add_backend(sys.modules["einops._backends"])
else:
    sys.meta_path.insert(0, _Waiting())


def _einops() -> Any:
    """By name, so that a type checker does not follow einops into every tensor library that it knows."""
    return importlib.import_module("einops")


def _tensor(name: str, tensor: object) -> None:
    several = isinstance(tensor, (list, tuple)) and tensor and all(isinstance(one, Tensor) for one in tensor)
    if not isinstance(tensor, Tensor) and not several:
        raise TypeError(f"{name}(): argument 'tensor' must be a Tensor or a list of Tensors, not {type(tensor).__name__}")


def rearrange(tensor: Tensor | list[Tensor], pattern: str, **axes_lengths: int) -> Tensor:
    """Dimensions split, reordered and merged by name: ``rearrange(x, "b c h w -> b (h w) c")``.

    A list of tensors of one shape is stacked first. Sizes that the shape does not give are keywords. A view where one is
    possible. Raises einops' EinopsError (a RuntimeError).

    >>> torch.rearrange(torch.zeros(2, 3, 4, 5), "b c h w -> b (h w) c").shape
    torch.Size([2, 20, 3])
    """
    _tensor("rearrange", tensor)
    return _einops().rearrange(tensor, pattern, **axes_lengths)


def reduce(tensor: Tensor | list[Tensor], pattern: str, reduction: Any, **axes_lengths: int) -> Tensor:
    """`rearrange` that reduces the dimensions missing on the right: ``reduce(x, "b c (h 2) (w 2) -> b c h w", "max")``.

    The reduction is "min", "max", "sum", "mean", "prod", "any", "all" or a function of (tensor, dimensions).
    """
    _tensor("reduce", tensor)
    return _einops().reduce(tensor, pattern, reduction, **axes_lengths)


def repeat(tensor: Tensor | list[Tensor], pattern: str, **axes_lengths: int) -> Tensor:
    """`rearrange` that adds dimensions of given sizes: ``repeat(x, "h w -> h w c", c=3)``."""
    _tensor("repeat", tensor)
    return _einops().repeat(tensor, pattern, **axes_lengths)
