"""Gradients of writes through views, in tensors whose memory is in any order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import flambeau

WRITES: dict[str, Any] = {
    "slice": lambda o, a: o[1:, ..., :2].copy_(a[1:, ..., :2]),
    "transposed": lambda o, a: o.transpose(0, -1)[0].mul_(a.transpose(0, -1)[0]),
    "twice": lambda o, a: (o[0].add_(a[0]), o.select(-1, 1).mul_(a.select(-1, 0))),
    "flat": lambda o, a: o.as_strided((3,), (2,), 1).copy_(a.reshape(-1)[:3]),
    "item": lambda o, a: o.__setitem__((0, slice(1, None)), a[0, 1:] * 2),
}


@settings(max_examples=40)
@given(order=st.permutations((0, 1, 2)), name=st.sampled_from(sorted(WRITES)), reads_view=st.booleans(), is_complex=st.booleans())
def test_writes_through_views(device: str, order: list[int], name: str, reads_view: bool, is_complex: bool) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((2, 3, 4)).astype(np.float32) for _ in range(3)]
    shape = [(2, 3, 4)[d] for d in order]
    back = [order.index(d) for d in range(3)]
    found = []
    for library in (flambeau, torch):
        where = {"device": device} if library is flambeau else {}
        x, a, w = (library.tensor(v, **where) for v in arrays)
        leaf, start = a.requires_grad_(), x.requires_grad_()
        base = library.zeros(shape, **where).permute(back) + start.permute(order).contiguous().permute(back)
        assert base.stride() == x.permute(order).contiguous().permute(back).stride()
        value = leaf * 1
        if is_complex:
            base, value = library.complex(base, base * 2), library.complex(value, -value)
        view = base[..., 1:] if reads_view else base
        WRITES[name](base, value)
        out = library.view_as_real(view) if is_complex else view
        loss = (out * out * (library.view_as_real(library.complex(w, w))[..., 1:, :] if is_complex and reads_view else 1.0)).sum()
        loss.backward()
        found.append([loss.item(), leaf.grad.cpu().numpy(), start.grad.cpu().numpy()])
    for mine, theirs in zip(*found):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)


WRITTEN_AFTER = {
    "cumsum": lambda t, x: x.cumsum(0),
    "remainder": lambda t, x: x % 2,
    "fmod": lambda t, x: x.fmod(2),
    "sin": lambda t, x: x.sin(),
    "clamp": lambda t, x: x.clamp(0, 1),
}


@pytest.mark.parametrize("name", WRITTEN_AFTER)
def test_operands_written_after_they_were_read(name):
    """An error where the gradient reads them, as in PyTorch; nothing where it doesn't."""
    outcomes = []
    for t in (flambeau, torch):
        x = t.tensor([0.1, 0.6, 0.3], requires_grad=True)
        z = x * 1
        y = WRITTEN_AFTER[name](t, z)
        with t.no_grad():
            z.add_(1)
        try:
            y.sum().backward()
            outcomes.append(x.grad.tolist())
        except RuntimeError as error:
            outcomes.append("modified by an inplace operation" in str(error))
    assert outcomes[0] == outcomes[1]


def test_results_given_to_out_outside_of_recording():
    for t in (flambeau, torch):
        x, y = t.ones(2, requires_grad=True), t.zeros(2, requires_grad=True)
        with t.no_grad():
            t.add(x, 1, out=y)
        assert y.tolist() == [2, 2]
        with pytest.raises(RuntimeError, match="automatic differentiation"):
            t.add(x, 1, out=y)
        base = t.arange(4.0)
        with pytest.raises(RuntimeError, match="single memory location"):
            t.add(base[:3], 1, out=base[1:])


def _leaf(t):
    return t.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]], requires_grad=True)


def _detached_after(t, x):
    y = x * x
    x.detach_()
    y.sum().backward()
    return x.grad


def _copied_over(t, x):
    y = x * 2
    y.copy_(t.ones(2, 3, requires_grad=True) * 3)
    y.sum().backward()
    return x.grad


def _viewed_untracked(t, x):
    with t.no_grad():
        view = x[0]
        assert x.numpy().shape == (2, 3)
    (view * 2 + x).sum().backward()
    assert view.requires_grad and view.grad is None
    return x.grad


def _window_of_a_view(t, x):
    x[:, 1].as_strided((2, 2), (2, 1), 1).sum().backward()
    return x.grad


def _window_of_repeated(t, x):
    x[0].expand(2, 3).as_strided((2, 2), (1, 1), 0).sum().backward()
    return x.grad


def _expanded(write):
    def program(t, x):
        y = (x * 1)[0].expand(2, 3).detach()
        write(t, y, x.detach())
        return y

    return program


PROGRAMS = {
    "leaf detached after it was read": _detached_after,
    "copied over": _copied_over,
    "view made in no_grad": _viewed_untracked,
    "window of a view": _window_of_a_view,
    "window of repeated elements": _window_of_repeated,
    "expanded, by indices": _expanded(lambda t, y, x: y.__setitem__((t.tensor([1, 0]), t.tensor([2, 0])), t.tensor([7.0, 8.0]))),
    "expanded, by a mask": _expanded(lambda t, y, x: y.__setitem__(x > 2, 5.0)),
    "expanded, added": _expanded(lambda t, y, x: y.index_put_((t.tensor([0, 1]),), x, accumulate=True)),
    "onto itself": _expanded(lambda t, y, x: y.__setitem__(slice(None), y)),
    "written where it is read": lambda t, x: x.detach().index_copy_(0, t.tensor([0, 1]), x.detach()),
    "scattered onto itself": lambda t, x: (y := x.detach()).scatter_(0, t.zeros(2, 3, dtype=t.int64), y),
    "one place, two numbers": lambda t, x: x.detach().sum().index_select(0, t.tensor([0, 0])),
    "number's transpose": lambda t, x: x.sum().mT,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_that_differed(name):
    outcomes = []
    for t in (flambeau, torch):
        try:
            found = PROGRAMS[name](t, _leaf(t))
            outcomes.append(None if found is None else (found.tolist(), found.stride()))
        except RuntimeError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]
