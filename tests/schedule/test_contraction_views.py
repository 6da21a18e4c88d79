"""Every convolution is one contraction kernel over the operands' own memory: no padded copy, no window in memory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from graphs import broadcast, copied, leaf, make
from interpreter import Interpreter

from flambeau.devices.reference import ReferenceBackend
from flambeau.dtypes import float32
from flambeau.graph.primitives.elementwise import MAXIMUM
from flambeau.graph.primitives.movement import EXPAND, permuted
from flambeau.kernels.ir import ContractionKernel
from flambeau.nn.functional.convolution import Form, _by_w, _by_x, _by_y
from flambeau.schedule import build, realize

FORMS = [
    (2, 1, 3, 4, (7, 6), (3, 3), (1, 1), (1, 1), (1, 1)),
    (2, 1, 3, 4, (8, 9), (3, 2), (1, 0), (2, 2), (1, 1)),
    (1, 2, 3, 2, (9, 8), (3, 3), (2, 1), (2, 1), (1, 2)),
    (2, 4, 1, 1, (6, 5), (3, 3), (1, 1), (1, 1), (1, 1)),
    (2, 1, 3, 5, (6, 7), (1, 1), (0, 0), (2, 2), (1, 1)),
    (2, 1, 3, 5, (12,), (5,), (2,), (3,), (2,)),
    (1, 1, 2, 3, (5, 4, 6), (2, 3, 2), (1, 1, 0), (1, 2, 1), (1, 1, 2)),
]


def array(*shape: int) -> Any:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


def operands(row: Any) -> tuple[Form, Any, Any, Any]:
    n, g, c, o, x, k, pad, stride, dilation = row
    y = tuple((a + 2 * p - d * (b - 1) - 1) // s + 1 for a, b, p, s, d in zip(x, k, pad, stride, dilation))
    form = Form(n, g, c, o, x, k, y, pad, stride, dilation)
    return form, leaf(array(n, g * c, *x)), leaf(array(g * o, c, *k)), leaf(array(n, g * o, *y))


def check(node: Any, kernels: int = 1) -> None:
    plan = build([node])
    assert len(plan.steps) == kernels and isinstance(plan.steps[0].kernel, ContractionKernel), plan.steps
    expected, found = copied([node]), copied([node])
    ReferenceBackend().realize(expected)
    realize(Interpreter(), found)
    np.testing.assert_allclose(np.reshape(found[0].buffer, -1), np.reshape(expected[0].buffer, -1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("row", FORMS)
@pytest.mark.parametrize("by", ["x", "w", "y"])
def test_each_derivative_of_a_convolution(row: Any, by: str) -> None:
    form, x, w, y = operands(row)
    check({"x": lambda: _by_x(form, w, y), "w": lambda: _by_w(form, x, y), "y": lambda: _by_y(form, x, w)}[by]())


@pytest.mark.parametrize("row", FORMS)
def test_bias_normalisation_residual_and_activation_are_the_epilogue(row: Any) -> None:
    form, x, w, residual = operands(row)
    out = _by_y(form, x, w)
    shape = residual.shape
    out = out if out.shape == shape else make("reshape", (out,), shape, out.shape)

    def channels(a: Any) -> Any:
        column = (1, shape[1]) + (1,) * len(form.x)
        return make("expand", (make("reshape", (leaf(a),), column, a.shape),), shape, column)

    out = make("add", (out, channels(array(shape[1]))))
    scale = make("mul", (channels(array(shape[1])), channels(array(shape[1]))))
    out = make("add", (make("mul", (out, scale)), residual))
    check(make("maximum", (out, broadcast(make("constant", (), 0.0, float32), shape))))


def test_batched_products_of_heads_read_through_reshape_and_permute() -> None:
    batch, time, heads, width = 2, 5, 3, 4

    def split(x: Any) -> Any:
        x = make("reshape", (x,), (batch, time, heads, width), x.shape)
        return make("permute", (x,), (0, 2, 1, 3))

    q, k = leaf(array(batch, time, heads * width)), leaf(array(batch, time, heads * width))
    q = make("reshape", (split(q),), (batch * heads, time, width), (batch, heads, time, width))
    k = make("reshape", (split(k),), (batch * heads, time, width), (batch, heads, time, width))
    check(make("contract", (q, k), (0, 1, 2), (0, 3, 2), (0, 1, 3)))


@pytest.mark.parametrize("start", [0, 3, 5, 7])
def test_a_part_of_zeros_around_a_row_that_a_reshape_cuts(start: int) -> None:
    a, row = leaf(array(1, 5, 5)), make("reshape", (leaf(array(1, 5)),), (5,), (1, 5))
    padded = make("pad", (row,), (0,), (30,), (0,), 0.0)
    b = make("reshape", (make("slice", (padded,), (start,), (1,), (25,), (35,)),), (1, 5, 5), (25,))
    out = make("contract", (a, b), (0, 1, 2), (0, 3, 2), (0, 1, 3))
    expected, found = copied([out]), copied([out])
    ReferenceBackend().realize(expected)
    realize(Interpreter(), found)
    np.testing.assert_allclose(found[0].buffer.reshape(-1), expected[0].buffer.reshape(-1), rtol=1e-4, atol=1e-4)


def test_a_permuted_result_is_written_in_its_own_order() -> None:
    a, b = leaf(array(6, 4)), leaf(array(4, 5))
    out = make("contract", (a, b), (0, 1), (1, 2), (0, 2))
    out = make("permute", (make("reshape", (out,), (2, 3, 5), (6, 5)),), (2, 0, 1))
    check(make("neg", (out,)))


def test_convolutions_of_images_with_channels_last() -> None:
    """The first image and the last result are copied; in between everything has the order that the schedules need."""
    form, _, w, _ = operands((2, 1, 3, 3, (6, 7), (3, 3), (1, 1), (1, 1), (1, 1)))
    value = leaf(array(2, 6, 7, 3))
    for _ in range(2):
        value = permuted(_by_y(form, permuted(value, (0, 3, 1, 2)), w), (0, 2, 3, 1))
        value = MAXIMUM((value, EXPAND((leaf(array(1, 1, 1, 1)),), (value.shape, (1, 1, 1, 1)))))
    plan = build([value])
    assert [isinstance(step.kernel, ContractionKernel) for step in plan.steps] == [False, True, True, False]
    expected, found = copied([value]), copied([value])
    ReferenceBackend().realize(expected)
    realize(Interpreter(), found)
    np.testing.assert_allclose(found[0].buffer.reshape(-1), expected[0].buffer.reshape(-1), rtol=1e-4, atol=1e-4)


def test_pointwise_convolutions_of_images_with_channels_last() -> None:
    """They are matrix products in any order."""
    form, _, w, _ = operands((2, 1, 3, 4, (6, 7), (1, 1), (0, 0), (1, 1), (1, 1)))
    check(permuted(_by_y(form, permuted(leaf(array(2, 6, 7, 3)), (0, 3, 1, 2)), w), (0, 2, 3, 1)))


@pytest.mark.parametrize("before, after", [(0, 1), (1, 0), (2, 1)])
def test_a_repeated_number_as_a_column_among_zeros(before: int, after: int) -> None:
    """The dimension of one element isn't repeated: what is outside of it is zero."""
    ones = make("expand", (leaf(array(1, 1)),), (6, 1), (1, 1))
    padded = make("pad", (ones,), (0, before), (0, after), (0, 0), 0)
    check(make("contract", (padded, leaf(array(before + 1 + after, 5))), (0, 1), (1, 2), (0, 2)))
