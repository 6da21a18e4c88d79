"""Programs whose sizes are others at each call: sentences of any length, caches that grow, the last batch of an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from benchmarks.operators import Row, _same, normal

__all__ = ["growing"]


def growing() -> Iterator[Row]:
    """The rows. Results differ between the libraries, since each call has other inputs."""
    yield Row("growing", "pointwise and sum of a new length", _pointwise, normal(50_000), True)
    yield Row("growing", "MLP of a batch of new length", _mlp, normal(4096, 32), True)
    yield Row("growing", "MLP training step, batch of new length", _training, normal(4096, 32), True)
    yield Row("growing", "small convolutional network, batch of new size", _convolutions, normal(1024, 1, 28, 28), True)
    yield Row("growing", "LSTM over sentences of new length", _lstm, normal(8, 512, 32), True)
    yield Row("growing", "attention over a growing cache", _cache, normal(4, 64, 64), True)
    yield Row("growing", "one token of a small GPT with its cache", _gpt, tuple, True)


def _lengths(longest: int, first: int = 17) -> Callable[[], int]:
    """Gives lengths in an order without neighbours, each one new until all were given."""
    count, steps = longest - first, 0

    def length() -> int:
        nonlocal steps
        steps += 1
        return first + steps * 617 % count

    return length


def _pointwise(lib: Any, x: Any) -> Callable[[], Any]:
    length = _lengths(16_001)

    def call() -> Any:
        return (x[: length()] * 2 + 1).tanh().sum()

    return call


def _mlp(lib: Any, x: Any) -> Callable[[], Any]:
    model = _same(lib, lambda m: m.nn.Sequential(m.nn.Linear(32, 64), m.nn.GELU(), m.nn.LayerNorm(64), m.nn.Linear(64, 32)))
    length = _lengths(4000)

    def call() -> Any:
        with lib.no_grad():
            return model(x[: length()]).softmax(-1).mean(0)

    return call


def _training(lib: Any, x: Any) -> Callable[[], Any]:
    model = _same(lib, lambda m: m.nn.Sequential(m.nn.Linear(32, 64), m.nn.ReLU(), m.nn.Linear(64, 10)))
    optimizer = lib.optim.SGD(model.parameters(), lr=0.01)
    targets = lib.arange(4096) % 10
    length = _lengths(1000)

    def call() -> Any:
        n = length()
        optimizer.zero_grad()
        loss = lib.nn.functional.cross_entropy(model(x[:n]), targets[:n])
        loss.backward()
        optimizer.step()
        return loss.detach()

    return call


def _convolutions(lib: Any, x: Any) -> Callable[[], Any]:
    model = _same(
        lib,
        lambda m: m.nn.Sequential(
            m.nn.Conv2d(1, 16, 3, padding=1), m.nn.ReLU(), m.nn.MaxPool2d(2), m.nn.Conv2d(16, 32, 3, padding=1), m.nn.ReLU(),
            m.nn.MaxPool2d(2), m.nn.Flatten(), m.nn.Linear(32 * 7 * 7, 10),
        ),
    )  # fmt: skip
    length = _lengths(64)

    def call() -> Any:
        with lib.no_grad():
            return model(x[: length()])

    return call


def _lstm(lib: Any, x: Any) -> Callable[[], Any]:
    model = _same(lib, lambda m: m.nn.LSTM(32, 64, batch_first=True))
    length = _lengths(128)

    def call() -> Any:
        with lib.no_grad():
            return model(x[:, : length()])[0]

    return call


def _cache(lib: Any, x: Any) -> Callable[[], Any]:
    """One token of generation: attention over keys and values that grow by one each time."""
    state: dict[str, Any] = {}

    def call() -> Any:
        keys = state.get("keys")
        if keys is None or keys.shape[1] > 400:
            keys = x[:, :17]
        query = keys[:, -1:]
        weights = (query @ keys.transpose(1, 2) * 0.125).softmax(-1)
        state["keys"] = lib.cat([keys, lib.tanh(weights @ keys)], 1)
        return state["keys"]

    return call


def _gpt(lib: Any) -> Callable[[], Any]:
    """After a prompt of 20 tokens, 64 more, then from the beginning."""
    model = _same(lib, lambda m: _language_model(m))
    torch.manual_seed(1)
    prompt = lib.tensor(torch.randint(0, 256, (1, 20)).tolist())
    state: dict[str, Any] = {"count": 64}

    def call() -> Any:
        if state["count"] == 64:
            state.update(count=0, tokens=prompt, past=None)
        with lib.no_grad():
            logits, state["past"] = model(state["tokens"], state["past"])
            state["tokens"] = logits.argmax(-1, keepdim=True)
        state["count"] += 1
        return state["tokens"].tolist()

    return call


def _language_model(lib: Any, width: int = 128, heads: int = 4, depth: int = 4, words: int = 256) -> Any:
    nn = lib.nn

    class Block(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
            self.take, self.give = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x: Any, past: Any) -> Any:
            batch, length, _ = x.shape
            parts = self.take(self.before(x)).reshape(batch, length, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
            query, key, value = parts.unbind(0)
            if past is not None:
                key, value = lib.cat([past[0], key], 2), lib.cat([past[1], value], 2)
            found = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=past is None)
            x = x + self.give(found.transpose(1, 2).reshape(batch, length, width))
            return x + self.down(nn.functional.gelu(self.up(self.between(x)))), (key, value)

    class Model(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.places = nn.Embedding(words, width), nn.Embedding(512, width)
            self.blocks = nn.ModuleList([Block() for _ in range(depth)])
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, words)

        def forward(self, tokens: Any, past: Any) -> Any:
            start = 0 if past is None else past[0][0].shape[2]
            x = self.tokens(tokens) + self.places(lib.arange(start, start + tokens.shape[1]))
            kept = []
            for number, block in enumerate(self.blocks):
                x, cache = block(x, None if past is None else past[number])
                kept.append(cache)
            return self.head(self.norm(x[:, -1])), kept

    return Model()
