"""Every elementwise primitive on every dtype that it takes, special values among the operands, against the reference device."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from flambeau.devices.reference import ReferenceBackend
from flambeau.dtypes import bool_, dtype
from flambeau.graph.node import PRIMITIVES
from flambeau.graph.numpy import array_type
from flambeau.graph.primitives.indexing import EITHER_END
from flambeau.schedule import realize
from tests.helpers.types import TYPES_OF_KERNELS
from tests.webgpu.test_graphs import Uploading, fitting, graphs

FLOAT_UNARY = [
    "neg",
    "abs",
    "sign",
    "floor",
    "ceil",
    "trunc",
    "round",
    "sqrt",
    "rsqrt",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "log2",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "erf",
    "isnan",
]
BINARY = [
    "add",
    "sub",
    "mul",
    "div",
    "floor_divide",
    "remainder",
    "fmod",
    "pow",
    "atan2",
    "maximum",
    "minimum",
    "copysign",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
]
INTEGER_UNARY = ["neg", "abs", "sign", "bitwise_not"]
INTEGER_BINARY = [
    "add",
    "sub",
    "mul",
    "floor_divide",
    "remainder",
    "fmod",
    "pow",
    "maximum",
    "minimum",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "left_shift",
    "right_shift",
    "gcd",
]
BOOL_BINARY = ["eq", "ne", "lt", "le", "gt", "ge", "bitwise_and", "bitwise_or", "bitwise_xor", "maximum", "minimum"]
FLOATS = [d for d in TYPES_OF_KERNELS if d.category == 2]
INTEGERS = [d for d in TYPES_OF_KERNELS if d.category == 1]


def numbers(d: dtype, count: int = 203) -> Any:
    """Values of `d`: ordinary ones of all sizes, and its special ones."""
    rng = np.random.default_rng(7)
    kind = array_type(d)
    if d.category == 0:
        return rng.integers(0, 2, count).astype(kind)
    if d.category == 1:
        info = np.iinfo(kind)
        small = rng.integers(max(info.min, -9), 10, count // 2)
        wide = rng.integers(info.min, info.max, count - count // 2 - 4, dtype=kind, endpoint=True)
        return np.concatenate([small.astype(kind), wide, np.array([0, 1, info.max, info.min], kind)])
    ordinary = rng.standard_normal(count // 2) * 3
    wide = np.sign(rng.standard_normal(60)) * 10.0 ** rng.uniform(-4, 4, 60)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, 100.0]
    with np.errstate(all="ignore"):
        return np.concatenate([ordinary, wide, special, rng.uniform(-1, 1, count - count // 2 - 60 - len(special))]).astype(kind)


def compare(nodes: list[Any], backend: Any, tolerance: float) -> None:
    expected, found = graphs.copied(nodes), graphs.copied(nodes)
    ReferenceBackend().realize(expected)
    with fitting(backend):
        realize(Uploading(backend, donate=False), found)
    if any(f.buffer is None for f in found):
        return
    for e, f in zip(expected, found, strict=True):
        size = e.size * e.dtype.itemsize
        kind = array_type(e.dtype)
        a, b = (np.asarray(n.buffer).reshape(-1).view(np.uint8)[:size].view(kind) for n in (e, f))
        if e.dtype.category < 2:
            np.testing.assert_array_equal(b, a, err_msg=str(e))
        else:
            with np.errstate(all="ignore"):
                np.testing.assert_allclose(b.astype("f8"), a.astype("f8"), rtol=tolerance, atol=tolerance, err_msg=str(e))


TOLERANCE = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 1.3e-6, "float64": 1e-12}


@pytest.mark.parametrize("d", FLOATS, ids=lambda d: d.name)
def test_float_functions(backend: Any, d: dtype) -> None:
    if not backend.supports(d):
        pytest.skip("this adapter has no float64")
    x = numbers(d)
    with np.errstate(all="ignore"):
        compare([graphs.make(op, (graphs.leaf(x),)) for op in FLOAT_UNARY], backend, TOLERANCE[d.name])


@pytest.mark.parametrize("d", FLOATS, ids=lambda d: d.name)
def test_float_pairs(backend: Any, d: dtype) -> None:
    if not backend.supports(d):
        pytest.skip("this adapter has no float64")
    x = numbers(d)
    special = x[-100:][np.argsort(np.isfinite(x[-100:].astype("f8")), kind="stable")][:20]
    pairs = np.array(list(itertools.product(special.astype("f8"), repeat=2))).astype(x.dtype)
    a, b = np.concatenate([x, pairs[:, 0]]), np.concatenate([np.roll(x, 17), pairs[:, 1]])
    for op in BINARY:
        compare([graphs.make(op, (graphs.leaf(a), graphs.leaf(b)))], backend, TOLERANCE[d.name])


@pytest.mark.parametrize("d", INTEGERS, ids=lambda d: d.name)
def test_integers(backend: Any, d: dtype) -> None:
    x = numbers(d)
    nodes = [graphs.make(op, (graphs.leaf(x),)) for op in INTEGER_UNARY]
    compare(nodes, backend, 0)
    least = np.iinfo(x.dtype).min
    for op in INTEGER_BINARY:
        y = np.roll(x, 13)
        if op in (
            "floor_divide",
            "remainder",
            "fmod",
        ):  # division by zero, and what overflows, are errors or undefined in PyTorch
            y = np.where((y == 0) | ((x == least) & (y == np.array(-1).astype(y.dtype))), 3, y).astype(y.dtype)
        if op == "pow":
            y = (y % 7).astype(y.dtype)
        compare([graphs.make(op, (graphs.leaf(x), graphs.leaf(y)))], backend, 0)


def test_booleans(backend: Any) -> None:
    x = numbers(bool_)
    y = np.roll(x, 5)
    compare([graphs.make(op, (graphs.leaf(x), graphs.leaf(y))) for op in BOOL_BINARY], backend, 0)
    compare([graphs.make("bitwise_not", (graphs.leaf(x),))], backend, 0)


@pytest.mark.parametrize("source", TYPES_OF_KERNELS, ids=lambda d: d.name)
def test_casts(backend: Any, source: dtype) -> None:
    if not backend.supports(source):
        pytest.skip("this adapter has no float64")
    x = numbers(source)
    for to in TYPES_OF_KERNELS:
        if backend.supports(to):
            y = x
            if source.category == 2 and to.category == 1:
                limit = min(np.iinfo(array_type(to)).max, 30000)
                y = np.where(np.isfinite(x.astype("f8")) & (np.abs(x.astype("f8")) < limit), x, 3).astype(x.dtype)
                if not to.is_signed:
                    y = np.abs(y.astype("f8")).astype(x.dtype)
            compare([graphs.make("cast", (graphs.leaf(y),), to, source)], backend, 0 if to.category < 2 else 1e-7)


def test_wide_integers_to_float(backend: Any) -> None:
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.integers(-(2**62), 2**62, 500), 2 ** rng.integers(20, 62, 200) + rng.integers(-3, 4, 200)])
    from flambeau.dtypes import float32, int64

    compare([graphs.make("cast", (graphs.leaf(x),), float32, int64)], backend, 0)


def test_reductions_of_every_dtype(adapter: Any) -> None:
    """Sums, products and extrema along each axis and over all, in shapes that take the cooperative path too."""
    for d in TYPES_OF_KERNELS:
        if not adapter.supports(d):
            continue
        for shape in ((3, 5, 67), (2, 300), (1000,)):
            x = np.resize(numbers(d, 211), shape)
            if d.category == 2:
                x = np.where(np.isfinite(x.astype("f8")), x.astype("f8") % 2, 1).astype(x.dtype)
            nodes = []
            for axes in [(i,) for i in range(len(shape))] + [tuple(range(len(shape)))]:
                names = ["any", "all"] if d is bool_ else ["sum", "max", "min"]
                nodes += [graphs.make(name, (graphs.leaf(x),), axes, shape) for name in names]
                if len(axes) == 1:
                    nodes += [graphs.make(name, (graphs.leaf(x),), axes, shape) for name in ("argmax", "argmin")]
            # half sums are compared at the precision of the result
            compare(nodes, adapter, {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 1e-5}.get(d.name, 1e-12))


def test_extrema_with_nan(adapter: Any) -> None:
    for d in FLOATS:
        if adapter.supports(d):
            x = np.resize(numbers(d), (7, 58))
            x[0] = -np.inf
            nodes = [graphs.make(n, (graphs.leaf(x),), (1,), x.shape) for n in ("max", "min", "argmax", "argmin")]
            compare(nodes, adapter, 0)


@pytest.mark.parametrize("mode", ["set", "add", "mul", "amax", "amin"])
def test_scatter_of_every_dtype(adapter: Any, mode: str) -> None:
    rng = np.random.default_rng(2)
    for d in TYPES_OF_KERNELS:
        if not adapter.supports(d) or (d is bool_ and mode != "set"):
            continue
        base, source = np.resize(numbers(d), (5, 7)), np.resize(numbers(d)[::-1], (31, 7))
        if d.category == 2:
            base, source = (np.where(np.isfinite(v.astype("f8")), v.astype("f8") % 2, 1).astype(v.dtype) for v in (base, source))
        index = rng.integers(-5, 5, (31, 7))
        # the reference sums halves in float32, an atomic update rounds each time
        compare(
            [graphs.make("scatter", tuple(map(graphs.leaf, (base, index, source))), 0, mode, EITHER_END)],
            adapter,
            {2: 5e-2}.get(d.itemsize, 1e-5),
        )


def test_scans_and_sorts_of_every_dtype(adapter: Any) -> None:
    for d in TYPES_OF_KERNELS:
        if not adapter.supports(d):
            continue
        x = np.resize(numbers(d), (4, 25))
        if d.category == 2:
            x = np.where(np.isinf(x.astype("f8")), np.nan, x).astype(x.dtype)
        nodes = [
            graphs.make("argsort", (graphs.leaf(x),), axis, down, kept)
            for axis in (0, 1)
            for down in (False, True)
            for kept in (x.shape[axis], 3)
        ]
        if d is not bool_:
            nodes += [
                graphs.make("scan", (graphs.leaf(x),), axis, kind) for axis in (0, 1) for kind in ("max", "argmax", "argmin")
            ]
            small = np.nan_to_num(x.astype("f8") % 3 if d.category == 2 else x).astype(x.dtype)
            nodes += [graphs.make("scan", (graphs.leaf(small),), axis, "sum") for axis in (0, 1)]
        compare(nodes, adapter, {2: 2e-2}.get(d.itemsize, 1e-5))


assert set(BINARY + FLOAT_UNARY + INTEGER_BINARY + INTEGER_UNARY) <= PRIMITIVES.keys()
