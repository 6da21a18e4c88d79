"""Losses against PyTorch: every reduction, weights, ignored classes, smoothing, probabilities, errors."""

from __future__ import annotations

import pytest
import torch

import flambeau
from tests.functional.comparison import Cases, integers, normal, run_cases, uniform

REDUCTIONS = ("none", "mean", "sum")


def signs(*shape: int) -> torch.Tensor:
    return (integers(2, *shape) * 2 - 1).double()


def regression(cases: Cases) -> None:
    for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div", "poisson_nll_loss"):
        for reduction in REDUCTIONS:
            cases(name, normal(3, 4), uniform(3, 4), reduction=reduction)
        cases(name, normal(3, 4), normal(4, grad=False))
        cases(name, normal(3, 4), normal(3, grad=False))
        cases(name, normal(3, 4), uniform(3, 4), reduction="median")
        cases(name, normal(3, 4), uniform(3, 4), size_average=False) if name != "huber_loss" else None
    cases("mse_loss", normal(3, 4, dtype=torch.float32), normal(3, 4), loosen=1e3)
    for name in ("mse_loss", "l1_loss", "smooth_l1_loss"):  # a number counts for the dtype as a tensor with dimensions does
        cases(name, normal(3, 4, dtype=torch.float32), normal(grad=False), loosen=1e3)
        cases(name, normal(dtype=torch.float32), normal(3, 4), loosen=1e3)
    for name in ("hinge_embedding_loss", "soft_margin_loss"):  # of the input's dtype
        cases(name, normal(3, 4, dtype=torch.float32), signs(3, 4), loosen=1e3)
    cases("smooth_l1_loss", normal(3, 4), normal(3, 4), beta=0.3)
    cases("smooth_l1_loss", normal(3, 4), normal(3, 4), beta=0.0)
    cases("smooth_l1_loss", normal(3, 4), normal(3, 4), beta=-1.0)
    cases("huber_loss", normal(3, 4), normal(3, 4), delta=0.3)
    cases("huber_loss", normal(3, 4), normal(3, 4), delta=0.0)
    cases("kl_div", normal(3, 4), uniform(3, 4), reduction="batchmean")
    cases("kl_div", normal(3, 4), normal(3, 4), log_target=True)
    cases("poisson_nll_loss", uniform(3, 4), uniform(3, 4), log_input=False)
    cases("poisson_nll_loss", uniform(3, 4), (uniform(3, 4) * 4).detach().requires_grad_(), full=True)
    cases("gaussian_nll_loss", normal(3, 4), normal(3, 4), uniform(3, 4))
    cases("gaussian_nll_loss", normal(3, 4), normal(3, 4), uniform(3, 1), full=True)
    cases("gaussian_nll_loss", normal(3, 4), normal(3, 4), uniform(3), reduction="none")
    cases("gaussian_nll_loss", normal(3, 4), normal(3, 4), 2.0)
    cases("gaussian_nll_loss", normal(3, 4), normal(3, 4), -uniform(3, 4, grad=False))
    cases("gaussian_nll_loss", normal(3, 4), normal(3, 4), uniform(2, 2))


def binary(cases: Cases) -> None:
    for reduction in REDUCTIONS:
        for name in ("soft_margin_loss", "hinge_embedding_loss"):
            cases(name, normal(3, 4), signs(3, 4), reduction=reduction)
        cases("binary_cross_entropy", uniform(3, 4), uniform(3, 4), reduction=reduction)
        weight = uniform(4, grad=False)
        cases("binary_cross_entropy", uniform(3, 4), uniform(3, 4, grad=False), weight, reduction=reduction)
        name = "binary_cross_entropy_with_logits"
        cases(name, normal(3, 4), uniform(3, 4), reduction=reduction)
        cases(name, normal(3, 4), uniform(3, 4), weight, pos_weight=uniform(4, grad=False), reduction=reduction)
        cases(name, normal(3, 4), uniform(3, 4), pos_weight=uniform(4), reduction=reduction)
        cases("margin_ranking_loss", normal(3), normal(3), signs(3), 0.1, reduction=reduction)
        cases("cosine_embedding_loss", normal(3, 4), normal(3, 4), signs(3), 0.1, reduction=reduction)
        cases("cosine_embedding_loss", normal(4), normal(4), signs(), 0.1, reduction=reduction)
        vectors = [normal(3, 4) for _ in range(3)]
        cases("triplet_margin_loss", *vectors, reduction=reduction)
        cases("triplet_margin_loss", *vectors, swap=True, p=1, reduction=reduction)
        cases("triplet_margin_with_distance_loss", *vectors, reduction=reduction)
        cases("multilabel_soft_margin_loss", normal(3, 4), uniform(3, 4), reduction=reduction)
        cases("multilabel_soft_margin_loss", normal(3, 4), uniform(3, 4), uniform(4), reduction=reduction)
    cases("binary_cross_entropy", torch.tensor([0.0, 1.0, 0.5]).double(), torch.tensor([1.0, 0.0, 0.5]).double())
    cases("binary_cross_entropy", torch.tensor([1.5]).double(), torch.tensor([1.0]).double())
    cases("binary_cross_entropy", uniform(3), uniform(4))
    cases("binary_cross_entropy_with_logits", normal(3), uniform(4))
    cases("margin_ranking_loss", normal(3), normal(3, 1), signs(3))
    cases("triplet_margin_loss", *[normal(3, 4) for _ in range(3)], margin=-1.0)


