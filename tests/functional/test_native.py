"""The functions that PyTorch has in `torch` itself, in its own forms, against PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import flambeau
from tests.functional.comparison import assert_same, integers, mirror, normal

REDUCTIONS = (0, 1, 2)


def _signs(*shape: int) -> torch.Tensor:
    return torch.sign(normal(*shape, grad=False))


CASES: dict[str, Callable[[], list[tuple[Any, ...]]]] = {
    "batch_norm": lambda: [
        (
            normal(4, 3, 5),
            normal(3),
            normal(3),
            normal(3, grad=False),
            normal(3, grad=False).abs() + 0.1,
            training,
            0.1,
            1e-5,
            True,
        )
        for training in (True, False)
    ],
    "instance_norm": lambda: [(normal(4, 3, 5), normal(3), normal(3), None, None, True, 0.1, 1e-5, False)],
    "layer_norm": lambda: [(normal(4, 3), [3], normal(3), normal(3), 1e-5, False), (normal(4, 3), (3,))],
    "group_norm": lambda: [(normal(2, 4, 3), 2, normal(4), normal(4), 1e-5, False)],
    "rms_norm": lambda: [(normal(4, 3), (3,), normal(3))],
    "embedding": lambda: [
        (normal(5, 4), integers(5, 2, 3)),
        (normal(5, 4), integers(5, 2, 3), 1, True),
        (normal(5, 4), integers(5, 2, 3), -1),
        (normal(5, 4), integers(5, 2, 3), 7),
    ],
    "dropout": lambda: [(normal(3, 4), 0.5, False), (normal(3, 4), 0.0, True), (normal(3, 4), 1.0, True)],
    "alpha_dropout": lambda: [(normal(3, 4), 0.5, False), (normal(3, 4), 0.0, True)],
    "feature_dropout": lambda: [(normal(3, 4, 2), 0.5, False), (normal(3, 4, 2), 1.0, True)],
    "feature_alpha_dropout": lambda: [(normal(3, 4, 2), 0.5, False), (normal(3, 4, 2), 0.0, True)],
    "constant_pad_nd": lambda: [(normal(2, 3), (1, 2)), (normal(2, 3), [1, -1, 0, 2], 3.5)],
    "adaptive_max_pool1d": lambda: [(normal(2, 3, 7), 3), (normal(2, 3, 7), (2,))],
    "max_pool1d_with_indices": lambda: [(normal(2, 3, 7), 3, 2, 1)],
    "grid_sampler": lambda: [
        (normal(1, 2, 4, 5), normal(1, 3, 3, 2), mode, padding, corners)
        for mode in (0, 1, 2)
        for padding in (0, 1, 2)
        for corners in (True, False)
    ],
    "affine_grid_generator": lambda: [(normal(2, 2, 3), (2, 1, 3, 4), corners) for corners in (True, False)],
    "binary_cross_entropy_with_logits": lambda: [
        (normal(3, 4), normal(3, 4, grad=False).sigmoid(), normal(3, 4, grad=False), normal(4, grad=False), r) for r in REDUCTIONS
    ],
    "cosine_embedding_loss": lambda: [(normal(3, 4), normal(3, 4), _signs(3), 0.2, r) for r in REDUCTIONS],
    "ctc_loss": lambda: [
        (normal(6, 2, 4).log_softmax(-1).detach(), integers(3, 2, 2) + 1, [6, 5], [2, 1], 0, r, True) for r in REDUCTIONS
    ],
    "hinge_embedding_loss": lambda: [(normal(3, 4), _signs(3, 4), 0.5, r) for r in REDUCTIONS],
    "kl_div": lambda: [(normal(3, 4), normal(3, 4, grad=False).softmax(-1), r) for r in REDUCTIONS],
    "margin_ranking_loss": lambda: [(normal(5), normal(5), _signs(5), 0.1, r) for r in REDUCTIONS],
    "poisson_nll_loss": lambda: [
        (normal(3, 4), integers(5, 3, 4).double(), log_input, full, 1e-8, r)
        for log_input, full in ((True, False), (True, True))
        for r in REDUCTIONS
    ],
    "triplet_margin_loss": lambda: [(normal(3, 4), normal(3, 4), normal(3, 4), 1.0, 2.0, 1e-6, True, r) for r in REDUCTIONS],
}


@pytest.mark.parametrize("name", CASES)
def test_same_as_torch(name: str) -> None:
    """Values and first gradients."""
    for arguments in CASES[name]():
        mine = mirror(arguments, "reference")
        expected, found = getattr(torch, name)(*arguments), getattr(flambeau, name)(*mine)
        what = f"{name}{arguments}"
        pairs = list(zip(found, expected, strict=True)) if isinstance(expected, tuple) else [(found, expected)]
        for f, e in pairs:
            assert_same(f, e, what)
        leaves = [(m, t) for m, t in zip(mine, arguments) if isinstance(t, torch.Tensor) and t.requires_grad]
        if pairs[0][1].requires_grad:
            pairs[0][1].sum().backward()
            pairs[0][0].sum().backward()
            for m, t in leaves:
                if m.grad is None:  # no path leads there; PyTorch may write zeros
                    assert t.grad is None or not t.grad.any(), what
                else:
                    assert_same(m.grad, t.grad, what)


@pytest.mark.parametrize("name", ["dropout_", "alpha_dropout_", "feature_dropout_", "feature_alpha_dropout_"])
def test_dropout_in_place(name: str) -> None:
    x = flambeau.ones(8, 16, 2)
    assert getattr(flambeau, name)(x, 0.5, False) is x and bool((x == 1).all())
    assert getattr(flambeau, name)(x, 0.5, True) is x and bool((x != 1).any())
    by_channel = bool((x == x[:, :, :1]).all())
    assert by_channel == name.startswith("feature")


def test_names_instead_of_numbers() -> None:
    x = flambeau.ones(3)
    with pytest.raises(TypeError, match=r"argument 'reduction' .*must be int, not str"):
        flambeau.kl_div(x, x, "mean")
    with pytest.raises(RuntimeError, match="must be one of 0"):
        flambeau.hinge_embedding_loss(x, x, 1.0, 3)
