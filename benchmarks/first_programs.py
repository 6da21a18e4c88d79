"""Programs whose first run is measured, written once: given `torch` or `flambeau` they are that library's.

Each function makes its model and gives the calls by name: they are made one after another in a process that has computed
nothing before, and each looks at what it computed. `compiled` is what a function that computes goes through first, such as
`torch.compile`. Imports nothing of flambeau or PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any

from benchmarks.models import gpt, mlp, resnet18

__all__ = ["PROGRAMS"]

Calls = dict[str, Callable[[], Any]]
Compiled = Callable[[Callable[..., Any]], Callable[..., Any]]


def _step(model: Any, optimizer: Any, loss: Callable[[], Any]) -> Calls:
    def step() -> float:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        number: float = value.item()
        for parameter in model.parameters():
            parameter.flatten()[0].item()  # so that the new parameters are there, too
        return number

    return {"step": step}


def _mlp(lib: Any, compiled: Compiled) -> Calls:
    model = mlp(lib)
    x, y = lib.randn(32, 784), lib.randint(0, 10, (32,))
    optimizer = lib.optim.Adam(model.parameters())
    return _step(model, optimizer, compiled(lambda: lib.nn.functional.cross_entropy(model(x), y)))


def _resnet(lib: Any, compiled: Compiled) -> Calls:
    model = resnet18(lib)
    x, y = lib.randn(8, 3, 224, 224), lib.randint(0, 1000, (8,))
    optimizer = lib.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    return _step(model, optimizer, compiled(lambda: lib.nn.functional.cross_entropy(model(x), y)))


def _gpt(lib: Any, compiled: Compiled) -> Calls:
    model = gpt(lib, 4096, 256, 4, 6, 128, gelu="tanh")
    tokens = lib.randint(0, 4096, (4, 129))
    optimizer = lib.optim.AdamW(model.parameters(), lr=1e-4)

    def loss() -> Any:
        logits = model(tokens[:, :-1])
        return lib.nn.functional.cross_entropy(logits.reshape(-1, 4096), tokens[:, 1:].reshape(-1))

    return _step(model, optimizer, compiled(loss))


def _lstm(lib: Any, compiled: Compiled) -> Calls:
    nn = lib.nn
    embedding, lstm, head = nn.Embedding(1000, 64), nn.LSTM(64, 128, 2, batch_first=True), nn.Linear(128, 1000)
    model = nn.ModuleList([embedding, lstm, head])
    tokens = lib.randint(0, 1000, (16, 36))
    optimizer = lib.optim.Adam(model.parameters())

    def loss() -> Any:
        logits = head(lstm(embedding(tokens[:, :-1]))[0])
        return nn.functional.cross_entropy(logits.reshape(-1, 1000), tokens[:, 1:].reshape(-1))

    return _step(model, optimizer, compiled(loss))


def _cells(lib: Any, compiled: Compiled) -> Calls:
    """PyTorch's example time_sequence_prediction, but for its optimizer: two cells go along a wave."""
    nn = lib.nn
    first, second, head = nn.LSTMCell(1, 51).double(), nn.LSTMCell(51, 51).double(), nn.Linear(51, 1).double()
    model = nn.ModuleList([first, second, head])
    wave = lib.sin(lib.arange(200, dtype=lib.float64) / 20 + lib.rand(27, 1, dtype=lib.float64) * 6)
    optimizer = lib.optim.Adam(model.parameters())

    def loss() -> Any:
        states = [lib.zeros(27, 51, dtype=lib.float64) for _ in range(4)]
        found = []
        for x in wave[:, :-1].split(1, dim=1):
            states[:2] = first(x, (states[0], states[1]))
            states[2:] = second(states[0], (states[2], states[3]))
            found.append(head(states[2]))
        return nn.functional.mse_loss(lib.cat(found, 1), wave[:, 1:])

    return _step(model, optimizer, compiled(loss))


