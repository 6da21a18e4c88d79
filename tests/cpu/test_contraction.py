"""Contractions compiled for the CPU against their meaning in NumPy, at every vector width that the machine can run.

Data are small whole numbers, so that every schedule's result is exact and compared bit for bit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flambeau import dtypes
from flambeau.codegen.llvm.contraction.form import normalize
from flambeau.codegen.llvm.contraction.pack import Panels
from flambeau.codegen.llvm.contraction.roles import roles
from flambeau.devices.cpu.machine import widest_vectors
from flambeau.graph.numpy import array_type
from flambeau.kernels.ir import Affine, ContractionKernel, Expr, Slot
from tests.helpers.types import TYPES_OF_KERNELS

from .contractions import Conv, accumulator, conv_forward, conv_input, conv_weight, kernel, matmul, meaning
from .support import add, axis, backend, literal, run

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
    arrays = data(k)
    want = meaning(k, arrays, None if extra is None else lambda sums: extra(sums, arrays))
    (got,) = run(backend(bits, threads), k, [*arrays, np.zeros(k.slots[-1].size, want.dtype)])
    got = got.reshape(want.shape)
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
    type = draw(st.sampled_from(TYPES_OF_KERNELS))
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
@pytest.mark.parametrize("type", TYPES_OF_KERNELS, ids=lambda d: d.name)
def test_every_dtype(type, bits):
    check(matmul(5, 9, 33, type=type), bits)


BIG = [  # large enough for each schedule: Winograd and its transpose, panels, dot products, blocks of the sum and of columns
    Conv(2, 32, 13, 17, 40, 3, 3, 1, 1),
    Conv(1, 35, 16, 70, 33, 3, 3, 1, 2),
    Conv(1, 32, 14, 15, 32, 3, 3, 1, 2, 2),
    Conv(2, 64, 9, 20, 48, 3, 3, 2, 1),
    Conv(1, 17, 29, 38, 36, 3, 3, 2, 1),
    Conv(5, 24, 7, 7, 40, 3, 3, 1, 1),
    Conv(3, 18, 16, 28, 21, 3, 3),
    Conv(1, 16, 5, 270, 16, 3, 3, 1, 1),
    Conv(1, 3, 40, 64, 20, 7, 7, 2, 3),
    Conv(3, 48, 9, 9, 64, 1, 1),
    Conv(2, 40, 7, 17, 24, 1, 7, 1, (0, 3)),
    Conv(2, 64, 10, 12, 64, 3, 3, 1, 1, 1, 2),
    Conv(2, 24, 30, 37, 24, 3, 3, 1, 1, 1, 24),
    Conv(2, 24, 31, 36, 24, 3, 3, 2, 1, 1, 24),
    Conv(1, 3, 32, 64, 24, 16, 16, 16),
    Conv(3, 40, 8, 8, 40, 4, 4, 2, 1),
]


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("s", BIG, ids=str)
def test_large_convolution(s, bits):
    k = conv_forward(s)
    check(k, bits, 2, bias_of(k))
    check(conv_input(s), bits, 2)
    check(conv_weight(s), bits, 2)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("features", [20, 13, 5])
@pytest.mark.parametrize("type", [dtypes.float32, dtypes.float64, dtypes.bfloat16, dtypes.int64])
def test_rows_on_several_axes(features, type, bits):
    heads, batch, length, columns = 3, 2, 37, 41
    at = [Affine(0, ((k, 1),)) for k in range(5)]  # heads, features, columns | batch, length
    left, right = (heads, batch, length, features), (batch, length, columns)
    k = kernel(
        (heads, features, columns, batch, length),
        (0, 1, 2),
        left,
        (at[0], at[3], at[4], at[1]),
        right,
        (at[3], at[4], at[2]),
        type,
    )
    check(k, bits)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize(
    "sizes", [(70, 700, 90), (3, 1000, 200), (300, 40, 7), (1, 600, 600), (600, 600, 1), (130, 1, 130), (701, 900, 70)]
)
@pytest.mark.parametrize("a", ["mk", "km"])
@pytest.mark.parametrize("b", ["kn", "nk"])
def test_large_matrix_product(sizes, a, b, bits):
    check(matmul(*sizes, a, b), bits)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("a", ["mk", "km"])
@pytest.mark.parametrize("type", [dtypes.float32, dtypes.float64, dtypes.bfloat16])
def test_batched_matrix_product(type, a, threads, bits):
    check(matmul(59, 77, 64, a, "kn", 4, type), bits, threads)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("a", ["mk", "km"])
def test_residual_of_a_product(a, bits):
    """An epilogue that reads an element for each of the result's, which panels ask for ahead."""
    plain, type = matmul(61, 40, 100, a), dtypes.float32
    place = add(Expr("mul", (axis(0), literal(100)), dtypes.int64), axis(1))
    value = _call("add", accumulator(type), Expr("load", (place,), type, 2))
    slots = (*plain.slots[:2], Slot(type, 6100, "in"), plain.slots[2])
    k = ContractionKernel(plain.extents, plain.outputs, plain.a, plain.b, value, slots)
    check(k, bits, 2, lambda sums, arrays: sums + arrays[2].reshape(61, 100))


