"""Kernels that run in Python on the host: sorts and the routines of linear algebra.

May import NumPy, `flambeau.graph` (for the routines) and `flambeau.kernels`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

from flambeau.dtypes import dtype
from flambeau.graph.numpy import array_type, np
from flambeau.graph.primitives.routine import call
from flambeau.kernels.ir import RoutineKernel, SortKernel

__all__ = ["bind"]


def bind(kernel: Any, table: Any, places: Sequence[int]) -> Callable[[], None]:
    """A function of no arguments that runs the kernel on the memory whose addresses are at `places` of the table then."""
    function = _sort if isinstance(kernel, SortKernel) else _routine
    return lambda: function(kernel, [_array(table[p], s.dtype, s.size) for p, s in zip(places, kernel.slots, strict=True)])


def _array(address: int, type: dtype, size: int) -> Any:
    memory = (ctypes.c_uint8 * (size * type.itemsize)).from_address(address)
    return np.frombuffer(memory, np.uint8).view(array_type(type))


def _sort(kernel: SortKernel, arrays: Sequence[Any]) -> None:
    keys = arrays[0].reshape(kernel.rows, kernel.length)
    if kernel.slots[0].dtype.name == "bfloat16":
        keys = keys.astype(np.float32)
    out = arrays[1].reshape(kernel.rows, kernel.length)
    if not kernel.descending:
        out[...] = np.argsort(keys, 1, kind="stable")
        return
    backward = np.argsort(keys[:, ::-1], 1, kind="stable")[:, ::-1]
    np.subtract(kernel.length - 1, backward, out=out)


def _routine(kernel: RoutineKernel, arrays: Sequence[Any]) -> None:
    *operands, out = arrays
    *shapes, shape = kernel.shapes
    shaped = [a.reshape(s) for a, s in zip(operands, shapes, strict=True)]
    out[...] = call(kernel.name, shaped, kernel.arguments, shape, kernel.slots[-1].dtype).reshape(-1)
