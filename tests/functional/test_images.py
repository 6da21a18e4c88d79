"""Padding, resizing, sampling, shuffles and blocks against PyTorch."""

from __future__ import annotations

import pytest
import torch

import flambeau
from tests.functional.comparison import Cases, integers, normal, run_cases
from tests.helpers.oracle import compare, to_flambeau


def padding(cases: Cases) -> None:
    for amounts in ((1, 2), (0, 0, 1, 1), (-1, 2), (-1, -1, 0, 2), (0, 0), (-9, 0), (1,), (1, 1, 1, 1, 1, 1, 1, 1)):
        cases("pad", normal(2, 3, 4), amounts)
        cases("pad", normal(2, 3, 4), amounts, value=1.5)
    cases("pad", integers(9, 3), (1, 1), value=3)
    for mode in ("reflect", "replicate", "circular"):
        cases("pad", normal(2, 3, 4), (1, 2), mode)
        cases("pad", normal(3, 4), (1, 2), mode)
        cases("pad", normal(2, 3, 4, 5), (1, 2, 2, 0), mode)
        cases("pad", normal(2, 3, 4), (1, 2, 2, 0), mode)
        cases("pad", normal(2, 3, 4, 5, 3), (1, 2, 2, 0, 1, 1), mode)
        cases("pad", normal(2, 3, 4), (5, 2), mode)
        cases("pad", normal(2, 3, 4), (1, 2), mode, 1.0)
        cases("pad", normal(2, 3, 4), (1,), mode)
    cases("pad", normal(2, 3, 4), (1, 2), "mirror")


SHAPES = (
    ("nearest", (2, 3, 5)), ("nearest", (2, 3, 5, 4)), ("nearest", (1, 2, 3, 2, 2)), ("nearest-exact", (2, 3, 5, 4)),
    ("linear", (2, 3, 5)), ("bilinear", (2, 3, 5, 4)), ("bicubic", (2, 3, 5, 4)), ("trilinear", (1, 2, 3, 4, 5)),
    ("area", (2, 3, 5)), ("area", (2, 3, 5, 4)),
)  # fmt: skip


def resizing(cases: Cases) -> None:
    sizes = (
        {"size": 7}, {"size": 2}, {"size": 1}, {"scale_factor": 2}, {"scale_factor": 1.7}, {"scale_factor": 0.6},
        {"scale_factor": 1.7, "recompute_scale_factor": True},
    )  # fmt: skip
    for mode, shape in SHAPES:
        for keywords in sizes:
            for corners in (True, False) if "linear" in mode or mode == "bicubic" else (None,):
                if not (mode == "bicubic" and keywords.get("size") == 1 and corners):  # PyTorch's own weights are 0/0 there
                    cases("interpolate", normal(*shape), mode=mode, align_corners=corners, **keywords)
        cases("interpolate", normal(*shape), mode=mode, size=4, antialias=True)
        cases("interpolate", normal(*shape), mode=mode, size=9, antialias=True)
        cases("interpolate", normal(*shape), mode=mode)
        cases("interpolate", normal(*shape), mode=mode, size=4, scale_factor=2)
    cases("interpolate", normal(2, 3, 5), mode="nearest", size=4, align_corners=True)
    cases("interpolate", normal(2, 3, 5), mode="cubic", size=4)
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        cases("interpolate", normal(2, 3, 4, 4, dtype=dtype), scale_factor=2, mode="bilinear", second=False)