def _call(op, *args):
    return Expr(op, args, args[0].dtype)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("s", [BIG[0], BIG[2], BIG[3], BIG[4], BIG[5], BIG[9], BIG[12], Conv(1, 2, 5, 6, 3, 2, 2)], ids=str)
def test_epilogue(s, bits):
    """Scale a channel, add a residual read transposed, a mask by position, and a rectifier."""
    type = dtypes.float32
    g, n, o, (oh, ow) = s.groups, s.n, s.o // s.groups, s.out
    shape = (n, g, o, oh, ow)
    place = add(add(Expr("mul", (axis(0), literal(o)), dtypes.int64), axis(2)), literal(0))
    scale = Expr("load", (place,), type, 2)
    strides = {4: 1, 1: ow, 0: ow * n, 2: ow * n * g, 3: ow * n * g * o}  # the residual lies as [oh, o, g, n, ow]
    where = literal(0)
    for k, stride in strides.items():
        where = add(where, Expr("mul", (axis(k), literal(stride)), dtypes.int64))
    residual = Expr("load", (where,), type, 3)
    kept = Expr("ne", (Expr("remainder", (add(axis(3), axis(4)), literal(3)), dtypes.int64), literal(1)), dtypes.bool_)
    value = _call("add", _call("mul", accumulator(type), scale), residual)
    value = _call("maximum", Expr("where", (kept, value, literal(-7.0, type)), type), literal(-5.0, type))
    plain = conv_forward(s, bias=False)
    size = int(np.prod(shape))
    more = (Slot(type, s.o, "in"), Slot(type, size, "in"))
    k = ContractionKernel(
        plain.extents, plain.outputs, plain.a, plain.b, value, (*plain.slots[:2], *more, Slot(type, size, "out"))
    )

    def extra(sums, arrays):
        scales = arrays[2].reshape(1, g, o, 1, 1).astype(np.float64)
        residuals = arrays[3].reshape(oh, o, g, n, ow).transpose(3, 2, 1, 0, 4)
        rows, columns = np.ogrid[:oh, :ow]
        value = np.where((rows + columns) % 3 != 1, sums * scales + residuals, -7.0)
        return np.maximum(value, -5.0)

    check(k, bits, 2, extra)


@pytest.mark.parametrize("make", [conv_forward, conv_input, conv_weight])
def test_accuracy(make):
    """Real numbers: as near to a float64 sum as a plain float32 sum of that length is expected to be."""
    s = Conv(2, 48, 20, 22, 48, 3, 3, 1, 1)
    k = make(s, bias=False) if make is conv_forward else make(s)
    r = np.random.default_rng(0)
    arrays = [r.standard_normal(x.size, dtype=np.float32) for x in k.slots[:-1]]
    want = meaning(k, arrays).astype(np.float64)
    (got,) = run(backend(WIDTHS[-1]), k, [*arrays, np.zeros(want.size, np.float32)])
    assert np.abs(got.reshape(want.shape) - want).max() <= 2e-6 * np.abs(want).max()


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("vectors", [2, 2.5, 3, 3.5, 4, 5])
def test_weight_gradients_of_small_images(vectors, bits):
    """All tiles in one block: the rows, so many vectors of them, are transformed in groups."""
    channels = int(vectors * bits // 32)
    check(conv_weight(Conv(4, channels, 4, 4, channels, 3, 3)), bits)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize(
    "s",
    [
        Conv(2, 3, 32, 48, 17, 16, 16, 16),
        Conv(1, 2, 37, 50, 5, 9, 20, 9, (3, 7)),
        Conv(1, 2, 31, 70, 5, 4, 12, 10, (0, 1)),
        Conv(1, 2, 33, 40, 5, 11, 8, 8, 3, 2),
    ],
    ids=str,
)
def test_gradients_of_long_strides(s, bits):
    check(conv_input(s), bits)
    check(conv_weight(s), bits)


def test_packed_copies_are_told_apart() -> None:
    """Panels start anew with each place of a batch: rows on as many axes are other contents."""
    form = normalize(matmul(8, 9, 10, batch=4))
    batched = roles(form)
    flat = replace(batched, batch=(), rows=(*batched.batch, *batched.rows))
    one, other = (Panels(form, r, 6, r.summed) for r in (batched, flat))
    assert one.key == replace(one).key
    assert one.count * 4 != other.count and one.key != other.key
