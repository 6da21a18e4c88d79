"""Optimizers replay their steps: whatever a program changes between steps, the results are PyTorch's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import flambeau

RULES: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    "Adam": {"weight_decay": 0.1},
    "AdamW": {"amsgrad": True},
    "RMSprop": {"momentum": 0.5, "centered": True},
}
SHAPES = ((3, 4), (5,), ())


def _numbers(shape: tuple[int, ...], seed: int) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


class Program:
    """Parameters and an optimizer in one of the libraries."""

    def __init__(self, library: Any, rule: str, device: str, **options: Any) -> None:
        self.library, self.device, self.steps = library, device, 0
        self.params = [library.nn.Parameter(self.tensor(_numbers(shape, i))) for i, shape in enumerate(SHAPES)]
        self.optimizer = getattr(library.optim, rule)(self.params, lr=0.1, **(options or RULES[rule]))

    def tensor(self, array: Any) -> Any:
        t = self.library.tensor(array)
        return t.to(self.device) if self.library is flambeau else t

    def step(self, count: int = 1, without: tuple[int, ...] = ()) -> None:
        for _ in range(count):
            for i, p in enumerate(self.params):
                p.grad = None if i in without else self.tensor(_numbers(SHAPES[i], 10 * self.steps + i))
            self.optimizer.step()
            self.steps += 1


def _halve(p: Program) -> None:
    p.optimizer.param_groups[0]["lr"] *= 0.5


def _decay(p: Program) -> None:
    p.optimizer.param_groups[0]["weight_decay"] = 0.0 if p.optimizer.param_groups[0]["weight_decay"] else 0.2


def _maximize(p: Program) -> None:
    p.optimizer.param_groups[0]["maximize"] = True


def _rate_in_a_tensor(p: Program) -> None:
    p.optimizer.param_groups[0]["lr"] = p.tensor(np.float32(0.02))


def _other_memory(p: Program) -> None:
    p.params[0].data = p.tensor(_numbers(SHAPES[0], 99))


def _turned_memory(p: Program) -> None:
    p.params[0].data = p.tensor(_numbers((4, 3), 98)).t()


def _written(p: Program) -> None:
    with p.library.no_grad():
        p.params[1].mul_(2)


def _loaded(p: Program) -> None:
    p.optimizer.load_state_dict(copy.deepcopy(p.optimizer.state_dict()))


def _forgotten(p: Program) -> None:
    p.optimizer.state.clear()


def _other_state(p: Program) -> None:
    for state in p.optimizer.state.values():
        for name, value in state.items():
            if name != "step" and value is not None:
                state[name] = value * 0.5


CHANGES: list[Callable[[Program], None]] = [
    _halve, _decay, _maximize, _rate_in_a_tensor, _other_memory, _turned_memory, _written, _loaded, _forgotten, _other_state,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda f: f.__name__.strip("_"))
@pytest.mark.parametrize("rule", RULES)
def test_changes_between_steps(rule: str, change: Callable[[Program], None], device: str) -> None:
    programs = [Program(flambeau, rule, device), Program(torch, rule, device)]
    for p in programs:
        p.step(4)
        change(p)
        p.step(3)
        change(p)
        p.step(2)
    for a, b in zip(programs[0].params, programs[1].params):
        np.testing.assert_allclose(a.detach().cpu().numpy(), b.detach().numpy(), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("rule", RULES)
def test_parameters_that_sit_out(rule: str, device: str) -> None:
    programs = [Program(flambeau, rule, device), Program(torch, rule, device)]
    for p in programs:
        for without in ((), (), (), (0,), (0,), (1, 2), (), (0,), (0, 1, 2), ()):
            p.step(without=without)
    for a, b in zip(programs[0].params, programs[1].params):
        np.testing.assert_allclose(a.detach().cpu().numpy(), b.detach().numpy(), rtol=2e-4, atol=2e-5)


def test_steps_are_replayed(device: str) -> None:
    """From the third step on nothing is recorded, also when a scheduler moves the learning rate."""
    if not flambeau.devices.backend(device if device != "webgpu" else "webgpu:0").runs_plans:
        pytest.skip("this device runs no plans")
    program = Program(flambeau, "Adam", device)
    scheduler = flambeau.optim.lr_scheduler.StepLR(program.optimizer, 2)
    called = []
    update = program.optimizer._step_group
    program.optimizer._step_group = lambda *arguments: called.append(update(*arguments))
    for _ in range(8):
        program.step()
        scheduler.step()
    assert len(called) == 2


def test_gradients_that_share_memory(device: str) -> None:
    """Two parameters with one gradient tensor, then each with its own."""
    programs = [Program(flambeau, "SGD", device), Program(torch, "SGD", device)]
    for p in programs:
        p.params.append(p.library.nn.Parameter(p.tensor(_numbers(SHAPES[1], 7))))
        p.optimizer.add_param_group({"params": [p.params[-1]]})
        for step in range(8):
            first, second = p.tensor(_numbers(SHAPES[1], step)), p.tensor(_numbers(SHAPES[1], 100 + step))
            p.params[1].grad, p.params[3].grad = first, first if step % 4 < 2 else second
            p.optimizer.step()
    for a, b in zip(programs[0].params, programs[1].params):
        np.testing.assert_allclose(a.detach().cpu().numpy(), b.detach().numpy(), rtol=2e-4, atol=2e-5)


def test_a_copy_has_recordings_of_its_own(device: str) -> None:
    program = Program(flambeau, "Adam", device)
    program.step(4)
    before = [p.detach().clone() for p in program.params]
    other = copy.deepcopy(program.optimizer)
    for group in other.param_groups:
        for p in group["params"]:
            p.grad = flambeau.ones_like(p)
    other.step()
    assert all(bool((p == b).all()) for p, b in zip(program.params, before))
    assert not any(bool((p == b).all()) for p, b in zip(other.param_groups[0]["params"], before))
