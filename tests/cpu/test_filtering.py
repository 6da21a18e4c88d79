"""Minimal filtering's matrices, and the larger one that only `set_float32_matmul_precision` allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flambeau
import flambeau.codegen.llvm.contraction as contraction
from flambeau.codegen.llvm.contraction.filtered_band import FilteredBand
from flambeau.codegen.llvm.contraction.filtered_band_plan import filtered_bands, plan_filtered_band
from flambeau.codegen.llvm.contraction.form import Form, normalize
from flambeau.codegen.llvm.contraction.micro import Tile
from flambeau.codegen.llvm.contraction.roles import roles, size_of
from flambeau.codegen.llvm.contraction.tiles import cut, lines_together, pieces
from flambeau.codegen.llvm.contraction.winograd import Winograd
from flambeau.codegen.llvm.contraction.winograd_plan import filtered_sides, plan_winograd
from flambeau.codegen.llvm.target import Target
from flambeau.devices.cpu.machine import host
from flambeau.dtypes import dtype
from flambeau.kernels.filtering import F4, PLAIN, Filtering, minimal

from .contractions import Conv, conv_forward, conv_input, meaning
from .support import backend, run, uncached
from .test_contraction import QUICK, TYPES, WIDTHS, bias_of, convolutions, data


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    flambeau.set_float32_matmul_precision("highest")


MINIMAL = [minimal(taps, stride) for stride in (1, 2, 3, 4) for taps in range(stride + 1, 17)]


@pytest.mark.parametrize("filtering", [PLAIN, F4, *MINIMAL], ids=lambda f: f"{f.taps}-{f.stride}-{f.outputs}")
def test_matrices(filtering: Filtering) -> None:
    r = np.random.default_rng(0)
    b, g, a = (np.array(m) for m in (filtering.input, filtering.filter, filtering.output))
    assert list(filtering.places) == sorted(filtering.places)
    pixels, taps = r.standard_normal(filtering.pixels), r.standard_normal(filtering.taps)
    direct = [pixels[filtering.stride * i :][: len(taps)] @ taps for i in range(filtering.outputs)]
    points = np.bincount(filtering.places, (g @ taps) * (b @ pixels), filtering.points)
    np.testing.assert_allclose(a @ points, direct, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("filtering", MINIMAL, ids=lambda f: f"{f.taps}-{f.stride}")
def test_outputs_read_their_own_pixels(filtering: Filtering) -> None:
    b, a = np.array(filtering.input), np.array(filtering.output)
    for i in range(filtering.outputs):
        read = np.flatnonzero(b[a[i, list(filtering.places)] != 0].any(0))
        assert read.min() >= filtering.stride * i and read.max() < filtering.stride * i + filtering.taps


def test_counts_of_products() -> None:
    counts = {(t, s): minimal(t, s).terms for t, s in [(2, 1), (3, 1), (5, 1), (7, 1), (3, 2), (7, 2)]}
    assert counts == {(2, 1): 3, (3, 1): 4, (5, 1): 7, (7, 1): 10, (3, 2): 5, (7, 2): 10}


@QUICK
@given(convolutions(), st.sampled_from([conv_forward, conv_input]), TYPES, st.sampled_from(WIDTHS), st.data())
def test_every_plan(s: Conv, make: Any, type: dtype, bits: int, draws: st.DataObject) -> None:
    """Filtered sides, blocks and groups that the costs might not choose. Data are small whole numbers: sums are exact."""
    k = make(s, type)

    def plan(form: Form, target: Target, threads: int) -> tuple[float, Winograd] | None:
        r = roles(form)
        lanes = target.lanes(8 * form.sum_bytes)
        if not form.a.type.is_floating_point or not r.rows or not r.columns:
            return None
        sides = list(filtered_sides(form, r, target))
        if not sides:
            return None
        chosen = draws.draw(st.sampled_from(sides))
        tile = Tile(draws.draw(st.integers(1, 6)), draws.draw(st.integers(1, 3)))
        panels = -(-size_of(form.extents, r.rows) // tile.height)
        one = Winograd(form, r, *chosen, tile, lanes, 1, draws.draw(st.integers(1, panels)))
        return 0.0, replace(one, blocks=draws.draw(st.integers(1, int(np.prod(one.line_extents)))))

    arrays = data(k)
    extra = bias_of(k) if make is conv_forward else None
    want = meaning(k, arrays, None if extra is None else lambda sums: extra(sums, arrays))
    own = uncached(bits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contraction, "plan_winograd", plan)
        patch.setattr(contraction, "plan_filtered_band", lambda *_: None)
        (got,) = run(own, k, [*arrays, np.zeros(k.slots[-1].size, want.dtype)])
    np.testing.assert_array_equal(got.reshape(want.shape).astype(np.float64), want.astype(np.float64))


@QUICK
@given(convolutions(), st.sampled_from([conv_forward, conv_input]), TYPES, st.sampled_from(WIDTHS), st.data())
def test_every_filtered_band(s: Conv, make: Any, type: dtype, bits: int, draws: st.DataObject) -> None:
    """Bands filtered from line to line, with register tiles, blocks and groups that the costs might not choose."""
    k = make(s, type)

    def plan(form: Form, target: Target, threads: int) -> tuple[float, FilteredBand] | None:
        found = list(filtered_bands(form, target))
        if not found:
            return None
        height, width = draws.draw(st.integers(1, 7)), draws.draw(st.integers(1, 3))
        shaped = replace(found[0], height=height, width=width, lines=draws.draw(st.integers(1, found[0].line_count)))
        return 0.0, replace(shaped, groups=draws.draw(st.integers(1, shaped.taps.panels)))

    arrays = data(k)
    extra = bias_of(k) if make is conv_forward else None
    want = meaning(k, arrays, None if extra is None else lambda sums: extra(sums, arrays))
    own = uncached(bits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contraction, "plan_winograd", lambda *_: None)
        patch.setattr(contraction, "plan_filtered_band", plan)
        (got,) = run(own, k, [*arrays, np.zeros(k.slots[-1].size, want.dtype)])
    np.testing.assert_array_equal(got.reshape(want.shape).astype(np.float64), want.astype(np.float64))


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize(
    "s",
    [
        Conv(2, 3, 13, 50, 20, 3, 3, 1, 1),
        Conv(1, 4, 15, 41, 9, 3, 3, 1, 0),
        Conv(2, 2, 20, 37, 7, 2, 3, 1, 0),
        Conv(1, 3, 19, 33, 8, 3, 5, 1, (1, 2)),
        Conv(2, 6, 11, 24, 10, 3, 3, 1, 1, 1, 2),
        Conv(1, 5, 17, 18, 6, 3, 1, 1, (2, 0)),
        Conv(1, 2, 9, 70, 7, 3, 15, 1, (1, 7)),
    ],
    ids=str,
)
def test_filtered_bands(s: Conv, bits: int) -> None:
    """Odd numbers of lines, windows without padding, groups, taps along one side only, and many along the other."""
    k = conv_forward(s)
    form = normalize(k)
    found = plan_filtered_band(form, host(bits), 2)
    assert found is not None
    arrays = data(k)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contraction, "plan_winograd", lambda *_: None)
        patch.setattr(contraction, "plan_filtered_band", lambda *_: (0.0, found[1]))
        (got,) = run(uncached(bits), k, [*arrays, np.zeros(k.slots[-1].size, np.float32)])
    want = meaning(k, arrays, lambda sums: bias_of(k)(sums, arrays))
    np.testing.assert_array_equal(got.reshape(want.shape), want)


@given(st.integers(1, 80), st.integers(1, 16), st.sampled_from((4, 8, 16)), st.integers(4, 144))
def test_lines_are_cut_into_vectors(wide: int, lines: int, lanes: int, planes: int) -> None:
    looped, written = cut(wide, lines, lanes, planes)
    assert sorted([*looped, *written]) == list(range(0, wide * lines, lanes))
    assert all(len(pieces(j, wide, lines, lanes)) == 1 and j % wide + lanes <= wide for j in looped)
    together = lines_together(wide, lanes, lines, lines, planes)
    assert 1 <= together <= lines


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("channels", [3, 65])
@pytest.mark.parametrize("size", [(20, 111, 7, 2), (14, 14, 3, 1), (13, 56, 3, 1)], ids=str)
def test_patches_of_several_lines(size: tuple[int, int, int, int], channels: int, bits: int) -> None:
    """Vectors of tiles that straddle lines; patches of few channels, whose terms are joined, and of many."""
    height, width, taps, stride = size
    k = conv_forward(Conv(2, channels, height, width, 9, taps, taps, stride, taps // 2))
    arrays = data(k)

    def plan(form: Form, target: Target, threads: int) -> tuple[float, Winograd]:
        found = plan_winograd(form, target, threads)
        assert found is not None
        return 0.0, found[1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contraction, "plan_winograd", plan)
        patch.setattr(contraction, "plan_filtered_band", lambda *_: None)
        (got,) = run(uncached(bits), k, [*arrays, np.zeros(k.slots[-1].size, np.float32)])
    want = meaning(k, arrays, lambda sums: bias_of(k)(sums, arrays))
    np.testing.assert_array_equal(got.reshape(want.shape), want)


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
        Conv(2, 64, 24, 31, 64, 3, 3, 1, 1),
        Conv(8, 64, 8, 8, 56, 3, 3, 1, 1),
        Conv(1, 64, 31, 64, 37, 3, 3, 1, 2, 2),
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
