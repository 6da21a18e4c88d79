"""Complex numbers beyond single operators: aliasing, histories through views, text, files, optimizers, transformations."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy
import pytest
import torch

import flambeau
from flambeau.autograd import gradcheck
from flambeau.dtypes import ALL
from flambeau.serialization import safetensors
from tests.helpers.oracle import supports, to_flambeau, to_torch

NAMES = [d.name for d in ALL if d.name != "uint32"]


def _both(write: Any, device: str) -> None:
    """A program that writes into tensors, in both libraries."""
    z = torch.tensor([1 + 2j, 3 - 1j, -2 + 0.5j])
    mine = to_flambeau(z, device)
    write(torch, z)
    write(flambeau, mine)
    assert torch.equal(to_torch(mine), z)


@pytest.mark.parametrize(
    "write",
    [
        lambda T, z: z.real[0:2].fill_(7),
        lambda T, z: z.imag.mul_(2),
        lambda T, z: setattr(z, "real", 5.0),
        lambda T, z: z.conj()[1:].copy_(T.tensor([1j, 2.0], device=z.device)),
        lambda T, z: z.conj().imag.add_(1),
        lambda T, z: T.view_as_real(z)[0].zero_(),
        lambda T, z: T.view_as_complex(T.view_as_real(z)).mul_(1j),
        lambda T, z: z.view(T.float32)[1:3].fill_(9),
    ],
)
def test_views_alias(write: Any, device: str) -> None:
    _both(write, device)


def test_what_a_conjugate_answers() -> None:
    z = flambeau.tensor([1 + 2j])
    assert z.conj().is_conj() and not z.is_conj() and not z.conj().conj().is_conj() and not z.conj().resolve_conj().is_conj()
    assert z.conj().imag.is_neg() and not z.imag.is_neg()
    with pytest.raises(RuntimeError, match="conjugate bit"):
        z.conj().numpy()
    with pytest.raises(RuntimeError, match="unresolved conjugated"):
        z.conj().view_as_real()


def test_histories_go_through_views_of_parts() -> None:
    def of_complex(a: Any) -> Any:
        b = a * 2
        b.real.mul_(a.imag)
        b.conj()[0] = a[1]
        return b

    def of_real(x: Any) -> Any:
        b = x * 2
        flambeau.view_as_complex(b).mul_(1 + 2j)
        return b

    assert gradcheck(of_complex, (flambeau.randn(3, dtype=flambeau.complex128, requires_grad=True),))
    assert gradcheck(of_real, (flambeau.randn(3, 2, dtype=flambeau.float64, requires_grad=True),))


@pytest.mark.parametrize("name", NAMES)
def test_promotion(name: str) -> None:
    mine, theirs = getattr(flambeau, name), getattr(torch, name)
    for other in NAMES:
        if {name, other} & {"float16"} and {name, other} & {"complex64", "complex128"}:
            continue  # of a half type and a complex one PyTorch's tables know complex32, too
        both = torch.promote_types(theirs, getattr(torch, other))
        assert str(flambeau.promote_types(mine, getattr(flambeau, other))) == str(both), other
        assert flambeau.can_cast(mine, getattr(flambeau, other)) == torch.can_cast(theirs, getattr(torch, other)), other


@pytest.mark.parametrize(
    "values",
    [[1 + 2j], [], [[1.5, -2j], [1e-3, 1e5j]], [float("inf") + 1j, complex(0, float("nan"))], list(range(1200)), 1j, [-0.0 - 0j]],
)
def test_text(values: Any) -> None:
    for name in ("complex64", "complex128"):
        mine = flambeau.tensor(values, dtype=getattr(flambeau, name))
        assert repr(mine) == repr(torch.tensor(values, dtype=getattr(torch, name)))


def test_numbers_and_arrays() -> None:
    z = flambeau.tensor(numpy.array([1 + 2j], dtype=numpy.complex64))
    assert z.dtype is flambeau.complex64 and z.item() == 1 + 2j and z.tolist() == [1 + 2j] and z.numpy().dtype == numpy.complex64
    with pytest.raises(RuntimeError, match="without overflow"):
        float(z)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert z.float().tolist() == [1.0]
    assert "discards the imaginary part" in str(seen[0].message)


def test_files() -> None:
    z = torch.randn(2, 3, dtype=torch.complex64)
    file = io.BytesIO()
    torch.save({"z": z, "w": z.to(torch.complex128)}, file)
    file.seek(0)
    loaded = flambeau.load(file)
    assert torch.equal(to_torch(loaded["z"]), z) and loaded["w"].dtype is flambeau.complex128
    back = io.BytesIO()
    flambeau.save(loaded, back)
    back.seek(0)
    assert torch.equal(torch.load(back)["z"], z)
    assert torch.equal(to_torch(safetensors.load(safetensors.save({"z": loaded["z"]}))["z"]), z)


OPTIMIZERS = ["ASGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_update_both_parts(name: str) -> None:
    z = torch.randn(2, 3, dtype=torch.complex64)
    p, q = flambeau.nn.Parameter(to_flambeau(z, "cpu")), torch.nn.Parameter(z.clone())
    for parameter, library in ((p, flambeau), (q, torch)):
        optimizer = getattr(library.optim, name)([parameter], lr=0.1)  # type: ignore[attr-defined]
        for _ in range(4):
            optimizer.zero_grad()
            ((parameter * (1 + 2j) - 3).abs() ** 2).sum().backward()
            optimizer.step()
    assert torch.allclose(to_torch(p), q.detach(), rtol=1e-4, atol=1e-5)


def test_rotary_embedding_is_compiled(device: str) -> None:
    @flambeau.compile
    def rotated(x: Any, turns: Any) -> Any:
        pairs = flambeau.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
        return flambeau.view_as_real(pairs * turns).flatten(-2)

    turns = torch.polar(torch.ones(4), torch.arange(4.0))
    for seed in range(3):
        x = torch.randn(2, 8, generator=torch.Generator().manual_seed(seed))
        found = to_torch(rotated(to_flambeau(x, device), to_flambeau(turns, device)))
        pairs = torch.view_as_complex(x.reshape(2, 4, 2))
        assert torch.allclose(found, torch.view_as_real(pairs * turns).flatten(-2), atol=1e-5)


def test_vmap(device: str) -> None:
    if not supports(device, torch.float64):
        pytest.skip("no float64")
    a, b = (torch.randn(3, 4, dtype=torch.complex128) for _ in range(2))

    def f(x: Any, y: Any) -> Any:
        return (x * y).real + y.abs() + (x.conj() @ y).imag

    mine = flambeau.vmap(f)(to_flambeau(a, device), to_flambeau(b, device))
    assert torch.allclose(to_torch(mine), torch.vmap(f)(a, b))
