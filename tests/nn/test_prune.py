"""Pruning beside PyTorch's: masks, state_dicts, gradients, errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.utils.prune

import flambeau

mine, theirs = flambeau.nn.utils.prune, torch.nn.utils.prune


def pair():
    """The same layer in both."""
    layer = torch.nn.Conv2d(3, 4, 3)
    own = flambeau.nn.Conv2d(3, 4, 3)
    own.load_state_dict({k: flambeau.tensor(v.numpy().copy()) for k, v in layer.state_dict().items()})
    return own, layer


def same(own, layer):
    a, b = own.state_dict(), layer.state_dict()
    assert list(a) == list(b)
    for key in b:
        np.testing.assert_array_equal(a[key].numpy(), b[key].numpy())
    np.testing.assert_array_equal(own.weight.detach().numpy(), layer.weight.detach().numpy())


STEPS = [
    [("l1_unstructured", ("weight", 0.3))],
    [("l1_unstructured", ("weight", 7)), ("l1_unstructured", ("weight", 0.5))],
    [("ln_structured", ("weight", 1, 2, 0)), ("l1_unstructured", ("weight", 0.25)), ("ln_structured", ("weight", 0.5, 1, 0))],
    [("ln_structured", ("weight", 0.34, float("inf"), 1)), ("ln_structured", ("weight", 1, 2, -1))],
    [("identity", ("weight",)), ("l1_unstructured", ("bias", 2))],
]


@pytest.mark.parametrize("steps", STEPS)
def test_masks(steps):
    own, layer = pair()
    for function, arguments in steps:
        assert getattr(mine, function)(own, *arguments) is own
        getattr(theirs, function)(layer, *arguments)
        same(own, layer)
    x = torch.randn(2, 3, 5, 5)
    layer(x).sum().backward()
    own(flambeau.tensor(x.numpy())).sum().backward()
    grads = [dict(m.named_parameters())["weight_orig"].grad.numpy() for m in (own, layer)]
    np.testing.assert_allclose(*grads, rtol=1e-4, atol=1e-5)
    assert mine.is_pruned(own) and not mine.is_pruned(flambeau.nn.Linear(1, 1))
    for name in {arguments[0] for _, arguments in steps}:
        mine.remove(own, name)
        theirs.remove(layer, name)
    assert not mine.is_pruned(own)
    same(own, layer)
    assert isinstance(own.weight, flambeau.nn.Parameter) and own.weight.requires_grad


@pytest.mark.parametrize(("function", "arguments"), [("random_unstructured", (0.4,)), ("random_structured", (2, 0))])
def test_random(function, arguments):
    own, _ = pair()
    getattr(mine, function)(own, "weight", *arguments)
    mask = own.weight_mask.numpy()
    assert (mask == 0).sum() == (round(0.4 * mask.size) if function == "random_unstructured" else mask.size // 2)
    if function == "random_structured":
        assert set(mask.reshape(4, -1).mean(1)) == {0.0, 1.0}


def test_global_and_custom():
    (a, b), (c, d) = pair(), pair()
    mine.global_unstructured([(a, "weight"), (c, "weight"), (a, "bias")], mine.L1Unstructured, amount=0.6)
    theirs.global_unstructured([(b, "weight"), (d, "weight"), (b, "bias")], theirs.L1Unstructured, amount=0.6)
    same(a, b)
    same(c, d)
    mask = np.random.default_rng(0).integers(0, 2, (4, 3, 3, 3)).astype(np.float32)
    mine.custom_from_mask(a, "weight", flambeau.tensor(mask))
    theirs.custom_from_mask(b, "weight", torch.tensor(mask))
    same(a, b)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("l1_unstructured", ("weight", 1.5)),
        ("l1_unstructured", ("weight", -3)),
        ("l1_unstructured", ("weight", 1000)),
        ("l1_unstructured", ("weight", "a")),
        ("l1_unstructured", ("weights", 1)),
        ("ln_structured", ("bias", 1, 2, 0)),
        ("ln_structured", ("weight", 1, 2, 9)),
        ("remove", ("weight",)),
    ],
)
def test_errors(function, arguments):
    own, layer = pair()
    with pytest.raises(Exception) as expected:
        getattr(theirs, function)(layer, *arguments)
    with pytest.raises(type(expected.value)) as found:
        getattr(mine, function)(own, *arguments)
    if not isinstance(expected.value, AttributeError) and function != "remove":
        assert str(found.value) == str(expected.value)
    assert list(own.state_dict()) == ["weight", "bias"]  # nothing half-done