def classes(cases: Cases) -> None:
    for reduction in REDUCTIONS:
        for shape, target in (((5, 3), (5,)), ((5, 3, 2), (5, 2)), ((3,), ()), ((5, 3, 2, 2), (5, 2, 2))):
            for weight in (None, uniform(3, grad=False)):
                for ignored in (-100, 1):
                    keywords = {"weight": weight, "ignore_index": ignored, "reduction": reduction}
                    cases("nll_loss", normal(*shape), integers(3, *target), **keywords)
                    cases("cross_entropy", normal(*shape), integers(3, *target), **keywords)
                keywords = {"weight": weight, "reduction": reduction}
                cases("cross_entropy", normal(*shape), integers(3, *target), label_smoothing=0.1, ignore_index=2, **keywords)
                cases("cross_entropy", normal(*shape), uniform(*shape), label_smoothing=0.1, **keywords)
                cases("cross_entropy", normal(*shape), uniform(*shape), **keywords)
        cases("multi_margin_loss", normal(4, 5), integers(5, 4), reduction=reduction, second=False)
        cases("multi_margin_loss", normal(5), integers(5), p=2, margin=0.4, reduction=reduction, second=False)
        weight = uniform(5, grad=False)
        cases("multi_margin_loss", normal(4, 5), integers(5, 4), weight=weight, reduction=reduction, second=False)
        labels = torch.tensor([[3, 0, -1, 1], [1, -1, 2, 2], [-1, 0, 0, 0]])
        cases("multilabel_margin_loss", normal(3, 4), labels, reduction=reduction, second=False)
        cases("multilabel_margin_loss", normal(4), labels[0], reduction=reduction, second=False)
    cases("cross_entropy", normal(4, 3), torch.full((4,), -100), second=False)
    cases("cross_entropy", normal(0, 3), integers(3, 0), second=False)
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        cases("cross_entropy", normal(5, 4, dtype=dtype), integers(4, 5), second=False)
    large = (torch.randn(4, 6, dtype=torch.float64) * 1000).requires_grad_()
    cases("cross_entropy", large, integers(6, 4), second=False)
    for bad in (integers(3, 4), integers(3, 5) + 1, integers(3, 5) - 1, uniform(5), integers(3, 5).int(), integers(3, 5, 3)):
        cases("cross_entropy", normal(5, 3), bad)
        cases("nll_loss", normal(5, 3), bad)
    cases("cross_entropy", normal(5, 3), integers(3, 5), label_smoothing=2.0)
    cases("cross_entropy", normal(5, 3), integers(3, 5), reduction="median")
    cases("cross_entropy", normal(5, 3), integers(3, 5), uniform(4, grad=False))


def temporal(cases: Cases) -> None:
    scores = torch.randn(8, 3, 5, dtype=torch.float64).log_softmax(2).requires_grad_()
    for reduction in REDUCTIONS:
        for zero in (False, True):
            keywords = {"reduction": reduction, "zero_infinity": zero, "second": False}
            lengths = (torch.tensor([8, 6, 3]), torch.tensor([3, 2, 1]))
            cases("ctc_loss", scores, integers(4, 3, 3) + 1, *lengths, **keywords)
            cases("ctc_loss", scores, torch.tensor([1, 1, 2, 2, 2, 3]), (8, 7, 3), (2, 3, 1), **keywords)
            if zero:  # no path: PyTorch's gradient is NaN otherwise
                cases("ctc_loss", scores, torch.tensor([1, 1, 1, 2, 2, 3]), (3, 7, 3), (3, 2, 1), **keywords)
        cases("ctc_loss", scores, torch.tensor([1, 1, 2]), (8, 7, 3), (2, 0, 1), reduction=reduction, second=False)
        single = scores[:, 0].detach().requires_grad_()
        arguments = (torch.tensor([1, 1, 2]), torch.tensor(8), torch.tensor(3))
        cases("ctc_loss", single, *arguments, reduction=reduction, second=False)
    cases("ctc_loss", scores, integers(4, 3, 3) + 1, (8, 9, 3), (3, 2, 1))
    cases("ctc_loss", scores, integers(4, 3, 3) + 1, (8, 8), (3, 2, 1))
    cases("ctc_loss", scores, integers(4, 3, 3) + 1, (8, 8, 8), (3, 2, 1), blank=7)


@pytest.mark.parametrize("build", [regression, binary, classes, temporal])
def test_values_and_gradients(build, device):
    run_cases(build, device)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "binary_cross_entropy_with_logits"])
def test_binary_cross_entropy_names_both_sizes(name: str) -> None:
    messages = []
    for library in (torch, flambeau):
        with pytest.raises(ValueError) as caught:
            getattr(library.nn.functional, name)(library.zeros(2, 3), library.zeros(2, 4))
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
