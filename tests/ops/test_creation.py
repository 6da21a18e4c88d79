"""New tensors, conversions and devices where the table of examples doesn't reach."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

import flambeau
from tests.helpers.oracle import compare, to_flambeau


def test_empty(device: str) -> None:
    x = flambeau.empty(2, 3, device=device)
    assert tuple(x.shape) == (2, 3) and x.dtype is flambeau.float32
    assert flambeau.empty_like(x, dtype=flambeau.int64).dtype is flambeau.int64
    assert x.new_empty((4,)).shape == (4,)
    strided = flambeau.empty_strided((2, 3), (1, 2), device=device)
    assert strided.stride() == (1, 2)
    strided.fill_(3)
    assert strided.tolist() == [[3.0] * 3] * 2
    with pytest.raises(RuntimeError):
        flambeau.empty(-2, device=device)


def test_made_tensors_have_memory_of_their_own(device: str) -> None:
    """Writing to one constant never shows in another of the same value."""
    a, b = flambeau.zeros(3, device=device), flambeau.zeros(3, device=device)
    a.add_(1)
    a[0] = 5
    assert b.tolist() == [0, 0, 0] and flambeau.zeros(3, device=device).tolist() == [0, 0, 0]
    c, d = flambeau.full((), 2.0, device=device), flambeau.full((), 2.0, device=device)
    c.mul_(4)
    assert d.item() == 2 and (flambeau.ones(2, device=device) * 2.0).tolist() == [2, 2]
    x = flambeau.ones(3, device=device)
    x.fill_(7.0)
    y = flambeau.ones(3, device=device).fill_(7.0)
    x.add_(1)
    assert y.tolist() == [7, 7, 7]


def test_tensor_copies_its_source() -> None:
    array = np.arange(3.0)
    x = flambeau.tensor(array)
    array[0] = 9
    assert x.tolist() == [0, 1, 2]
    x = flambeau.tensor([1.0, 2.0])
    assert flambeau.as_tensor(x) is x and flambeau.tensor(x) is not x


def test_default_dtype_and_device() -> None:
    flambeau.set_default_dtype(flambeau.float64)
    try:
        assert flambeau.ones(1).dtype is flambeau.float64 and (flambeau.tensor([1]) / 2).dtype is flambeau.float64
        assert flambeau.tensor([1.5]).dtype is flambeau.float64
    finally:
        flambeau.set_default_dtype(flambeau.float32)
    with flambeau.device("reference"):
        assert str(flambeau.ones(1).device) == "reference"
    assert str(flambeau.ones(1).device) == "cpu"
    with pytest.raises(TypeError):
        flambeau.set_default_dtype(flambeau.int64)


def test_between_devices(device: str) -> None:
    x = torch.arange(6.0).reshape(2, 3)
    mine = to_flambeau(x, device).requires_grad_()
    there = mine.to("reference") * 2
    assert str(there.device) == "reference" and there.requires_grad
    there.sum().backward()
    assert mine.grad is not None and mine.grad.device == mine.device and mine.grad.tolist() == [[2.0] * 3] * 2
    compare(mine.detach().cpu(), x)
    assert mine.pin_memory() is mine
    if device != "cpu":
        with pytest.raises(RuntimeError):
            mine + flambeau.ones(2, 3, device="cpu")
        compare((mine.detach() + flambeau.tensor(1.0)).cpu(), x + 1)
    with pytest.raises(AssertionError, match="not compiled"):
        mine.cuda()


def test_numpy_values_mix_in(device: str) -> None:
    x = flambeau.ones(2, device=device)
    for number in (np.float32(2), np.int64(2), np.float64(2), np.bool_(True)):
        expected = torch.ones(2) * number
        compare(x * number, expected)
        compare(number * x if not isinstance(number, np.generic) else x * number, expected)
    assert flambeau.zeros(np.int64(2), device=device).shape == (2,)


def test_copies_and_pickles(device: str) -> None:
    x = flambeau.arange(6.0, device=device).reshape(2, 3)
    y = copy.deepcopy(x)
    y[0, 0] = 9
    assert x[0, 0].item() == 0
    z = pickle.loads(pickle.dumps(x[:, 1]))
    assert z.tolist() == [1, 4] and z.device == x.device


def test_reflected_operators() -> None:
    x = flambeau.tensor([1, 2, 4])
    assert (3 - x).tolist() == [2, 1, -1] and (8 // x).tolist() == [8, 4, 2] and (5 % x).tolist() == [0, 1, 1]
    assert (2**x).tolist() == [2, 4, 16] and (8 / x).tolist() == [8, 4, 2] and (6 & x).tolist() == [0, 2, 4]
    assert (1 << x).tolist() == [2, 4, 16] and (x == "a") is False and (x != None) is True  # noqa: E711
    for wrong in ("a", [1], None, object()):
        with pytest.raises(TypeError):
            x + wrong
        with pytest.raises(TypeError):
            wrong - x


@pytest.mark.parametrize("name", ["complex32", "float8_e5m2"])
def test_dtypes_known_by_name_only(name: str) -> None:
    dtype, x = getattr(flambeau, name), flambeau.ones(2)
    for make in (flambeau.zeros, flambeau.ones, flambeau.empty, flambeau.rand, flambeau.randn, x.new_zeros):
        with pytest.raises(TypeError, match=f"no tensors of torch.{name}"):
            make(2, dtype=dtype)
    for make in (
        x.to,
        x.type,
        lambda dtype: flambeau.full((2,), 1, dtype=dtype),
        lambda dtype: flambeau.zeros_like(x, dtype=dtype),
    ):
        with pytest.raises(TypeError, match=f"no tensors of torch.{name}"):
            make(dtype)
    with pytest.raises(TypeError, match=r"no tensors of torch\.complex32"):
        x.chalf()


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64", "complex32", "complex64", "complex128"])
def test_dtypes_of_parts_and_of_complex_numbers(name: str) -> None:
    ours, theirs = getattr(flambeau, name), getattr(torch, name)
    assert (str(ours.to_complex()), str(ours.to_real())) == (str(theirs.to_complex()), str(theirs.to_real()))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_evenly_spaced_numbers_are_pytorchs_to_the_last_bit(dtype: str) -> None:
    for n in (2, 5, 16, 100, 1001):
        for ends in ((-1, 1), (0, 1), (0.3, 7), (5, -3)):
            found = flambeau.linspace(*ends, n, dtype=getattr(flambeau, dtype))
            expected = torch.linspace(*ends, n, dtype=getattr(torch, dtype))
            assert found.double().tolist() == expected.double().tolist(), (n, ends)