def grids(cases: Cases) -> None:
    for corners in (True, False):
        cases("affine_grid", normal(2, 2, 3), (2, 1, 4, 5), align_corners=corners)
        cases("affine_grid", normal(2, 3, 4), (2, 1, 3, 4, 5), align_corners=corners)
        for outside in ("zeros", "border", "reflection"):
            keywords = {"padding_mode": outside, "align_corners": corners}
            for mode in ("bilinear", "nearest", "bicubic"):
                cases("grid_sample", normal(2, 3, 5, 4), normal(2, 3, 2, 2), mode=mode, **keywords)
            for mode in ("bilinear", "nearest"):
                cases("grid_sample", normal(1, 2, 3, 5, 4), normal(1, 2, 3, 2, 3), mode=mode, **keywords)
    cases("grid_sample", normal(2, 3, 5, 4), normal(2, 3, 2, 3), align_corners=False)
    cases("grid_sample", normal(2, 3, 5, 4), normal(2, 3, 2, 2), mode="cubic", align_corners=False)
    cases("affine_grid", normal(2, 2, 4), (2, 1, 4, 5), align_corners=False)


def blocks(cases: Cases) -> None:
    cases("pixel_shuffle", normal(2, 12, 3, 4), 2)
    cases("pixel_shuffle", normal(2, 11, 3, 4), 2)
    cases("pixel_unshuffle", normal(2, 3, 6, 4), 2)
    cases("channel_shuffle", normal(2, 6, 3, 4), 3)
    cases("unfold", normal(2, 3, 6, 7), 3)
    cases("unfold", normal(2, 3, 6, 7), (2, 3), 2, 1, (2, 1))
    cases("unfold", normal(3, 6, 7), 3, padding=1)
    cases("unfold", normal(3, 6, 7), 9)
    cases("fold", normal(2, 12, 9), (4, 4), 2)
    cases("fold", normal(2, 12, 12), (6, 5), 2, 2, 1, 2)
    cases("fold", normal(12, 9), (4, 4), 2)
    cases("fold", normal(2, 12, 8), (4, 4), 2)


@pytest.mark.parametrize("rank", [2, 3])
def test_the_nearest_element_has_no_slope_along_the_grid(rank):
    """The grid's gradient is zeros, not none, also where it alone has one."""

    def run(m, learned):
        x = m.ones((1, 2, *[3] * rank), requires_grad=learned)
        grid = m.full((1, *[2] * rank, rank), 0.3, requires_grad=True)
        y = m.nn.functional.grid_sample(x, grid, mode="nearest", align_corners=False)
        y.sum().backward()
        return grid.grad.tolist(), learned and x.grad.tolist()

    for learned in (True, False):
        assert run(flambeau, learned) == run(torch, learned)


@pytest.mark.parametrize("build", [padding, resizing, grids, blocks])
def test_values_and_gradients(build, device):
    run_cases(build, device)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_what_is_cropped_has_memory_of_its_own(mode: str, device: str) -> None:
    x = flambeau.ones(1, 5, 5, device=device)
    flambeau.nn.functional.pad(x, (-1, -1, -1, -1), mode).zero_()
    assert x.sum().item() == 25


@pytest.mark.parametrize("corners", [True, False])
@pytest.mark.parametrize("padding", ["zeros", "border"])
def test_an_image_sampled_at_its_own_pixels(device: str, padding: str, corners: bool) -> None:
    """As spatial transformers begin: the last bit of a position decides what the gradient is, and borders have none."""
    if device == "webgpu":
        pytest.skip("its positions are another last bit's")
    for n in (15, 16, 28):
        x, weights = torch.randn(2, 1, n, n), torch.randn(2, 1, n, n)
        identity = torch.eye(2, 3).repeat(2, 1, 1)
        gradients = []
        for library, convert in ((torch, lambda t: t.clone()), (flambeau, lambda t: to_flambeau(t, device))):
            theta = convert(identity).requires_grad_()
            F = library.nn.functional
            grid = F.affine_grid(theta, (2, 1, n, n), align_corners=corners)
            grid.retain_grad()
            (F.grid_sample(convert(x), grid, padding_mode=padding, align_corners=corners) * convert(weights)).sum().backward()
            gradients.append((grid.grad, theta.grad))
        for found, expected in zip(gradients[1], gradients[0]):
            compare(found, expected, factor=10)
