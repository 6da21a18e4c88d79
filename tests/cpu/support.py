"""CPU backends for tests: one for each vector width, and one kernel run on NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from flambeau.devices.cpu.backend import CpuBackend
from flambeau.devices.cpu.cache import DiskCache
from flambeau.devices.cpu.machine import host
from flambeau.dtypes import int64
from flambeau.graph.numpy import array_type
from flambeau.kernels.ir import Expr
from flambeau.schedule.plan import Plan, Step, Value

WIDTHS = (512, 256, 128)


@cache
def backend(bits: int, threads: int = 2) -> CpuBackend:
    """A backend whose vectors have at most `bits` bits."""
    made = CpuBackend(host(bits))
    made.set_num_threads(threads)
    return made


class _Nothing(DiskCache):
    """Keeps nothing."""

    def get(self, key: str) -> bytes | None:
        return None

    def put(self, key: str, data: bytes) -> None:
        pass


def uncached(bits: int) -> CpuBackend:
    """A backend of one thread that finds no kernel of others, for plans that a kernel's key doesn't tell from the chosen one."""
    own = CpuBackend(host(bits))
    own.compiler.disk = _Nothing()
    own.set_num_threads(1)
    return own


def upload(cpu: CpuBackend, array: Any) -> Any:
    return cpu.upload(np.ascontiguousarray(array).reshape(-1).view(np.uint8), array.nbytes)


def download(cpu: CpuBackend, buffer: Any, like: Any) -> Any:
    """A copy of a buffer's contents, with the dtype and shape of the array `like`."""
    return np.frombuffer(cpu.download(buffer, like.nbytes), np.uint8).view(like.dtype).reshape(like.shape).copy()


def run(cpu: CpuBackend, kernel: Any, arrays: Sequence[Any]) -> list[Any]:
    """Runs one kernel. `arrays` gives what each slot holds before; returns what the writable slots hold after."""
    values = tuple(Value(s.dtype, s.size, "input") for s in kernel.slots)
    plan = Plan(values, (Step(kernel, tuple(range(len(values)))),), tuple(range(len(values))), (), ())
    for array, slot in zip(arrays, kernel.slots, strict=True):
        assert array.dtype == array_type(slot.dtype) and array.size == slot.size, (array.dtype, array.size, slot)
    buffers = [upload(cpu, a) for a in arrays]
    cpu.execute(plan, buffers, (), frozenset())
    return [download(cpu, b, a) for b, a, s in zip(buffers, arrays, kernel.slots, strict=True) if s.access != "in"]


def axis(number: int) -> Expr:
    return Expr("axis", (), int64, number)


def literal(value: Any, type: Any = int64) -> Expr:
    return Expr("literal", (), type, value)


def add(a: Expr, b: Expr) -> Expr:
    return Expr("add", (a, b), a.dtype)


def mul(a: Expr, b: Expr) -> Expr:
    return Expr("mul", (a, b), a.dtype)


def load(slot: int, index: Expr, type: Any, *mask: Expr) -> Expr:
    return Expr("load", (index, *mask), type, slot)


def dense(axes: Sequence[int], extents: Sequence[int]) -> Expr:
    """The row-major place of axes with these lengths."""
    place = literal(0)
    for a, n in zip(axes, extents, strict=True):
        place = add(mul(place, literal(n)), axis(a))
    return place
