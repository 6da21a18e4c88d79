"""`torch._higher_order_ops.scan`: a function's result goes into its next call, beside the next row of a sequence.

May import `flambeau.ops`, `flambeau.trees`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flambeau.ops.joining import flip, stack
from flambeau.ops.views import movedim
from flambeau.tensor import Tensor
from flambeau.trees import flatten, map_leaves, unflatten

__all__ = ["along_first", "scan"]


def scan(
    combine_fn: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, *, dim: int = 0, reverse: bool = False
) -> tuple[Any, Any]:
    """`carry, y = combine_fn(carry, x)` for each slice x of `xs` along `dim`, from the last one on with `reverse`.

    `init` (the first carry) and `xs` are tensors or containers of tensors. Gives the last carry, and the ys stacked along `dim`.
    Raises RuntimeError where `init` or `xs` holds something else, has no dimension `dim` or no element along it, and where a
    carry isn't a container as `init` is.

    >>> scan(lambda carry, x: (carry + x, carry * x), torch.tensor(0), torch.arange(4))
    (tensor(6), tensor([0, 0, 2, 9]))
    """
    if not callable(combine_fn):
        raise RuntimeError(f"Combine_fn must be a callable, but got {combine_fn}")
    sequences, form = flatten(xs)
    if not sequences:
        return init, []
    states, carried = flatten(init)
    if not states:
        raise RuntimeError("scan() operator requires init leaves.")
    for name, leaves in (("init", states), ("xs", sequences)):
        for leaf in leaves:
            if not isinstance(leaf, Tensor):
                raise RuntimeError(f"All {name} leaves must be a Tensor but got {leaf}")
    rows, dim = along_first(sequences, dim, reverse, RuntimeError)
    carry, outputs = init, []
    for values in zip(*(t.unbind(0) for t in rows), strict=True):
        carry, y = combine_fn(carry, unflatten(values, form))
        if flatten(carry)[1] != carried:
            raise RuntimeError(f"The carry of combine_fn must be a container as init is, but got {carry}")
        outputs.append(y)
    stacked = map_leaves(lambda *ys: stack(ys), outputs[0], *outputs[1:])
    if reverse:
        stacked = map_leaves(lambda t: flip(t, [0]), stacked)
    return carry, map_leaves(lambda t: movedim(t, 0, dim) if dim < t.dim() else t, stacked)


def along_first(leaves: Sequence[Tensor], dim: int, reverse: bool, kind: type[Exception]) -> tuple[list[Tensor], int]:
    """The tensors with dimension `dim` first, from its end on with `reverse`; and `dim`, counted from the front."""
    if not isinstance(dim, int):
        raise kind(f"Dim must be an int, but got {type(dim)}")
    if not isinstance(reverse, bool):
        raise RuntimeError(f"Reverse must be a bool, but got {type(reverse)}")
    dimensions = leaves[0].dim()
    if not -dimensions <= dim < dimensions:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-dimensions}, {dimensions - 1}], but got {dim})")
    dim %= dimensions
    if any(t.dim() <= dim or not t.shape[dim] for t in leaves):
        raise kind("All xs leaves must at least have 'dim' number of dimensions and scan dimension > 0")
    rows = [movedim(t, dim, 0) for t in leaves]
    return [flip(t, [0]) for t in rows] if reverse else rows, dim
