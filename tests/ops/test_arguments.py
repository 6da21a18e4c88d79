"""Arguments of the wrong kind are TypeErrors, as PyTorch's, that name the argument; what PyTorch takes passes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import flambeau
from tests.helpers.oracle import compare


@pytest.mark.parametrize(
    "call",
    [
        lambda t, x: x.sum(dim="a"),
        lambda t, x: t.cat([x, x], 1.0),
        lambda t, x: t.cat([x, 1]),
        lambda t, x: t.transpose(x, 0, None),
        lambda t, x: x.transpose("a", dim1=0),
        lambda t, x: t.flatten(x, "a"),
        lambda t, x: x.matmul(2.0),
        lambda t, x: t.mm(x, np.ones((3, 3), np.float32)),
        lambda t, x: t.unsqueeze(x, x),
        lambda t, x: t.isclose(x, x, rtol="much"),
        lambda t, x: t.isclose(x, x, "much"),
        lambda t, x: x.unflatten(1, (3.0,)),
        lambda t, x: t.relu(None),
        lambda t, x: t.relu_(None),
        lambda t, x: t.maximum(x, 3),
        lambda t, x: x.gather(0, [0]),
        lambda t, x: x.narrow(0, {}, 1),
        lambda t, x: t.fft.fft(None),
        lambda t, x: t.linalg.solve_ex("a", x),
        lambda t, x: t.special.entr(None),
        lambda t, x: t.rand(2, generator=3),
        lambda t, x: t.ones(2, dtype="float32"),
        lambda t, x: t.nn.functional.linear(3, x),
        lambda t, x: t.nn.functional.conv2d(x, None),
        lambda t, x: t.zeros("abc"),
        lambda t, x: t.zeros(2, "a"),
        lambda t, x: t.zeros((2, None)),
        lambda t, x: t.zeros(2**70),
        lambda t, x: x.reshape(2.0),
        lambda t, x: x.permute(0, None),
        lambda t, x: x.transpose(2**70, 0),
        lambda t, x: t.linspace(0, 1, 2**70),
        lambda t, x: t.Tensor.narrow(3, 0, 0, 1),
        lambda t, x: t.rand(2, 2**70),
        lambda t, x: t.tril(x, 1.5),
        lambda t, x: x.tril(diagonal=1.0),
        lambda t, x: t.triu_indices(2, 3.0),
        lambda t, x: t.cat([x, x], True),
        lambda t, x: t.zeros(2, requires_grad=1),
        lambda t, x: t.full((2,), 1.0, requires_grad="yes"),
        lambda t, x: t.zeros_like(x, requires_grad=0.5),
        lambda t, x: t.tensor([1.0], requires_grad=1),
        lambda t, x: t.zeros(2, pin_memory=1),
        lambda t, x: x.argmax(1, 1),
        lambda t, x: x.argmax(1, keepdims=1),
        lambda t, x: x.softmax(True),
        lambda t, x: x.tril_(1.5),
    ],
)  # fmt: skip
def test_wrong_kinds(call: Any) -> None:
    """The type is PyTorch's, and so is what the message says of the argument, where PyTorch says which."""
    with pytest.raises((TypeError, ValueError)) as theirs:
        call(torch, torch.ones(3, 3))
    with pytest.raises((TypeError, ValueError)) as mine:
        call(flambeau, flambeau.ones(3, 3))
    assert type(mine.value) is type(theirs.value)
    if "must be" in (message := str(theirs.value)) and "descriptor" not in message:
        assert str(mine.value) == message


def test_what_went_wrong_inside_is_not_hidden() -> None:
    """An error that no argument is to blame for stays as it is, with its place."""
    with pytest.raises(IndexError, match="Dimension out of range"):
        flambeau.ones(3).transpose(0, 5)

    def fail(value: float) -> float:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        flambeau.ones(3).apply_(fail)


def test_a_refused_number_leaves_nothing_behind() -> None:
    """1.0 is equal to 1, and as hash: a size that was no whole number would be found again for one that is."""
    for call in (
        lambda: flambeau.tril_indices(3.0, 3),
        lambda: flambeau.ones(5, 5).tril(1.0),
        lambda: flambeau.hann_window(7, 1),
    ):
        with pytest.raises(TypeError):
            call()
    assert flambeau.tril_indices(3, 3)[0].tolist() == [0, 1, 1, 2, 2, 2]
    assert flambeau.ones(5, 5).tril(1).sum().item() == 19
    assert flambeau.hann_window(7).tolist() == pytest.approx(torch.hann_window(7).tolist(), abs=1e-6)


