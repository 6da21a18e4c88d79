"""Special functions far from where they are easy, to the last digits of their dtype; PyTorch's in float64 are the measure."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import flambeau

TAILS = np.concatenate([10.0 ** np.linspace(-37, -0.5, 50), np.linspace(0.04, 0.96, 47), 1 - 10.0 ** np.linspace(-6, -1.5, 20)])
CASES = {
    "ndtri": (TAILS,),
    "erfinv": (np.concatenate([2 * TAILS[50:] - 1, TAILS[:50], -TAILS]),),
    "angle": (np.array([-1e-30, -2.0, 0.0, 3.0]),),
    "gammainc": (np.array([11.0, 20.0, 0.3, 1e-8, 100.0]), np.array([1e-2, 1e-1, 1e-10, 1e-20, 50.0])),
    "gammaincc": (np.array([1e-3, 0.01, 0.3, 0.9, 2.0]), np.array([0.3, 1e-12, 0.01, 1.0, 80.0])),
    "zeta": (np.array([1.7, 1.1, 2.5, 30.0]), np.array([8e32, 1e30, 0.3, 1.0])),
    "polygamma 1": (np.array([-20.3, -3.7, 0.7, 4.0, 40.0]),),
    "polygamma 2": (np.array([-33.3, -3.7, 0.1, 4.0, 40.0]),),
    "polygamma 5": (np.array([-33.3, -3.7, 0.1, 4.0, 40.0]),),
}
FUNCTIONS = {"erfinv", "angle"}  # the others are in `special`
LESS_EXACT = {"polygamma 1": 1e-8, "ndtri": 2e-15}
"""What PyTorch's own results are good for in float64: its trigamma sums few terms."""


def _call(library, name, arguments):
    name, _, degree = name.partition(" ")
    function = getattr(library if name in FUNCTIONS else library.special, name)
    return function(int(degree), *arguments) if degree else function(*arguments)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_far_out(name, dtype, device):
    if device == "webgpu":
        pytest.skip("a shader's functions are good for WGSL's accuracy")
    values = [v.astype(dtype) for v in CASES[name]]
    with flambeau.device(device):
        found = _call(flambeau, name, [flambeau.tensor(v) for v in values]).to(flambeau.float64).numpy()
    expected = _call(torch, name, [torch.tensor(v).double() for v in values]).numpy()
    tolerance = 1e-5 if dtype == "float32" else max(LESS_EXACT.get(name, 0.0), 1e-13)
    np.testing.assert_allclose(found, expected, rtol=tolerance)


def test_at_the_ends(device):
    """Infinities, NaN, poles, and numbers outside of the domain are PyTorch's."""
    ends = [math.inf, -math.inf, math.nan, 0.0, 1.0, 1.5, -1.5]
    for name in ("ndtri", "erfinv"):
        expected = _call(torch, name, [torch.tensor(ends)])
        found = _call(flambeau, name, [flambeau.tensor(ends, device=device)])
        assert np.array_equal(found.cpu().numpy(), expected.numpy(), equal_nan=True), name
    nan = math.nan
    for name, first, second in (
        ("zeta", [nan, nan, 2.0, 1.0, 0.5, 2.5, 2.0], [-1.0, 1.0, -3.0, nan, -1.0, -0.5, -math.inf]),
        ("gammainc", [0.0, 0.0, 1.0, math.inf, nan, -1.0], [0.0, 1.0, 0.0, 1.0, 1.0, 1.0]),
    ):
        expected = _call(torch, name, [torch.tensor(first), torch.tensor(second)])
        found = _call(flambeau, name, [flambeau.tensor(first, device=device), flambeau.tensor(second, device=device)])
        assert np.array_equal(found.cpu().numpy(), expected.numpy(), equal_nan=True), name
    poles = flambeau.tensor([0.0, -1.0, -7.0], device=device)
    assert flambeau.polygamma(2, poles).tolist() == [-math.inf] * 3
    assert flambeau.polygamma(3, poles).tolist() == [math.inf] * 3
    assert flambeau.polygamma(1, flambeau.tensor([math.inf], device=device)).tolist() == [0]
    assert flambeau.lgamma(flambeau.tensor([-3.0, -8e37, 0.0], device=device)).tolist() == [math.inf] * 3
    assert flambeau.special.chebyshev_polynomial_t(flambeau.tensor([nan], device=device), 0).tolist() == [1]
    tiny = flambeau.tensor([1e-35], device=device)  # where Q(a, z) is a·E₁(z), and PyTorch's loses digits
    assert flambeau.special.gammaincc(tiny, tiny / 10).item() == pytest.approx(
        1e-35 * (-0.5772156649 - math.log(1e-36)), rel=1e-5
    )
    rows = torch.tensor([[nan, 1.0], [3.0, 4.0]])
    found = flambeau.renorm(flambeau.tensor(rows.tolist(), device=device), 2, 0, 1.0)
    assert np.allclose(found.cpu().numpy(), torch.renorm(rows, 2, 0, 1.0).numpy(), equal_nan=True)


AIRY = {
    -9.5: 0.3191032477191282, -2.25: 0.061598658777005278, -0.5: 0.47572809161053959, 0.5: 0.23169360648083349,
    3.25: 0.0041604546181172564, 9.4375: 6.471047058126203e-10, 9.5: 5.3302637046174916e-10, 20.0: 1.6916728686705403e-27,
}  # fmt: skip
"""Ai to 17 digits, on both sides of where series give way to expansions: PyTorch's has six digits near -2.1."""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_airy(dtype, device):
    if device == "webgpu":
        pytest.skip("a shader's functions are good for WGSL's accuracy")
    x = flambeau.tensor(list(AIRY), dtype=getattr(flambeau, dtype), device=device)
    found = flambeau.special.airy_ai(x).to(flambeau.float64).cpu().numpy()
    np.testing.assert_allclose(found, list(AIRY.values()), rtol=1e-5 if dtype == "float32" else 2e-14)
