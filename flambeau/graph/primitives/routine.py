"""Routines: functions of arrays that run on the host from every device (linear algebra, FFT).

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

__all__ = ["ROUTINE", "ROUTINES", "call", "register"]

ROUTINES: dict[str, Callable[..., Any]] = {}
"""`name -> f(*arrays, *arguments)`, giving an array or a tuple of arrays."""


def register(name: str, f: Callable[..., Any]) -> None:
    """Adds a host function under `name`; a name is registered once."""
    assert name not in ROUTINES, name
    ROUTINES[name] = f


def call(name: str, arrays: Sequence[Any], arguments: tuple[Any, ...], shape: tuple[int, ...], type: dtype) -> Any:
    """A routine's results, packed to `shape` along its last dimension."""
    results = ROUTINES[name](*arrays, *arguments)
    results = results if isinstance(results, tuple) else (results,)
    lead, kind = shape[:-1], array_type(type)
    parts = [np.asarray(r) for r in results]
    return np.concatenate([r.reshape(*lead, r.size // max(math.prod(lead), 1)).astype(kind) for r in parts], -1)


def _evaluate(node: Node, *arrays: Any) -> Any:
    name, arguments, shape, type = node.params
    return call(name, arrays, arguments, shape, type)


ROUTINE = Primitive(
    "routine",
    "routine",
    lambda inputs, params: (params[2], params[3]),
    _evaluate,
    batch=everywhere(lambda params, n: (*params[:2], (n, *params[2]), params[3])),
)
"""`params = (name, arguments, shape of the packed result, dtype)`. The results are packed along the last dimension; dimensions
before it are those of examples, which every operand begins with too."""
