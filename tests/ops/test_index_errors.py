"""A position outside is an error also where every element is the same number, or there is only one."""

from __future__ import annotations

import pytest

import flambeau


@pytest.mark.parametrize(
    "look",
    [
        lambda t, i: t.ones(5, device=i.device)[i],
        lambda t, i: (t.ones(5, device=i.device) * 2).gather(0, i),
        lambda t, i: t.tensor([1.5], device=i.device)[i],
        lambda t, i: t.tensor([1.5], device=i.device).expand(5).index_select(0, i),
        lambda t, i: t.nn.functional.embedding(i, t.ones(3, 2, device=i.device)),
        lambda t, i: t.nn.functional.nll_loss(t.zeros(1, 3, device=i.device), i),
        lambda t, i: t.zeros(1, device=i.device).scatter(0, i, 1.0),
        lambda t, i: t.zeros(1, device=i.device).index_add(0, i, t.ones(1, device=i.device)),
    ],
)
def test_a_position_outside(look, device):
    for position in (9, -7):
        with pytest.raises((IndexError, RuntimeError), match="out of"):
            look(flambeau, flambeau.tensor([position], device=device)).tolist()
