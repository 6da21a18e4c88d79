"""Programs of many small operators: derivatives of derivatives, and loops that look at values or walk step by step.

Each is a step as people write it, uncompiled. May import `benchmarks.rows`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import torch

from benchmarks.rows import Row, normal, same

__all__ = ["small_programs"]


def small_programs() -> Iterator[Row]:
    """The rows."""
    yield Row("derivatives", "PINN of Burgers' equation, Adam", _pinn, lambda: (torch.rand(256, 2),))
    yield Row("derivatives", "WGAN-GP critic step", _critic, lambda: (torch.randn(64, 32), torch.randn(64, 32)), True)
    yield Row("derivatives", "Hessian times vector, MLP", _hessian_vector, normal(64, 16))
    yield Row("derivatives", "MAML step of 4 tasks", _maml, lambda: (torch.rand(4, 20, 1) * 6 - 3, torch.rand(4)))
    yield Row("loops", "policy gradient, an episode of 50 steps", _policy_gradient, tuple, True)
    yield Row("loops", "graph network step, 2,000 edges", _graph, _edges)
    yield Row("loops", "LSTM cell by hand over 20 steps, SGD", _cell, normal(20, 16, 32))
    yield Row("loops", "Kalman filter, 50 steps", _kalman, normal(50, 1, 1))
    yield Row("loops", "Gaussian process, 5 steps of Adam", _process, normal(20))
    yield Row("loops", "RWKV's recurrence by hand, 20 tokens", _rwkv, _rwkv_tensors)
    yield Row("loops", "sentences as trees, another each time, SGD", _trees, tuple, True)
    yield Row("loops", "BERT-tiny step, AdamW", _bert, lambda: (torch.randint(0, 1000, (8, 32)), torch.randint(0, 2, (8,))))


def _layers(lib: Any, *sizes: int, activation: str = "Tanh") -> Any:
    parts: list[Any] = []
    for a, b in pairwise(sizes):
        parts += [lib.nn.Linear(a, b), getattr(lib.nn, activation)()]
    return lib.nn.Sequential(*parts[:-1])


def _pinn(lib: Any, points: Any) -> Callable[[], Any]:
    """u_t + u u_x = 0.01/π u_xx at collocation points (x, t)."""
    model = same(lib, lambda m: _layers(m, 2, 20, 20, 20, 1))
    optimizer = lib.optim.Adam(model.parameters(), lr=1e-3)

    def call() -> Any:
        optimizer.zero_grad()
        x = points[:, 0:1].detach().clone().requires_grad_()
        t = points[:, 1:2].detach().clone().requires_grad_()
        u = model(lib.cat([x, t], 1))
        u_x, u_t = lib.autograd.grad(u, (x, t), lib.ones_like(u), create_graph=True)
        (u_xx,) = lib.autograd.grad(u_x, x, lib.ones_like(u_x), create_graph=True)
        loss = (u_t + u * u_x - 0.01 / math.pi * u_xx).pow(2).mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return call


def _critic(lib: Any, real: Any, fake: Any) -> Callable[[], Any]:
    model = same(lib, lambda m: _layers(m, 32, 64, 64, 1, activation="LeakyReLU"))
    optimizer = lib.optim.Adam(model.parameters(), lr=1e-4, betas=(0.5, 0.9))

    def call() -> Any:
        optimizer.zero_grad()
        share = lib.rand(real.shape[0], 1)
        between = (share * real + (1 - share) * fake).requires_grad_()
        (slope,) = lib.autograd.grad(model(between).sum(), between, create_graph=True)
        penalty = ((slope.norm(2, dim=1) - 1) ** 2).mean()
        loss = model(fake).mean() - model(real).mean() + 10 * penalty
        loss.backward()
        optimizer.step()
        return loss.detach()

    return call


def _hessian_vector(lib: Any, x: Any) -> Callable[[], Any]:
    model = same(lib, lambda m: _layers(m, 16, 32, 32, 1))
    parameters = list(model.parameters())
    vector = [lib.ones_like(p) for p in parameters]

    def call() -> Any:
        gradients = lib.autograd.grad(model(x).square().mean(), parameters, create_graph=True)
        product = sum((g * v).sum() for g, v in zip(gradients, vector))
        return lib.autograd.grad(product, parameters)

    return call


def _maml(lib: Any, x: Any, phases: Any) -> Callable[[], Any]:
    """Sine waves: one inner step of gradient descent for each task, and the outer step through it."""
    model = same(lib, lambda m: _layers(m, 1, 40, 40, 1, activation="ReLU"))
    optimizer = lib.optim.Adam(model.parameters(), lr=1e-3)
    functional = lib.nn.functional

    def forward(w: Any, x: Any) -> Any:
        h = functional.relu(functional.linear(x, w[0], w[1]))
        h = functional.relu(functional.linear(h, w[2], w[3]))
        return functional.linear(h, w[4], w[5])

    def call() -> Any:
        optimizer.zero_grad()
        parameters = list(model.parameters())
        total = 0
        for k in range(4):
            points = x[k]
            wave = (points + phases[k]).sin()
            loss = functional.mse_loss(forward(parameters, points[:10]), wave[:10])
            gradients = lib.autograd.grad(loss, parameters, create_graph=True)
            adapted = [p - 0.01 * g for p, g in zip(parameters, gradients)]
            total = total + functional.mse_loss(forward(adapted, points[10:]), wave[10:])
        total.backward()
        optimizer.step()
        return total.detach()

    return call


def _policy_gradient(lib: Any) -> Callable[[], Any]:
    """REINFORCE on a pole that falls: one forward pass of batch 1 and one sampled action a step."""
    import numpy as np

    model = same(lib, lambda m: _layers(m, 4, 32, 2, activation="ReLU"))
    optimizer = lib.optim.Adam(model.parameters(), lr=1e-3)
    rng = np.random.default_rng(0)

    def step(state: Any, action: int) -> Any:
        x, v, angle, spin = state
        force = 10.0 if action else -10.0
        push = (force + 0.05 * spin * spin * math.sin(angle)) / 1.1
        turn = (9.8 * math.sin(angle) - math.cos(angle) * push) / (0.5 * (4 / 3 - 0.1 * math.cos(angle) ** 2 / 1.1))
        pull = push - 0.05 * turn * math.cos(angle) / 1.1
        return np.array([x + 0.02 * v, v + 0.02 * pull, angle + 0.02 * spin, spin + 0.02 * turn], np.float32)

    def call() -> Any:
        state = rng.uniform(-0.05, 0.05, 4).astype(np.float32)
        logarithms, rewards = [], []
        for _ in range(50):
            actions = lib.distributions.Categorical(logits=model(lib.from_numpy(state).unsqueeze(0)))
            action = actions.sample()
            logarithms.append(actions.log_prob(action))
            state = step(state, action.item())
            rewards.append(1.0 - abs(float(state[2])))
        returns, following = [], 0.0
        for reward in reversed(rewards):
            following = reward + 0.99 * following
            returns.insert(0, following)
        weights = lib.tensor(returns)
        weights = (weights - weights.mean()) / (weights.std() + 1e-6)
        loss = -(lib.cat(logarithms) * weights).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return call


def _edges() -> tuple[torch.Tensor, ...]:
    return torch.randn(500, 16), torch.randint(0, 500, (2, 2000)), torch.randint(0, 4, (500,))


def _graph(lib: Any, x: Any, edges: Any, y: Any) -> Callable[[], Any]:
    """Two layers of message passing: gathered along edges, added up at their ends, divided by their number."""
    first = same(lib, lambda m: m.nn.Linear(32, 32))
    second = same(lib, lambda m: m.nn.Linear(64, 4))
    optimizer = lib.optim.Adam([*first.parameters(), *second.parameters()], lr=1e-2)

    def spread(h: Any) -> Any:
        start, end = edges[0], edges[1]
        sums = lib.zeros(h.shape[0], h.shape[1]).index_add(0, end, h[start])
        count = lib.zeros(h.shape[0]).scatter_add(0, end, lib.ones(end.shape[0])).clamp(min=1)
        return sums / count.unsqueeze(1)

    def call() -> Any:
        optimizer.zero_grad()
        h = first(lib.cat([x, spread(x)], 1)).relu()
        loss = lib.nn.functional.cross_entropy(second(lib.cat([h, spread(h)], 1)), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return call


def _cell(lib: Any, x: Any) -> Callable[[], Any]:
    gates = same(lib, lambda m: m.nn.Linear(32 + 48, 4 * 48))
    head = same(lib, lambda m: m.nn.Linear(48, 1))
    optimizer = lib.optim.SGD([*gates.parameters(), *head.parameters()], lr=0.1)

    def call() -> Any:
        h = c = lib.zeros(16, 48)
        for row in x:
            i, f, g, o = gates(lib.cat([row, h], 1)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        loss = head(h).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return call


def _bert(lib: Any, tokens: Any, labels: Any) -> Callable[[], Any]:
    """Two layers of 128, two heads."""

    def build(m: Any) -> Any:
        layer = m.nn.TransformerEncoderLayer(128, 2, 512, 0.0, activation="gelu", batch_first=True)
        return m.nn.ModuleDict({
            "words": m.nn.Embedding(1000, 128),
            "places": m.nn.Embedding(64, 128),
            "norm": m.nn.LayerNorm(128),
            "encoder": m.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False),
            "pooler": m.nn.Linear(128, 128),
            "head": m.nn.Linear(128, 2),
        })  # fmt: skip

    model = same(lib, build)
    optimizer = lib.optim.AdamW(model.parameters(), lr=1e-4)

    def call() -> Any:
        optimizer.zero_grad()
        h = model["norm"](model["words"](tokens) + model["places"](lib.arange(tokens.shape[1])))
        h = model["encoder"](h)
        loss = lib.nn.functional.cross_entropy(model["head"](model["pooler"](h[:, 0]).tanh()), labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return call


def _kalman(lib: Any, measured: Any) -> Callable[[], Any]:
    """Position and speed from noisy positions; each estimate is looked at."""
    moves, seen = lib.tensor([[1.0, 1.0], [0.0, 1.0]]), lib.tensor([[1.0, 0.0]])
    drift, noise, one = lib.eye(2) * 0.01, lib.eye(1) * 0.1, lib.eye(2)

    def call() -> Any:
        state, spread, found = lib.zeros(2, 1), lib.eye(2), []
        for step in range(50):
            state, spread = moves @ state, moves @ spread @ moves.T + drift
            gain = spread @ seen.T @ lib.linalg.inv(seen @ spread @ seen.T + noise)
            state, spread = state + gain @ (measured[step] - seen @ state), (one - gain @ seen) @ spread
            found.append(state[0, 0].item())
        return lib.tensor(found)

    return call


def _process(lib: Any, y: Any) -> Callable[[], Any]:
    """The marginal likelihood's gradients by length and noise."""
    x = lib.linspace(0, 1, 20).unsqueeze(1)

    def call() -> Any:
        length, noise = lib.zeros(1, requires_grad=True), lib.zeros(1, requires_grad=True)
        optimizer = lib.optim.Adam([length, noise], lr=0.01)
        for _ in range(5):
            optimizer.zero_grad()
            near = lib.exp(-0.5 * (x - x.T) ** 2 / lib.exp(length) ** 2)
            factor = lib.linalg.cholesky(near + (lib.exp(noise) + 1e-3) * lib.eye(20))
            weights = lib.cholesky_solve(y.unsqueeze(1), factor).squeeze(1)
            loss = 0.5 * y @ weights + factor.diagonal().log().sum()
            loss.backward()
            optimizer.step()
        return loss.detach()

    return call


