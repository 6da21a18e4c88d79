"""Minimal filtering's matrices, and the larger one that only `set_float32_matmul_precision` allows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import flambeau
from flambeau.codegen.llvm.contraction.filtering import F2, F2_STRIDED, F4, Filtering
from flambeau.devices.cpu.machine import widest_vectors

from .contractions import Conv, conv_forward, conv_input, meaning
from .support import backend, run

WIDTHS = [bits for bits in (128, 256, 512) if bits <= widest_vectors()]


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    flambeau.set_float32_matmul_precision("highest")


@pytest.mark.parametrize("filtering", [F2, F2_STRIDED, F4])
def test_matrices(filtering: Filtering) -> None:
    r = np.random.default_rng(0)
    b, g, a = (np.array(m) for m in (filtering.input, filtering.filter, filtering.output))
    pixels, taps = r.standard_normal(b.shape[1]), r.standard_normal(g.shape[1])
    direct = [pixels[filtering.stride * i :][: len(taps)] @ taps for i in range(filtering.outputs)]
    np.testing.assert_allclose(a @ ((g @ taps) * (b @ pixels)), direct, rtol=1e-10, atol=1e-10)


def random(kernel: Any, seed: int) -> list[Any]:
    r = np.random.default_rng(seed)
    return [r.standard_normal(s.size, dtype=np.float32) for s in kernel.slots[:-1]]


def error(bits: int, kernel: Any, arrays: list[Any]) -> float:
    """The largest error, against float64, over the largest result."""
    exact = meaning(kernel, [a.astype(np.float64) for a in arrays])
    (got,) = run(backend(bits), kernel, [*arrays, np.zeros(kernel.slots[-1].size, np.float32)])
    return float(np.abs(got.reshape(exact.shape) - exact).max() / np.abs(exact).max())


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize(
    "s",
    [
        Conv(2, 32, 13, 17, 40, 3, 3, 1, 1),
        Conv(5, 24, 7, 7, 40, 3, 3, 1, 1),
        Conv(1, 18, 28, 56, 21, 3, 3),
        Conv(1, 20, 14, 31, 32, 3, 3, 1, 2, 2),
    ],
    ids=str,
)
def test_less_precision_where_it_is_allowed(s: Conv, bits: int) -> None:
    for make in (lambda s: conv_forward(s, bias=False), conv_input):
        kernel = make(s)
        arrays = random(kernel, 1)
        precise = error(bits, kernel, arrays)
        flambeau.set_float32_matmul_precision("high")
        rough = error(bits, kernel, arrays)
        flambeau.set_float32_matmul_precision("highest")
        assert precise < 1.5e-6 and precise < rough < 1e-5
        assert error(bits, kernel, arrays) == precise
