"""Where results lie in memory: strides and memory formats as PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import flambeau
from flambeau.shapes import strides as rules
from tests.helpers.layouts import as_laid_out, laid_out
from tests.helpers.oracle import check, compare, compare_layout, to_flambeau

FORMATS = ("contiguous_format", "channels_last", "channels_last_3d", "preserve_format")
SIZES = st.sampled_from([1, 1, 2, 3, 4])


@st.composite
def operands(draw: Any, count: int) -> list[torch.Tensor]:
    """Tensors that broadcast together, in any layouts."""
    shape = draw(st.lists(SIZES, min_size=0, max_size=5).map(tuple))
    found = []
    for _ in range(count):
        own = tuple(1 if draw(st.integers(0, 4)) == 0 else n for n in shape)
        found.append(draw(laid_out(own[draw(st.sampled_from([0, 0, 0, 1, 2])) :])))
    return found


# --- elementwise -------------------------------------------------------------------------------------------------------
UNARY = ("exp", "neg", "relu", "sigmoid", "tanh", "abs", "isnan", "clone", "round", "square", "erf", "sign", "isfinite", "gelu")


@settings(max_examples=60)
@given(operands(1), st.sampled_from(UNARY))
def test_functions_of_one_operand(device: str, tensors: list[torch.Tensor], name: str) -> None:
    def of(library: Any) -> Any:
        return getattr(library, name, None) or getattr(library.nn.functional, name)

    check(of(flambeau), of(torch), tuple(tensors), device=device)


NUMBERS: dict[str, Any] = {
    "x + 1": lambda library, x: x + 1,
    "2 / x": lambda library, x: 2 / x.abs().add(1),
    "x > 0": lambda library, x: x > 0,
    "double": lambda library, x: x.double(),
    "pow": lambda library, x: x**2,
    "clamp": lambda library, x: x.clamp(-1, 1),
    "masked_fill": lambda library, x: x.masked_fill(x > 0, 0),
    "where": lambda library, x: library.where(x > 0, x, 0.0),
    "chain": lambda library, x: ((x * 2 + 1).exp() - x).to(library.float64),
}


@settings(max_examples=60)
@given(operands(1), st.sampled_from(sorted(NUMBERS)))
def test_a_tensor_and_numbers(device: str, tensors: list[torch.Tensor], name: str) -> None:
    mine, theirs = (lambda x, library=library: NUMBERS[name](library, x) for library in (flambeau, torch))
    check(mine, theirs, tuple(tensors), device=device, factor=100)


BINARY = ("add", "mul", "maximum", "lt", "atan2", "where", "lerp", "addcmul", "promoted", "in order")


def _together(library: Any, name: str, a: Any, b: Any, c: Any) -> Any:
    if name == "where":
        return library.where(c > 0, a, b)
    if name in ("lerp", "addcmul"):
        return getattr(library, name)(a, b, c)
    if name == "promoted":
        return a.double() + b + (c > 0)
    if name == "in order":
        return (a + b) * c - a
    return getattr(library, name)(a, b)


@settings(max_examples=150)
@given(operands(3), st.sampled_from(BINARY))
def test_functions_of_several_operands(device: str, tensors: list[torch.Tensor], name: str) -> None:
    """Any permutations, gaps, repeats and shapes that broadcast."""
    check(lambda *t: _together(flambeau, name, *t), lambda *t: _together(torch, name, *t), tuple(tensors), device=device)


def test_what_can_be_viewed(device: str) -> None:
    """A permuted result refuses the views that PyTorch's does."""
    for shape in ((6,), (3, 2), (2, 3), (1, 6)):
        check(lambda x, s=shape: (x.t() + 1).view(s), lambda x, s=shape: (x.t() + 1).view(s), (torch.ones(2, 3),), device=device)


