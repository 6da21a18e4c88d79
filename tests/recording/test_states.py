"""Programs with state, compiled and not: after each call everything that can be seen of them is the same.

hypothesis draws what the network does besides its layers, how it is trained, and what is changed between the calls.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn

WIDTH = 6


class Net(nn.Module):
    """Two layers, and between them `deeds` with states of their own."""

    def __init__(self, norm: str, dropout: float, deeds: list[str]) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, WIDTH), nn.Linear(WIDTH, 4)
        self.norm = {"none": nn.Identity(), "batch": nn.BatchNorm1d(WIDTH), "layer": nn.LayerNorm(WIDTH)}[norm]
        self.drop = nn.Dropout(dropout)
        self.act: nn.Module = nn.Tanh()
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(WIDTH))
        self.state: Any = None
        self.kept: Any = None
        self.scale = 1.0
        self.past: list[Any] = []
        self.outside = [torch.tensor(1.1), torch.zeros(WIDTH)]
        self.deeds = deeds

    def forward(self, x: Any, factor: float = 1.0) -> Any:
        # The sine: a bias that the norm takes out again has a gradient of rounding errors, of which Adam makes much.
        h = self.act(self.drop(self.norm(self.first(x).sin())))
        for name in self.deeds:
            h = DEEDS[name](self, h, x, factor)
        return self.last(h) + x


DEEDS: dict[str, Callable[[Any, Any, Any, float], Any]] = {}


def deed(function: Callable[[Any, Any, Any, float], Any]) -> Callable[[Any, Any, Any, float], Any]:
    DEEDS[function.__name__] = function
    return function


@deed
def counts(m: Any, h: Any, x: Any, factor: float) -> Any:
    m.count += 1
    return h + m.count * 0.1


@deed
def averages_in_place(m: Any, h: Any, x: Any, factor: float) -> Any:
    m.mean.mul_(0.9).add_(h.detach().mean(0), alpha=0.1)
    return h - m.mean


@deed
def averages_anew(m: Any, h: Any, x: Any, factor: float) -> Any:
    m.mean = 0.9 * m.mean + 0.1 * h.detach().mean(0)
    return h - m.mean


@deed
def hands_on(m: Any, h: Any, x: Any, factor: float) -> Any:
    if m.state is not None and m.state.shape == h.shape:
        h = h + 0.5 * m.state
    m.state = h.detach()
    return h


@deed
def adds_up(m: Any, h: Any, x: Any, factor: float) -> Any:
    m.state = h.detach().clone() if m.state is None else m.state + 1
    return h + m.state.sum() * 0.01


@deed
def takes_numbers(m: Any, h: Any, x: Any, factor: float) -> Any:
    return h * factor * m.scale


@deed
def draws(m: Any, h: Any, x: Any, factor: float) -> Any:
    return h + torch.rand_like(h)


@deed
def writes_slices(m: Any, h: Any, x: Any, factor: float) -> Any:
    h = h.clone()
    h[:, :3] *= 2
    h[0].add_(1)
    return h


@deed
def writes_its_argument(m: Any, h: Any, x: Any, factor: float) -> Any:
    with torch.no_grad():
        x[:, 0].add_(0.5)
    return h + x.sum(1, keepdim=True)


@deed
def remembers(m: Any, h: Any, x: Any, factor: float) -> Any:
    m.past.append(h.mean())
    return h + sum(t.detach() for t in m.past[-2:])


@deed
def notes(m: Any, h: Any, x: Any, factor: float) -> Any:
    m.past.append(h.detach().sum())
    return h


@deed
def reads_others(m: Any, h: Any, x: Any, factor: float) -> Any:
    return h * m.outside[0] + m.outside[1]


@deed
def hooks(m: Any, h: Any, x: Any, factor: float) -> Any:
    if h.requires_grad:
        h.register_hook(lambda g: g * 2)
    return h * 1.5


@deed
def retains(m: Any, h: Any, x: Any, factor: float) -> Any:
    if h.requires_grad:
        m.kept = h = h * 1
        h.retain_grad()
    return h * 1.5


@deed
def writes_a_parameter(m: Any, h: Any, x: Any, factor: float) -> Any:
    with torch.no_grad():
        m.first.bias.add_(0.01)
    return h


@deed
def writes_a_view(m: Any, h: Any, x: Any, factor: float) -> Any:
    m.mean[:3] += h.detach().mean()
    return h + m.mean.view(2, 3).sum(0).repeat(2)


def freeze(m: Any, optimizer: Any, draw: random.Random) -> None:
    m.first.weight.requires_grad_(not m.first.weight.requires_grad)


def load(m: Any, optimizer: Any, draw: random.Random) -> None:
    m.load_state_dict({name: t * 0.5 for name, t in m.state_dict().items()})


def set_data(m: Any, optimizer: Any, draw: random.Random) -> None:
    m.last.weight.data = torch.full((4, WIDTH), 0.1)


def replace_parameter(m: Any, optimizer: Any, draw: random.Random) -> None:
    if optimizer is None:
        m.first.bias = nn.Parameter(torch.ones(WIDTH))


def replace_others(m: Any, optimizer: Any, draw: random.Random) -> None:
    m.outside[0] = torch.tensor(draw.random())


def write_others(m: Any, optimizer: Any, draw: random.Random) -> None:
    m.outside[1].add_(0.3)


def forget(m: Any, optimizer: Any, draw: random.Random) -> None:
    m.state = None


def rescale(m: Any, optimizer: Any, draw: random.Random) -> None:
    m.scale = draw.choice([1.0, 0.7, 1.3])


def replace_child(m: Any, optimizer: Any, draw: random.Random) -> None:
    m.act = draw.choice([nn.ReLU, nn.Sigmoid])()


def hook_forward(m: Any, optimizer: Any, draw: random.Random) -> None:
    m.first.register_forward_hook(lambda module, inputs, output: output * 1.5)


def slow_down(m: Any, optimizer: Any, draw: random.Random) -> None:
    if optimizer is not None:
        optimizer.param_groups[0]["lr"] *= 0.5


def give_gradients(m: Any, optimizer: Any, draw: random.Random) -> None:
    for p in m.parameters():
        p.grad = torch.ones_like(p)


CHANGES: dict[str, Callable[[Any, Any, random.Random], Any]] = {
    "nothing": lambda m, optimizer, draw: None,
    "eval": lambda m, optimizer, draw: m.eval(),
    "train": lambda m, optimizer, draw: m.train(),
    "zero_grad": lambda m, optimizer, draw: m.zero_grad(),
    "count": lambda m, optimizer, draw: m.count.fill_(7),
    **{
        f.__name__: f
        for f in (
            *(freeze, load, set_data, replace_parameter, replace_others),
            *(write_others, forget, rescale, replace_child, hook_forward, slow_down, give_gradients),
        )
    },
}
OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "none": lambda p: None,
    "sgd": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, 0.01),
    "rmsprop": lambda p: torch.optim.RMSprop(p, 0.01, momentum=0.5),
}
calls = st.lists(
    st.tuples(st.one_of(st.just("nothing"), st.sampled_from(sorted(CHANGES))), st.sampled_from([3, 3, 5])), min_size=4, max_size=8
)
programs = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 1000),
        "norm": st.sampled_from(["none", "batch", "layer"]),
        "dropout": st.sampled_from([0.0, 0.3]),
        "deeds": st.lists(st.sampled_from(sorted(DEEDS)), max_size=3),
        "optimizer": st.sampled_from(sorted(OPTIMIZERS)),
        "zero_grad": st.sampled_from(["before", "after", "to zero", "never"]),
        "compiled": st.sampled_from(["module", "step", "loss"]),
        "calls": calls,
    }
)


def look(value: Any) -> Any:
    """What can be seen of a value, as NumPy arrays and plain Python."""
    if isinstance(value, torch.Tensor):
        return [
            value.detach().cpu().numpy().copy(),
            value.requires_grad,
            value.is_leaf,
            look(value.grad) if value.is_leaf else None,
        ]
    if isinstance(value, dict):
        return {name: look(v) for name, v in value.items()}
    return [look(v) for v in value] if isinstance(value, (list, tuple)) else value


def run(program: dict[str, Any], is_compiled: bool) -> list[Any]:
    """What is seen after each call."""
    wrap: Callable[[Any], Any] = torch.compile if is_compiled else lambda f: f
    draw, numbers = random.Random(program["seed"]), np.random.default_rng(program["seed"])
    torch.manual_seed(program["seed"])
    m = Net(program["norm"], program["dropout"], program["deeds"])
    optimizer, zero_grad = OPTIMIZERS[program["optimizer"]](m.parameters()), program["zero_grad"]
    forward = wrap(m) if program["compiled"] == "module" else m

    def loss_of(x: Any, y: Any) -> Any:
        out = forward(x, 1.5)
        return F.mse_loss(out, y), out

    loss = wrap(loss_of) if program["compiled"] == "loss" else loss_of

    def plain_step(x: Any, y: Any) -> Any:
        if optimizer is not None and zero_grad in ("before", "to zero"):
            optimizer.zero_grad(set_to_none=zero_grad == "before")
        value, out = loss(x, y)
        value.backward()
        if optimizer is not None:
            optimizer.step()
            if zero_grad == "after":
                optimizer.zero_grad()
        return value.detach(), out.detach()

    step = wrap(plain_step) if program["compiled"] == "step" else plain_step
    seen = []
    for change, rows in program["calls"]:
        CHANGES[change](m, optimizer, draw)
        x, y = (torch.tensor(numbers.standard_normal((rows, 4)).astype(np.float32)) for _ in range(2))
        try:
            results = step(x, y)
        except (RuntimeError, ValueError) as error:
            results = str(error)
        states = None if optimizer is None else optimizer.state_dict()["state"]
        kept = None if m.kept is None or m.kept.grad is None else m.kept.grad
        seen.append(
            look([results, x, dict(m.named_parameters()), dict(m.named_buffers()), m.state, m.past, m.outside, kept, states])
        )
    return seen


def assert_same(plain: Any, compiled: Any, place: str = "") -> None:
    if isinstance(plain, np.ndarray):
        np.testing.assert_allclose(compiled, plain, 2e-4, 1e-5, err_msg=place)
    elif isinstance(plain, dict):
        assert plain.keys() == compiled.keys(), place
        for name in plain:
            assert_same(plain[name], compiled[name], f"{place}.{name}")
    elif isinstance(plain, list):
        assert len(plain) == len(compiled), place
        for k, (a, b) in enumerate(zip(plain, compiled, strict=True)):
            assert_same(a, b, f"{place}[{k}]")
    else:
        assert plain == (pytest.approx(compiled) if isinstance(plain, float) else compiled), place


@given(programs)
def test_a_compiled_program_equals_its_plain_run(device: str, program: dict[str, Any]) -> None:
    assert_same(run(program, False), run(program, True))
