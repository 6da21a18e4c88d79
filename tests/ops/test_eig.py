"""Eigenvalues of general matrices against PyTorch's: they and the vectors come in any order and phase."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import flambeau
from tests.helpers.oracle import supports, to_flambeau, to_torch


def drawn(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64, torch.complex128], ids=str)
@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (2, 3, 3), (0, 0)])
def test_values_and_vectors(shape: tuple[int, ...], dtype: torch.dtype, device: str) -> None:
    if not supports(device, dtype):
        pytest.skip("no such numbers on this device")
    a = drawn(shape, dtype)
    values, vectors = (to_torch(t) for t in flambeau.linalg.eig(to_flambeau(a, device)))
    expected = torch.linalg.eig(a)
    assert values.dtype is expected.eigenvalues.dtype and vectors.shape == expected.eigenvectors.shape
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if dtype in (torch.float32, torch.complex64) else {"rtol": 1e-9, "atol": 1e-9}
    torch.testing.assert_close(a.to(values.dtype) @ vectors, vectors * values.unsqueeze(-2), **tolerance)
    torch.testing.assert_close(vectors.norm(dim=-2), torch.ones(values.shape, dtype=values.real.dtype), **tolerance)

    def ordered(t: torch.Tensor) -> np.ndarray:
        return np.sort_complex(t.numpy())

    np.testing.assert_allclose(ordered(values), ordered(expected.eigenvalues), rtol=1e-3, atol=tolerance["atol"])
    alone = to_torch(flambeau.linalg.eigvals(to_flambeau(a, device)))
    np.testing.assert_allclose(ordered(alone), ordered(values), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)
def test_gradients(dtype: torch.dtype) -> None:
    a = drawn((2, 4, 4), dtype)
    found = []
    for library in (flambeau, torch):
        leaf = to_flambeau(a, "cpu").requires_grad_() if library is flambeau else a.clone().requires_grad_()
        values, vectors = library.linalg.eig(leaf)
        weights = leaf.detach().real
        loss = (
            (values.abs() ** 3).sum() + (values * values).real.sum() + (vectors.abs() ** 4).sum() + (values.imag**2 * 0.1).sum()
        )
        loss = loss + (library.matmul(vectors * values.unsqueeze(-2), library.linalg.inv(vectors)).real * weights).sum()
        loss.backward()
        found.append(leaf.grad.numpy())
    np.testing.assert_allclose(*found, rtol=1e-8, atol=1e-8)


def test_errors(device: str) -> None:
    with pytest.raises(RuntimeError, match="must be batches of square matrices"):
        flambeau.linalg.eig(flambeau.zeros(2, 3, device=device))
    with pytest.raises(flambeau.linalg.LinAlgError, match="non-finite"):
        flambeau.linalg.eigvals(flambeau.full((2, 2), float("nan"), device=device)).tolist()
