"""Every elementwise primitive on every dtype and vector width, against its NumPy meaning or PyTorch; special values included."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

from support import WIDTHS, axis, backend, load, run

import flambeau.graph.primitives  # noqa: F401
from flambeau import dtypes
from flambeau.dtypes import bfloat16, bool_, float16, float32, float64
from flambeau.graph.node import PRIMITIVES
from flambeau.graph.numpy import array_type
from flambeau.kernels.ir import Expr, LoopKernel, Slot, Store
from tests.helpers.types import TYPES_OF_KERNELS

FLOATS = (float16, bfloat16, float32, float64)
INTEGERS = tuple(d for d in TYPES_OF_KERNELS if d.category == 1)
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, np.inf, -np.inf, np.nan, 1e-30, -1e-30, 3e38, 1e-42, 100.0, -100.0, 7.5]


def numbers(type: Any, count: int, seed: int) -> Any:
    """A sample of the dtype's values, the special ones first."""
    rng = np.random.default_rng(seed)
    if type is bool_:
        return rng.integers(0, 2, count).astype(bool)
    if type.category == 1:
        info = np.iinfo(array_type(type))
        wide = rng.integers(info.min, info.max, count, dtype=array_type(type), endpoint=True)
        small = rng.integers(0 if not type.is_signed else -5, 6, count).astype(array_type(type))
        data = np.where(rng.integers(0, 2, count) == 1, wide, small)
        data[:4] = [info.min, info.max, 0, 1]
        return data
    data = rng.standard_normal(count) * 10.0 ** rng.integers(-3, 3, count)
    special = np.array(SPECIAL)
    pairs = np.stack(np.meshgrid(special, special), -1).reshape(-1, 2)[:, seed % 2]
    data[: len(pairs)] = pairs
    with np.errstate(all="ignore"):
        return data.astype(np.float32).astype(array_type(type))


def tensor(array: Any) -> Any:
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16)
    return torch.from_numpy(array.copy())


def array(t: Any) -> Any:
    if t.dtype == torch.bfloat16:
        return t.view(torch.int16).numpy().view(array_type(bfloat16))
    return t.numpy()


def kernel(name: str, types: Any, result: Any, n: int) -> LoopKernel:
    slots = (*(Slot(t, n, "in") for t in types), Slot(result, n, "out"))
    operands = tuple(load(k, axis(0), t) for k, t in enumerate(types))
    return LoopKernel((n,), slots, (Store(len(types), axis(0), Expr(name, operands, result)),))


@np.errstate(all="ignore")
def compare(found: Any, expected: Any, ulp: float = 0) -> None:
    """Equal, NaN where NaN; or within `ulp` units of the expected value's last place."""
    assert found.dtype == expected.dtype
    if found.dtype.kind in "iub":
        np.testing.assert_array_equal(found, expected)
        return
    a, b = found.astype(np.float64), expected.astype(np.float64)
    np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
    finite = np.isfinite(b) & np.isfinite(a)
    a, b = np.where(np.isnan(a), 0, a), np.where(np.isnan(b), 0, b)
    expected = np.where(finite, expected, 0).astype(expected.dtype)
    np.testing.assert_array_equal(a[~finite], b[~finite])
    if found.dtype.name == "bfloat16":
        unit = np.abs(np.spacing(expected.astype(np.float32)).astype(np.float64)) * 2**16
    else:
        unit = np.abs(np.spacing(expected).astype(np.float64))
    distance = np.abs(np.where(finite, a, 0) - np.where(finite, b, 0))
    wrong = np.flatnonzero(distance > ulp * unit)
    assert not wrong.size, (wrong[:5], a[wrong[:5]], b[wrong[:5]])
    if not ulp:
        np.testing.assert_array_equal(np.signbit(a[finite]), np.signbit(b[finite]))


@np.errstate(all="ignore")
def exact_root(x: Any) -> Any:
    """PyTorch's float64 root, MKL's, is one unit off at times."""
    return np.sqrt(x)


EXACT = {
    "neg": torch.neg,
    "abs": torch.abs,
    "sign": torch.sign,
    "floor": torch.floor,
    "ceil": torch.ceil,
    "trunc": torch.trunc,
    "round": torch.round,
    "sqrt": lambda x: torch.sqrt(x) if x.dtype != torch.float64 else torch.from_numpy(exact_root(x.numpy())),
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "copysign": torch.copysign,
    "fmod": torch.fmod,
    "remainder": torch.remainder,
    "floor_divide": lambda a, b: torch.div(a, b, rounding_mode="floor"),
    "nextafter": torch.nextafter,
    "bitwise_not": torch.bitwise_not,
    "bitwise_and": torch.bitwise_and,
    "bitwise_or": torch.bitwise_or,
    "bitwise_xor": torch.bitwise_xor,
    "gcd": torch.gcd,
    "left_shift": torch.bitwise_left_shift,
    "right_shift": torch.bitwise_right_shift,
    "eq": torch.eq,
    "ne": torch.ne,
    "lt": torch.lt,
    "le": torch.le,
    "gt": torch.gt,
    "ge": torch.ge,
    "isnan": torch.isnan,
    "pow": torch.pow,
}
UNARY = {"neg", "abs", "sign", "floor", "ceil", "trunc", "round", "sqrt", "bitwise_not", "isnan"}
COMPARISONS = {"eq", "ne", "lt", "le", "gt", "ge", "isnan"}
BITS = {"bitwise_not", "gcd", "bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift"}
FLOAT_ONLY = {"sqrt", "div", "copysign", "nextafter"}
NOT_ON_BOOL = {"neg", "abs", "sign", "floor", "ceil", "trunc", "round", "sub", "fmod", "remainder", "floor_divide", "pow", "gcd"}