def test_what_counts_as_that_kind() -> None:
    for t in (torch, flambeau):
        assert not t.zeros(2, requires_grad=None).requires_grad
        x = t.ones(3, 3)
        assert x.transpose(t.tensor(0), np.int32(1)).shape == (3, 3)
        assert x.unflatten(1, [np.int64(3), 1]).shape == (3, 3, 1)
        assert t.isclose(x, x, t.tensor(0.5), np.float32(1)).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.zeros(10**12, 10**12),
        lambda t: t.full((2**31, 2**31), 1.0),
        lambda t: t.empty(2**62, dtype=t.float64),
        lambda t: t.rand(10**12, 10**12),
        lambda t: t.eye(10**12),
        lambda t: t.arange(0, 1e30),
        lambda t: t.ones(3).repeat(10**10, 10**10),
        lambda t: t.zeros(-1),
        lambda t: t.zeros(0, -(2**40)),
    ],
)
def test_sizes_beyond_all_memory_are_refused_at_once(call: Any) -> None:
    for t in (torch, flambeau):
        with pytest.raises(RuntimeError):
            call(t)


def test_no_memory_is_an_error_of_pytorchs_type() -> None:
    for t in (torch, flambeau):
        with pytest.raises(RuntimeError, match=r"DefaultCPUAllocator: can't allocate memory: you tried to allocate"):
            t.ones(2**50).tolist()


NAN = float("nan")


@pytest.mark.parametrize(
    "call",
    [
        lambda t, x: t.manual_seed("a"),
        lambda t, x: t.manual_seed(2**70),
        lambda t, x: t.Generator().manual_seed(2**70),
        lambda t, x: t.Generator().manual_seed("a"),
        lambda t, x: t.Generator().manual_seed(1.5),
        lambda t, x: t.tensor(["a"]),
        lambda t, x: t.tensor([1, "a"]),
        lambda t, x: t.tensor("a"),
        lambda t, x: t.tensor(object()),
        lambda t, x: t.tensor([1, object()]),
        lambda t, x: t.tensor([x, x]),
        lambda t, x: t.tensor([x[:0], x[:0]]),
        lambda t, x: t.tensor(NAN, dtype=t.int64),
        lambda t, x: t.tensor([1.0, NAN], dtype=t.int32),
        lambda t, x: t.tensor(float("inf"), dtype=t.int64),
        lambda t, x: t.tensor([300], dtype=t.uint8),
        lambda t, x: t.tensor([-256], dtype=t.uint8),
        lambda t, x: t.tensor([-1.5], dtype=t.uint8),
        lambda t, x: t.tensor([2**31], dtype=t.int32),
        lambda t, x: t.tensor([1e30], dtype=t.int64),
        lambda t, x: t.tensor([2**70], dtype=t.int32),
        lambda t, x: x[2**70],
        lambda t, x: x[0, -(2**70)],
        lambda t, x: x.__setitem__(2**63, 1.0),
        lambda t, x: t.repeat_interleave(x, t.tensor([1.0, 2.0, 3.0]), dim=0),
        lambda t, x: t.special.legendre_polynomial_p(x, 2**70),
        lambda t, x: setattr(x.clone().requires_grad_(), "data", t.ones(3, dtype=t.int64)),
        lambda t, x: x.numpy(force=1),
        *(
            lambda t, x, name=name: getattr(t, name)(1.0, x)
            for name in ("atan2", "hypot", "ldexp", "fmax", "fmin", "logaddexp", "logaddexp2", "nextafter", "rsub")
        ),
        lambda t, x: t.ldexp(x, 1),
        lambda t, x: t.nextafter(x, 1.0),
    ],
)  # fmt: skip
def test_errors_are_of_pytorchs_type(call: Any) -> None:
    with pytest.raises(Exception) as theirs:
        call(torch, torch.ones(3, 3))
    with pytest.raises(type(theirs.value)):
        call(flambeau, flambeau.ones(3, 3))


def test_what_a_new_tensor_holds() -> None:
    for values, dtype in (
        ([-1, -255, 254.9], "uint8"),
        ([-128, 127.0], "int8"),
        ([True, -(2**31)], "int32"),
        ([1e300], "float32"),
    ):
        ours, theirs = (t.tensor(values, dtype=getattr(t, dtype)) for t in (flambeau, torch))
        assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("degree", [NAN, float("inf"), 1e30, 2**63, -1])
def test_degrees_of_no_polynomial(degree: float) -> None:
    for t in (torch, flambeau):
        x = t.tensor([0.5, 2.0])
        assert t.special.hermite_polynomial_h(x, degree).tolist() == [0.0, 0.0]
        assert t.special.hermite_polynomial_h(x, t.tensor([float(degree), 1.0])).tolist() == [0.0, 4.0]


def test_degrees_that_would_take_forever_are_refused() -> None:
    with pytest.raises(ValueError, match="the highest is"):
        flambeau.special.chebyshev_polynomial_t(flambeau.ones(2), 2**40)


def n(value: int) -> np.int64:
    return np.int64(value)


