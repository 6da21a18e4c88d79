"""Programs whose sizes are others at each call: sentences of any length, caches that grow, the last batch of an epoch."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import torch

from benchmarks.rows import Row, normal, same

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
    yield Row("growing", "one token of a small GPT without a cache", _uncached, tuple, True)
    yield Row("growing", "packed sentences through an LSTM, a step", _packed, tuple, True)
    yield Row("growing", "graphs of new sizes, a step", _graphs, tuple, True)
    yield Row("growing", "mixture of experts chosen by tokens", _experts, normal(64, 32), True)
    yield Row("growing", "masks, positions and distinct numbers", _masks, normal(20, 1000), True)
    yield Row("growing", "non-maximum suppression of some boxes", _suppression, tuple, True)


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
    model = same(lib, lambda m: m.nn.Sequential(m.nn.Linear(32, 64), m.nn.GELU(), m.nn.LayerNorm(64), m.nn.Linear(64, 32)))
    length = _lengths(4000)

    def call() -> Any:
        with lib.no_grad():
            return model(x[: length()]).softmax(-1).mean(0)

    return call


def _training(lib: Any, x: Any) -> Callable[[], Any]:
    model = same(lib, lambda m: m.nn.Sequential(m.nn.Linear(32, 64), m.nn.ReLU(), m.nn.Linear(64, 10)))
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
    model = same(
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
    model = same(lib, lambda m: m.nn.LSTM(32, 64, batch_first=True))
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
    model = same(lib, lambda m: _language_model(m))
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


def _uncached(lib: Any) -> Callable[[], Any]:
    """All tokens again for each new one, of which the ten likeliest may be drawn, up to 150."""
    model = same(lib, lambda m: _language_model(m))
    state: dict[str, Any] = {}

    def call() -> Any:
        tokens = state.get("tokens")
        if tokens is None or tokens.shape[1] > 150:
            tokens = lib.zeros(1, 1, dtype=lib.int64)
        with lib.no_grad():
            logits, _ = model(tokens, None)
            likeliest, _ = lib.topk(logits, 10)
            logits[logits < likeliest[:, [-1]]] = -float("inf")
            state["tokens"] = lib.cat([tokens, lib.multinomial(logits.softmax(-1), 1)], 1)
        return state["tokens"][0, -1].item()

    return call


def _packed(lib: Any) -> Callable[[], Any]:
    """Eight sentences of 3 to 40 words, padded, packed, and classified by the last states of both directions."""
    rng, nn = random.Random(0), lib.nn
    words, lstm, head = same(
        lib,
        lambda m: m.nn.ModuleList([m.nn.Embedding(100, 32), m.nn.LSTM(32, 64, bidirectional=True), m.nn.Linear(128, 5)]),
    )
    parameters = [p for module in (words, lstm, head) for p in module.parameters()]
    optimizer = lib.optim.Adam(parameters, lr=1e-3)

    def call() -> Any:
        lengths = [rng.randint(3, 40) for _ in range(8)]
        sentences = [lib.tensor([rng.randrange(100) for _ in range(n)]) for n in lengths]
        targets = lib.tensor([rng.randrange(5) for _ in lengths])
        padded = words(nn.utils.rnn.pad_sequence(sentences))
        _, (last, _) = lstm(nn.utils.rnn.pack_padded_sequence(padded, lengths, enforce_sorted=False))
        loss = nn.functional.cross_entropy(head(lib.cat([last[0], last[1]], -1)), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return call


def _graphs(lib: Any) -> Callable[[], Any]:
    """Messages along some hundred edges, sums by node and by graph."""
    rng = random.Random(0)
    first, second, head = same(lib, lambda m: m.nn.ModuleList([m.nn.Linear(16, 32), m.nn.Linear(32, 32), m.nn.Linear(32, 4)]))
    optimizer = lib.optim.SGD([p for module in (first, second, head) for p in module.parameters()], lr=1e-2)

    def call() -> Any:
        sizes = [rng.randint(5, 20) for _ in range(8)]
        nodes = sum(sizes)
        edges = rng.randint(2 * nodes, 4 * nodes)
        x = lib.tensor([[rng.gauss(0, 1) for _ in range(16)] for _ in range(nodes)])
        source, target = (lib.tensor([rng.randrange(nodes) for _ in range(edges)]) for _ in range(2))
        graph = lib.tensor([i for i, n in enumerate(sizes) for _ in range(n)])
        degree = lib.zeros(nodes).scatter_add_(0, target, lib.ones(edges)).clamp(min=1)
        for layer, width in ((first, 32), (second, 32)):
            x = (lib.zeros(nodes, width).index_add_(0, target, layer(x)[source]) / degree[:, None]).relu()
        loss = lib.nn.functional.cross_entropy(head(lib.zeros(8, 32).index_add_(0, graph, x)), lib.arange(8) % 4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return call


def _experts(lib: Any, x: Any) -> Callable[[], Any]:
    """Each token goes through two of four experts, which take their tokens by position."""
    gate, *experts = same(
        lib,
        lambda m: m.nn.ModuleList(
            [m.nn.Linear(32, 4), *(m.nn.Sequential(m.nn.Linear(32, 64), m.nn.SiLU(), m.nn.Linear(64, 32)) for _ in range(4))]
        ),
    )
    state = {"x": x}

    def call() -> Any:
        x = state["x"]
        with lib.no_grad():
            weights, chosen = gate(x).softmax(-1).topk(2, -1)
            weights = weights / weights.sum(-1, keepdim=True)
            result = lib.zeros_like(x)
            mask = lib.nn.functional.one_hot(chosen, 4).permute(2, 1, 0)
            for number, expert in enumerate(experts):
                which, tokens = lib.where(mask[number])
                if tokens.shape[0]:
                    result.index_add_(0, tokens, expert(x[tokens]) * weights[tokens, which, None])
            state["x"] = x.roll(1, 1) * 0.99 + result * 0.01
        return state["x"]

    return call


def _masks(lib: Any, x: Any) -> Callable[[], Any]:
    count = 0

    def call() -> Any:
        nonlocal count
        count += 1
        row = x[count % 20] + count * 0.001
        chosen = row[row > 0.3]
        places = lib.nonzero(row > 1).squeeze(1)
        changed = row.clone()
        changed[row < -1] = 0.0
        changed[places] += 1
        return (chosen[chosen < 1.5].mean() + changed.sum() + lib.unique((row * 4).long()).sum()).item()

    return call


def _suppression(lib: Any) -> Callable[[], Any]:
    """The best box, and those that don't overlap it much, as long as there are any."""
    rng = random.Random(0)

    def call() -> Any:
        count = rng.randint(20, 80)
        corners = [(100 * rng.random(), 100 * rng.random()) for _ in range(count)]
        boxes = lib.tensor([[x, y, x + 5 + 30 * rng.random(), y + 5 + 30 * rng.random()] for x, y in corners])
        order = lib.tensor([rng.random() for _ in range(count)]).argsort(descending=True)
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        kept = []
        while order.numel():
            best, rest = order[0], order[1:]
            kept.append(best.item())
            low = lib.maximum(boxes[best, :2], boxes[rest, :2])
            high = lib.minimum(boxes[best, 2:], boxes[rest, 2:])
            common = (high - low).clamp(min=0).prod(1)
            order = rest[common / (areas[best] + areas[rest] - common) <= 0.3]
        return kept

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