def cases() -> Any:
    for name in EXACT:
        for type in TYPES_OF_KERNELS:
            if type.name == "uint32" or (type.category == 2 and name in BITS | {"pow"}):
                continue
            if (type.category < 2 and name in FLOAT_ONLY) or (type is bool_ and name in NOT_ON_BOOL):
                continue
            if (type is bool_ and "shift" in name) or (name == "nextafter" and type is float16):
                continue
            yield name, type


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("name,type", list(cases()), ids=lambda x: getattr(x, "name", x))
def test_exact(name: str, type: Any, bits: int) -> None:
    n = 333
    operands = [numbers(type, n, seed) for seed in range(1 if name in UNARY else 2)]
    if type.category == 1 and name in ("fmod", "remainder", "floor_divide"):
        operands[1] = np.where(operands[1] == 0, 3, operands[1]).astype(operands[1].dtype)
    if name in ("left_shift", "right_shift"):
        operands[1] = (operands[1].astype(np.int64) % (8 * type.itemsize)).astype(operands[1].dtype)
    if name == "pow":
        operands[1] = (np.abs(operands[1].astype(np.int64)) % 9).astype(operands[1].dtype)
    # PyTorch's vectors overflow, its halves round twice, and its square roots are off by one on some processors
    if type.category == 2 and name in ("fmod", "remainder", "floor_divide", "sqrt"):
        primitive = PRIMITIVES[name]
        expected = primitive.evaluate(SimpleNamespace(primitive=primitive, dtype=type), *operands)
    else:
        expected = array(EXACT[name](*map(tensor, operands)))
    result = bool_ if name in COMPARISONS else type
    (found,) = run(backend(bits), kernel(name, [type] * len(operands), result, n), [*operands, np.zeros(n, array_type(result))])
    if name == "remainder" and type.category == 2:  # NumPy gives zeros the divisor's sign, PyTorch doesn't
        found, expected = found + found.dtype.type(0), expected + expected.dtype.type(0)
    compare(found, expected)


def test_integer_power_of_negative_exponents() -> None:
    base = np.array([0, 1, -1, -1, 2, -3, 5], np.int64)
    exponent = np.array([-1, -7, -2, -3, -1, -2, 3], np.int64)
    found = run(backend(512), kernel("pow", [dtypes.int64] * 2, dtypes.int64, 7), [base, exponent, np.zeros(7, np.int64)])
    np.testing.assert_array_equal(found[0], [0, 1, 1, -1, 0, 0, 125])


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("type", INTEGERS, ids=lambda t: t.name)
@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod"])
def test_integer_division_by_zero_is_an_error(name: str, type: Any, bits: int) -> None:
    a, b = np.arange(40).astype(array_type(type)), np.ones(40, array_type(type))
    k = kernel(name, [type, type], type, 40)
    run(backend(bits), k, [a, b, np.zeros_like(a)])
    b[37] = 0
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        run(backend(bits), k, [a, b, np.zeros_like(a)])
    b[37] = 1
    run(backend(bits), k, [a, b, np.zeros_like(a)])


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("source", [t for t in TYPES_OF_KERNELS if t.name != "uint32"], ids=lambda t: t.name)
@pytest.mark.parametrize("to", [t for t in TYPES_OF_KERNELS if t.name != "uint32"], ids=lambda t: t.name)
def test_casts(source: Any, to: Any, bits: int) -> None:
    n = 333
    x = numbers(source, n, 0)
    if source.category == 2 and to.category == 1:  # out of range is undefined
        wide = np.nan_to_num(x.astype(np.float64), nan=0, posinf=0, neginf=0)
        limit = 100 if to.itemsize == 1 else 30000
        x = np.where(np.abs(wide) > limit, 1.5, wide).astype(x.dtype)
        if not to.is_signed:
            x = np.abs(x)
    names = {"bool": torch.bool}
    expected = array(tensor(x).to(names.get(to.name) or getattr(torch, to.name)))
    (found,) = run(backend(bits), kernel("cast", [source], to, n), [x, np.zeros(n, array_type(to))])
    compare(found, expected)


@pytest.mark.parametrize("bits", WIDTHS)
def test_bitcasts(bits: int) -> None:
    for source, to in ((float32, dtypes.int32), (dtypes.int32, float32), (bfloat16, dtypes.int16), (float16, dtypes.int16)):
        x = numbers(source, 400, 0)
        if source is bfloat16 or source is float16:
            x = x[~np.isnan(x)]
        (found,) = run(backend(bits), kernel("bitcast", [source], to, len(x)), [x, np.zeros(len(x), array_type(to))])
        np.testing.assert_array_equal(found.view(np.uint8), x.view(np.uint8))
