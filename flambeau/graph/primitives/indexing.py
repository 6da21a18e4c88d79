"""Gather, scatter and sort. May import `flambeau.dtypes` and `flambeau.graph`."""

from __future__ import annotations

import builtins
from typing import Any, NamedTuple

from flambeau.dtypes import int64, name_of_dtype
from flambeau.graph.batching import everywhere
from flambeau.graph.node import Node, Primitive
from flambeau.graph.numpy import np
from flambeau.graph.parts import Pair, componentwise

__all__ = ["GATHER", "SCATTER", "ARGSORT", "Bounds", "EITHER_END", "FROM_START", "outside_error"]


class Bounds(NamedTuple):
    """Which positions along a dimension an operator takes, and its error for others, raised when they are computed.

    `exception` names a builtin error; in its `text`, {value}, {dimension} and {size} are filled in. `from_end`: positions of
    -size … -1 count from the end.
    """

    exception: str
    text: str
    from_end: bool

    def along(self, dimension: int) -> Bounds:
        """With the dimension's number in the text."""
        return self._replace(text=self.text.replace("{dimension}", str(dimension)))


def outside_error(exception: str, text: str, value: int, size: int) -> BaseException:
    """The builtin exception of that name, for a position `value` among `size`."""
    error: BaseException = getattr(builtins, exception)(text.replace("{value}", str(value)).replace("{size}", str(size)))
    return error


_OUTSIDE = "index {value} is out of bounds for dimension {dimension} with size {size}"
EITHER_END = Bounds("IndexError", _OUTSIDE, True)
"""As `x[index]` takes them."""
FROM_START = Bounds("RuntimeError", _OUTSIDE, False)
"""As PyTorch's gather and scatter take them."""


_further = everywhere(lambda params, n: (params[0] + 1, *params[1:]))
"""Batching: the axis is one further along."""


def _places(index: Any, axis: int) -> tuple[Any, ...]:
    """NumPy's index arrays for PyTorch's gather along one axis."""
    places = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    places[axis] = index
    return tuple(places)


def _check(index: Any, bounds: Bounds, axis: int, size: int) -> None:
    outside = (index < (-size if bounds.from_end else 0)) | (index >= size)
    if outside.any():
        raise outside_error(bounds.exception, bounds.along(axis).text, index[outside].reshape(-1)[0], size)


def _gather(node: Node, x: Any, index: Any) -> Any:
    axis, bounds = node.params
    _check(index, bounds, axis, x.shape[axis])
    return x[_places(index, axis)]


GATHER = Primitive(
    "gather",
    "indexing",
    lambda inputs, params: (inputs[1].shape, inputs[0].dtype),
    _gather,
    lambda g, y, inputs, params: (
        lambda: type(g)._apply(SCATTER, (g.new_zeros(inputs[0].shape), inputs[1], g), (params[0], "add", params[1])),
        None,
    ),
    reads=((1,), ()),
    batch=_further,
    parts=componentwise(),
)
"""`params = (axis, bounds)`; inputs (x, int64 index of the same rank): out[i, j, …] = x[index[i, j, …], j, …] for axis 0. Other
dimensions of index are no longer than x's. `bounds` says which indices are allowed; devices read nothing outside x."""


def _scatter(node: Node, base: Any, index: Any, source: Any) -> Any:
    axis, mode, bounds = node.params
    size = base.shape[axis]
    _check(index, bounds, axis, size)
    half = base.dtype.itemsize == 2 and base.dtype.kind not in "iu"
    out = base.astype(np.float32) if half else np.array(base)
    places = _places(np.where(index < 0, index + size, index), axis)
    source = source.astype(out.dtype)
    if mode == "set":
        out[places] = source
    else:
        f = {"add": np.add, "mul": np.multiply, "amax": np.maximum, "amin": np.minimum}[mode]
        f.at(out, places, source)
    return out.astype(base.dtype)


def _scatter_gradient(g: Any, y: Any, inputs: Any, params: tuple[Any, ...]) -> tuple[Any, ...]:
    axis, mode, bounds = params
    base, index, source = inputs

    def gathered(t: Any) -> Any:
        return type(g)._apply(GATHER, (t, index), (axis, bounds))

    if mode == "add":
        return (lambda: g, None, lambda: gathered(g))
    if mode == "set":
        return (
            lambda: type(g)._apply(SCATTER, (g, index, g.new_zeros(index.shape)), (axis, "set", bounds)),
            None,
            lambda: gathered(g),
        )
    if mode == "mul":
        return (lambda: g * y / base, None, lambda: gathered(g * y) / source)
    chosen = (source == gathered(y)).to(g.dtype)
    kept = (base == y).to(g.dtype)
    count = type(g)._apply(SCATTER, (kept, index, chosen), (axis, "add", bounds))
    share = g / count
    return (lambda: share * kept, None, lambda: gathered(share) * chosen)


_each_part = componentwise()


def _scatter_parts(node: Node, operands: Any) -> Pair:
    if node.params[1] not in ("set", "add"):
        raise NotImplementedError(f"\"scatter_reduce\" not implemented for '{name_of_dtype(node.dtype)}'")
    return _each_part(node, operands)


SCATTER: Primitive = Primitive(
    "scatter",
    "indexing",
    lambda inputs, params: (inputs[0].shape, inputs[0].dtype),
    _scatter,
    _scatter_gradient,
    saves=lambda params: "inputs" if params[1] in ("set", "add") else "inputs output",
    reads=lambda params: {"set": ((1,), (), (1,)), "add": ((), (), (1,))}.get(params[1]),
    batch=_further,
    parts=_scatter_parts,
)
"""`params = (axis, mode, bounds)`, mode one of "set", "add", "mul", "amax", "amin"; inputs (base, int64 index, source of index's
shape): out = base, then out[index[i, j, …], j, …] is combined with source[i, j, …] for axis 0. With "set" and repeated places the
last in row-major order wins."""


def _argsort(node: Node, x: Any) -> Any:
    axis, descending, kept = node.params
    if x.dtype.itemsize == 2 and x.dtype.kind not in "iu":
        x = x.astype(np.float32)  # bfloat16 has no order that puts NaN last
    if descending:
        flipped = np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
        order = x.shape[axis] - 1 - flipped
    else:
        order = np.argsort(x, axis, kind="stable")
    return order[(slice(None),) * axis + (slice(kept),)].astype(np.int64)


def _argsort_rule(inputs: Any, params: tuple[Any, ...]) -> Any:
    axis, _, kept = params
    shape = inputs[0].shape
    return (*shape[:axis], kept, *shape[axis + 1 :]), int64


ARGSORT = Primitive("argsort", "sort", _argsort_rule, _argsort, batch=_further)
"""`params = (axis, descending, kept)`: the first `kept` of the elements along an axis in their stable order; NaN counts as
largest."""
