"""`SortKernel`: the first elements in stable order, for every way of finding them, dtype and width of vectors, against NumPy."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from support import WIDTHS, backend, run

from flambeau.codegen.llvm.sorting import method
from flambeau.dtypes import ALL, bfloat16, bool_, dtype, float16, float32, float64, int64
from flambeau.graph.numpy import array_type
from flambeau.kernels.ir import Slot, SortKernel

SIZES = [
    (1, 1), (7, 7), (16, 5), (63, 63), (64, 64), (65, 1), (65, 32), (65, 33), (65, 65), (100, 32), (1031, 31), (1031, 1000),
    (2048, 33), (2100, 100), (5000, 200), (20_011, 10), (20_011, 1200),
]  # fmt: skip
TYPES = [t for t in ALL if t.category < 3]


def numbers(type: dtype, rows: int, length: int, kind: str) -> Any:
    generator = np.random.default_rng(rows * length)
    x = generator.standard_normal((rows, length)) * (2 if kind == "ties" else 100)
    if kind == "ties":
        x = np.round(x)
    elif kind != "random":
        x = np.sort(x, -1) if kind == "ascending" else -np.sort(-x, -1)
    if type is bool_:
        return x > 0
    if type.category == 1:
        return x.astype(np.int64).astype(array_type(type))
    x = x.astype(np.float32)
    for k, special in enumerate((np.nan, np.inf, -np.inf, 0.0, -0.0)):
        x[:, k :: 7 + 3 * k] = special
    return x.astype(array_type(type))


def expected(x: Any, descending: bool, kept: int) -> Any:
    """NaN last in ascending order; equal elements in their order."""
    if x.dtype.kind not in "biu":
        wide = x.astype(np.float64)
        rank = np.where(np.isnan(wide), np.inf, wide)
        keys = (np.isnan(wide), rank)
    else:
        keys = (np.zeros(x.shape, bool), x.astype(np.int64))
    sign = -1 if descending else 1
    order = [np.lexsort((np.arange(x.shape[1]), sign * b, sign * a.astype(int))) for a, b in zip(*keys)]
    return np.stack(order)[:, :kept]


def check(bits: int, type: dtype, rows: int, length: int, kept: int, descending: bool, kind: str) -> None:
    x = numbers(type, rows, length, kind)
    slots = (Slot(type, x.size, "in"), Slot(int64, rows * kept, "out"))
    (found,) = run(backend(bits), SortKernel(rows, length, kept, descending, slots), [x, np.zeros((rows, kept), np.int64)])
    np.testing.assert_array_equal(found, expected(x, descending, kept), err_msg=f"{type} {length} {kept} {descending} {kind}")


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("length, kept", SIZES)
def test_sizes(bits: int, length: int, kept: int) -> None:
    for type in (float32, float64):
        for descending in (False, True):
            for kind in ("random", "ties", "ascending", "descending"):
                check(bits, type, 3, length, kept, descending, kind)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("type", TYPES, ids=lambda t: t.name)
def test_dtypes(bits: int, type: dtype) -> None:
    for length, kept in ((20, 20), (300, 9), (1500, 40), (2500, 300)):
        for descending in (False, True):
            check(bits, type, 2, length, kept, descending, "ties" if type in (float16, bfloat16) else "random")


def test_every_way_is_taken() -> None:
    slots = (Slot(float32, 1, "in"), Slot(int64, 1, "out"))
    assert {method(SortKernel(1, length, kept, False, slots)) for length, kept in SIZES} == {"count", "select", "all"}


def test_all_elements_equal() -> None:
    for length, kept in ((64, 64), (10_000, 10), (10_000, 100)):
        slots = (Slot(float32, length, "in"), Slot(int64, kept, "out"))
        x = np.full((1, length), -np.inf, np.float32)
        for descending in (False, True):
            kernel = SortKernel(1, length, kept, descending, slots)
            (found,) = run(backend(512), kernel, [x, np.zeros((1, kept), np.int64)])
            np.testing.assert_array_equal(found, np.arange(kept)[None])