def _rwkv_tensors() -> tuple[torch.Tensor, ...]:
    return *torch.randn(4, 32, 32).mul(0.1), *torch.rand(5, 32), torch.randn(20, 32)


def _rwkv(lib: Any, *tensors: Any) -> Callable[[], Any]:
    receive, key, value, give, mix_key, mix_value, mix_receive, decay, first, tokens = tensors

    def call() -> Any:
        with lib.no_grad():
            before = above = below = lib.zeros(32)
            largest, results = lib.full((32,), -1e30), []
            for x in tokens:
                k, v = (w @ (x * mix + before * (1 - mix)) for w, mix in ((key, mix_key), (value, mix_value)))
                r = (receive @ (x * mix_receive + before * (1 - mix_receive))).sigmoid()
                high = lib.maximum(largest, first + k)
                old, new = (largest - high).exp(), (first + k - high).exp()
                results.append(give @ (r * (old * above + new * v) / (old * below + new)))
                high = lib.maximum(largest - decay, k)
                old, new = (largest - decay - high).exp(), (k - high).exp()
                before, above, below, largest = x, old * above + new * v, old * below + new, high
            return lib.stack(results)

    return call


def _trees(lib: Any) -> Callable[[], Any]:
    """4 to 12 words under a random tree, two vectors made one at each of its nodes, and a class for the whole."""
    rng = random.Random(0)
    words, join, head = same(lib, lambda m: m.nn.ModuleList([m.nn.Embedding(50, 16), m.nn.Linear(32, 16), m.nn.Linear(16, 2)]))
    optimizer = lib.optim.SGD([p for module in (words, join, head) for p in module.parameters()], lr=0.05)

    def grown(count: int) -> Any:
        if count == 1:
            return rng.randrange(50)
        left = rng.randint(1, count - 1)
        return grown(left), grown(count - left)

    def embedded(tree: Any) -> Any:
        if isinstance(tree, int):
            return words(lib.tensor(tree))
        return join(lib.cat([embedded(part) for part in tree])).tanh()

    def call() -> Any:
        loss = lib.nn.functional.cross_entropy(head(embedded(grown(rng.randint(4, 12)))).unsqueeze(0), lib.tensor([1]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return call
