"""Loop kernels drawn by hypothesis, large enough for whole vectors, tails, threads and phases, against the IR's meaning."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "schedule"))

import interpreter
from support import WIDTHS, add, axis, backend, dense, literal, load, mul, run

import flambeau
from flambeau import dtypes
from flambeau.codegen.llvm.loops import generalise
from flambeau.codegen.llvm.loops.schedule import walk
from flambeau.devices.cpu.machine import host
from flambeau.dtypes import bfloat16, bool_, float16, float32, float64, int32, int64, uint8
from flambeau.graph.numpy import array_type
from flambeau.graph.primitives.indexing import Bounds
from flambeau.kernels.ir import Expr, LoopKernel, Slot, Store

SETTINGS = {"deadline": None, "suppress_health_check": list(HealthCheck)}
TYPES = (bool_, uint8, int32, int64, float16, bfloat16, float32, float64)
SIZES = (1, 2, 3, 5, 8, 17, 33, 70)


def sample(type: Any, size: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    if type is bool_:
        return rng.integers(0, 2, size).astype(bool)
    if type.category == 1:
        return rng.integers(0, 100, size).astype(array_type(type))
    return (rng.integers(-64, 64, size) / 16).astype(array_type(type))


def check(bits: int, kernel: LoopKernel, arrays: list[Any], rtol: float = 0, atol: float = 0) -> None:
    """The kernel leaves what the interpreter leaves."""
    expected = [a.copy() for a in arrays]
    interpreter.run(kernel, expected)
    found = run(backend(bits), kernel, arrays)
    for f, e in zip(found, [e for e, s in zip(expected, kernel.slots, strict=True) if s.access != "in"], strict=True):
        if f.dtype.kind in "iub":
            np.testing.assert_array_equal(f, e)
        else:
            np.testing.assert_allclose(f.astype(np.float64), e.astype(np.float64), rtol=rtol, atol=atol)


def strided(order: Any, extents: Any, steps: Any = None) -> tuple[Expr, int]:
    """The place of axes (in `order`, outer to inner) laid out densely, some possibly backward; and the size."""
    place, weight = literal(0), 1
    for a in reversed(order):
        at = axis(a)
        if steps is not None and steps[a] < 0:
            at = Expr("sub", (literal(extents[a] - 1), at), int64)
        place = add(place, mul(at, literal(weight)))
        weight *= extents[a]
    return place, weight


@st.composite
def permuted(draw: Any) -> Any:
    extents = draw(st.lists(st.sampled_from(SIZES), min_size=1, max_size=3))
    order = draw(st.permutations(range(len(extents))))
    steps = [draw(st.sampled_from([1, 1, -1])) for _ in extents]
    return tuple(extents), order, steps, draw(st.sampled_from(TYPES))


@pytest.mark.parametrize("bits", WIDTHS)
@settings(max_examples=40, **SETTINGS)
@given(case=permuted())
def test_permuted_and_reversed_copies(bits: int, case: Any) -> None:
    extents, order, steps, type = case
    source, size = strided(order, extents, steps)
    target, _ = strided(range(len(extents)), extents)
    slots = (Slot(type, size, "in"), Slot(type, size, "out"))
    kernel = LoopKernel(extents, slots, (Store(1, target, load(0, source, type)),))
    check(bits, kernel, [sample(type, size), np.zeros(size, array_type(type))])


@st.composite
def reductions(draw: Any) -> Any:
    extents = [draw(st.sampled_from(SIZES)) for _ in range(draw(st.integers(0, 2)))]
    reduced = [draw(st.sampled_from((*SIZES, 257, 700))) for _ in range(draw(st.integers(1, 2)))]
    order = draw(st.permutations(range(len(extents) + len(reduced))))
    kind = draw(st.sampled_from(["sum", "prod", "max", "min", "any", "all", "argmax", "argmin"]))
    type = bool_ if kind in ("any", "all") else draw(st.sampled_from(TYPES[1:]))
    return extents, reduced, order, kind, type, draw(st.integers(0, 3))


@pytest.mark.parametrize("bits", WIDTHS)
@settings(max_examples=60, **SETTINGS)
@given(case=reductions())
def test_reductions(bits: int, case: Any) -> None:
    extents, reduced, order, kind, type, seed = case
    if kind.startswith("arg"):
        reduced = reduced[:1]
        order = [a for a in order if a <= len(extents)]
    lengths = [*extents, *reduced]
    place, size = strided(order, lengths)
    own = tuple((len(extents) + k, n) for k, n in enumerate(reduced))
    result = int64 if kind.startswith("arg") else type
    body = load(0, place, type)
    value = Expr("reduce", (body,), result, (kind, own))
    out, count = strided(range(len(extents)), extents)
    kernel = LoopKernel(tuple(extents), (Slot(type, size, "in"), Slot(result, count, "out")), (Store(1, out, value),))
    data = sample(type, size, seed)
    if kind == "prod" and type.category == 2:
        data = (1 + data.astype(np.float64) / 1024).astype(data.dtype)
    if type.category == 2 and seed == 3 and size and kind not in ("sum", "prod"):
        data[size // 2] = np.nan
    tolerance = {2: 1e-2, 4: 1e-5, 8: 1e-12}[max(type.itemsize, 2)]
    check(bits, kernel, [data, np.zeros(count, array_type(result))], rtol=tolerance, atol=tolerance * 30)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("rows", [1, 2, 31])
@pytest.mark.parametrize("type", [float32, float64, int64, bfloat16], ids=lambda t: t.name)
def test_large_reductions_are_cut_into_phases(bits: int, rows: int, type: Any) -> None:
    columns = 50_021
    at = lambda a: dense((0, a), (rows, columns))
    total = Expr("reduce", (load(0, at(1), type),), type, ("sum", ((1, columns),)))
    most = Expr("reduce", (load(0, at(1), type),), type, ("max", ((1, columns),)))
    where = Expr("reduce", (load(0, at(1), type),), int64, ("argmin", ((1, columns),)))
    apart = Expr("sub", (load(0, at(2), type), most), type)
    spread = Expr("reduce", (mul(apart, apart),), type, ("sum", ((2, columns),)))
    slots = (Slot(type, rows * columns, "in"), *(Slot(t, rows, "out") for t in (type, type, int64, type)))
    stores = tuple(Store(k + 1, axis(0), v) for k, v in enumerate((total, most, where, spread)))
    data = np.random.default_rng(rows).integers(-50, 50, rows * columns).astype(array_type(type))
    if type is bfloat16:
        data = (data.astype(np.float32) / 64).astype(data.dtype)
    found = run(
        backend(bits), LoopKernel((rows,), slots, stores), [data, *(np.zeros(rows, array_type(s.dtype)) for s in slots[1:])]
    )
    exact = data.astype(np.float64).reshape(rows, columns)
    tolerance = 1e-2 if type is bfloat16 else 1e-6
    np.testing.assert_allclose(found[0].astype(np.float64), exact.sum(1), rtol=tolerance)
    np.testing.assert_array_equal(found[1].astype(np.float64), exact.max(1))
    np.testing.assert_array_equal(found[2], exact.argmin(1))
    np.testing.assert_allclose(found[3].astype(np.float64), ((exact - exact.max(1, keepdims=True)) ** 2).sum(1), rtol=tolerance)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("layout", ["row", "column", "all"])
def test_float32_sums_keep_their_accuracy(bits: int, layout: str) -> None:
    """A million terms of one sign: the error stays at a few units of the last place, whatever the order in memory."""
    n, m = 1_000_003, 3
    data = np.random.default_rng(0).uniform(0, 1, n * m).astype(np.float32)
    if layout == "all":
        kernel = LoopKernel(
            (), (Slot(float32, n * m, "in"), Slot(float32, 1, "out")),
            (Store(1, literal(0), Expr("reduce", (load(0, axis(0), float32),), float32, ("sum", ((0, n * m),)))),),
        )  # fmt: skip
        exact = [data.astype(np.float64).sum()]
    else:
        place = dense((0, 1), (m, n)) if layout == "row" else dense((1, 0), (n, m))
        kernel = LoopKernel(
            (m,), (Slot(float32, n * m, "in"), Slot(float32, m, "out")),
            (Store(1, axis(0), Expr("reduce", (load(0, place, float32),), float32, ("sum", ((1, n),)))),),
        )  # fmt: skip
        shaped = data.reshape(m, n) if layout == "row" else data.reshape(n, m).T
        exact = shaped.astype(np.float64).sum(1)
    (found,) = run(backend(bits), kernel, [data, np.zeros(len(exact), np.float32)])
    np.testing.assert_allclose(found, exact, rtol=2e-7)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("shape", [(3, 5), (40, 10), (20, 17), (7, 1000), (33, 129), (2, 16_384), (2, 40_000), (1, 100_003)])
@pytest.mark.parametrize("inner", [True, False])
def test_softmax(bits: int, shape: Any, inner: bool) -> None:
    """Rows reduced twice and read a third time, along contiguous memory and across it."""
    n, m = shape
    at = (lambda a: dense((0, a), (n, m))) if inner else (lambda a: dense((a, 0), (m, n)))
    most = Expr("reduce", (load(0, at(2), float32),), float32, ("max", ((2, m),)))
    power = lambda a: Expr("exp", (Expr("sub", (load(0, at(a), float32), most), float32),), float32)
    total = Expr("reduce", (power(3),), float32, ("sum", ((3, m),)))
    slots = (Slot(float32, n * m, "in"), Slot(float32, n * m, "out"), Slot(float32, n, "out"))
    stores = (Store(1, at(1), Expr("div", (power(1), total), float32)), Store(2, axis(0), most))
    data = np.random.default_rng(0).standard_normal(n * m).astype(np.float32)
    found, highest = run(backend(bits), LoopKernel((n, m), slots, stores), [data, np.zeros_like(data), np.zeros(n, np.float32)])
    x = data.reshape(n, m) if inner else data.reshape(m, n).T
    e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    found = found.reshape(n, m) if inner else found.reshape(m, n).T
    np.testing.assert_allclose(found, e / e.sum(1, keepdims=True), rtol=2e-6)
    np.testing.assert_array_equal(highest, x.max(1))


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("type", [float32, float64, float16])
@pytest.mark.parametrize("inner", [True, False])
def test_values_of_a_row_are_kept(bits: int, type: Any, inner: bool) -> None:
    """Two sums of a row, each of a dear function that the results need again: it is computed once."""
    n, m = 21, 333
    at = (lambda a: dense((0, a), (n, m))) if inner else (lambda a: dense((a, 0), (m, n)))
    x = lambda a: load(0, at(a), type)
    power, turn = (lambda a: Expr("exp", (x(a),), type)), (lambda a: Expr("tanh", (x(a),), type))
    sums = [Expr("reduce", (f(2),), type, ("sum", ((2, m),))) for f in (power, turn)]
    value = Expr("add", (Expr("mul", (power(1), sums[1]), type), Expr("mul", (turn(1), sums[0]), type)), type)
    kernel = LoopKernel((n, m), (Slot(type, n * m, "in"), Slot(type, n * m, "out")), (Store(1, at(1), value),))
    (phase,) = generalise(kernel, host(bits), 2).phases
    ops = [e.op for s in phase.kernel.stores for e in walk([s.value])]
    assert ops.count("keep") == ops.count("kept") == 2 and ops.count("exp") == ops.count("tanh") == 1
    data = (np.random.default_rng(0).standard_normal(n * m) / 4).astype(array_type(type))
    (found,) = run(backend(bits), kernel, [data, np.zeros_like(data)])
    rows = (data.reshape(n, m) if inner else data.reshape(m, n).T).astype(np.float64)
    e, t = np.exp(rows), np.tanh(rows)
    found = (found.reshape(n, m) if inner else found.reshape(m, n).T).astype(np.float64)
    error = {2: 3e-2, 4: 2e-4, 8: 1e-12}[type.itemsize]  # float16's sums are rounded, and the two products may cancel
    np.testing.assert_allclose(found, e * t.sum(1, keepdims=True) + t * e.sum(1, keepdims=True), rtol=error, atol=error * 100)


@pytest.mark.parametrize("bits", WIDTHS)
@settings(max_examples=30, **SETTINGS)
@given(
    shape=st.tuples(*[st.sampled_from(SIZES)] * 3),
    along=st.integers(0, 2),
    kind=st.sampled_from(["sum", "prod", "max", "min", "argmax", "argmin"]),
    type=st.sampled_from((int32, int64, float16, float32, float64)),
    has_nan=st.booleans(),
)
def test_scans(bits: int, shape: Any, along: int, kind: str, type: Any, has_nan: bool) -> None:
    n = int(np.prod(shape))
    result = int64 if kind.startswith("arg") else type
    place = dense((0, 1, 2), shape)
    value = Expr("scan", (load(0, place, type),), result, (kind, along))
    data = sample(type, n)
    if kind == "prod":
        data = (np.where(data == 0, 1, np.sign(data.astype(np.float64)))).astype(data.dtype)
    if has_nan and type.category == 2:
        data[n // 2] = np.nan
    kernel = LoopKernel(shape, (Slot(type, n, "in"), Slot(result, n, "out")), (Store(1, place, value),))
    tolerance = {2: 2e-2, 4: 1e-5, 8: 1e-12}[type.itemsize]
    check(bits, kernel, [data, np.zeros(n, array_type(result))], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("bits", WIDTHS)
@settings(max_examples=30, **SETTINGS)
@given(
    rows=st.sampled_from(SIZES),
    width=st.sampled_from(SIZES),
    count=st.sampled_from(SIZES),
    along=st.booleans(),
    mode=st.sampled_from(["set", "add", "mul", "amax", "amin"]),
    type=st.sampled_from((uint8, int64, float16, bfloat16, float32, float64)),
)
def test_scatters(bits: int, rows: int, width: int, count: int, along: bool, mode: str, type: Any) -> None:
    """Many to one place, along rows (whole rows land together) or within a row."""
    rng = np.random.default_rng(rows + 100 * count)
    index = rng.integers(-rows if along else -width, rows if along else width, count * width if not along else count)
    size = literal(rows if along else width)
    if along:
        at = Expr("check", (load(1, axis(0), int64), size), int64, Bounds("IndexError", "wrong", True))
        place = add(mul(at, literal(width)), axis(1))
        outer = count
    else:
        outer = min(rows, count)
        at = Expr("check", (load(1, dense((0, 1), (count, width)), int64), size), int64, Bounds("IndexError", "wrong", True))
        place = add(mul(axis(0), literal(width)), at)
    slots = (Slot(type, rows * width, "inout"), Slot(int64, index.size, "in"), Slot(type, count * width, "in"))
    store = Store(0, place, load(2, dense((0, 1), (count, width)), type), mode, None, True)
    source = sample(type, count * width, 5)
    if mode == "mul":
        source = (np.where(source == 0, 1, np.sign(source.astype(np.float64)))).astype(source.dtype)
    tolerance = 0.2 if type.itemsize == 2 else 1e-5
    check(bits, LoopKernel((outer, width), slots, (store,)), [sample(type, rows * width, 4), index, source], tolerance, tolerance)


@pytest.mark.parametrize("bits", WIDTHS)
@settings(max_examples=30, **SETTINGS)
@given(
    shape=st.tuples(st.sampled_from(SIZES), st.sampled_from(SIZES)),
    low=st.tuples(st.integers(0, 3), st.integers(0, 20)),
    type=st.sampled_from(TYPES),
)
def test_masked_loads_and_guarded_stores(bits: int, shape: Any, low: Any, type: Any) -> None:
    """Zero padding reads nothing outside; a guard keeps stores inside."""
    big = tuple(n + 2 * k for n, k in zip(shape, low, strict=True))
    inside: Any = None
    place = literal(0)
    for d, (n, k) in enumerate(zip(shape, low, strict=True)):
        at = Expr("sub", (axis(d), literal(k)), int64)
        place = add(mul(place, literal(n)), at)
        for op, bound in (("ge", 0), ("lt", n)):
            test = Expr(op, (at, literal(bound)), bool_)
            inside = test if inside is None else Expr("bitwise_and", (inside, test), bool_)
    n, m = int(np.prod(shape)), int(np.prod(big))
    out = dense((0, 1), big)
    slots = (Slot(type, n, "in"), Slot(type, m, "out"))
    check(bits, LoopKernel(big, slots, (Store(1, out, load(0, place, type, inside)),)), [sample(type, n), sample(type, m, 1)])
    before = sample(type, n, 2)
    slots = (Slot(type, m, "in"), Slot(type, n, "inout"))
    value = load(0, out, type)
    found = run(backend(bits), LoopKernel(big, slots, (Store(1, place, value, "set", inside),)), [sample(type, m, 1), before])
    shaped = sample(type, m, 1).reshape(big)
    np.testing.assert_array_equal(found[0].reshape(shape), shaped[tuple(slice(k, k + n) for n, k in zip(shape, low))])


@pytest.mark.parametrize("bits", WIDTHS)
@settings(max_examples=30, **SETTINGS)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 150)),
    parts=st.lists(
        st.tuples(st.sampled_from(("lt", "le", "gt", "ge")), st.integers(-3, 150), st.booleans()), min_size=1, max_size=3
    ),
    type=st.sampled_from((uint8, float32, float64)),
)
def test_parts_of_a_row(bits: int, shape: Any, parts: Any, type: Any) -> None:
    """Where a comparison of its position holds an element is that of another operand, read forwards or backwards: what is joined
    or reflected. Places depend on the row, too."""
    n, m = int(np.prod(shape)), shape[1]
    out = dense((0, 1), shape)
    value = load(0, out, type)
    for slot, (op, bound, turned) in enumerate(parts, 1):
        place = add(literal(bound), axis(0))
        test = Expr(op, (place, axis(1)) if turned else (axis(1), place), bool_)
        along = Expr("sub", (literal(m - 1), axis(1)), int64) if turned else axis(1)
        other = load(slot, add(mul(axis(0), literal(m)), along), type, test)
        value = Expr("where", (test, other, value), type)
    slots = (*(Slot(type, n, "in") for _ in range(len(parts) + 1)), Slot(type, n, "out"))
    kernel = LoopKernel(shape, slots, (Store(len(parts) + 1, out, value),))
    check(bits, kernel, [sample(type, n, k) for k in range(len(slots))])


@pytest.mark.parametrize("bits", WIDTHS)
@settings(max_examples=30, **SETTINGS)
@given(
    shape=st.tuples(st.sampled_from(SIZES), st.sampled_from(SIZES)),
    times=st.integers(2, 5),
    low=st.integers(0, 7),
    every=st.integers(1, 3),
    type=st.sampled_from(TYPES),
)
def test_repeated_elements(bits: int, shape: Any, times: int, low: int, every: int, type: Any) -> None:
    """Element (j - low) // times of each row for position j, zero outside and but for one position in `every`."""
    rows, n = shape
    wide = n * times + 2 * low
    at = Expr("sub", (axis(1), literal(low)), int64)
    inside = Expr("ge", (at, literal(0)), bool_)
    inside = Expr("bitwise_and", (inside, Expr("lt", (at, literal(n * times)), bool_)), bool_)
    chosen = Expr("eq", (Expr("remainder", (at, literal(every)), int64), literal(0)), bool_)
    inside = Expr("bitwise_and", (inside, chosen), bool_)
    place = add(mul(axis(0), literal(n)), Expr("floor_divide", (at, literal(times)), int64))
    slots = (Slot(type, rows * n, "in"), Slot(type, rows * wide, "out"))
    kernel = LoopKernel((rows, wide), slots, (Store(1, dense((0, 1), (rows, wide)), load(0, place, type, inside)),))
    check(bits, kernel, [sample(type, rows * n), sample(type, rows * wide, 1)])


