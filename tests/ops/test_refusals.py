"""Dtypes that PyTorch's kernels refuse, `out=` of other dtypes, and bytes that are resized: the same in both libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import flambeau
from tests.helpers.oracle import check

B, I, C = torch.tensor([True, False, True]), torch.tensor([3, 1, 2]), torch.tensor([1 + 2j, 3 - 1j])
F, M = torch.tensor([3.0, 1.0, 2.0]), torch.arange(6.0).reshape(2, 3)

CASES: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (lambda t, x: t.addcmul(x, x, x), (B,)), (lambda t, x: t.lerp(x, x, 0.5), (I,)), (lambda t, x: t.lerp(x, x, x), (B,)),
    (lambda t, x: x.cumsum(0, dtype=t.bool), (I,)), (lambda t, x: x.topk(1), (C,)), (lambda t, x: x.kthvalue(1), (B,)),
    (lambda t, x: x.median(), (B,)), (lambda t, x: x.median(0), (C,)), (lambda t, x: x.max(), (C,)),
    (lambda t, x: x.min(0), (C,)),
    (lambda t, x: x.aminmax(), (C,)), (lambda t, x: t.isin(x, x), (B,)), (lambda t, x: t.bucketize(x, x), (B,)),
    (lambda t, x: x.unique_consecutive(), (C,)), (lambda t, x: x.frac(), (I,)), (lambda t, x: x.i0(), (C,)),
    (lambda t, x: x.round(decimals=0), (I,)), (lambda t, x: t.gradient(x), (I.to(torch.uint8),)),
    (lambda t, x: t.trapezoid(x), (B,)),
    *((lambda t, x, y, r=r: t.nn.functional.soft_margin_loss(x, y, reduction=r), shapes) for r in ("none", "mean")
      for shapes in ((F, F[:, None]), (F, M), (F[:1], F), (M, F))),
    *((lambda t, x, i, d=d: t.nn.functional.multilabel_margin_loss(x, i.to(getattr(t, d))), (M, (M > 9).int()))
      for d in ("uint8", "int32", "int64")),
    *((lambda t, x, i, p=p: t.nn.functional.multi_margin_loss(x, i, p=p), (M, torch.tensor([2, 0])))
      for p in (1.0, 2.0, 1.5, True)),
    (lambda t, x: t.nn.functional.mse_loss(x, x), (I,)), (lambda t, x: t.nn.functional.soft_margin_loss(x, x), (I,)),
    (lambda t, x: t.nn.functional.interpolate(x, 2), (I.reshape(1, 1, 3),)), (lambda t, x: t.cdist(x, x), (C.reshape(1, 2),)),
    (lambda t, x: t.nn.functional.pad(x, (1, 1), mode="reflect"), (B.reshape(1, 3),)), (lambda t, x: x.renorm(2, 0, 1), (I,)),
    (lambda t, x: t.nn.functional.linear(x, x.reshape(1, 3)), (B,)), (lambda t, x: t.inner(x, x), (B,)),
    (lambda t, x: t.nn.functional.hardtanh(x), (I.to(torch.uint8),)), (lambda t: t.arange(3, dtype=t.bool), ()),
    (lambda t: t.arange(0, 3, 0), ()), (lambda t: t.arange(0.0, -8.5, -4.0, dtype=t.int32), ()),
    (lambda t: t.triu_indices(2, 2, dtype=t.float32), ()), (lambda t, x: t.linalg.vecdot(x, x), (I,)),
    (lambda t, x: t.linalg.cholesky(x), (torch.eye(2).half(),)), (lambda t, x: t.addr(x.reshape(3, 1), x, x[:1]), (B,)),
    (lambda t, x, w: x.cov(aweights=w), (F.half(), F)), (lambda t, x, w: x.cov(fweights=w), (F, F)),
    (lambda t, x, w: x.cov(fweights=w), (F, -I)), (lambda t, x, w: x.cov(fweights=w, aweights=x.real), (C[:2].real, I[:2])),
    (lambda t, x, y: x.diff(n=0, prepend=y), (F, F)), (lambda t, x: t.linalg.vander(x, N=2), (F[0],)),
    (lambda t, x, y: t.mm(x, x.mT, out=y), (M, torch.zeros(2, 2, dtype=torch.float64))),
    (lambda t, x, y: t.sum(x, 0, out=y), (M, torch.zeros(3))),
    (lambda t, x, y: t.cumsum(x, 0, out=y), (M, torch.zeros(2, 3).long())),
    (lambda t, x, y: t.add(x, x, out=y), (F, torch.zeros(3, dtype=torch.float64))),
    (lambda t, x, y: t.floor(x, out=y), (F, torch.zeros(3, dtype=torch.float64))),
    (lambda t, x, y: t.diag(x, out=y), (F, torch.zeros(3, 3))),
    (lambda t, x, y: t.diag(x, out=y), (F, torch.zeros(3, 3).double())),
    (lambda t, x, y: t.isin(x, x, out=y), (F, torch.zeros(3))), (lambda t, x: x.renorm(2, 0, 1), (F,)),
    (lambda t, x, y: t.complex(x, x, out=y), (F.double(), C[:1].repeat(3))),
    (lambda t, x, y, z: t.frexp(x, out=(y, z)), (F, torch.zeros(3).double(), torch.zeros(3, dtype=torch.int32))),
    (lambda t, x, y: t.permute_copy(x, (1, 0), out=y), (M, torch.zeros(3, 2))),
    (lambda t, x: t.nn.functional.pad(x, (-3, 4), mode="replicate"), (M.reshape(1, 2, 3),)),
    (lambda t, x: t.nn.functional.pad(x, (5, -4), mode="replicate"), (M.reshape(1, 2, 3),)),
    (lambda t, x: t.addr(x, x, x, beta=2.0), (I,)), (lambda t, x: t.addr(x, x, x, alpha=1.0), (I,)),
    (lambda t, x: t.addmm(x, x, x, beta=2.6, alpha=2.0), (I[:1].reshape(1, 1),)),
    (lambda t, x: t.lu_unpack(x, x.int()), (F[0],)), (lambda t, x: x.index_put([], x[:0, 0]), (M,)),
    (lambda t, x: t.nn.functional.adaptive_avg_pool1d(x, 2.0), (M,)), (lambda t: t.broadcast_shapes((2, "a"), 3), ()),
    (lambda t, x: t.nn.functional.adaptive_max_pool2d(x, (None, "a")), (M[None],)),
    *((lambda t, x, n=n, s=s: getattr(t.nn.functional, f"adaptive_{n}_pool{x.dim() - 1}d")(x, s), (x,))
      for n in ("avg", "max") for x, sizes in ((M, ([[3]], (2, 2), True)), (M[None, None], ((1, True, "a"), (1,), (1, 2, 3, 1))),
      (M[None], ([1], [None], (2, [0]), (2.0, 1), 2.5, (1, 2, 3), (2, True)))) for s in sizes),
    *((lambda t, x, o=o: t.nn.functional.unfold(x, (2, 2), **o), (M.reshape(1, 1, 2, 3),))
      for o in ({"dilation": (1, 2.0)}, {"padding": ((1,), 2)}, {"stride": ("a", 1)}, {"stride": (1, None)})),
    *((lambda t, x, o=o: t.nn.functional.max_pool2d(x, **o), (M.reshape(1, 1, 2, 3),))
      for o in ({"kernel_size": (1, 2.0)}, {"kernel_size": 1, "padding": (0, (0,))}, {"kernel_size": (1, [1])})),
    *((lambda t, x, s=s: x.sum_to_size(s), (F[:1].expand(2),)) for s in ((True, 1), (1, True), (True,))),
    (lambda t: t.ones((2, True)), ()), (lambda t: t.ones((True, 2)), ()),
    (lambda t, x: x.norm(3.0), (F[:1] * 1e30,)), (lambda t, x: x.norm(2.0, 1), (M.reshape(6, 1) * 1e30,)),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(CASES)))
def test_what_is_refused(device: str, number: int) -> None:
    call, tensors = CASES[number]
    if not tensors and device != "cpu":
        pytest.skip("made on the default device")
    check(lambda *x: call(flambeau, *x), lambda *x: call(torch, *x), tensors, device=device)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(5, 7), (8, 19), (16, 8), (3, 3)])
@pytest.mark.parametrize("antialias", [False, True])
def test_bytes_resized(device: str, size: tuple[int, int], align_corners: bool, antialias: bool) -> None:
    x = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    options = {"mode": "bilinear", "align_corners": align_corners, "antialias": antialias}
    check(flambeau.nn.functional.interpolate, torch.nn.functional.interpolate, (x, size), options, device=device)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "true_divide", "floor_divide"])
@pytest.mark.parametrize("numbers", [(7, 2), (-7.5, 2), (7, 0.5), (True, 2.5)])
def test_arithmetic_of_numbers_alone(name, numbers):
    """`torch.div(7, 2, rounding_mode="trunc")` is a tensor; other functions of numbers are refused."""
    if name == "sub" and numbers[0] is True:
        pytest.skip("bools aren't subtracted")
    ours, theirs = (getattr(m, name)(*numbers) for m in (flambeau, torch))
    assert (ours.item(), str(ours.dtype), ours.shape) == (theirs.item(), str(theirs.dtype), theirs.shape)
    assert flambeau.div(-7, 2, rounding_mode="trunc").item() == -3
    with pytest.raises(TypeError, match="must be Tensor, not int"):
        flambeau.remainder(7, 2)
