"""Transcendental functions against mpmath-grade references: float32 within stated units in the last place, everywhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import special

sys.path.insert(0, str(Path(__file__).parent))

from support import WIDTHS, backend, run
from test_elementwise import kernel

from flambeau.dtypes import float32, float64

ONE = {
    "exp": (np.exp, 1.3),
    "log": (np.log, 1.3),
    "tanh": (np.tanh, 1.9),
    "erf": (special.erf, 1.3),
    "exp2": (np.exp2, 1.5),
    "expm1": (np.expm1, 0.6),
    "log1p": (np.log1p, 1.6),
    "log2": (np.log2, 0.6),
    "sin": (np.sin, 1.1),
    "cos": (np.cos, 1.1),
    "tan": (np.tan, 2.2),
    "asin": (np.arcsin, 0.6),
    "acos": (np.arccos, 0.6),
    "atan": (np.arctan, 0.6),
    "sinh": (np.sinh, 0.6),
    "cosh": (np.cosh, 0.6),
    "asinh": (np.arcsinh, 0.6),
    "acosh": (np.arccosh, 0.6),
    "atanh": (np.arctanh, 0.6),
}
LIMITS = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e-45, -1e-45, 3.4e38, -3.4e38, 1e-38, 2.0, 0.5, 88.72, 88.73, -87.4]
LIMITS += [-103.9, -104.1, 0.625, 0.921875, 709.0, 1e5, 1e10, 1e30, 524287.9, 524288.1]


def arguments() -> Any:
    """Float32 numbers of every size, some dense ranges, and the limits."""
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, 40000, dtype=np.uint64).astype(np.uint32).view(np.float32)
    dense = [rng.uniform(-s, s, 20000).astype(np.float32) for s in (0.1, 1, 2, 10, 100)]
    near_one = (1 + rng.uniform(-0.01, 0.01, 5000)).astype(np.float32)
    return np.concatenate([np.array(LIMITS, np.float32), bits, *dense, near_one, rng.uniform(-104, -87, 5000).astype(np.float32)])


def distance(found: Any, exact: Any) -> Any:
    """Units in the last place of the exact value's float32; 0 where both are NaN, or equal."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(np.float32)
        unit = np.spacing(np.abs(np.where(np.isfinite(rounded), rounded, 1))).astype(np.float64)
        apart = np.abs(found.astype(np.float64) - exact) / unit
    same = (found == rounded) | (np.isnan(found) & np.isnan(exact))
    return np.where(same, 0, np.where(np.isnan(apart), np.inf, apart))


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("name", ONE)
def test_functions_of_one_float32(name: str, bits: int) -> None:
    reference, bound = ONE[name]
    x = arguments()
    with np.errstate(all="ignore"):
        exact = reference(x.astype(np.float64))
    (found,) = run(backend(bits), kernel(name, [float32], float32, len(x)), [x, np.zeros_like(x)])
    apart = distance(found, exact)
    worst = int(apart.argmax())
    assert apart[worst] <= bound, (x[worst], found[worst], exact[worst], apart[worst])
    zeros = (exact == 0) & (found == 0)
    np.testing.assert_array_equal(np.signbit(found[zeros]), np.signbit(exact[zeros]))


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("name", ["pow", "atan2"])
def test_functions_of_two_float32(name: str, bits: int) -> None:
    rng = np.random.default_rng(1)
    limits = np.array([*LIMITS, 3.0, -3.0, 1.5, -2.0, 0.25, 2**24, 2**24 + 2, -7.0], np.float32)
    a, b = (g.reshape(-1) for g in np.meshgrid(limits, limits))
    many = 40000
    a = np.concatenate([a, rng.uniform(0, 10, many).astype(np.float32), (10.0 ** rng.uniform(-30, 30, many)).astype(np.float32)])
    b = np.concatenate([b, rng.uniform(-10, 10, many).astype(np.float32), rng.uniform(-3, 3, many).astype(np.float32)])
    with np.errstate(all="ignore"):
        exact = (np.power if name == "pow" else np.arctan2)(a.astype(np.float64), b.astype(np.float64))
    (found,) = run(backend(bits), kernel(name, [float32] * 2, float32, len(a)), [a, b, np.zeros_like(a)])
    apart = distance(found, exact)
    worst = int(apart.argmax())
    assert apart[worst] <= 0.6, (a[worst], b[worst], found[worst], exact[worst], apart[worst])


@pytest.mark.parametrize("name", ONE)
def test_functions_of_one_float64(name: str) -> None:
    x = arguments().astype(np.float64)
    with np.errstate(all="ignore"):
        exact = ONE[name][0](x)
    (found,) = run(backend(512), kernel(name, [float64], float64, len(x)), [x, np.zeros_like(x)])
    np.testing.assert_allclose(found, exact, rtol=3e-15, atol=0)


