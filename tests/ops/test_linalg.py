"""Factorisations whose parts are not unique: compared through what they must satisfy, gradients through invariants."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import flambeau
from tests.helpers.oracle import check_gradients, compare, compare_layout, to_flambeau, to_torch
from tests.ops.draw import Draw


def _drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return Draw(seed, torch.float64).f(*shape)


DTYPES = pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)


@DTYPES
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2), (0, 3)])
def test_qr(device: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    a = Draw(0, dtype).f(*shape)
    for mode in ("reduced", "complete"):
        q, r = flambeau.linalg.qr(to_flambeau(a, device), mode)
        expected_q, expected_r = torch.linalg.qr(a, mode)
        assert tuple(q.shape) == tuple(expected_q.shape) and tuple(r.shape) == tuple(expected_r.shape)
        compare_layout(q, expected_q), compare_layout(r, expected_r)
        compare(q @ r, a, factor=100)
        compare(q.mH @ q, torch.eye(q.shape[-1], dtype=a.dtype).expand(*q.shape[:-2], -1, -1).contiguous(), factor=100)
    with pytest.raises(RuntimeError):
        flambeau.linalg.qr(to_flambeau(a, device), "wide")


@DTYPES
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2)])
def test_svd(device: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    a = Draw(0, dtype).f(*shape)
    for full in (False, True):
        u, s, vh = flambeau.linalg.svd(to_flambeau(a, device), full_matrices=full)
        expected = torch.linalg.svd(a, full_matrices=full)
        assert [tuple(t.shape) for t in (u, s, vh)] == [tuple(t.shape) for t in expected]
        compare_layout(u, expected[0]), compare_layout(vh, expected[2])
        compare(s, expected[1], factor=100)
        k = s.shape[-1]
        compare(u[..., :k] * s.unsqueeze(-2) @ vh[..., :k, :], a, factor=100)


@DTYPES
def test_eigh(device: str, dtype: torch.dtype) -> None:
    a = Draw(0, dtype).f(2, 3, 3)
    a = a + a.mH
    values, vectors = flambeau.linalg.eigh(to_flambeau(a, device))
    compare(values, torch.linalg.eigh(a)[0], factor=100)
    compare(vectors * values.unsqueeze(-2) @ vectors.mH, a, factor=100)


GRADIENTS: dict[str, Any] = {
    "qr": (lambda t, a: (lambda q, r: (q @ q.mH, r.mH @ r))(*t.linalg.qr(a)), (4, 3)),
    "qr wide": (lambda t, a: (lambda q, r: (q @ q.mH, r.mH @ r))(*t.linalg.qr(a)), (2, 4)),
    "svd": (
        lambda t, a: (lambda u, s, vh: (s, u * s.unsqueeze(-2) @ u.mH, u @ vh))(*t.linalg.svd(a, full_matrices=False)),
        (4, 3),
    ),
    "svd wide": (lambda t, a: (lambda u, s, vh: (s, u @ vh))(*t.linalg.svd(a, full_matrices=False)), (2, 4)),
    "eigh": (lambda t, a: (lambda w, v: (w, v * w.exp().unsqueeze(-2) @ v.mH, v.abs()))(*t.linalg.eigh(a + a.mH)), (3, 3)),
    "lu": (lambda t, a: t.linalg.lu(a)[1:], (3, 3)),
    "matrix_norm": (lambda t, a: t.linalg.matrix_norm(a, 2), (2, 2)),
    "eigvalsh of one of a batch": (lambda t, a: t.linalg.eigvalsh(a + a.mH), (1, 3, 3)),
    "svdvals of one of a batch": (lambda t, a: t.linalg.svdvals(a), (1, 3, 2)),
    "lstsq": (lambda t, a: t.linalg.lstsq(a, a[:, :1] * 2 + a[:, 1:2] ** 2)[0], (5, 3)),
}


@DTYPES
@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(device: str, name: str, dtype: torch.dtype) -> None:
    f, shape = GRADIENTS[name]
    a = Draw(3, dtype).f(*shape)
    check_gradients(lambda a: f(flambeau, a), lambda a: f(torch, a), (a,), device=device, factor=1e3, second=name != "lstsq")


@pytest.mark.parametrize("driver", ["gelsy", "gelsd", "gels", "gelss"])
def test_lstsq(device: str, driver: str) -> None:
    a, b = _drawn(5, 3), _drawn(5, 2, seed=1)
    mine = flambeau.linalg.lstsq(to_flambeau(a, device), to_flambeau(b, device), driver=driver)
    theirs = torch.linalg.lstsq(a, b, driver=driver)
    for found, expected in zip(mine, theirs):
        compare(found, expected, factor=1e3, layout=False)  # PyTorch's lies in what B was copied to


def test_lu_reconstructs(device: str) -> None:
    for shape in ((3, 3), (4, 2), (2, 4), (2, 3, 3)):
        a = _drawn(*shape)
        p, lower, upper = flambeau.linalg.lu(to_flambeau(a, device))
        compare(p @ lower @ upper, a, factor=100)
        for found, expected in zip((p, lower, upper), torch.linalg.lu(a)):
            compare(found, expected, factor=100)


def test_failures_are_linalg_errors(device: str) -> None:
    zero = flambeau.zeros(2, 2, device=device)
    for call in (
        lambda: flambeau.linalg.inv(zero),
        lambda: flambeau.linalg.cholesky(zero),
        lambda: flambeau.linalg.solve(zero, zero),
    ):
        with pytest.raises(flambeau.linalg.LinAlgError):
            to_torch(call())
    assert issubclass(flambeau.linalg.LinAlgError, RuntimeError)
    with pytest.raises(RuntimeError, match="Half"):
        flambeau.linalg.inv(zero.half())


@pytest.mark.parametrize("n", [31, 32, 45, 64, 101])
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("unit", [False, True])
def test_triangular_systems_by_blocks(device: str, n: int, upper: bool, unit: bool) -> None:
    a = _drawn(2, n, n) / n**0.5 + 2 * torch.eye(n)
    a = a.triu() if upper else a.tril()
    b = _drawn(2, n, 3, seed=1)
    singular = a.clone()
    singular[0, n // 2, n // 2] = 0
    for matrix in (a, singular):
        found = flambeau.linalg.solve_triangular(
            to_flambeau(matrix, device), to_flambeau(b, device), upper=upper, unitriangular=unit
        )
        compare(found, torch.linalg.solve_triangular(matrix, b, upper=upper, unitriangular=unit), layout=False)


@pytest.mark.parametrize("function", ["cholesky", "inv", "svdvals"])
def test_a_matrix_that_is_refused_is_so_at_the_call(function: str, device: str) -> None:
    """Where a program expects it: in its `try`."""
    if device == "webgpu":
        pytest.skip("a call waits for no GPU: the error comes where the result is looked at")
    matrix = {"cholesky": -torch.eye(2), "inv": torch.zeros(2, 2), "svdvals": torch.full((2, 2), float("nan"))}[function]
    with pytest.raises(flambeau.linalg.LinAlgError):
        getattr(flambeau.linalg, function)(to_flambeau(matrix, device))