# --- formats -----------------------------------------------------------------------------------------------------------
NEW: dict[str, Any] = {
    "clone": lambda x, f, library: x.clone(memory_format=f),
    "contiguous": lambda x, f, library: x.contiguous(memory_format=f),
    "empty_like": lambda x, f, library: library.empty_like(x, memory_format=f).fill_(0),
    "zeros_like": lambda x, f, library: library.zeros_like(x, memory_format=f),
    "full_like": lambda x, f, library: library.full_like(x, 2, memory_format=f),
    "rand_like": lambda x, f, library: library.rand_like(x, memory_format=f) < 2,
    "randint_like": lambda x, f, library: library.randint_like(x, 3, memory_format=f) < 3,
    "to": lambda x, f, library: x.to(memory_format=f),
    "to dtype": lambda x, f, library: x.to(library.float64, memory_format=f),
    "to copy": lambda x, f, library: x.to(copy=True, memory_format=f),
    "double": lambda x, f, library: x.double(memory_format=f),
    "is_contiguous": lambda x, f, library: x.is_contiguous(memory_format=f),
    "empty": lambda x, f, library: library.empty(x.shape, memory_format=f).fill_(0),
    "resize_": lambda x, f, library: x.clone().resize_(x.shape, memory_format=f),
}


@settings(max_examples=120)
@given(operands(1), st.sampled_from(sorted(NEW)), st.sampled_from(FORMATS))
def test_memory_formats(device: str, tensors: list[torch.Tensor], name: str, format: str) -> None:
    check(
        lambda x: NEW[name](x, getattr(flambeau, format), flambeau),
        lambda x: NEW[name](x, getattr(torch, format), torch),
        tuple(tensors),
        device=device,
    )


@settings(max_examples=30)
@given(operands(1), st.sampled_from([False, True]))
def test_order_of_dimensions(device: str, tensors: list[torch.Tensor], is_checked: bool) -> None:
    check(
        lambda x: x.dim_order(ambiguity_check=is_checked),
        lambda x: x.dim_order(ambiguity_check=is_checked),
        tuple(tensors),
        device=device,
    )


def test_formats_that_do_not_fit(device: str) -> None:
    x = torch.zeros(2, 3)
    for f in (
        lambda library, t: t.clone(memory_format=library.channels_last),
        lambda library, t: t.to(memory_format=3),
        lambda library, t: t.is_contiguous(memory_format=None),
        lambda library, t: t.t().contiguous(memory_format=library.preserve_format),
        lambda library, t: library.empty(2, 3, memory_format=library.preserve_format),
        lambda library, t: library.zeros(2, 3, memory_format=library.contiguous_format),
        lambda library, t: t.dim_order(ambiguity_check="no"),
    ):
        check(lambda t, f=f: f(flambeau, t), lambda t, f=f: f(torch, t), (x,), device=device)


@settings(max_examples=100)
@given(operands(1))
def test_the_format_that_strides_suggest(tensors: list[torch.Tensor]) -> None:
    (x,) = tensors
    found = rules.suggested_format(tuple(x.shape), x.stride())
    expected = torch.contiguous_format if x.ndim not in (4, 5) else torch._prims_common.suggest_memory_format(x)
    assert str(found) == str(expected)


# --- in place and out= -------------------------------------------------------------------------------------------------
@settings(max_examples=40)
@given(operands(1), st.data())
def test_writes_keep_strides(device: str, tensors: list[torch.Tensor], data: st.DataObject) -> None:
    (x,) = tensors
    other = data.draw(laid_out(tuple(x.shape)))
    if all(x.stride()) or not x.ndim:
        check(lambda a, b: a.add_(b), lambda a, b: a.add_(b), (x, other), device=device)
        check(lambda a, b: a.copy_(b).mul_(2), lambda a, b: a.copy_(b).mul_(2), (x, other), device=device)


