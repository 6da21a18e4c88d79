"""Normalisations against PyTorch, running statistics included."""

from __future__ import annotations

import pytest
import torch

import flambeau
from flambeau.nn import functional
from tests.functional.comparison import Cases, assert_same, mirror, normal, run_cases, uniform

HALVES = (torch.float32, torch.float16, torch.bfloat16)


def moments(cases: Cases) -> None:
    for training in (True, False):
        running = normal(3, grad=False), uniform(3, grad=False)
        for shape in ((4, 3, 2, 2), (4, 3), (4, 3, 5)):
            cases("batch_norm", normal(*shape), *running, normal(3), normal(3), training)
            cases("batch_norm", normal(*shape), *running, None, None, training)
            cases("batch_norm", normal(*shape), *running, normal(3), normal(3), training, 0.3, 1e-3)
        cases("batch_norm", normal(4, 3, 5), None, None, normal(3), normal(3), training)
    cases("batch_norm", normal(1, 3), None, None, None, None, True)
    cases("batch_norm", normal(4, 3), normal(4, grad=False), uniform(4, grad=False))
    cases("instance_norm", normal(4, 3, 5), normal(3, grad=False), uniform(3, grad=False), normal(3), normal(3), True)
    cases("instance_norm", normal(4, 3, 5), normal(3, grad=False), uniform(3, grad=False), normal(3), normal(3), False)
    cases("instance_norm", normal(2, 3, 4, 4), weight=normal(3), bias=normal(3))
    cases("instance_norm", normal(2, 3, 1))


def empty(cases: Cases) -> None:
    """Of an input without elements nothing is asked, but a first weight."""
    for shape in ((0,), (0, 3), (3, 0), (2, 3, 0)):
        for training in (True, False):
            cases("batch_norm", normal(*shape), None, None, training=training)
            for channels in (0, 2):
                running = normal(channels, grad=False), uniform(channels, grad=False)
                cases("batch_norm", normal(*shape), *running, training=training)
                cases("batch_norm", normal(*shape), *running, normal(channels), normal(channels), training)


def by_shape(cases: Cases) -> None:
    cases("layer_norm", normal(4, 3, 5), (5,), normal(5), normal(5))
    cases("layer_norm", normal(4, 3, 5), (3, 5), normal(3, 5), normal(3, 5))
    cases("layer_norm", normal(4, 3, 5), [3, 5])
    cases("layer_norm", normal(4, 3, 5), (5,), None, normal(5), second=False)
    cases("layer_norm", normal(4, 3, 5), (3,))
    cases("layer_norm", normal(0, 5), (5,), normal(5), normal(5))
    cases("group_norm", normal(2, 6, 4), 3, normal(6), normal(6))
    cases("group_norm", normal(2, 6), 2)
    cases("group_norm", normal(2, 6), 4)
    cases("rms_norm", normal(2, 6), (6,), normal(6))
    cases("rms_norm", normal(2, 6), (6,))
    cases("rms_norm", normal(2, 6), (6,), None, 0.1)
    cases("rms_norm", normal(2, 6, dtype=torch.complex128), (6,), normal(6, dtype=torch.complex128))
    cases("layer_norm", normal(2, 6, dtype=torch.complex128), (6,))
    for dtype in HALVES:
        cases("layer_norm", normal(3, 9, dtype=dtype), (9,), normal(9, dtype=dtype), normal(9, dtype=dtype), second=False)
        channels = normal(4, dtype=dtype), normal(4, dtype=dtype)
        cases("batch_norm", normal(3, 4, 5, dtype=dtype), None, None, *channels, True, second=False)
        cases("group_norm", normal(3, 4, 5, dtype=dtype), 2, *channels, second=False)
    cases("local_response_norm", normal(2, 6, 4, 4), 3)
    cases("local_response_norm", normal(2, 6, 4), 4)
    cases("local_response_norm", normal(2, 6), 4)
    cases("normalize", normal(3, 4))
    cases("normalize", normal(3, 4), 1.0, 0)
    cases("normalize", normal(3, 4), 3.0, 0)


@pytest.mark.parametrize("build", [moments, empty, by_shape])
def test_values_and_gradients(build, device):
    run_cases(build, device)


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
def test_running_statistics_follow_in_place(name, device):
    x, mean, variance = normal(4, 3, 5), normal(3, grad=False), uniform(3, grad=False)
    my_x, my_mean, my_variance = (mirror(t, device) for t in (x, mean, variance))
    alias = my_mean[1:]
    for _ in range(3):
        if name == "batch_norm":
            torch.nn.functional.batch_norm(x, mean, variance, training=True, momentum=0.2)
            functional.batch_norm(my_x, my_mean, my_variance, training=True, momentum=0.2)
        else:
            torch.nn.functional.instance_norm(x, mean, variance, momentum=0.2)
            functional.instance_norm(my_x, my_mean, my_variance, momentum=0.2)
    assert_same(my_mean, mean, "running_mean")
    assert_same(my_variance, variance, "running_var")
    assert_same(alias, mean[1:], "a view of running_mean")
    assert not my_mean.requires_grad


NORMS = {
    "layer_norm": lambda f, x, w, b: f.layer_norm(x, (4,), w, b),
    "batch_norm": lambda f, x, w, b: f.batch_norm(x, None, None, w, b, True),
    "group_norm": lambda f, x, w, b: f.group_norm(x, 2, w, b),
}


@pytest.mark.parametrize("name", NORMS)
def test_gradients_of_no_elements_are_zeros(device: str, name: str) -> None:
    found = []
    for library, on in ((torch, "cpu"), (flambeau, device)):
        w, b = library.ones(4, device=on, requires_grad=True), library.zeros(4, device=on, requires_grad=True)
        NORMS[name](library.nn.functional, library.ones(0, 4, device=on), w, b).sum().backward()
        found.append((w.grad.tolist(), b.grad.tolist()))
    assert found[0] == found[1]
    with pytest.raises(ValueError, match="batch_norm eps must be positive during training"):
        flambeau.nn.functional.batch_norm(flambeau.ones(2, 4, device=device), None, None, training=True, eps=0.0)
