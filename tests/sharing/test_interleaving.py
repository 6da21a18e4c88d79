"""Random programs in which NumPy and tensors write to, view, compute with and look at the same memory, beside PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import flambeau
from flambeau import shared_storage

ROWS, COLUMNS = 3, 4


def _as(t: Any, name: str) -> Any:
    return getattr(torch if isinstance(t, torch.Tensor) else flambeau, name)


VIEWS: tuple[Callable[[Any], Any], ...] = (
    lambda t: t[1:],
    lambda t: t[..., ::2],
    lambda t: t.flatten(),
    lambda t: t.T if t.dim() == 2 else t,
    lambda t: t.detach(),
    lambda t: t.view(_as(t, "int32")),
    lambda t: t.view(_as(t, "float32")),
    lambda t: t[0],
    lambda t: t.data,
    lambda t: t.unsqueeze(0),
)
FUNCTIONS: tuple[Callable[[Any], Any], ...] = (
    lambda t: (t * 2).contiguous(),
    lambda t: t.clone().contiguous(),
    lambda t: t.sum(),
    lambda t: ((t - 1).abs() + t).contiguous(),
    lambda t: (t.cumsum(0) if t.dim() else t + 0).contiguous(),
    lambda t: t.float() if t.is_floating_point() else t.float().contiguous(),
    lambda t: t.contiguous(),
    lambda t: t.reshape(-1),
    lambda t: t.max(),
    lambda t: (t.flip(0) if t.dim() else +t).contiguous(),
)
"""Where the result has memory of its own it is row-major: what is a view of it and what a copy depends on no more than that."""
WRITES: tuple[Callable[[Any, int], Any], ...] = (
    lambda t, k: t.add_(k),
    lambda t, k: t.zero_(),
    lambda t, k: t.mul_(2),
    lambda t, k: t.fill_(k),
    lambda t, k: t[:1].fill_(k),
    lambda t, k: t.__setitem__(Ellipsis, k),
    lambda t, k: t.copy_(t.flip(0)),
    lambda t, k: t.__setitem__(t > 3, k),
)


class Pair:
    """The same thing twice: PyTorch's and flambeau's."""

    def __init__(self, theirs: Any, mine: Any) -> None:
        self.theirs, self.mine = theirs, mine

    def map(self, f: Callable[[Any], Any]) -> Pair:
        return Pair(f(self.theirs), f(self.mine))

    def check(self) -> None:
        theirs = self.theirs if isinstance(self.theirs, np.ndarray) else np.array(self.theirs.tolist())
        mine = self.mine if isinstance(self.mine, np.ndarray) else np.array(self.mine.tolist())
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)


class World:
    """Tensors and arrays, and what may be done with them; `draw` decides."""

    def __init__(self, draw: Any, device: str) -> None:
        self.draw, self.device = draw, device
        self.tensors: list[Pair] = []
        self.arrays: list[Pair] = []
        self.count = 0
        self.from_array()

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def one_of(self, things: list[Pair]) -> Pair:
        return things[self.number(0, len(things) - 1)]

    # --- what may be done
    def from_array(self) -> None:
        self.count += 1
        a = np.arange(ROWS * COLUMNS, dtype=np.float32).reshape(ROWS, COLUMNS) + self.count
        kind = self.number(0, 2)
        pair = Pair(a.copy(), a.copy())
        if kind == 1:
            pair = pair.map(lambda a: np.tile(a, (2, 2))[::2, 1::2][:ROWS, :COLUMNS])
        if kind == 2:
            pair = pair.map(lambda a: np.asfortranarray(a))
        self.arrays.append(pair)
        self.tensors.append(Pair(torch.from_numpy(pair.theirs), flambeau.as_tensor(pair.mine, device=self.device)))

    def fresh(self) -> None:
        self.count += 1
        shape, value = (ROWS, COLUMNS), float(self.count)
        self.tensors.append(Pair(torch.full(shape, value), flambeau.full(shape, value, device=self.device)))

    def to_array(self) -> None:
        self.arrays.append(self.one_of(self.tensors).map(lambda t: t.numpy()))

    def view(self) -> None:
        pair = self.one_of(self.tensors)
        if all(pair.theirs.shape) and pair.theirs.dim():
            self.tensors.append(pair.map(VIEWS[self.number(0, len(VIEWS) - 1)]))

    def compute(self) -> None:
        pair = self.one_of(self.tensors)
        if pair.theirs.numel():
            self.tensors.append(pair.map(FUNCTIONS[self.number(0, len(FUNCTIONS) - 1)]))

    def combine(self) -> None:
        a, b = self.one_of(self.tensors), self.one_of(self.tensors)
        if a.theirs.shape == b.theirs.shape:
            self.tensors.append(Pair((a.theirs + b.theirs).contiguous(), (a.mine + b.mine).contiguous()))

    def write_tensor(self) -> None:
        pair, k = self.one_of(self.tensors), self.number(1, 9)
        f = WRITES[self.number(0, len(WRITES) - 1)]
        if pair.theirs.dim():
            f(pair.theirs, k)
            f(pair.mine, k)

    def copy_tensor(self) -> None:
        a, b = self.one_of(self.tensors), self.one_of(self.tensors)
        if a.theirs.shape == b.theirs.shape:
            source = b.map(lambda t: t.clone().contiguous())
            a.theirs.copy_(source.theirs)
            a.mine.copy_(source.mine)

    def write_array(self) -> None:
        pair, k, how = self.one_of(self.arrays), self.number(10, 19), self.number(0, 2)
        for a in (pair.theirs, pair.mine):
            if how == 0:
                a[...] = k
            elif how == 1:
                a += k
            elif a.ndim and len(a):
                a[0] = k

    def look(self) -> None:
        self.one_of(self.tensors).check()

    def drop_array(self) -> None:
        if len(self.arrays) > 1:
            del self.arrays[self.number(0, len(self.arrays) - 1)]

    def drop_arrays(self) -> None:
        self.arrays.clear()
        self.from_array()

    def drop_tensor(self) -> None:
        if len(self.tensors) > 1:
            del self.tensors[self.number(0, len(self.tensors) - 1)]

    def same_address(self) -> None:
        a, b = self.one_of(self.tensors), self.one_of(self.tensors)
        if self.number(0, 3) == 0:  # from then on the memory stays shared
            assert (a.theirs.data_ptr() == b.theirs.data_ptr()) == (a.mine.data_ptr() == b.mine.data_ptr())

    def gradient(self) -> None:
        pair = self.one_of(self.tensors)
        if pair.theirs.dtype is torch.float32:
            leaf = pair.map(lambda t: t.detach().requires_grad_())
            result = leaf.map(lambda t: (t * t).sum())
            self.write_array()
            result.map(lambda t: t.backward())
            leaf.map(lambda t: t.grad).check()
            del leaf


ACTIONS = [name for name in vars(World) if not name.startswith("_") and name not in ("number", "one_of")]


@pytest.mark.parametrize("copied", [0, 1 << 19], ids=["read in place", "copied when read"])
@pytest.mark.parametrize("device", ["cpu", "reference"])
@given(data=st.data())
def test_programs_see_what_pytorch_sees(copied: int, device: str, data: st.DataObject) -> None:
    before, shared_storage._COPIED = shared_storage._COPIED, copied
    try:
        world = World(data.draw, device)
        for name in data.draw(st.lists(st.sampled_from(ACTIONS), max_size=25)):
            getattr(world, name)()
        for pair in (*world.tensors, *world.arrays):
            pair.check()
    finally:
        shared_storage._COPIED = before
