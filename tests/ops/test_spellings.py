"""Arguments by their other names: NumPy's, and those of arguments that may be given one by one."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import flambeau
from tests.helpers.oracle import compare

CALLS = """
x.sum(axis=1) | t.sum(x, axis=(0, 1), keepdims=True) | t.mean(x, axis=0) | x.max(axis=1)[0] | t.argmax(x, axis=1)
t.cat([x, x], axis=1) | t.stack([x, x], axis=-1) | x.unsqueeze(axis=0) | t.squeeze(x, axis=0) | t.any(x > 0, axis=0)
t.softmax(x, axis=1) | t.cumsum(x, axis=0) | t.gather(x, axis=1, index=x.long()) | x.flip(dims=[0]) | t.flip(x, dims=(0, 1))
t.flip(input=x, dims=[1]) | x.permute(dims=(1, 0)) | x.view(size=(6,)) | x.reshape(shape=(6,)) | t.reshape(x, shape=(6,))
x.expand(size=(2, 2, 3)) | x.repeat(repeats=(1, 2)) | t.tile(x, dims=(2,)) | t.zeros(size=(2, 3)) | x.split(split_size=1)[0]
t.split(x, split_size_or_sections=1)[1] | t.tensor_split(x, sections=2)[0] | t.tensor_split(x, indices=(1,))[1]
t.hsplit(x, sections=3)[0] | t.swapaxes(x, axis0=0, axis1=1) | t.repeat_interleave(repeats=t.tensor([1, 2]))
t.pow(self=2, exponent=x) | x.copy_(other=x + 1) | t.isin(1.0, x) | t.isin(elements=x, test_element=1.0)
""".replace("\n", "|").split("|")


@pytest.mark.parametrize("call", [call.strip() for call in CALLS if call.strip()])
def test_other_names(call: str) -> None:
    def run(t: Any) -> Any:
        return eval(call, {"t": t, "x": t.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])})

    compare(run(flambeau), run(torch))


def test_sizes_of_random_integers() -> None:
    assert tuple(flambeau.randint(high=10, size=(2, 3)).shape) == (2, 3)
    assert flambeau.randint(low=5, high=6, size=(2,)).tolist() == [5, 5]


def test_one_argument_by_two_names() -> None:
    with pytest.raises(TypeError, match="'dim' and 'axis'"):
        flambeau.ones(2).sum(dim=0, axis=0)