@pytest.mark.parametrize("bits", WIDTHS)
def test_division_of_positions(bits: int) -> None:
    """A flat axis taken apart again by division."""
    n, m = 37, 24
    flat = axis(0)
    row = Expr("floor_divide", (flat, literal(m)), int64)
    column = Expr("remainder", (flat, literal(m)), int64)
    turned = add(mul(column, literal(n)), row)
    slots = (Slot(float32, n * m, "in"), Slot(float32, n * m, "out"))
    kernel = LoopKernel((n * m,), slots, (Store(1, flat, load(0, turned, float32)),))
    check(bits, kernel, [sample(float32, n * m), np.zeros(n * m, np.float32)])


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("n", [1, 3, 64, 1001, 70_001])
@pytest.mark.parametrize("offset", [0, 5, 2**32 - 3, -1])
def test_random_words(bits: int, n: int, offset: int) -> None:
    seed = -1234567890123456789
    words = Expr("philox", (load(0, literal(0), int64), load(1, literal(0), int64), axis(0)), dtypes.uint32)
    slots = (Slot(int64, 1, "in"), Slot(int64, 1, "in"), Slot(dtypes.uint32, n, "out"))
    arrays = [np.array([seed]), np.array([offset]), np.zeros(n, np.uint32)]
    check(bits, LoopKernel((n,), slots, (Store(2, axis(0), words),)), arrays)


