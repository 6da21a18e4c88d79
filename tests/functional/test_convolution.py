"""Convolution against PyTorch, all parameters drawn at once: values, three gradients, second order, and which are errors."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import flambeau
from flambeau.nn import functional
from tests.functional.comparison import compare, integers, normal


@st.composite
def convolutions(draw):
    """(name, input shape, weight shape, bias, arguments), often with an error in it."""
    spatial = draw(st.integers(1, 3))
    transposed = draw(st.booleans())
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    inputs, outputs = (groups * draw(st.integers(1, 2)) for _ in range(2))
    largest = {1: 8, 2: 6, 3: 4}[spatial]

    def each(low, high):
        if draw(st.booleans()):
            return draw(st.integers(low, high))
        return tuple(draw(st.integers(low, high)) for _ in range(spatial))

    sizes = tuple(draw(st.integers(1, largest)) for _ in range(spatial))
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(spatial))
    batch = draw(st.sampled_from([(), (0,), (1,), (2,)]))
    weight = (inputs, outputs // groups, *kernel) if transposed else (outputs, inputs // groups, *kernel)
    arguments = {
        "stride": each(1, 3), "padding": each(0, 4 if transposed else 2), "dilation": each(1, 2), "groups": groups
    }  # fmt: skip
    if transposed:
        arguments["output_padding"] = each(0, 2)
    elif draw(st.integers(0, 4)) == 0:
        arguments["padding"] = draw(st.sampled_from(["same", "valid"]))
    name = f"conv_transpose{spatial}d" if transposed else f"conv{spatial}d"
    return name, (*batch, inputs, *sizes), weight, outputs if draw(st.booleans()) else None, arguments


def _run(case, device, dtype=torch.float64, second=True):
    name, x, w, b, arguments = case
    args = [normal(*x, dtype=dtype), normal(*w, dtype=dtype), None if b is None else normal(b, dtype=dtype)]
    if 0 in x:  # PyTorch skips some checks where there is nothing to compute
        try:
            getattr(torch.nn.functional, name)(*args, **arguments)
            getattr(functional, name)(
                *(None if a is None else flambeau.zeros(tuple(a.shape), dtype=flambeau.float64, device=device) for a in args),
                **arguments,
            )
        except RuntimeError:
            return
    compare(getattr(torch.nn.functional, name), getattr(functional, name), args, arguments, device, second=second, what=name)


@settings(max_examples=120, deadline=None)
@given(case=convolutions())
def test_all_parameters_at_once(case):
    _run(case, "reference")


@settings(max_examples=12, deadline=None)
@given(case=convolutions())
def test_all_parameters_at_once_on_the_cpu(case):
    _run(case, "cpu", second=False)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_dtypes(dtype, device):
    case = ("conv2d", (2, 4, 6, 5), (3, 4, 3, 3), 3, {"padding": 1, "stride": 2})
    _run(case, device, dtype, second=False)
    _run(("conv_transpose2d", (2, 4, 6, 5), (4, 3, 3, 3), 3, {"padding": 1, "stride": 2}), device, dtype, second=False)


def test_integers_forward(device):
    compare(torch.nn.functional.conv2d, functional.conv2d, (integers(9, 1, 2, 5, 5), integers(9, 3, 2, 3, 3)), {}, device)


def test_strides_of_the_input(device):
    """Any memory order of the operands gives the same numbers."""
    x = torch.randn(2, 5, 6, 3, dtype=torch.float64).permute(0, 3, 1, 2).requires_grad_()
    w = torch.randn(3, 3, 3, 4, dtype=torch.float64).permute(3, 0, 2, 1).requires_grad_()
    compare(torch.nn.functional.conv2d, functional.conv2d, (x, w), {"padding": 1}, device, second=True)
    big = torch.randn(2, 3, 9, 9, dtype=torch.float64)
    mine = flambeau.tensor(big.tolist(), dtype=flambeau.float64, device=device)
    expected = torch.nn.functional.conv2d(big[:, :, ::2, 1:], w.detach())
    found = functional.conv2d(mine[:, :, ::2, 1:], flambeau.tensor(w.tolist(), dtype=flambeau.float64, device=device))
    assert torch.allclose(torch.tensor(found.tolist(), dtype=torch.float64), expected)


def test_depthwise(device):
    _run(("conv2d", (2, 6, 5, 5), (6, 1, 3, 3), 6, {"groups": 6, "padding": 1}), device)
    _run(("conv2d", (2, 6, 5, 5), (12, 1, 3, 3), None, {"groups": 6, "stride": 2}), device)


BAD = [
    ((1, 1, 4, 4), (1, 1, 5, 5), {}),
    ((1, 1, 4, 4), (1, 2, 3, 3), {}),
    ((1, 1, 4, 4), (1, 2, 3), {}),
    ((4, 4), (1, 2, 3, 3), {}),
    ((1, 1, 4, 4), (1, 1, 3, 3), {"stride": 0}),
    ((1, 1, 4, 4), (1, 1, 3, 3), {"stride": (1, 2, 3)}),
    ((1, 1, 4, 4), (1, 1, 3, 3), {"stride": 1.5}),
    ((1, 1, 4, 4), (1, 1, 3, 3), {"padding": -1}),
    ((1, 1, 4, 4), (1, 1, 3, 3), {"dilation": 0}),
    ((1, 1, 4, 4), (1, 1, 3, 3), {"groups": 0}),
    ((1, 4, 4, 4), (3, 2, 3, 3), {"groups": 2}),
    ((1, 4, 4, 4), (4, 1, 3, 3), {"groups": 2}),
    ((1, 1, 4, 4), (1, 1, 3, 3), {"padding": "same", "stride": 2}),
    ((1, 1, 4, 4), (1, 1, 3, 3), {"padding": "full"}),
    ((1, 1, 0, 4), (1, 1, 3, 3), {"padding": 3}),
    ((1, 1, 4, 4), (0, 1, 3, 3), {}),
    ((1, 1, 4, 4), (1, 1, 0, 3), {}),
    ((0, 1, 4, 4), (1, 1, 3, 3), {}),
]


@pytest.mark.parametrize("case", BAD, ids=str)
def test_bad_combinations(case, device):
    x, w, arguments = case
    compare(torch.nn.functional.conv2d, functional.conv2d, (normal(*x), normal(*w)), arguments, device, what="conv2d")


def test_bad_operands(device):
    pairs = [
        ((normal(1, 1, 4, 4), normal(1, 1, 3, 3, dtype=torch.float32)), {}),
        ((normal(1, 1, 4, 4), normal(1, 1, 3, 3), normal(1, dtype=torch.float32)), {}),
        ((normal(1, 1, 4, 4), normal(1, 1, 3, 3), normal(2)), {}),
        (([1.0], normal(1, 1, 3, 3)), {}),
        ((normal(1, 1, 4, 4), None), {}),
        ((torch.ones(1, 1, 4, 4, dtype=torch.bool), torch.ones(1, 1, 3, 3, dtype=torch.bool)), {}),
    ]
    for args, kwargs in pairs:
        compare(torch.nn.functional.conv2d, functional.conv2d, args, kwargs, device, what="conv2d")
    whole = [torch.arange(n).reshape(shape) for n, shape in ((72, (1, 2, 6, 6)), (16, (2, 2, 2, 2)), (2, (2,)))]
    for kwargs in ({}, {"stride": 2, "padding": 1}, {"groups": 2, "output_padding": 0}):
        args = (whole[0], whole[1][:, :1] if kwargs.get("groups") else whole[1], whole[2])
        compare(torch.nn.functional.conv_transpose2d, functional.conv_transpose2d, args, kwargs, device, what="conv_transpose2d")
    compare(torch.nn.functional.conv_transpose2d, functional.conv_transpose2d, [t.int() for t in whole], {}, device, what="int32")
    args = (normal(1, 1, 4, 4), normal(1, 1, 3, 3))
    for kwargs in ({"output_padding": 1}, {"padding": 5}, {"stride": 2, "output_padding": 2}):
        compare(torch.nn.functional.conv_transpose2d, functional.conv_transpose2d, args, kwargs, device, what="conv_transpose2d")
