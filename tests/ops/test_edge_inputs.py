"""Values, gradients and layouts at the edge: no elements, no dimensions, equal eigenvalues, huge numbers, as PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import flambeau
from tests.helpers.oracle import check, check_gradients

F, EMPTY, IMAGE = torch.tensor([3.0, 1.0, 2.0]), torch.zeros(0), torch.arange(96.0).reshape(2, 3, 4, 4)
LAST = IMAGE.contiguous(memory_format=torch.channels_last)
HALF = torch.arange(24.0).reshape(2, 4, 3).half()
ONE = torch.tensor(5.0)
FAR = torch.tensor([complex(a, b) for a in (0.0, 1.0, torch.inf, -torch.inf) for b in (0.0, -2.0, torch.inf, -torch.inf)])
SINGULAR = torch.stack([torch.eye(2) * 2, torch.ones(2, 2)])

CASES: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (lambda t, x, y: x.expand_as(y), (ONE, F[1])), (lambda t, x, y: x.view_as(y), (ONE, F[1])),
    (lambda t, x: t.nn.functional.normalize(x, dim=0), (F[0],)), (lambda t, x: t.cat([x, x]), (EMPTY.requires_grad_(),)),
    (lambda t, x, i: t.gather(x, 0, i), (F.clone().requires_grad_(), torch.zeros(2, 0, dtype=torch.int64))),
    (lambda t, x: t.nn.functional.adaptive_avg_pool2d(x, 2), (IMAGE[:0].clone().requires_grad_(),)),
    (lambda t, x: t.nn.functional.adaptive_max_pool2d(x, (0, 2)), (IMAGE.clone().requires_grad_(),)),
    (lambda t, x: t.nn.functional.adaptive_avg_pool2d(x, (2, 2)), (F.reshape(1, 3),)),
    *((lambda t, x, n=n, s=s: getattr(t.nn.functional, f"adaptive_{n}")(x, s), (torch.zeros(shape).requires_grad_(),))
      for n, shape in (("avg_pool1d", (2, 4, 0)), ("avg_pool2d", (2, 0, 4)), ("avg_pool2d", (2, 0, 3, 4)),
                       ("avg_pool3d", (2, 3, 0, 1, 4)), ("max_pool1d", (2, 0, 4)), ("max_pool2d", (2, 0, 4, 4)),
                       ("max_pool2d", (0, 3, 4, 4))) for s in (1, 2)),
    (lambda t, x: t.i0(x), (torch.tensor([3e38, -3e38, torch.inf, 20.0]),)),
    (lambda t, x: t.constant_pad_nd(x, (1, 2), 1 + 2j), (torch.tensor([1j]),)),
    (lambda t, x: t.constant_pad_nd(x, (1, 2), "a"), (F,)), (lambda t, x: t.constant_pad_nd(x, (1, 2), 1j), (F,)),
    (lambda t, x: t.nn.functional.pad(x, (-1, 2, 0, 0), mode="replicate"), (LAST,)),
    (lambda t, x: t.nn.functional.channel_shuffle(x, 3), (LAST,)),
    (lambda t, x, i: x.narrow(0, i, 1), (F, torch.tensor(True))), (lambda t, x, i: x.narrow(0, i, 1), (F, torch.tensor([1]))),
    (lambda t, x, y, w: t.nn.functional.multi_margin_loss(x, y, weight=w), (F.reshape(1, 3), F[:1], F[0])),
    *((lambda t, x, n=n: getattr(t, n)(x), (FAR,)) for n in ("acos", "asin", "atan", "acosh", "asinh", "atanh", "log10")),
    *((lambda t, x, r=r: t.multinomial(x, 2, r), (torch.tensor([1.0, torch.nan, 2.0]),)) for r in (True, False)),
    (lambda t, x: t.multinomial(x, 2), (torch.tensor([[1.0, 2.0], [3.0, -1.0]]),)),
    (lambda t, x: t.multinomial(x, 1), (torch.tensor([[0.0, 2.0], [3.0, 0.0]]),)),
    (lambda t, x: t.einsum("ij->j", x), (HALF[0].to(torch.uint8),)), (lambda t, x: t.einsum("ij,ij->j", x, x), (HALF[0].int(),)),
    (lambda t, x: t.linalg.matrix_rank(x, hermitian=True), (torch.tensor([[1.0, 5.0], [1.0, 1.0]]),)),
    (lambda t, x: t.linalg.pinv(x, hermitian=True), (torch.tensor([[2 + 1j, 0], [1j, 3 + 2j]]),)),
    (lambda t, x, w: t.native_layer_norm(x, (3,), w, w, 0.1), (HALF, F.half())),
    (lambda t, x, w: t.native_layer_norm(x, (3,), w, w, 0.1), (HALF, F)),
    (lambda t, x: t.native_group_norm(x, None, None, 2, 4, 3, 2, 0.1), (HALF,)),
    (lambda t, x: t.native_group_norm(x, None, None, 0, 4, 3, 2, 0.1), (HALF[:0].float(),)),
    (lambda t, x: t.native_batch_norm(x, None, None, None, None, True, 0.1, 0.1), (HALF.bfloat16(),)),
    (lambda t, x: t.native_batch_norm(x, None, None, None, None, True, 0.1, 0.1), (HALF.float().requires_grad_(),)),
    (lambda t, x, y: t.linalg.solve_ex(x, y), (SINGULAR, torch.ones(2, 2, 2))),
    (lambda t, x, y: t.linalg.solve_ex(x, y, left=False), (torch.eye(2) * 2, torch.ones(3, 2))),
    (lambda t, x, y: t.linalg.solve_ex(x, y, check_errors=True), (SINGULAR, torch.ones(2, 2, 2))),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(CASES)))
def test_results(device: str, number: int) -> None:
    call, tensors = CASES[number]
    check(lambda *x: call(flambeau, *x), lambda *x: call(torch, *x), tensors, device=device)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)
@pytest.mark.parametrize(
    "call",
    [
        lambda t, x: t.linalg.svdvals(x), lambda t, x: t.linalg.svd(x).S, lambda t, x: t.linalg.eigvalsh(x),
        lambda t, x: t.linalg.eigvals(x).real, lambda t, x: t.linalg.matrix_norm(x, 2),
        lambda t, x: t.linalg.matrix_norm(x, "nuc"),
    ],
)  # fmt: skip
def test_gradients_of_equal_eigenvalues(call: Any, dtype: torch.dtype) -> None:
    for x in (torch.eye(3, dtype=dtype), torch.zeros(2, 2, dtype=dtype)):
        check_gradients(lambda x: call(flambeau, x), lambda x: call(torch, x), (x,), second=False)
