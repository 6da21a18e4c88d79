"""Everyday programs of small tensors: loops that look at values, small nets step by step, and tensors built one by one.

Each is a call as people write it, uncompiled, in which the library's own overhead is nearly all of the time. May import
`benchmarks.rows`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import torch

from benchmarks.rows import Row, normal, same

__all__ = ["everyday_programs"]


def everyday_programs() -> Iterator[Row]:
    """The rows."""
    batch = lambda: (torch.randn(32, 16), torch.randint(0, 4, (32,)))
    for name in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam"):
        yield Row("everyday", f"MLP step, {name}", lambda lib, x, y, name=name: _trained(lib, name, x, y), batch)
    for name in ("SGD", "Adam"):
        yield Row("everyday", f"{name} step, 100 small parameters", lambda lib, name=name: _many(lib, name))
    yield Row("everyday", "MLP step, one example at a time", _single, lambda: (torch.randn(10, 16), torch.randint(0, 4, (10,))))
    yield Row("everyday", "MLP's answer to one example", _answer, normal(1, 16))
    yield Row("everyday", "regression by hand, 20 steps", _regression, lambda: (torch.randn(32, 3), torch.randn(32, 1)))
    yield Row("everyday", "gradient descent on a function, 20 steps", _rosenbrock)
    yield Row("everyday", "actor and critic, 10 steps", _actor_critic, normal(10, 4), True)
    yield Row("everyday", "Q-learning step from a replay memory", _q_learning, normal(64, 4))
    yield Row("everyday", "RNN cell by hand, 20 steps, no gradients", _cell, normal(20, 1, 16))
    yield Row("everyday", "nn.GRUCell over 10 steps, SGD", _gru_cell, normal(10, 4, 16))
    yield Row("everyday", "characters sampled from an RNN, 20", _sampled, tuple, True)
    yield Row(
        "everyday", "accuracy and loss over 10 batches", _metrics, lambda: (torch.randn(10, 32, 5), torch.randint(0, 5, (10, 32)))
    )
    yield Row(
        "everyday", "confusion matrix by a loop", _confusion, lambda: (torch.randint(0, 4, (50,)), torch.randint(0, 4, (50,)))
    )
    yield Row(
        "everyday", "DataLoader over 64 examples, batches of 8", _loaded, lambda: (torch.randn(64, 8), torch.randint(0, 3, (64,)))
    )
    yield Row("everyday", "tensors built from lists, and stacked", _built)
    yield Row("everyday", "matrix filled element by element", _filled)
    yield Row("everyday", "rows of a matrix, each looked at", _iterated, normal(20, 4))
    yield Row("everyday", "power iteration, 20 turns", _power, normal(8, 8))
    yield Row("everyday", "k-means, 5 turns", _k_means, normal(40, 2))
    yield Row("everyday", "Euler's method, 50 steps", _euler)
    yield Row("everyday", "exponential average of weights", _average)
    yield Row("everyday", "attention of one head, 6 tokens", _attention, normal(6, 8))
    yield Row("everyday", "greedy decoding, 10 tokens", _greedy)
    yield Row("everyday", "gradient clipping and a scheduler, a step", _clipped, batch)
    yield Row("everyday", "early stopping by item(), 10 losses", _stopped, normal(10, 32))
    yield Row("everyday", "dot products of pairs, in a double loop", _pairs, normal(6, 8))


def _mlp(lib: Any, *sizes: int) -> Any:
    def build(m: Any) -> Any:
        parts: list[Any] = []
        for a, b in pairwise(sizes):
            parts += [m.nn.Linear(a, b), m.nn.ReLU()]
        return m.nn.Sequential(*parts[:-1])

    return same(lib, build)


def _trained(lib: Any, name: str, x: Any, y: Any) -> Callable[[], Any]:
    model = _mlp(lib, 16, 32, 4)
    optimizer = getattr(lib.optim, name)(model.parameters(), lr=1e-3)

    def call() -> Any:
        optimizer.zero_grad()
        loss = lib.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return call


def _many(lib: Any, name: str) -> Callable[[], Any]:
    parameters = [lib.nn.Parameter(lib.ones(4, 1 + i % 7)) for i in range(100)]
    for parameter in parameters:
        parameter.grad = lib.full_like(parameter, 0.5)
    optimizer = getattr(lib.optim, name)(parameters, lr=1e-3)

    def call() -> Any:
        optimizer.step()
        return parameters[0].detach()

    return call


def _single(lib: Any, x: Any, y: Any) -> Callable[[], Any]:
    model = _mlp(lib, 16, 32, 4)
    optimizer = lib.optim.SGD(model.parameters(), lr=1e-3)

    def call() -> Any:
        total = 0.0
        for example, label in zip(x, y):
            optimizer.zero_grad()
            loss = lib.nn.functional.cross_entropy(model(example), label)
            loss.backward()
            optimizer.step()
            total += loss.item()
        return lib.tensor(total)

    return call


def _answer(lib: Any, x: Any) -> Callable[[], Any]:
    model = _mlp(lib, 16, 32, 4).eval()

    def call() -> Any:
        with lib.no_grad():
            return model(x).argmax(1).item()

    return call


def _regression(lib: Any, x: Any, y: Any) -> Callable[[], Any]:
    def call() -> Any:
        w, b = lib.zeros(3, 1, requires_grad=True), lib.zeros(1, requires_grad=True)
        for _ in range(20):
            loss = ((x @ w + b - y) ** 2).mean()
            loss.backward()
            with lib.no_grad():
                w -= 0.1 * w.grad
                b -= 0.1 * b.grad
                w.grad.zero_()
                b.grad.zero_()
        return loss.item()

    return call


def _rosenbrock(lib: Any) -> Callable[[], Any]:
    def call() -> Any:
        x = lib.tensor([-1.0, 1.5], requires_grad=True)
        optimizer = lib.optim.SGD([x], lr=1e-3)
        for _ in range(20):
            optimizer.zero_grad()
            loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
            loss.backward()
            optimizer.step()
        return x.detach()

    return call


def _actor_critic(lib: Any, states: Any) -> Callable[[], Any]:
    actor, critic = _mlp(lib, 4, 32, 2), _mlp(lib, 4, 32, 1)
    optimizer = lib.optim.Adam([*actor.parameters(), *critic.parameters()], lr=1e-3)

    def call() -> Any:
        logarithms, values, rewards = [], [], []
        for state in states:
            chances = lib.nn.functional.softmax(actor(state), -1)
            action = lib.multinomial(chances, 1).item()
            logarithms.append(lib.log(chances[action]))
            values.append(critic(state))
            rewards.append(1.0 if action else -0.5)
        value = lib.cat(values)
        advantage = lib.tensor(rewards) - value
        loss = -(lib.stack(logarithms) * advantage.detach()).mean() + advantage.pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return call


def _q_learning(lib: Any, states: Any) -> Callable[[], Any]:
    model, target = _mlp(lib, 4, 32, 2), _mlp(lib, 4, 32, 2)
    optimizer = lib.optim.Adam(model.parameters(), lr=1e-3)
    rng = random.Random(0)
    rows = list(states)
    memory = [(rows[i], i % 2, 1.0 - i / 64, rows[i + 1], float(i % 9 == 0)) for i in range(63)]

    def call() -> Any:
        state, action, reward, following, done = zip(*rng.sample(memory, 16))
        state, following = lib.stack(state), lib.stack(following)
        action, reward, done = lib.tensor(action).unsqueeze(1), lib.tensor(reward), lib.tensor(done)
        value = model(state).gather(1, action).squeeze(1)
        with lib.no_grad():
            aim = reward + 0.99 * (1 - done) * target(following).max(1)[0]
        loss = lib.nn.functional.smooth_l1_loss(value, aim)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return call


def _cell(lib: Any, x: Any) -> Callable[[], Any]:
    inner, outer = same(lib, lambda m: m.nn.ModuleList([m.nn.Linear(16, 32), m.nn.Linear(32, 32)]))

    def call() -> Any:
        with lib.no_grad():
            h = lib.zeros(1, 32)
            for row in x:
                h = lib.tanh(inner(row) + outer(h))
            return h

    return call


def _gru_cell(lib: Any, x: Any) -> Callable[[], Any]:
    cell = same(lib, lambda m: m.nn.GRUCell(16, 24))
    optimizer = lib.optim.SGD(cell.parameters(), lr=0.01)

    def call() -> Any:
        h = lib.zeros(4, 24)
        for row in x:
            h = cell(row, h)
        loss = h.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return call


def _sampled(lib: Any) -> Callable[[], Any]:
    words, cell, head = same(lib, lambda m: m.nn.ModuleList([m.nn.Embedding(30, 16), m.nn.RNNCell(16, 32), m.nn.Linear(32, 30)]))

    def call() -> Any:
        with lib.no_grad():
            token, h, found = lib.tensor([0]), lib.zeros(1, 32), []
            for _ in range(20):
                h = cell(words(token), h)
                token = lib.multinomial((head(h) / 0.8).softmax(-1).squeeze(0), 1)
                found.append(token.item())
            return found

    return call


def _metrics(lib: Any, logits: Any, labels: Any) -> Callable[[], Any]:
    def call() -> Any:
        right = count = 0
        total = 0.0
        for scores, wanted in zip(logits, labels):
            total += lib.nn.functional.cross_entropy(scores, wanted).item()
            right += (scores.argmax(1) == wanted).sum().item()
            count += wanted.size(0)
        return lib.tensor([total / 10, right / count])

    return call


def _confusion(lib: Any, found: Any, wanted: Any) -> Callable[[], Any]:
    def call() -> Any:
        matrix = lib.zeros(4, 4, dtype=lib.int64)
        for a, b in zip(wanted, found):
            matrix[a.long(), b.long()] += 1
        return matrix

    return call


def _loaded(lib: Any, x: Any, y: Any) -> Callable[[], Any]:
    data = lib.utils.data.TensorDataset(x, y)
    loader = lib.utils.data.DataLoader(data, batch_size=8)

    def call() -> Any:
        total = 0.0
        for rows, labels in loader:
            total += rows.sum().item() + labels.sum().item()
        return lib.tensor(total)

    return call


def _built(lib: Any) -> Callable[[], Any]:
    numbers = [[float(i + j) for j in range(4)] for i in range(10)]

    def call() -> Any:
        return lib.stack([lib.tensor(row) for row in numbers]).mean(0)

    return call


def _filled(lib: Any) -> Callable[[], Any]:
    def call() -> Any:
        matrix = lib.zeros(5, 5)
        for i in range(5):
            for j in range(5):
                matrix[i, j] = i * 0.5 + j
        return matrix

    return call


def _iterated(lib: Any, x: Any) -> Callable[[], Any]:
    def call() -> Any:
        found = []
        for row in x:
            if row[0] > 0 and row.max() < 2:
                found.append(float(row.sum()))
        return lib.tensor(found)

    return call


def _power(lib: Any, x: Any) -> Callable[[], Any]:
    matrix = x @ x.T

    def call() -> Any:
        v = lib.ones(8)
        for _ in range(20):
            v = matrix @ v
            v = v / v.norm()
        return v @ matrix @ v

    return call


def _k_means(lib: Any, points: Any) -> Callable[[], Any]:
    def call() -> Any:
        centres = points[:3].clone()
        for _ in range(5):
            nearest = lib.cdist(points, centres).argmin(1)
            for k in range(3):
                chosen = points[nearest == k]
                if len(chosen):
                    centres[k] = chosen.mean(0)
        return centres

    return call


def _euler(lib: Any) -> Callable[[], Any]:
    """Lotka and Volterra's equations."""

    def call() -> Any:
        state, found = lib.tensor([1.0, 0.5]), []
        for _ in range(50):
            prey, hunters = state
            state = state + 0.05 * lib.stack([prey * (1.1 - 0.4 * hunters), hunters * (0.1 * prey - 0.4)])
            found.append(state)
        return lib.stack(found)

    return call