def test_several_stores_and_reductions_share_their_loads() -> None:
    """Each store stands where all that it needs is known; reductions over the same axes run together."""
    n, m = 33, 70
    x = load(0, dense((0, 2), (n, m)), float32)
    own = ((2, m),)
    kinds = ("sum", "max", "min", "argmax")
    values = [Expr("reduce", (x,), int64 if k == "argmax" else float32, (k, own)) for k in kinds]
    slots = (Slot(float32, n * m, "in"), *(Slot(v.dtype, n, "out") for v in values), Slot(float32, n * m, "out"))
    whole = Expr("sub", (load(0, dense((0, 1), (n, m)), float32), values[1]), float32)
    stores = (*(Store(k + 1, axis(0), v) for k, v in enumerate(values)), Store(5, dense((0, 1), (n, m)), whole))
    data = sample(float32, n * m)
    x = data.reshape(n, m)
    expected = [x.sum(1), x.max(1), x.min(1), x.argmax(1), (x - x.max(1, keepdims=True)).reshape(-1)]
    for bits in WIDTHS:
        arrays = [data, *(np.zeros(s.size, array_type(s.dtype)) for s in slots[1:])]
        for found, exact in zip(run(backend(bits), LoopKernel((n, m), slots, stores), arrays), expected, strict=True):
            np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("kind,result", [("sum", 0), ("prod", 1), ("any", 0), ("all", 1), ("max", -np.inf), ("min", np.inf)])
