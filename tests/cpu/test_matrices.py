"""Many small matrices side by side, against LAPACK one by one."""

from __future__ import annotations

import numpy as np
import pytest

from flambeau.devices.cpu import matrices
from flambeau.ops import lapack, lapack_linalg

pytestmark = pytest.mark.skipif(not (matrices.is_there() and lapack.is_there()), reason="needs llvmlite and LAPACK")
TYPES = [np.float32, np.float64]


def _near(found, expected, type):
    bound = 1e-3 if type is np.float32 else 1e-9
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= bound * (1 + np.abs(expected).max())


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize(("count", "n"), [(4, 1), (16, 2), (19, 3), (50, 5), (17, 12), (5, 32)])
def test_systems(type, count, n):
    draw = np.random.default_rng(n)
    a, b = draw.standard_normal((count, n, n)).astype(type), draw.standard_normal((count, n, 3)).astype(type)
    mine, theirs = matrices.lu(a), lapack_linalg.lu(a)
    _near(mine[0], theirs[0], type)
    assert (mine[1] == theirs[1]).all() and not mine[2].any()
    for found, expected in zip(matrices.diagonal_of_u(a), lapack_linalg.diagonal_of_u(a)):
        _near(found, expected, type)
    regular = a + 2 * n * np.eye(n, dtype=type)
    _near(matrices.solve(regular, b)[0], lapack_linalg.solve(regular, b)[0], type)
    _near(matrices.inverse(regular)[0], lapack_linalg.inverse(regular)[0], type)
    for upper in (False, True):
        for unit in (False, True):
            triangle = a / n if unit else regular
            found = matrices.triangular(triangle, b, upper, unit)
            _near(found, lapack_linalg.triangular(triangle, b, upper, unit), type)
        square = regular @ np.swapaxes(regular, -1, -2)
        _near(matrices.cholesky(square, upper)[0], lapack_linalg.cholesky(square, upper)[0], type)


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize(("m", "n"), [(1, 1), (4, 4), (7, 3), (3, 7), (32, 9)])
def test_reflections(type, m, n):
    a = np.random.default_rng(m).standard_normal((21, m, n)).astype(type)
    a[3] = 0
    for found, expected in zip(matrices.reflections(a), lapack_linalg.reflections(a)):
        _near(found, expected, type)
    for mode in ("reduced", "complete", "r"):
        for found, expected in zip(matrices.qr(a, mode), lapack_linalg.qr(a, mode)):
            _near(found, expected, type)


@pytest.mark.parametrize("size", [1e-38, 1e-30, 1e30, 1e37])
def test_reflections_of_large_and_small_numbers(size):
    a = (np.random.default_rng(0).uniform(0.5, 1, (5, 4, 3)) * size).astype(np.float32)
    q, r = matrices.qr(a, "reduced")
    assert np.abs((q.astype(np.float64) @ r - a) / size).max() < 1e-5


def test_failures_are_numbered():
    a = np.stack([np.eye(3), np.diag([1.0, 0.0, 1.0]), np.diag([1.0, 1.0, 0.0]), np.zeros((3, 3))])
    assert matrices.inverse(a)[1].tolist() == matrices.lu(a)[2].tolist() == [0, 2, 3, 1]
    assert matrices.solve(a, a)[1].tolist() == [0, 2, 3, 1]
    assert matrices.cholesky(-a, False)[1].tolist() == [1, 1, 1, 1]
    assert matrices.cholesky(a, True)[1].tolist() == [0, 2, 3, 1]