def _average(lib: Any) -> Callable[[], Any]:
    model, slow = _mlp(lib, 16, 32, 32, 4), _mlp(lib, 16, 32, 32, 4)

    def call() -> Any:
        with lib.no_grad():
            for kept, new in zip(slow.parameters(), model.parameters()):
                kept.mul_(0.99).add_(new, alpha=0.01)
        return next(slow.parameters()).detach()

    return call


def _attention(lib: Any, x: Any) -> Callable[[], Any]:
    query, key, value = same(lib, lambda m: m.nn.ModuleList([m.nn.Linear(8, 8, bias=False) for _ in range(3)]))

    def call() -> Any:
        with lib.no_grad():
            q, k, v = query(x), key(x), value(x)
            scores = q @ k.transpose(-2, -1) / 8**0.5
            scores = scores.masked_fill(lib.tril(lib.ones(6, 6)) == 0, float("-inf"))
            return scores.softmax(-1) @ v

    return call


def _greedy(lib: Any) -> Callable[[], Any]:
    words, head = same(lib, lambda m: m.nn.ModuleList([m.nn.Embedding(20, 16), m.nn.Linear(16, 20)]))

    def call() -> Any:
        with lib.no_grad():
            tokens = lib.zeros(1, 1, dtype=lib.int64)
            for _ in range(10):
                scores = head(words(tokens).mean(1))
                scores[0, tokens[0, -1]] = -1e9
                best = scores.argmax(-1, keepdim=True)
                tokens = lib.cat([tokens, best], 1)
                if best.item() == 19:
                    break
            return tokens

    return call


def _clipped(lib: Any, x: Any, y: Any) -> Callable[[], Any]:
    model = _mlp(lib, 16, 32, 4)
    optimizer = lib.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    scheduler = lib.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100)

    def call() -> Any:
        optimizer.zero_grad()
        loss = lib.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        lib.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        return loss.item()

    return call


def _stopped(lib: Any, x: Any) -> Callable[[], Any]:
    def call() -> Any:
        best, waited = float("inf"), 0
        for row in x:
            loss = (row - 0.1).abs().mean()
            if loss < best:
                best, waited = loss.item(), 0
            else:
                waited += 1
        return lib.tensor([best, waited])

    return call


def _pairs(lib: Any, x: Any) -> Callable[[], Any]:
    def call() -> Any:
        return lib.tensor([[lib.dot(x[i], x[j]).item() for j in range(6)] for i in range(6)])

    return call
