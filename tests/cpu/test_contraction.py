"""Contractions compiled for the CPU against their meaning in NumPy, at every vector width that the machine can run.

Data are small whole numbers, so that every schedule's result is exact and compared bit for bit.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flambeau import dtypes
from flambeau.devices.cpu.machine import widest_vectors
from flambeau.graph.numpy import array_type
from flambeau.kernels.ir import Affine

from .contractions import Conv, Program, conv_forward, conv_input, conv_weight, kernel, matmul, meaning

WIDTHS = [bits for bits in (128, 256, 512) if bits <= widest_vectors()]
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def data(k, seed=0):
    """Small whole numbers for the input slots (any bits at all for integers: they wrap)."""
    r = np.random.default_rng(seed)
    arrays = []
    for s in k.slots[:-1]:
        type = array_type(s.dtype)
        if s.dtype is dtypes.bool_:
            arrays.append(r.integers(0, 2, s.size).astype(bool))
        elif s.dtype.category == 1:
            arrays.append(r.integers(np.iinfo(type).min, np.iinfo(type).max, s.size, dtype=type, endpoint=True))
        else:
            arrays.append(r.integers(-3, 4, s.size).astype(type))
    return arrays


def check(k, bits, threads=2, extra=None):
    if bits == 128 and k.slots[-1].dtype is dtypes.float16: return
    arrays = data(k)
    want = meaning(k, arrays, None if extra is None else lambda sums: extra(sums, arrays))
    got = Program(k, bits, threads)(arrays)
    if want.dtype.kind in "iub":
        np.testing.assert_array_equal(got, want)
    else:
        np.testing.assert_array_equal(got.astype(np.float64), want.astype(np.float64))


def bias_of(k):
    def extra(sums, arrays):
        g, o = sums.shape[1:3]
        return sums + arrays[2].astype(sums.dtype).reshape(g, o)[..., None, None]

    return extra


@st.composite
def contractions(draw):
    """Any contraction: axes in any operand, in dimensions of their own or sharing one, flipped, spread, out of bounds."""
    count = draw(st.integers(0, 5))
    extents = [draw(st.sampled_from([0, 1, 1, 2, 2, 3, 4, 5, 7])) for _ in range(count)]
    if count:
        extents[draw(st.integers(0, count - 1))] = draw(st.sampled_from([1, 3, 8, 17, 33]))
    outputs = draw(st.permutations(range(count)))[: draw(st.integers(0, count))] if count else []

    def operand():
        shape, positions = [], []
        for _ in range(draw(st.integers(0, 3))):
            chosen = draw(st.lists(st.integers(0, count - 1), max_size=2, unique=True)) if count else []
            terms = tuple((x, draw(st.sampled_from([1, 1, 1, -1, 2, -2, 3]))) for x in chosen)
            if draw(st.booleans()):  # exactly the range that is needed
                low = sum(min(0, c * (extents[x] - 1)) for x, c in terms)
                high = sum(max(0, c * (extents[x] - 1)) for x, c in terms)
                shape.append(high - low + 1)
                positions.append(Affine(-low, terms))
            else:
                shape.append(draw(st.integers(0, 9)))
                positions.append(Affine(draw(st.integers(-3, 5)), terms, draw(st.sampled_from([1, 1, 2, 3]))))
        return tuple(shape), tuple(positions)

    a, b = operand(), operand()
    type = draw(st.sampled_from(dtypes.ALL))
    return kernel(tuple(extents), tuple(outputs), *a, *b, type)


@QUICK
@given(contractions(), st.sampled_from(WIDTHS), st.sampled_from([1, 2, 3]))
def test_any_contraction(k, bits, threads):
    check(k, bits, threads)


@st.composite
def convolutions(draw):
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    kh, kw = draw(st.sampled_from([(1, 1), (3, 3), (3, 3), (1, 7), (5, 2), (2, 2), (7, 7)]))
    stride, dilation = draw(st.sampled_from([1, 1, 1, 2, 3])), draw(st.sampled_from([1, 1, 2]))
    padding = (draw(st.integers(0, 3)), draw(st.integers(0, 3)))
    least = [dilation * (k - 1) + 1 - 2 * p for k, p in zip((kh, kw), padding)]
    h, w = (max(1, m) + draw(st.integers(0, 18)) for m in least)
    c, o = draw(st.integers(1, 9)), draw(st.integers(1, 19))
    return Conv(draw(st.integers(1, 3)), c * groups, h, w, o * groups, kh, kw, stride, padding, dilation, groups)


TYPES = st.sampled_from([dtypes.float32] * 6 + [dtypes.float64, dtypes.float16, dtypes.bfloat16, dtypes.int32, dtypes.int64])


@QUICK
@given(convolutions(), TYPES, st.sampled_from(WIDTHS), st.sampled_from([1, 2]))
def test_convolution(s, type, bits, threads):
    k = conv_forward(s, type)
    check(k, bits, threads, bias_of(k))


@QUICK
@given(convolutions(), st.sampled_from([conv_weight, conv_input]), TYPES, st.sampled_from(WIDTHS), st.sampled_from([1, 2]))
def test_convolution_gradients(s, make, type, bits, threads):
    check(make(s, type), bits, threads)


@QUICK
@given(
    st.tuples(*[st.sampled_from([1, 2, 5, 16, 31, 64, 100])] * 3),
    st.sampled_from(["mk", "km"]),
    st.sampled_from(["kn", "nk"]),
    st.sampled_from([0, 0, 3]),
    TYPES,
    st.sampled_from(WIDTHS),
    st.sampled_from([1, 2]),
)
def test_matrix_product(sizes, a, b, batch, type, bits, threads):
    check(matmul(*sizes, a, b, batch, type), bits, threads)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("type", dtypes.ALL, ids=lambda d: d.name)
def test_every_dtype(type, bits):
    check(matmul(5, 9, 33, type=type), bits)