def _episodes(lib: Any, compiled: Compiled) -> Calls:
    """An actor and a critic over ten episodes, whose lengths don't come again soon."""
    nn, random = lib.nn, Random(0)
    body, actor, critic = nn.Linear(4, 128), nn.Linear(128, 2), nn.Linear(128, 1)
    model = nn.ModuleList([body, actor, critic])
    optimizer = lib.optim.Adam(model.parameters(), lr=3e-2)

    def act() -> tuple[Any, Any]:
        state = lib.tensor([random.uniform(-1, 1) for _ in range(4)])
        hidden = nn.functional.relu(body(state))
        choice = lib.distributions.Categorical(actor(hidden).softmax(-1))
        action = choice.sample()
        action.item()
        return choice.log_prob(action), critic(hidden)

    def episode() -> float:
        steps = [act() for _ in range(random.randint(10, 100))]
        returns = lib.tensor([1 - 0.99 ** (len(steps) - i) for i in range(len(steps))])
        returns = (returns - returns.mean()) / (returns.std() + 1e-6)
        actors, critics = [], []
        for (log_probability, value), reward in zip(steps, returns):
            actors.append(-log_probability * (reward - value.item()))
            critics.append(nn.functional.smooth_l1_loss(value, reward[None]))
        optimizer.zero_grad()
        loss = lib.stack(actors).sum() + lib.stack(critics).sum()
        loss.backward()
        optimizer.step()
        number: float = loss.item()
        return number

    compiled_episode = compiled(episode)
    return {"ten episodes": lambda: [compiled_episode() for _ in range(10)]}


