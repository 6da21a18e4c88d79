"""The band schedule with every register tile and run of lanes that its plan may choose, whatever the costs say.

Data are small whole numbers, as in `test_contraction.py`.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flambeau.codegen.llvm.contraction as contraction
from flambeau.codegen.llvm.contraction.band import Shape
from flambeau.codegen.llvm.contraction.band_plan import plan_band
from flambeau.codegen.llvm.contraction.form import normalize
from flambeau.codegen.llvm.contraction.track import Track
from flambeau.devices.cpu.machine import host

from .contractions import Conv, conv_forward, conv_input, meaning
from .support import run, uncached
from .test_contraction import QUICK, WIDTHS, bias_of, convolutions, data


@st.composite
def shapes(draw, lanes):
    run = draw(st.sampled_from(["line", "flat", "across"]))
    height = draw(st.integers(1, 2)) * lanes if run == "across" else draw(st.integers(1, 5))
    tall = draw(st.sampled_from([1, 2, 3])) if run == "line" and height < 3 else 1
    width = draw(st.integers(1, lanes)) if run == "across" else draw(st.integers(1, 3))
    return Shape(height, tall, width, draw(st.sampled_from([1, 2, 3, 5, 100])), run)


@QUICK
@given(convolutions(), st.sampled_from([conv_forward, conv_input]), st.sampled_from(WIDTHS), st.integers(1, 3), st.data())
def test_every_plan(s, make, bits, groups, draws):
    k = make(s)
    shape = draws.draw(shapes(host(bits).lanes(32)))
    forced = []

    def plan(form, target, threads, slides=True):
        """The same tracks with the drawn shape, where that can be."""
        found = plan_band(form, target, threads, slides)
        if found is None:
            return None
        band = found[1]
        whole = band.segment == form.extents[band.roles.columns[-1]]
        run = shape.run if whole else "line"
        count = form.extents[band.line.axis] if band.line.axis is not None else 1
        height = shape.height if run == shape.run or shape.run != "across" else 1
        forced.append(Shape(height, shape.tall, shape.width, min(shape.lines, count), run))
        return 0.0, type(band)(form, band.roles, band.line, band.inner, band.lanes, band.segment, forced[-1], groups)

    arrays = data(k)
    extra = bias_of(k) if make is conv_forward else None
    want = meaning(k, arrays, None if extra is None else lambda sums: extra(sums, arrays))
    own = uncached(bits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contraction, "plan_band", plan)
        patch.setattr(contraction, "plan_winograd", lambda *_: None)
        patch.setattr(contraction, "plan_filtered_band", lambda *_: None)
        (got,) = run(own, k, [*arrays, np.zeros(k.slots[-1].size, want.dtype)])
    np.testing.assert_array_equal(got.reshape(want.shape), want)


def test_tracks_count_phases_and_places():
    track = Track(1, 2, taps=3, step=2, spread=1)  # a 3-tap kernel with stride 2
    assert track.phases == [0, 1] and [track.meets(k) for k in range(3)] == [(0, 0), (1, 0), (0, 1)]
    assert (track.reach(0), track.reach(1), track.farthest) == (1, 0, 1)
    backwards = Track(1, 2, taps=3, step=1, spread=-2)  # a flipped kernel with dilation 2
    assert backwards.low == -4 and [backwards.meets(k) for k in range(3)] == [(0, 4), (0, 2), (0, 0)]


def test_padding_is_shared_between_lines():
    form = normalize(conv_forward(Conv(1, 4, 9, 20, 8, 1, 7, 1, (0, 3)), bias=False))
    found = plan_band(form, host(), 1)
    assert found is not None
    assert (found[1].columns, found[1].shared, found[1].pitch) == (26, 3, 23)
