"""Kernels that run in Python on the host: the routines of linear algebra.

May import NumPy, `flambeau.graph` (for the routines) and `flambeau.kernels`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

from flambeau.dtypes import dtype
from flambeau.graph.numpy import array_type, np
from flambeau.graph.primitives.routine import call
from flambeau.kernels.ir import RoutineKernel

__all__ = ["bind"]


def bind(kernel: RoutineKernel, table: Any, places: Sequence[int]) -> Callable[[], None]:
    """A function of no arguments that runs the kernel on the memory whose addresses are at `places` of the table then."""
    return lambda: _routine(kernel, [_array(table[p], s.dtype, s.size) for p, s in zip(places, kernel.slots, strict=True)])


def _array(address: int, type: dtype, size: int) -> Any:
    memory = (ctypes.c_uint8 * (size * type.itemsize)).from_address(address)
    return np.frombuffer(memory, np.uint8).view(array_type(type))


def _routine(kernel: RoutineKernel, arrays: Sequence[Any]) -> None:
    *operands, out = arrays
    *shapes, shape = kernel.shapes
    shaped = [a.reshape(s) for a, s in zip(operands, shapes, strict=True)]
    call(kernel.name, shaped, kernel.arguments, shape, kernel.slots[-1].dtype, out.reshape(shape))
