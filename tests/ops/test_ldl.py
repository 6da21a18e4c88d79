"""L D Lᵀ of symmetric and Hermitian matrices against PyTorch's LAPACK: through LAPACK, and without it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import flambeau
from flambeau.ops import lapack
from tests.helpers.oracle import compare, to_flambeau, to_torch


@pytest.fixture(params=[True, False], ids=["lapack", "numpy"], autouse=True)
def _library(request: Any, monkeypatch: Any) -> None:
    """NumPy's functions do the same where LAPACK can't be reached."""
    if not request.param:
        monkeypatch.setattr(lapack, "is_there", lambda: False)


def _matrices(seed: int, shape: tuple[int, ...], dtype: torch.dtype, hermitian: bool) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(*shape, dtype=dtype, generator=generator)
    a = a + (a.mH if hermitian else a.mT)
    a.diagonal(0, -2, -1)[..., ::2] *= 0.1 * (seed % 3)  # blocks of two, and zeros on the diagonal
    return a


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)
@pytest.mark.parametrize("hermitian", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (5, 5), (3, 6, 6), (2, 2, 4, 4), (9, 9), (0, 3, 3), (0, 0)], ids=str)
def test_factors_and_solutions(shape: tuple[int, ...], hermitian: bool, dtype: torch.dtype) -> None:
    for seed in range(4):
        a = _matrices(seed, shape, dtype, hermitian)
        expected = torch.linalg.ldl_factor_ex(a, hermitian=hermitian)
        found = flambeau.linalg.ldl_factor_ex(to_flambeau(a, "cpu"), hermitian=hermitian)
        compare(found, expected)
        if not a.numel() or expected.info.any():
            continue
        compare(flambeau.linalg.ldl_factor(to_flambeau(a, "cpu"), hermitian=hermitian), expected[:2])
        b = torch.randn(*shape[:-1], 3, dtype=dtype)
        x = flambeau.linalg.ldl_solve(*found[:2], to_flambeau(b, "cpu"), hermitian=hermitian)
        compare(x, torch.linalg.ldl_solve(*expected[:2], b, hermitian=hermitian), factor=100)
        np.testing.assert_allclose((a @ to_torch(x)).numpy(), b.numpy(), atol=1e-8)


def test_the_upper_triangle_is_not_read() -> None:
    a = _matrices(1, (5, 5), torch.float64, False)
    lower = flambeau.linalg.ldl_factor(to_flambeau(a.tril() + 7 * torch.ones(5, 5).triu(1), "cpu"))
    compare(lower, torch.linalg.ldl_factor(a))


def test_one_factorisation_for_several_right_sides() -> None:
    a = _matrices(2, (4, 4), torch.float64, False)
    factors, b = torch.linalg.ldl_factor(a), torch.randn(3, 4, 2, dtype=torch.float64)
    x = flambeau.linalg.ldl_solve(*(to_flambeau(t, "cpu") for t in factors), to_flambeau(b, "cpu"))
    np.testing.assert_allclose((a @ to_torch(x)).numpy(), b.numpy(), atol=1e-9)


WRONG = """
ldl_factor(m.zeros(3, 3)) | ldl_factor_ex(m.zeros(2, 2, 2), check_errors=True) | ldl_factor(m.zeros(3, 2))
ldl_factor(m.zeros(3))
ldl_factor(m.zeros(3, 3).int()) | ldl_solve(m.eye(3), p, m.ones(3)) | ldl_solve(m.eye(3), p, m.ones(2, 1))
ldl_solve(m.eye(3), p, m.ones(3, 1).double()) | ldl_solve(m.eye(3), p[:2], m.ones(3, 1))
ldl_solve(m.eye(3), p.float(), m.ones(3, 1))
ldl_solve(m.eye(3)[:2], p, m.ones(3, 1)) | ldl_factor(x)[0].sum().backward() | ldl_solve(m.eye(3), p, x).sum().backward()
ldl_solve(x, p, m.ones(3, 1)).sum().backward()
""".replace("\n", "|").split("|")


@pytest.mark.parametrize("call", [call.strip() for call in WRONG if call.strip()])
def test_errors(call: str) -> None:
    def run(m: Any) -> BaseException:
        x = m.eye(3, requires_grad=True)
        with pytest.raises((RuntimeError, IndexError)) as caught:
            eval(f"linalg.{call}", {"linalg": m.linalg, "m": m, "x": x, "p": m.tensor([1, 2, 3], dtype=m.int32)})
        return caught.value

    mine, theirs = run(flambeau), run(torch)
    assert isinstance(mine, type(theirs))
    if "backward" in call:
        assert str(mine) == str(theirs)


def test_what_requires_gradients() -> None:
    for m in (torch, flambeau):
        x = m.eye(3, requires_grad=True)
        assert [t.requires_grad for t in m.linalg.ldl_factor_ex(x)] == [True, False, False]