@pytest.mark.parametrize(
    "call",
    [
        lambda t, x: x.softmax(n(1)),
        lambda t, x: x.narrow(n(0), n(0), n(1)),
        lambda t, x: x.unfold(n(0), n(2), n(1)),
        lambda t, x: x.sum((n(0), n(1))),
        lambda t, x: x.transpose(0, dim1=np.int32(1)),
        lambda t, x: t.kthvalue(x, n(1)).values,
        lambda t, x: x.sort(stable=None).values,
        lambda t, x: t.full((n(2),), np.float32(0.5)),
        lambda t, x: t.zeros(t.Size([n(2), True])),
        lambda t, x: t.nn.functional.layer_norm(x, (n(3),)),
        lambda t, x: t.nn.functional.one_hot(t.tensor([1]), n(3)),
        lambda t, x: t.nn.functional.interpolate(x[None], size=[n(4)]),
        lambda t, x: t.nn.functional.adaptive_avg_pool1d(x, n(1)),
        lambda t, x: t.nn.functional.unfold(x[None, None], n(2)),
        lambda t, x: t.nn.functional.normalize(x, np.float64(2), (0, 1)),
        lambda t, x: t.nn.Conv2d(n(2), n(4), (n(3), 1), groups=n(2)).weight.detach() * 0,
        lambda t, x: t.nn.MultiheadAttention(n(8), n(2)).in_proj_weight.detach() * 0,
        lambda t, x: t.nn.PixelShuffle(n(2))(t.zeros(1, 4, 2, 2)),
        lambda t, x: t.distributions.Categorical(logits=x).sample((n(5),)) * 0,
        lambda t, x: t.distributions.Normal(np.float64(0), 1.0).sample((n(5),)) * 0,
    ],
)
def test_numbers_of_numpy_are_numbers(call: Any) -> None:
    """Sizes that NumPy computed, as programs have them from `np.prod(image.shape)`."""
    expected, found = (call(t, t.ones(2, 3)) for t in (torch, flambeau))
    assert tuple(found.shape) == tuple(expected.shape) and all(type(size) is int for size in found.shape)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-6)


def test_a_size_holds_integers() -> None:
    for t in (torch, flambeau):
        with pytest.raises(TypeError, match=r"takes an iterable of 'int' \(item 1 is 'float'\)"):
            t.Size([2, 1.5])


@pytest.mark.parametrize(
    "name",
    [
        "view",
        "reshape",
        "expand",
        "permute",
        "repeat",
        "tile",
        "flip",
        "resize_",
        "sum_to_size",
        "new_zeros",
        "repeat_interleave",
    ],
)
def test_sizes_that_are_missing(name: str) -> None:
    """No sizes at all aren't those of a tensor without dimensions."""
    for library in (torch, flambeau):
        with pytest.raises((TypeError, RuntimeError)):
            getattr(library.tensor(1), name)()


def test_no_blocks_at_all() -> None:
    compare(flambeau.block_diag(), torch.block_diag())


COUNTED = {
    "kthvalue": lambda m, x, i: m.kthvalue(x, i(2)).values,
    "topk": lambda m, x, i: x.topk(i(2), dim=i(0)).values,
    "topk of one": lambda m, x, i: m.topk(x, m.tensor([2])).values,
    "cumsum": lambda m, x, i: x.cumsum(i(0)),
    "cummax": lambda m, x, i: x.cummax(dim=i(0)).values,
    "narrow": lambda m, x, i: x.narrow(i(0), i(1), i(2)),
    "narrow_copy": lambda m, x, i: x.narrow_copy(0, i(0), i(2)),
    "diagonal": lambda m, x, i: m.diagonal(x, i(1)),
    "unfold": lambda m, x, i: x.unfold(i(0), i(2), i(1)),
    "one_hot": lambda m, x, i: m.nn.functional.one_hot(m.tensor([0, 1]), i(3)),
    "tril_indices": lambda m, x, i: m.tril_indices(i(2), i(2)),
    "roll": lambda m, x, i: x.roll((i(1), 1), (0, i(1))),
    "sum": lambda m, x, i: x.sum((i(0), 1)),
    "zeros": lambda m, x, i: m.zeros((i(2), 3)),
    "a float": lambda m, x, i: m.topk(x, m.tensor(2.0)).values,
    "several": lambda m, x, i: m.topk(x, m.tensor([1, 2])).values,
}


@pytest.mark.parametrize("name", COUNTED)
def test_tensors_of_one_whole_number_are_sizes_and_places(name: str) -> None:
    found = []
    for m in (torch, flambeau):
        x = m.arange(12.0).view(3, 4)
        try:
            found.append(COUNTED[name](m, x, m.tensor).tolist())
        except Exception as error:
            found.append(type(error))
    assert found[0] == found[1]
