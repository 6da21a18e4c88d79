"""Gradients where values are NaN or infinite, or where an infinite gradient comes to a flat place."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import flambeau

X = [-1.0, 0.0, 0.5, 1.0, 2.0, math.nan, math.inf, -math.inf]
BOUNDS = [(0.0, 1.0), (1.0, 0.0), (math.nan, 1.0), (0.0, math.nan)]


def gradients(m, function, *values):
    tensors = [m.tensor(v, requires_grad=True) for v in values]
    y = function(m, *tensors)
    y.sum().backward()
    return [y.detach().numpy(), *(np.zeros(0) if t.grad is None else t.grad.numpy() for t in tensors)]


def check(function, *values):
    for a, b in zip(gradients(torch, function, *values), gradients(flambeau, function, *values), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5)


@pytest.mark.parametrize("low, high", BOUNDS)
def test_clamp(low, high):
    check(lambda m, x: x.clamp(low, high), X)
    check(lambda m, x: x.clamp(max=high), X)
    check(lambda m, x, a, b: x.clamp(a, b), X, [low], [high])
    check(lambda m, x, a, b: x.clamp(a, b), X, low, high)
    check(lambda m, x, a: x.clamp(min=a), X, [low])
    check(lambda m, x, b: x.clamp(max=b), X, [high])


@pytest.mark.parametrize("name", ["sign", "floor", "ceil", "trunc", "round", "frac"])
def test_flat_places(name):
    check(lambda m, x: getattr(m, name)(x).reciprocal(), X)


def test_the_next_number():
    check(lambda m, x, y: m.nextafter(x, y), X, X)
    check(lambda m, x, y: m.nextafter(x, y), X, [1.0])
    check(lambda m, x, y: x.clone().nextafter_(y), X, 0.0)


@pytest.mark.parametrize("name", ["max", "min", "median"])
@pytest.mark.parametrize("values", [[-1.0, -2.0], [-1.0, -2.0, -1.0], [math.nan, 1.0, math.nan]])
def test_an_undefined_gradient_goes_to_the_extremum_alone(name, values):
    check(lambda m, x: getattr(x, name)().sqrt(), values)


@pytest.mark.parametrize("name", ["max", "min", "median", "nanmedian"])
@pytest.mark.parametrize("values", [[2.0, 2.0], [1.0, 2.0, 1.0, 1.0], [[3.0, 1.0], [3.0, 3.0]]])
def test_equal_elements_share_the_gradient(name, values):
    check(lambda m, x: getattr(x, name)(), values)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_the_result_for_a_number_may_be_written(name):
    for m in (torch, flambeau):
        getattr(m, name)(m.tensor(2.0, requires_grad=True), 0).exp_()


def test_rows_that_leave_out_everything():
    rows = [[1.0, 2.0], [-math.inf] * 2, [math.nan, 1.0], [math.inf, 1.0]]
    check(lambda m, x: m._safe_softmax(x, 1) * m.tensor([1.0, 2.0]), rows)
    check(lambda m, x: m._safe_softmax(x, 0, m.float64), rows[:2])