def test_empty_reductions(kind: str, result: float) -> None:
    type = bool_ if kind in ("any", "all") else float32
    value = Expr("reduce", (load(0, axis(1), type),), type, (kind, ((1, 0),)))
    kernel = LoopKernel((3,), (Slot(type, 0, "in"), Slot(type, 3, "out")), (Store(1, axis(0), value),))
    (found,) = run(backend(512), kernel, [np.zeros(0, array_type(type)), np.full(3, 5).astype(array_type(type))])
    np.testing.assert_array_equal(found, np.full(3, result).astype(found.dtype))


def test_deep_expressions() -> None:
    """Ten thousand operations in one kernel: no recursion."""
    e = load(0, axis(0), float32)
    for k in range(10_000):
        e = Expr("sub" if k % 2 else "add", (e, literal(1.0, float32)), float32)
    kernel = LoopKernel((20,), (Slot(float32, 20, "in"), Slot(float32, 20, "out")), (Store(1, axis(0), e),))
    x = sample(float32, 20)
    np.testing.assert_array_equal(run(backend(512), kernel, [x, np.zeros_like(x)])[0], x)


def test_a_large_sum_of_one_number() -> None:
    """What is summed depends on no axis; how far each piece goes does."""
    (out,) = run(
        backend(512),
        LoopKernel(
            (),
            (Slot(float32, 1, "out"),),
            (Store(0, literal(0), Expr("reduce", (literal(2.0, float32),), float32, ("sum", ((0, 1_000_001),)))),),
        ),
        [np.zeros(1, np.float32)],
    )
    assert out[0] == 2_000_002


