"""Pooling in 1 to 3 dimensions against PyTorch: values, indices, gradients, second gradients, errors."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flambeau.nn import functional
from flambeau.shapes.pooling import adaptive_width
from tests.functional.comparison import Cases, call, compare, integers, normal, run_cases, uniform

SIZES = {1: (7,), 2: (6, 7), 3: (4, 5, 6)}


@st.composite
def poolings(draw):
    spatial = draw(st.integers(1, 3))
    kind = draw(st.sampled_from(["max", "avg"]))

    def each(low, high):
        if draw(st.booleans()):
            return draw(st.integers(low, high))
        return tuple(draw(st.integers(low, high)) for _ in range(spatial))

    sizes = tuple(draw(st.integers(1, 8 // spatial + 2)) for _ in range(spatial))
    batch = draw(st.sampled_from([(), (1,), (2,)]))
    arguments = {"kernel_size": each(1, 4), "padding": each(0, 2), "ceil_mode": draw(st.booleans())}
    if draw(st.booleans()):
        arguments["stride"] = each(1, 4)
    if kind == "max":
        arguments["dilation"] = each(1, 2)
        arguments["return_indices"] = draw(st.booleans())
    else:
        arguments["count_include_pad"] = draw(st.booleans())
        if spatial > 1 and draw(st.booleans()):
            arguments["divisor_override"] = draw(st.integers(1, 9))
    name, shape = f"{kind}_pool{spatial}d", (*batch, 2, *sizes)
    if kind == "max":
        values, error = call(getattr(torch.nn.functional, name), (torch.ones(shape),), {**arguments, "return_indices": False})
        assume(error is not None or bool(values.isfinite().all()))  # PyTorch's index of a window of padding alone is arbitrary
    return name, shape, arguments


@settings(max_examples=120, deadline=None)
@given(case=poolings())
def test_all_parameters_at_once(case):
    name, shape, arguments = case
    compare(
        getattr(torch.nn.functional, name), getattr(functional, name), (normal(*shape),), arguments, "reference",
        second=True, what=name,
    )  # fmt: skip


@settings(max_examples=10, deadline=None)
@given(case=poolings())
def test_all_parameters_at_once_on_the_cpu(case):
    name, shape, arguments = case
    compare(getattr(torch.nn.functional, name), getattr(functional, name), (normal(*shape),), arguments, "cpu", what=name)


def ties_and_types(cases: Cases) -> None:
    for spatial, sizes in SIZES.items():
        # Small whole numbers: many windows have several maxima, the first of which counts.
        ties = integers(3, 2, 3, *sizes).double().requires_grad_()
        cases(f"max_pool{spatial}d", ties, 3, 2, 1, return_indices=True)
        for dtype in (torch.float32, torch.float16, torch.bfloat16):
            cases(f"max_pool{spatial}d", normal(2, 3, *sizes, dtype=dtype), 2, second=False)
            if spatial < 3 or dtype is torch.float32:  # PyTorch has no such kernel
                cases(f"avg_pool{spatial}d", normal(2, 3, *sizes, dtype=dtype), 2, second=False)
        cases(f"lp_pool{spatial}d", uniform(2, 3, *sizes), 2.0, 2)
        cases(f"lp_pool{spatial}d", uniform(2, 3, *sizes), 3.0, 3, 2, ceil_mode=True)
        for name in (f"max_pool{spatial}d", f"avg_pool{spatial}d"):
            cases(name, normal(2, 3, *sizes), 9)
            cases(name, normal(2, 3, *sizes), 0)
            cases(name, normal(2, 3, *sizes), 3, 0)
            cases(name, normal(2, 3, *sizes), 3, 2, 2)
            cases(name, normal(0, 3, *sizes), 2)
    cases("avg_pool2d", normal(2, 3, 6, 6), 2, divisor_override=0)


def adaptive(cases: Cases) -> None:
    for spatial, sizes in SIZES.items():
        for kind in ("max", "avg"):
            name = f"adaptive_{kind}_pool{spatial}d"
            for out in (1, 2, 3, 5, 8, None, (None,) * spatial, (2, 3, 1)[:spatial]):
                if spatial > 1 or out not in (None, (None,)):
                    cases(name, normal(2, 3, *sizes), out)
            cases(name, normal(3, *sizes), 2)
            cases(name, normal(2, *sizes[1:]), 2)
        cases(f"adaptive_max_pool{spatial}d", normal(2, 3, *sizes), 3, return_indices=True)
        cases(f"adaptive_max_pool{spatial}d", normal(2, 3, *sizes), 1, True)


def unpooling(cases: Cases) -> None:
    for spatial, sizes in SIZES.items():
        pool = getattr(torch.nn.functional, f"max_pool{spatial}d")
        values, indices = pool(normal(2, 3, *sizes), 2, return_indices=True)
        values = values.detach().requires_grad_()
        cases(f"max_unpool{spatial}d", values, indices, 2)
        cases(f"max_unpool{spatial}d", values, indices, 2, output_size=sizes)
        cases(f"max_unpool{spatial}d", values, indices, 2, output_size=tuple(n + 9 for n in sizes))
        cases(f"max_unpool{spatial}d", values, indices + 1000, 2)


def fractional(cases: Cases) -> None:
    for out in ((4, 5), (1, 3)):
        samples = uniform(2, 3, 2, grad=False)
        cases(
            "fractional_max_pool2d", normal(2, 3, 7, 8), 2, output_size=out, _random_samples=samples, return_indices=True,
            second=False,
        )  # fmt: skip
    samples = uniform(2, 3, 3, grad=False)
    cases(
        "fractional_max_pool3d", normal(2, 3, 7, 8, 6), 2, output_size=(4, 5, 1), _random_samples=samples, return_indices=True,
        second=False,
    )  # fmt: skip
    cases("fractional_max_pool2d", normal(2, 3, 7, 8), 2)
    cases("fractional_max_pool2d", normal(2, 3, 7, 8), 5, output_size=6)


def undefined(cases: Cases) -> None:
    """The last NaN of a window is its maximum's place."""
    nan = float("nan")
    for values in ([nan, 1.0, nan, 2.0], [1.0, nan, 3.0, nan], [nan] * 4, [1.0, nan, 2.0, 3.0]):
        x = torch.tensor(values * 4)
        image = x.reshape(1, 1, 4, 4).requires_grad_()
        last = x.reshape(1, 2, 2, 4).contiguous(memory_format=torch.channels_last).requires_grad_()
        for t in (image, last):
            for out in (1, 2, 3):
                cases("adaptive_max_pool2d", t, out, return_indices=True)
            cases("max_pool2d", t, 2, return_indices=True)
            cases("max_pool2d", t, 2, 1, 1, return_indices=True)
            cases("max_pool2d", t, 2, 1, dilation=2 if t is image else 1)
        cases("max_pool1d", image[0], 4, 1, 2, return_indices=True)
        cases("adaptive_max_pool1d", image[0], 3, True)
        cases("max_pool3d", image[None], (1, 2, 2), return_indices=True)
        cases("adaptive_max_pool3d", image[None], (1, 3, 2), True)
        samples = uniform(1, 1, 2, grad=False, dtype=torch.float32)
        cases("fractional_max_pool2d", image, 2, output_size=2, _random_samples=samples, return_indices=True, second=False)


@pytest.mark.parametrize("build", [undefined, ties_and_types, adaptive, unpooling, fractional])
def test_values_and_gradients(build, device):
    run_cases(build, device)


def test_the_longest_adaptive_window():
    """A formula, so that nothing is done for each window of a large result."""
    for size in range(30):
        for out in range(1, 40):
            longest = max(-(-(i + 1) * size // out) - i * size // out for i in range(out))
            assert adaptive_width(size, out) == longest, (size, out)