def _ddpm(lib: Any, width: int = 128) -> Any:
    """The U-Net of Ho et al., 2020, for 32×32 images: four levels of two residual blocks, attention at 16×16."""
    nn, F = lib.nn, lib.nn.functional

    class Residual(nn.Module):  # type: ignore[misc]
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__()
            self.first, self.second = nn.GroupNorm(32, inputs), nn.GroupNorm(32, outputs)
            self.conv1, self.conv2 = nn.Conv2d(inputs, outputs, 3, padding=1), nn.Conv2d(outputs, outputs, 3, padding=1)
            self.time = nn.Linear(4 * width, outputs)
            self.dropout = nn.Dropout(0.1)
            self.beside = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

        def forward(self, x: Any, t: Any) -> Any:
            h = self.conv1(F.silu(self.first(x))) + self.time(F.silu(t))[:, :, None, None]
            return self.beside(x) + self.conv2(self.dropout(F.silu(self.second(h))))

    class Attention(nn.Module):  # type: ignore[misc]
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.norm, self.qkv, self.out = (
                nn.GroupNorm(32, channels),
                nn.Conv2d(channels, 3 * channels, 1),
                nn.Conv2d(channels, channels, 1),
            )

        def forward(self, x: Any, t: Any) -> Any:
            n, c, h, w = x.shape
            q, k, v = self.qkv(self.norm(x)).reshape(n, 3, c, h * w).transpose(2, 3).unbind(1)
            y = F.scaled_dot_product_attention(q, k, v)
            return x + self.out(y.transpose(1, 2).reshape(n, c, h, w))

    class Down(nn.Module):  # type: ignore[misc]
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.conv = nn.Conv2d(channels, channels, 3, 2, 1)

        def forward(self, x: Any, t: Any) -> Any:
            return self.conv(x)

    class Up(nn.Module):  # type: ignore[misc]
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.conv = nn.Conv2d(channels, channels, 3, padding=1)

        def forward(self, x: Any, t: Any) -> Any:
            return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))

    class UNet(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.time = nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, 4 * width))
            self.head = nn.Conv2d(3, width, 3, padding=1)
            widths = [width, 2 * width, 2 * width, 2 * width]
            down, kept, channels = [], [width], width
            for level, w in enumerate(widths):
                for _ in range(2):
                    down.append(nn.ModuleList([Residual(channels, w), *([Attention(w)] if level == 1 else [])]))
                    channels = w
                    kept.append(w)
                if level < 3:
                    down.append(nn.ModuleList([Down(w)]))
                    kept.append(w)
            self.down = nn.ModuleList(down)
            self.middle = nn.ModuleList([Residual(channels, channels), Attention(channels), Residual(channels, channels)])
            up = []
            for level, w in reversed(list(enumerate(widths))):
                for n in range(3):
                    parts = [Residual(channels + kept.pop(), w), *([Attention(w)] if level == 1 else [])]
                    up.append(nn.ModuleList([*parts, *([Up(w)] if level and n == 2 else [])]))
                    channels = w
            self.up = nn.ModuleList(up)
            self.norm, self.tail = nn.GroupNorm(32, width), nn.Conv2d(width, 3, 3, padding=1)

        def forward(self, x: Any, t: Any) -> Any:
            rates = lib.exp(lib.arange(width // 2) * (-math.log(10000) / (width // 2)))
            angles = t[:, None] * rates
            t = self.time(lib.cat([angles.sin(), angles.cos()], 1))
            x = self.head(x)
            kept = [x]
            for parts in self.down:
                for part in parts:
                    x = part(x, t)
                kept.append(x)
            for part in self.middle:
                x = part(x, t)
            for parts in self.up:
                x = lib.cat([x, kept.pop()], 1)
                for part in parts:
                    x = part(x, t)
            return self.tail(F.silu(self.norm(x)))

    return UNet()


def _unet(lib: Any, compiled: Compiled) -> Calls:
    model = _ddpm(lib)
    x, noise, t = lib.randn(4, 3, 32, 32), lib.randn(4, 3, 32, 32), lib.randint(0, 1000, (4,))
    optimizer = lib.optim.Adam(model.parameters(), lr=2e-4)
    return _step(model, optimizer, compiled(lambda: lib.nn.functional.mse_loss(model(x, t), noise)))


def _attention(lib: Any, compiled: Compiled) -> Calls:
    q, k, v = (lib.randn(2, 8, 256, 64) for _ in range(3))
    attention = compiled(lib.nn.functional.scaled_dot_product_attention)
    mask = lib.rand(256, 256) > 0.3
    long = [lib.randn(1, 4, 1024, 64) for _ in range(3)]

    def trained() -> Any:
        operands = [x.clone().requires_grad_() for x in (q, k, v)]
        attention(*operands, is_causal=True).square().sum().backward()
        return sum(x.grad.sum().item() for x in operands)

    return {
        "forward": lambda: attention(q, k, v).sum().item(),
        "causal": lambda: attention(q, k, v, is_causal=True).sum().item(),
        "mask": lambda: attention(q, k, v, mask).sum().item(),
        "gradients": trained,
        "another shape": lambda: attention(*long, is_causal=True).sum().item(),
    }


def _operators(lib: Any, compiled: Compiled) -> Calls:
    x, y, a, b = lib.randn(1000, 300), lib.randn(1000, 300), lib.randn(256, 200), lib.randn(200, 128)
    image, weight = lib.randn(4, 16, 32, 32), lib.randn(32, 16, 3, 3)
    index, small = lib.randint(0, 1000, (500,)), lib.randn(30)
    F = lib.nn.functional
    calls: dict[str, Callable[[], Any]] = {
        "add": lambda: x + y,
        "exp": lambda: x.exp(),
        "gelu": lambda: F.gelu(x),
        "where": lambda: lib.where(x > 0, x, y),
        "sum": lambda: x.sum(),
        "mean of rows": lambda: x.mean(1),
        "sum of columns": lambda: x.sum(0),
        "var": lambda: x.var(1),
        "argmax": lambda: x.argmax(1),
        "softmax": lambda: x.softmax(1),
        "layer_norm": lambda: F.layer_norm(x, (300,)),
        "cumsum": lambda: x.cumsum(1),
        "matmul": lambda: a @ b,
        "matrix times vector": lambda: b @ b[0],
        "bmm": lambda: lib.bmm(a.reshape(8, 32, 200), b.reshape(8, 25, 128)[:, :1].expand(8, 200, 128)),
        "einsum": lambda: lib.einsum("ij,kj->ik", x[:64], y[:32]),
        "conv2d": lambda: F.conv2d(image, weight, padding=1),
        "max_pool2d": lambda: F.max_pool2d(image, 2),
        "interpolate": lambda: F.interpolate(image, scale_factor=2, mode="bilinear"),
        "sort": lambda: x.sort(1)[0],
        "topk": lambda: x.topk(5)[0],
        "index_select": lambda: x[index],
        "scatter_add": lambda: lib.zeros(1000).scatter_add(0, index, x[:500, 0]),
        "cat": lambda: lib.cat([x, y], 1),
        "transposed copy": lambda: x.t().contiguous(),
        "randn": lambda: lib.randn(1000, 100),
        "one_hot": lambda: F.one_hot(index, 1000),
        "unique": lambda: index.unique(),
        "fft": lambda: lib.fft.rfft(x).abs(),
        "small sum": lambda: small * 2 + small.sum(),
    }  # fmt: skip

    def looked_at(call: Callable[[], Any]) -> Callable[[], Any]:
        return lambda: call().numpy()

    return {name: looked_at(compiled(call)) for name, call in calls.items()}


PROGRAMS: dict[str, Callable[[Any, Compiled], Calls]] = {
    "MLP 784-128-10, batch 32, Adam": _mlp,
    "ResNet-18, batch 8, 224², SGD": _resnet,
    "U-Net of DDPM, batch 4, 32², Adam": _unet,
    "GPT of 6 layers, 256 wide, 4×128, AdamW": _gpt,
    "LSTM of 2 layers, 128 wide, 16×35, Adam": _lstm,
    "two LSTM cells along 199 steps, Adam": _cells,
    "actor and critic, 10 episodes of other lengths": _episodes,
    "attention 2×8×256×64": _attention,
    "30 operators": _operators,
}
