"""`FourierKernel`: every way of doing a transform, kind, dtype and width of vectors, against sums in double precision."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from support import WIDTHS, backend, run

from flambeau.codegen.llvm.fourier import choose
from flambeau.codegen.llvm.target import Target
from flambeau.dtypes import dtype, float32, float64
from flambeau.graph.numpy import array_type
from flambeau.kernels.ir import FourierKernel, Slot

SIZES = [
    (1, 2, 1), (1, 4, 1), (3, 6, 1), (1, 12, 1), (40, 14, 1), (17, 22, 1), (2, 30, 7), (1, 64, 33), (5, 100, 1), (70, 128, 1),
    (1, 400, 1), (33, 400, 1), (1, 1000, 2), (3, 1024, 1), (4, 1302, 1), (1, 4096, 16), (1, 8192, 1), (2, 10_000, 1),
    (1, 1 << 16, 1),
]  # fmt: skip


def shapes(kind: str, outer: int, n: int, inner: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Those of the two slots: pairs have an axis of 2 behind."""
    whole, half = (outer, n, inner), (outer, n // 2 + 1, inner, 2)
    return {"real": (whole, half), "half": (half, whole)}.get(kind, ((*whole, 2), (*whole, 2)))


def expected(kind: str, x: Any, n: int) -> Any:
    wide = x.astype(np.float64)
    if kind == "real":
        z = np.fft.rfft(wide, axis=1)
        return np.stack([z.real, z.imag], -1)
    z = wide[..., 0] + 1j * wide[..., 1]
    if kind == "half":
        return np.fft.irfft(z, n, axis=1, norm="forward")
    z = np.fft.fft(z, axis=1) if kind == "forward" else np.fft.ifft(z, axis=1, norm="forward")
    return np.stack([z.real, z.imag], -1)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("type", [float32, float64], ids=str)
@pytest.mark.parametrize("kind", ["forward", "inverse", "real", "half"])
def test_transforms(bits: int, type: dtype, kind: str) -> None:
    rng = np.random.default_rng(bits)
    for number, (outer, n, inner) in enumerate(SIZES):
        if number % 3 and bits != WIDTHS[-1]:
            continue
        source, result = shapes(kind, outer, n, inner)
        x = rng.standard_normal(source).astype(array_type(type))
        slots = Slot(type, x.size, "in"), Slot(type, int(np.prod(result)), "out")
        factor = 1.0 if number % 2 else 0.125
        (found,) = run(backend(bits), FourierKernel(kind, outer, n, inner, factor, slots), [x, np.zeros(result, x.dtype)])
        right = expected(kind, x, n) * factor
        error = np.linalg.norm(found.reshape(result) - right) / np.linalg.norm(right)
        assert error < (4e-7 if type is float32 else 8e-16), (outer, n, inner, error)


@pytest.mark.parametrize("n", [7, 11, 13, 17, 19, 23, 29, 31, 9, 25, 49, 121, 210])
def test_factors(n: int) -> None:
    x = np.random.default_rng(n).standard_normal((20, n, 1, 2))
    slots = Slot(float64, x.size, "in"), Slot(float64, x.size, "out")
    (found,) = run(backend(WIDTHS[-1]), FourierKernel("forward", 20, n, 1, 1.0, slots), [x, np.zeros_like(x)])
    assert np.abs(found.reshape(x.shape) - expected("forward", x, n)).max() < 1e-13


def test_schemes() -> None:
    """Few long transforms are done by all threads, many short ones as neighbours."""
    target = Target(512, 32, "x86-64-v4")
    slots = Slot(float32, 1, "in"), Slot(float32, 1, "out")
    long, many = (choose(FourierKernel("forward", *sizes, 1, 1.0, slots), target, 2) for sizes in ((1, 1 << 16), (1000, 64)))
    assert long.is_shared and long.is_cut and not many.is_cut and many.lanes[0] == 16


@pytest.mark.parametrize("bits", WIDTHS)
def test_vectors_fit(bits: int) -> None:
    """No vector is longer than what there is of neighbours, or of numbers to be turned in registers."""
    target = Target(bits, 32 if bits == 512 else 16, "x86-64-v4")
    for type in (float32, float64):
        slots = Slot(type, 1, "in"), Slot(type, 1, "out")
        for kind in ("forward", "real"):
            for n in range(2, 1200, 2):
                for outer, inner in ((1, 1), (3, 1), (100, 1), (2, 5), (1, 64)):
                    scheme = choose(FourierKernel(kind, outer, n, inner, 1.0, slots), target, 2)
                    assert scheme.size == (n if kind == "forward" else n // 2)
                    if scheme.is_cut:
                        assert (
                            inner == 1
                            and scheme.lanes[0] <= scheme.second
                            and scheme.lanes[1] <= min(scheme.first, scheme.second)
                        )
                    else:
                        assert scheme.lanes[0] <= (outer if inner == 1 else inner)
