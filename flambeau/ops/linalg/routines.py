"""Calling the host's linear algebra: checked matrices, and routines with several results and one gradient.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from flambeau.graph.primitives.complex import REAL
from flambeau.graph.primitives.movement import PERMUTE, RESHAPE, SLICE
from flambeau.graph.primitives.routine import ROUTINE
from flambeau.ops import host_linalg  # noqa: F401 - registers the routines
from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.operands import check_tensor
from flambeau.ops.registry import scalar_name
from flambeau.shapes.matmul import square
from flambeau.shapes.strides import column_strides
from flambeau.storage import compute_at_once
from flambeau.tensor import Tensor

__all__ = ["call_routine", "check_matrices", "identity"]


def check_matrices(name: str, a: Any, square_too: bool = True) -> Tensor:
    """A tensor of real or complex matrices; an error in the words of `torch.linalg` for anything else.

    For dtypes it is NotImplementedError, a kind of the RuntimeError that some of PyTorch's routines raise.
    """
    check_tensor(a, name, "A")
    if len(a._shape) < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    if square_too:
        square(tuple(a._shape), name=name)
    if a.dtype.category < 2:
        raise NotImplementedError(f"{name}: Expected a floating point or complex tensor as input. Got {scalar_name(a)}")
    if a.dtype.itemsize == 2:
        raise NotImplementedError(f"{name}: Low precision dtypes not supported. Got {scalar_name(a)}")
    return a


Shapes = tuple[tuple[int, ...], ...]
_FAILING = frozenset(("cholesky", "inverse", "solve", "eig", "eigh", "svd", "singular_values"))
"""Routines that refuse some matrices: they are computed at the call, where a program may wait for the error."""


def _unpack(flat: Tensor, shapes: Shapes, by_columns: frozenset[int]) -> list[Tensor]:
    """The results that lie one after another in a flat tensor, some of them by columns, as tensors of their own."""
    start, total, results = 0, flat._shape[0], []
    for i, shape in enumerate(shapes):
        n = math.prod(shape)
        part = Tensor._apply(SLICE, (flat,), ((start,), (1,), (n,), (total,)))
        if i in by_columns:
            *lead, rows, columns = shape
            turned = Tensor._apply(RESHAPE, (part,), ((*lead, columns, rows), (n,)))
            axes = (*range(len(lead)), len(lead) + 1, len(lead))
            results.append(Tensor._apply(PERMUTE, (turned,), (axes,)))
        else:
            results.append(Tensor._apply(RESHAPE, (part,), (shape, (n,))))
        start += n
    return results


def call_routine(
    name: str,
    inputs: tuple[Tensor, ...],
    arguments: tuple[Any, ...],
    shapes: Shapes,
    gradient: Any = None,
    by_columns: Sequence[int] = (),
    conjugates: bool = True,
    real: Sequence[int] = (),
    reads: tuple[int, ...] = (),
) -> list[Tensor]:
    """A routine's results. `gradient(gs, ys, inputs)` gives the inputs' gradients from lists for all results; of the inputs that
    it `reads` the values, of the others it knows shape and dtype.

    With complex matrices the gradient is of a function that has a complex derivative, unless `conjugates` is False: then it
    holds as it is (see `autograd.conjugation`), and results whose numbers are in `real` are real. The results whose numbers are
    in `by_columns` lie in memory by columns, as those of PyTorch's LAPACK do.
    """
    total = sum(math.prod(shape) for shape in shapes)
    turned = frozenset(by_columns)
    with untaped():
        called = ("turned", ("linalg_" + name, tuple(by_columns), arguments)) if by_columns else ("linalg_" + name, arguments)
        flat = Tensor._apply(ROUTINE, inputs, (*called, (total,), inputs[0].dtype))
        if name in _FAILING:
            compute_at_once(flat._storage)
    if gradient is not None:

        def rule(g: Tensor, y: Tensor, inputs: Any, params: Any) -> Any:
            return gradient(_unpack(g, shapes, turned), _unpack(y, shapes, turned), inputs)

        composite = Composite("linalg_" + name, rule, "inputs output", (reads,) * len(inputs), conjugates)
        flat = record(composite, flat, inputs)
    results = _unpack(flat, shapes, turned)
    if flat.is_complex():
        for i in real:
            results[i] = Tensor._apply(REAL, (results[i],))
    for i in by_columns:
        results[i] = results[i]._laid_out(column_strides(results[i]._shape))
    return results


def identity(like: Tensor, n: int) -> Tensor:
    """The n×n identity of a tensor's dtype, on its device."""
    from flambeau.ops.sequences import eye

    return eye(n, dtype=like.dtype, device=like.device)