@pytest.mark.parametrize("shape", [(1_000_003, 5), (3, 1_000_003), (200_001, 2, 3)])
@pytest.mark.parametrize("kind", ["sum", "amax", "argmax", "argmin"])
def test_large_reductions_of_what_is_repeated(shape: tuple[int, ...], kind: str) -> None:
    """Along any of the axes, the longest among them: pieces are cut from one along which the values differ."""
    rng = np.random.default_rng(0)
    for repeated in range(len(shape)):
        numbers = rng.integers(-4, 5, [1 if i == repeated else n for i, n in enumerate(shape)]).astype(np.float64)
        found = getattr(flambeau.tensor(numbers).expand(shape), kind)()
        expected = getattr(np, kind)(np.broadcast_to(numbers, shape))
        assert found.item() == expected


@pytest.mark.parametrize("kinds", ["argmax amax", "amax argmin sum", "sum amin"])
def test_large_reductions_together(kinds: str) -> None:
    numbers = np.random.default_rng(0).integers(-4, 5, (1, 70_001, 3)).astype(np.float64)
    x, whole = flambeau.tensor(numbers).expand(7, 70_001, 3), np.broadcast_to(numbers, (7, 70_001, 3))
    found = [getattr(x, kind)() for kind in kinds.split()]
    assert [f.item() for f in found] == [getattr(np, kind)(whole) for kind in kinds.split()]


@pytest.mark.parametrize("n", [1_000_000, 1_000_003])
def test_long_sums_of_what_is_read_from_nowhere(n):
    """Random numbers summed as they are made: the sum is cut into pieces, of which the last is shorter."""
    flambeau.manual_seed(3)
    numbers = flambeau.rand(n, device="cpu").numpy()
    flambeau.manual_seed(3)
    assert flambeau.rand(n, device="cpu").sum().item() == pytest.approx(numbers.sum(dtype="float64"), rel=1e-6)
