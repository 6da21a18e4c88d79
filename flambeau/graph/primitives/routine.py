"""Routines: functions of arrays that run on the host from every device (linear algebra, Fourier transforms).

A routine's results are packed into one flat array of the operands' dtype, from which slices take them apart: every node
has one value. May import `flambeau.dtypes` and `flambeau.graph`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from flambeau.dtypes import dtype
from flambeau.graph.batching import everywhere
from flambeau.graph.node import Node, Primitive
from flambeau.graph.numpy import array_type, np
from flambeau.graph.parts import Pair
from flambeau.graph.primitives.movement import RESHAPE

__all__ = ["ROUTINE", "ROUTINES", "call", "computed", "register"]

ROUTINES: dict[str, Callable[..., Any]] = {}
"""`name -> f(*arrays, *arguments)`, giving an array or a tuple of arrays."""


def register(name: str, f: Callable[..., Any]) -> None:
    """Adds a host function under `name`; a name is registered once."""
    assert name not in ROUTINES, name
    ROUTINES[name] = f


def call(
    name: str, arrays: Sequence[Any], arguments: tuple[Any, ...], shape: tuple[int, ...], type: dtype, out: Any = None
) -> Any:
    """A routine's results, packed to `shape` along its last dimension, in `out` if that is given."""
    results = ROUTINES[name](*arrays, *arguments)
    packed = np.empty(shape, array_type(type)) if out is None else out
    lead, start = shape[:-1], 0
    for r in results if isinstance(results, tuple) else (results,):
        found = np.asarray(r)
        size = found.size // max(math.prod(lead), 1)
        if lead:
            packed[..., start : start + size] = found.reshape(*lead, size)
        else:  # one copy, also of matrices that lie by columns
            packed[start : start + size].reshape(found.shape)[...] = found
        start += size
    return packed


def computed(name: str, arguments: tuple[Any, ...]) -> str:
    """The name of what a routine computes: one that calls another has that one's name and, third, its arguments."""
    while name in ("of_pairs", "turned"):
        name, arguments = arguments[0], arguments[2]
    return name


def _evaluate(node: Node, *arrays: Any) -> Any:
    name, arguments, shape, type = node.params
    return call(name, arrays, arguments, shape, type)


def _joined(a: Any) -> Any:
    return np.ascontiguousarray(a).view(np.complex64 if a.dtype == np.float32 else np.complex128).reshape(a.shape[:-1])


def _of_pairs(*arrays: Any) -> Any:
    """A routine whose operands, where `is_complex` says so, and result are complex numbers as pairs of real ones."""
    *operands, name, is_complex, arguments, shape, type = arrays
    found = [_joined(a) if c else a for a, c in zip(operands, is_complex, strict=True)]
    result = call(name, found, arguments, shape, type)
    return result.view(array_type(type.real)) if type.category == 3 else result


ROUTINES["of_pairs"] = _of_pairs


def _turned(*operands: Any) -> Any:
    """A routine of whose results the matrices numbered in `by_columns` are given transposed: as LAPACK leaves them in memory."""
    *arrays, name, by_columns, arguments = operands
    results = ROUTINES[name](*arrays, *arguments)
    results = results if isinstance(results, tuple) else (results,)
    return tuple(np.swapaxes(r, -1, -2) if i in by_columns else r for i, r in enumerate(results))


ROUTINES["turned"] = _turned


def _parts(node: Node, operands: Any) -> Any:
    name, arguments, shape, type = node.params
    is_complex = tuple(isinstance(o, Pair) for o in operands)
    inputs = tuple(o.whole if isinstance(o, Pair) else o for o in operands)
    whole = shape if type.category != 3 else (*shape[:-1], 2 * shape[-1])
    made = ROUTINE(inputs, ("of_pairs", (name, is_complex, arguments, shape, type), whole, type.real))
    return made if type.category != 3 else Pair(whole=RESHAPE((made,), ((*shape, 2), whole)))


ROUTINE: Primitive = Primitive(
    "routine",
    "routine",
    lambda inputs, params: (params[2], params[3]),
    _evaluate,
    batch=everywhere(lambda params, n: (*params[:2], (n, *params[2]), params[3])),
    parts=_parts,
)
"""`params = (name, arguments, shape of the packed result, dtype)`. The results are packed along the last dimension; dimensions
before it are those of examples, which every operand begins with too."""