@pytest.mark.parametrize("view", ["t", "slice", "flat"])
def test_views_of_permuted_memory(device: str, view: str) -> None:
    """A write through a view of a permuted result, and through the result, are seen by both."""
    x = torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1)
    mine, theirs = to_flambeau(x, device) + 1, x + 1
    for result in (mine, theirs):
        part = {"t": lambda r: r.permute(1, 2, 0), "slice": lambda r: r[1:3, 0], "flat": lambda r: r.permute(1, 2, 0).view(-1)}
        seen = part[view](result)
        seen.mul_(3)
        result[0] += 1
        seen.add_(result.sum())
    compare(mine, theirs)
    compare_layout(mine, theirs)


@pytest.mark.parametrize("name", ["heaviside", "hypot", "xlogy", "copysign", "special.xlog1py", "special.zeta", "nextafter"])
@pytest.mark.parametrize("first", [True, False])
def test_one_number_has_no_say(device: str, name: str, first: bool) -> None:
    """A result of a number and a transposed matrix is transposed, of whatever the operator is composed."""
    x, number = torch.rand(4, 3).t() + 2, torch.tensor(3.0)
    operands = (number, x) if first else (x, number)

    def call(library: Any, *operands: Any) -> Any:
        module, _, short = name.rpartition(".")
        return getattr(library.special if module else library, short)(*operands)

    theirs = call(torch, *operands)
    mine = call(flambeau, *(to_flambeau(x, device) for x in operands))
    compare(mine, theirs)
    compare_layout(mine, theirs)


def test_copies_keep_strides(device: str) -> None:
    import copy
    import io

    x = flambeau.zeros(2, 3, device=device).t() + 1
    assert copy.deepcopy(x).stride() == (1, 3)
    file = io.BytesIO()
    flambeau.save({"x": x}, file)
    file.seek(0)
    loaded = flambeau.load(file)["x"]
    assert loaded.stride() == (1, 3) and loaded.tolist() == [[1.0, 1.0]] * 3
    if device == "cpu":
        assert x.numpy().strides == (4, 12)


