"""`torch._higher_order_ops.associative_scan`: all partial results of a sequence under an associative function.

May import `flambeau.func`, `flambeau.ops`, `flambeau.trees`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flambeau._higher_order_ops.scan import along_first
from flambeau.func import vmap
from flambeau.ops.joining import cat, flip, stack
from flambeau.ops.views import movedim
from flambeau.tensor import Tensor
from flambeau.trees import flatten, unflatten

__all__ = ["associative_scan"]


def associative_scan(
    combine_fn: Callable[[Any, Any], Any], xs: Any, dim: int, reverse: bool = False, combine_mode: str = "pointwise"
) -> Any:
    """y₀ = x₀, yᵢ = combine_fn(yᵢ₋₁, xᵢ) for the slices x of `xs` along `dim`, in about 2·log₂ n steps of many pairs each.

    `xs` is a tensor or a container of tensors, all of one length along `dim`; `combine_fn` takes and gives such containers of
    slices. With `reverse` it goes from the last slice to the first. The two modes are PyTorch's: "pointwise" promises that
    `combine_fn` is elementwise, and needs a GPU; "generic" takes any function that `vmap` does.
    Raises ValueError for a mode that is neither, for what isn't a tensor, and where there is nothing along `dim`.

    >>> associative_scan(lambda a, b: a * b, torch.arange(1, 6), 0, combine_mode='generic')
    tensor([  1,   2,   6,  24, 120])
    """
    leaves, form = flatten(xs)
    if not callable(combine_fn):
        raise ValueError(f"Combine_fn must be a callable, but got {combine_fn}")
    if combine_mode not in ("pointwise", "generic"):
        raise ValueError(f"Combine_mode must either 'pointwise' or 'generic', but got {combine_mode}")
    if not leaves:
        raise ValueError("Expected at least 1 xs leaf")
    if any(not isinstance(leaf, Tensor) for leaf in leaves):
        raise ValueError("xs leaves must be a Tensor")
    if combine_mode == "pointwise" and any(leaf.device.type in ("cpu", "reference") for leaf in leaves):
        raise ValueError("For combine_mode='pointwise', all input tensors need to be on CUDA or XPU")
    rows, dim = along_first(leaves, dim, reverse, ValueError)

    def combined(earlier: list[Tensor], later: list[Tensor]) -> list[Tensor]:
        found, given = flatten(vmap(combine_fn)(unflatten(earlier, form), unflatten(later, form)))
        if given != form:
            raise RuntimeError("combine_fn must give a container as those that it is given")
        return found

    results = _partial(combined, rows)
    return unflatten([movedim(flip(t, [0]) if reverse else t, 0, dim) for t in results], form)


def _partial(combined: Callable[[list[Tensor], list[Tensor]], list[Tensor]], rows: list[Tensor]) -> list[Tensor]:
    """The results for all rows: those of pairs first, which are every second one; from these the others, each with a row more."""
    count = rows[0].shape[0]
    if count < 2:
        return rows
    odd = _partial(combined, combined([t[0 : count - 1 : 2] for t in rows], [t[1::2] for t in rows]))
    between = count - 1 - count // 2  # even places but the first
    even = [t[:1] for t in rows]
    if between:
        further = combined([t[:between] for t in odd], [t[2::2] for t in rows])
        even = [cat([first, t]) for first, t in zip(even, further, strict=True)]
    return [_interleaved(e, o) for e, o in zip(even, odd, strict=True)]


def _interleaved(even: Tensor, odd: Tensor) -> Tensor:
    """Rows of `even` and `odd` in turns; `even` may have one more."""
    pairs = odd.shape[0]
    woven = stack([even[:pairs], odd], 1).flatten(0, 1)
    return woven if even.shape[0] == pairs else cat([woven, even[pairs:]])