@pytest.mark.parametrize(
    "name, units",
    [
        *(
            ("exp", 1.1),
            ("exp2", 1.1),
            ("log", 1.1),
            ("sin", 1.1),
            ("cos", 1.1),
            ("erf", 1.1),
            ("expm1", 1.6),
            ("log1p", 1.6),
            ("log2", 1.6),
        ),
        *(("tan", 2.2), ("tanh", 2.1), ("asin", 2.1), ("acos", 2.1), ("atan", 2.1), ("sinh", 3.1), ("cosh", 3.1)),
        *(("asinh", 3.1), ("acosh", 3.1), ("atanh", 3.1)),
    ],
)
def test_float64_within_the_last_place(name: str, units: float) -> None:
    mpmath = pytest.importorskip("mpmath")
    rng = np.random.default_rng(2)
    dense = [rng.uniform(-s, s, 300) for s in (1e-3, 1, 10, 1e4, 9e7, 1e12)]
    near = (np.arange(1, 200) * np.pi / 2).tolist()  # where sines and cosines nearly vanish
    x = np.concatenate(
        [*dense, near, rng.uniform(-745, 709, 300), 10.0 ** rng.uniform(-308, 300, 300), 1 + rng.uniform(-0.3, 0.4, 300)]
    )
    x = np.abs(x) if name.startswith("log") else x[np.abs(x) < 709] if name in ("exp", "exp2", "expm1", "sinh", "cosh") else x
    x = np.concatenate([x, -rng.uniform(0, 0.9, 300)]) if name == "log1p" else x
    x = x[np.abs(x) <= 1] if name in ("asin", "acos", "atanh") else 1 + np.abs(x) if name == "acosh" else x
    (found,) = run(backend(None), kernel(name, [float64], float64, len(x)), [x, np.zeros_like(x)])
    mpmath.mp.prec = 160
    function = {"log2": lambda x: mpmath.log(x, 2), "exp2": lambda x: mpmath.power(2, x)}.get(name) or getattr(mpmath, name)
    for value, mine in zip(x.tolist(), found.tolist(), strict=True):
        exact = function(mpmath.mpf(value))
        unit = np.spacing(abs(float(exact))) if exact else 5e-324
        assert abs(mpmath.mpf(mine) - exact) / unit <= units, (value, mine, exact)


@pytest.mark.parametrize("name, units", [("pow", 1.1), ("atan2", 2.1)])
def test_float64_of_two_within_the_last_place(name: str, units: float) -> None:
    mpmath = pytest.importorskip("mpmath")
    rng = np.random.default_rng(4)
    a = np.concatenate([rng.uniform(0, 10, 600), 10.0 ** rng.uniform(-300, 300, 600), 1 + rng.uniform(-1e-3, 1e-3, 600)])
    b = np.concatenate([rng.uniform(-10, 10, 600), rng.uniform(-1, 1, 600), rng.uniform(-5e5, 5e5, 600)])
    if name == "atan2":
        b[600:] = 10.0 ** rng.uniform(-300, 300, 1200) * rng.choice([-1, 1], 1200)
    (found,) = run(backend(None), kernel(name, [float64] * 2, float64, len(a)), [a, b, np.zeros_like(a)])
    mpmath.mp.prec = 200
    function = mpmath.power if name == "pow" else mpmath.atan2
    for left, right, mine in zip(a.tolist(), b.tolist(), found.tolist(), strict=True):
        exact = function(mpmath.mpf(left), mpmath.mpf(right))
        unit = np.spacing(abs(float(exact)))
        assert abs(mpmath.mpf(mine) - exact) / unit <= units, (left, right, mine, exact)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("name", ["pow", "atan2"])
def test_limits_of_float64(name: str, bits: int) -> None:
    limits = np.array([*LIMITS, 3.0, -3.0, 1.5, -2.0, 0.25, 2.0**53, 2.0**53 + 2, -7.0, 1e308, -1e-308, 5e-324, 1e300])
    a, b = (g.reshape(-1) for g in np.meshgrid(limits, limits))
    with np.errstate(all="ignore"):
        exact = (np.power if name == "pow" else np.arctan2)(a, b)
    (found,) = run(backend(bits), kernel(name, [float64] * 2, float64, len(a)), [a, b, np.zeros_like(a)])
    np.testing.assert_allclose(found, exact, rtol=1e-15, atol=5e-324)
    np.testing.assert_array_equal(np.signbit(found[exact == 0]), np.signbit(exact[exact == 0]))


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("type", [float32, float64])
def test_remainders_are_exact(type: Any, bits: int) -> None:
    number = np.float32 if type is float32 else np.float64
    rng = np.random.default_rng(3)
    limits = np.array(
        [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.3, 7.0, 1e-40, 3e38, 16777216.0, 16777217.0, 1e-3], number
    )
    a, b = (g.reshape(-1) for g in np.meshgrid(limits, limits))
    wide = [(rng.choice([-1, 1], 5000) * 10.0 ** rng.uniform(-12, 12, 5000)).astype(number) for _ in range(2)]
    close = rng.integers(-1000, 1000, 5000).astype(number)
    step = rng.integers(1, 50, 5000).astype(number) / number(8)
    a, b = np.concatenate([a, wide[0], close * step]), np.concatenate([b, wide[1], step])
    with np.errstate(all="ignore"):
        exact = np.fmod(a, b)
    (found,) = run(backend(bits), kernel("fmod", [type] * 2, type, len(a)), [a, b, np.zeros_like(a)])
    np.testing.assert_array_equal(found, exact)
    np.testing.assert_array_equal(np.signbit(found[~np.isnan(exact)]), np.signbit(exact[~np.isnan(exact)]))