# --- images ------------------------------------------------------------------------------------------------------------
@settings(max_examples=25)
@given(
    st.sampled_from([2, 3]),
    st.sampled_from(["conv", "conv_transpose"]),
    st.sampled_from([1, 2, 4]),
    st.sampled_from(["contiguous", "channels_last", "cut"]),
    st.sampled_from(["contiguous", "channels_last"]),
    st.booleans(),
)
def test_convolutions(device: str, spatial: int, name: str, groups: int, images: str, weights: str, batched: bool) -> None:
    """Channels last where the input or the weight is; their gradients, too."""
    rank = spatial + 2
    order = (0, *range(2, rank), 1)
    x = as_laid_out(torch.randn(2, 4, *(5,) * spatial), images, order, 1)
    w = as_laid_out(torch.randn(4, 4 // groups, *(3,) * spatial), weights, order, 0)
    bias = torch.randn(4 if name == "conv" else w.shape[1] * groups)
    x = x if batched or spatial == 3 else x[0]  # a single 3-d image takes another path in PyTorch, which has one layout

    def run(library: Any, *tensors: Any) -> Any:
        leaves = [t.detach().requires_grad_() for t in tensors]
        y = getattr(library.nn.functional, f"{name}{spatial}d")(*leaves, padding=1, groups=groups)
        return y.detach(), *library.autograd.grad(y, leaves, library.ones_like(y))

    check(lambda *t: run(flambeau, *t), lambda *t: run(torch, *t), (x, w, bias), device=device, factor=20, strides=False)


IMAGES: dict[str, Any] = {
    "batch_norm": lambda f, x: f.batch_norm(x, x.new_zeros(4), x.new_ones(4), x.new_ones(4), x.new_ones(4)),
    "batch_norm training": lambda f, x: f.batch_norm(x, None, None, x.new_ones(4), x.new_ones(4), training=True),
    "batch_norm plain": lambda f, x: f.batch_norm(x, None, None, training=True),
    "max_pool": lambda f, x: getattr(f, f"max_pool{x.ndim - 2}d")(x, 3, 2, 1),
    "avg_pool": lambda f, x: getattr(f, f"avg_pool{x.ndim - 2}d")(x, 3, 2, 1),
    "adaptive_avg_pool": lambda f, x: getattr(f, f"adaptive_avg_pool{x.ndim - 2}d")(x, 3),
    "relu": lambda f, x: f.relu(x),
    "silu": lambda f, x: f.silu(x),
}
"""Operators on images whose results and gradients have the input's memory format."""
FORWARD: dict[str, Any] = {
    "max_pool with indices": lambda f, x: getattr(f, f"max_pool{x.ndim - 2}d")(x, 2, return_indices=True),
    "adaptive_avg_pool": lambda f, x: getattr(f, f"adaptive_avg_pool{x.ndim - 2}d")(x, 4),
    "group_norm": lambda f, x: f.group_norm(x, 2, x.new_ones(4), x.new_ones(4)),
    "nearest": lambda f, x: f.interpolate(x, scale_factor=2),
    "linear": lambda f, x: f.interpolate(x, scale_factor=2, mode="bilinear" if x.ndim == 4 else "trilinear"),
    "pad": lambda f, x: f.pad(x, (1, 2, 0, 1)),
    "pad and crop": lambda f, x: f.pad(x, (1, -2, 0, 1)),
    "circular": lambda f, x: f.pad(x, (1, 1) * (x.ndim - 2), mode="circular"),
    "dropout": lambda f, x: f.dropout(x) * 0,
    "layer_norm": lambda f, x: f.layer_norm(x, tuple(x.shape[1:])),
    "instance_norm": lambda f, x: f.instance_norm(x) + 0,
}
"""Those whose results are compared alone."""


@settings(max_examples=60)
@given(st.sampled_from([2, 3]), st.sampled_from(["contiguous", "channels_last", "cut"]), st.data())
def test_operators_on_images(device: str, spatial: int, layout: str, data: Any) -> None:
    with_gradient = data.draw(st.booleans())
    operator = (IMAGES if with_gradient else FORWARD)[data.draw(st.sampled_from(sorted(IMAGES if with_gradient else FORWARD)))]
    value = torch.randn(2, 4, *(6,) * spatial, generator=torch.Generator().manual_seed(0))
    x = as_laid_out(value, layout, (0, *range(2, spatial + 2), 1), 1)

    def run(library: Any, t: Any) -> Any:
        leaf = t.detach().requires_grad_(with_gradient)
        y = operator(library.nn.functional, leaf)
        return (y.detach(), *library.autograd.grad(y, leaf, library.ones_like(y))) if with_gradient else y

    check(lambda t: run(flambeau, t), lambda t: run(torch, t), (x,), device=device, factor=50, strides=False)


@settings(max_examples=20)
@given(operands(1), st.booleans())
def test_gradients_of_leaves(device: str, tensors: list[torch.Tensor], twice: bool) -> None:
    """`.grad` lies in memory as a dense leaf does, whatever the backward gives."""
    (x,) = tensors

    def run(library: Any, t: Any) -> Any:
        leaf = t.detach().requires_grad_()
        for _ in range(1 + twice):
            (leaf.exp().permute(tuple(range(leaf.ndim - 1, -1, -1))) * 2).sum().backward()
        return leaf.grad

    check(lambda t: run(flambeau, t), lambda t: run(torch, t), (x,), device=device, factor=20, strides=False)


@pytest.mark.parametrize("shifts, dims", [(0, 0), (3, 0), (1, 1), ((0, 0), (0, 1)), ((1, 0), (0, 1)), (0, None)], ids=str)
def test_rolled_by_nothing(shifts: Any, dims: Any) -> None:
    """The result lies as joined parts do, also where nothing moves."""
    image = torch.randn(1, 3, 2, 2).contiguous(memory_format=torch.channels_last)
    for x in (torch.randn(4, 3).T, torch.randn(1, 4).T, image, torch.randn(3, 5)[:, 1:]):
        check(flambeau.roll, torch.roll, (x, shifts, dims))
