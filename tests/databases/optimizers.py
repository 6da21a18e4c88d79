"""PyTorch's samples for its optimizers (`optim_db`): equal steps, states and groups; states go from one library to the other."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

import flambeau
from tests.databases.samples import database
from tests.helpers.oracle import compare, outcome, same_error, to_flambeau, to_torch, translate

DATABASE = {info.optim_cls.__name__: info for info in database("common_optimizers", "optim_db")}
LOOSE = {"Muon": 1e5, "LBFGS": 1e3}
"""Muon's products are of bfloat16; small differences grow in LBFGS."""
SHAPES = [(4, 3), (3,), ()]


def _values(name: str, seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = SHAPES[:1] if name == "Muon" else SHAPES
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


def _to_torch(value: Any) -> Any:
    if isinstance(value, flambeau.Tensor):
        return to_torch(value)
    if isinstance(value, dict):
        return {k: _to_torch(v) for k, v in value.items()}
    return type(value)(map(_to_torch, value)) if isinstance(value, (list, tuple)) else value


class _Pair:
    """An optimizer of each library, over equal parameters."""

    def __init__(self, name: str, starts: list[torch.Tensor], options: dict[str, Any]) -> None:
        self.name = name
        self.params = [p.clone().requires_grad_() for p in starts]
        self.mine = [to_flambeau(p, "reference") for p in self.params]
        self.theirs = DATABASE[name].optim_cls(self.params, **copy.deepcopy(options))
        self.ours = getattr(flambeau.optim, name)(self.mine, **translate(copy.deepcopy(options), "reference"))

    def step(self, seed: int) -> None:
        for optimizer, params in ((self.theirs, self.params), (self.ours, self.mine)):
            if self.name == "LBFGS":
                optimizer.step(lambda o=optimizer, ps=params: _loss(o, ps))
                continue
            for p, grad in zip(params, _values(self.name, seed), strict=True):
                p.grad = grad if params is self.params else to_flambeau(grad, "reference")
            optimizer.step()
        for mine, theirs in zip(self.mine, self.params, strict=True):
            compare(mine, theirs, f"step {seed}", factor=LOOSE.get(self.name, 10))


def _loss(optimizer: Any, params: list[Any]) -> Any:
    optimizer.zero_grad()
    loss = sum((p * p).sum() for p in params)
    loss.backward()
    return loss


def _samples() -> list[Any]:
    found = []
    for name, info in DATABASE.items():
        if name != "SparseAdam":  # takes sparse gradients: see test_optimizers.py
            found += [pytest.param(name, s.kwargs, id=f"{name}-{s.desc}") for s in info.optim_inputs_func(device="cpu")]
    return found


@pytest.mark.parametrize(("name", "options"), _samples())
def test_steps_and_states(name: str, options: dict[str, Any]) -> None:
    pair = _Pair(name, _values(name, 0), options)
    assert repr(pair.ours) == repr(pair.theirs) and list(pair.ours.defaults) == list(pair.theirs.defaults)
    for seed in range(1, 4):
        pair.step(seed)
    mine, theirs = pair.ours.state_dict(), pair.theirs.state_dict()
    assert [list(g) for g in mine["param_groups"]] == [list(g) for g in theirs["param_groups"]]
    assert {k: set(s) for k, s in mine["state"].items()} == {k: set(s) for k, s in theirs["state"].items()}
    again = _Pair(name, [p.detach() for p in pair.params], options)
    again.theirs.load_state_dict(_to_torch(mine))
    again.ours.load_state_dict(translate(theirs, "reference"))
    again.step(4)


@pytest.mark.parametrize("name", [name for name in DATABASE if name != "SparseAdam"])
def test_errors(name: str) -> None:
    info = DATABASE[name]
    for sample in info.optim_error_inputs_func(device="cpu", dtype=torch.float32):
        options = sample.optimizer_error_input.kwargs
        if not options or sample.error_on.name != "CONSTRUCTION_ERROR":
            continue
        _, expected = outcome(info.optim_cls, ([torch.zeros(2, 2)],), options)
        _, found = outcome(getattr(flambeau.optim, name), ([flambeau.zeros(2, 2)],), translate(options, "cpu"))
        assert expected is not None and found is not None, (options, expected, found)
        assert same_error(found, expected) and str(found) == str(expected)
