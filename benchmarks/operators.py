"""Operators and small programs beside PyTorch's, uncompiled: each is written once, for either library's namespace.

A row's time is that of a call and its result being there. Inputs are the same numbers in both libraries, and what a row computes
is compared before it is timed (rows that draw random numbers excepted).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from benchmarks.rows import Make, Row, both, normal, same, times_of
from benchmarks.timing import geometric_mean, table

__all__ = ["operators", "rows"]

SMALL, MEDIUM, LARGE = 1_000, 300_000, 10_000_000


def _distinct(*shape: int) -> Callable[[], tuple[torch.Tensor, ...]]:
    return lambda: (torch.randperm(math.prod(shape)).float().reshape(shape),)


def _count(n: int) -> str:
    return f"{n // 1000}k" if n < 1_000_000 else f"{n // 1_000_000}M"


# --- one operator of one tensor ---------------------------------------------------------------------------------------------
_POINTWISE: dict[str, Callable[[Any, Any], Any]] = {
    "x + y": lambda lib, x: x + x.flip(0),
    "exp": lambda lib, x: x.exp(),
    "log": lambda lib, x: x.log(),
    "tanh": lambda lib, x: x.tanh(),
    "sigmoid": lambda lib, x: x.sigmoid(),
    "gelu": lambda lib, x: lib.nn.functional.gelu(x),
    "silu": lambda lib, x: lib.nn.functional.silu(x),
    "erf": lambda lib, x: x.erf(),
    "sin": lambda lib, x: x.sin(),
    "cos": lambda lib, x: x.cos(),
    "pow 2.5": lambda lib, x: x**2.5,
    "sqrt": lambda lib, x: x.sqrt(),
    "where": lambda lib, x: lib.where(x > 0.5, x, -x),
    "clamp": lambda lib, x: x.clamp(0.2, 0.7),
    "x % 0.3": lambda lib, x: x % 0.3,
    "atan2": lambda lib, x: lib.atan2(x, x + 1),
    "log1p": lambda lib, x: x.log1p(),
    "softplus": lambda lib, x: lib.nn.functional.softplus(x),
    "to int64": lambda lib, x: x.to(lib.int64),
    "chain of 6": lambda lib, x: ((x * 2 + 1).tanh() * x - 0.5).relu() / 3,
    "chain of 10": lambda lib, x: (((x * 2 + 1).sigmoid() * x - 0.5).abs().sqrt() + x.exp()).log1p() * 0.5,
}


def _pointwise() -> Iterator[Row]:
    for name, operator in _POINTWISE.items():
        for n in (SMALL, MEDIUM, LARGE):
            yield Row(
                "pointwise", f"{name}, {_count(n)}", lambda lib, x, f=operator: lambda: f(lib, x), lambda n=n: (torch.rand(n),)
            )
    for dtype in (torch.float64, torch.bfloat16, torch.float16, torch.int64):
        short = str(dtype).removeprefix("torch.")
        numbers = lambda dtype=dtype: ((torch.rand(1_000_000) * 100).to(dtype),)
        yield Row("dtypes", f"x * 3 + x, {short}, 1M", lambda lib, x: lambda: x * 3 + x, numbers)
        if dtype.is_floating_point:
            yield Row("dtypes", f"exp, {short}, 1M", lambda lib, x: lambda: (x * 0.01).exp(), numbers)
        yield Row("dtypes", f"to float32, {short}, 1M", lambda lib, x: lambda: x.to(lib.float32), numbers)
    yield Row("dtypes", "sin, float64, 1M", lambda lib, x: lambda: x.sin(), normal(1_000_000, dtype=torch.float64))


# --- reductions -------------------------------------------------------------------------------------------------------------
_REDUCTIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "sum": lambda lib, x, d: x.sum() if d is None else x.sum(d),
    "mean": lambda lib, x, d: x.mean() if d is None else x.mean(d),
    "max": lambda lib, x, d: x.max() if d is None else x.max(d),
    "argmax": lambda lib, x, d: x.argmax() if d is None else x.argmax(d),
    "var": lambda lib, x, d: x.var() if d is None else x.var(d),
    "norm": lambda lib, x, d: x.norm() if d is None else x.norm(dim=d),
    "logsumexp": lambda lib, x, d: x.logsumexp((0, 1)) if d is None else x.logsumexp(d),
}


def _reductions() -> Iterator[Row]:
    for name, reduce in _REDUCTIONS.items():
        for place, dim, shape in (
            ("all", None, (1000, 1000)), ("rows", 1, (1000, 1000)), ("columns", 0, (1000, 1000)),
            ("few columns", 0, (100_000, 16)),
        ):  # fmt: skip
            shown = "×".join(map(str, shape))
            yield Row(
                "reductions", f"{name}, {place}, {shown}", lambda lib, x, f=reduce, d=dim: lambda: f(lib, x, d), normal(*shape)
            )
    yield Row("reductions", "sum, middle, 64×256×64", lambda lib, x: lambda: x.sum(1), normal(64, 256, 64))
    yield Row("reductions", "sum, all, 10M", lambda lib, x: lambda: x.sum(), normal(LARGE))
    yield Row("reductions", "sum, all, 1k", lambda lib, x: lambda: x.sum(), normal(SMALL))
    yield Row("reductions", "all, 1M bools", lambda lib, x: lambda: (x > -9).all(), normal(1_000_000))


# --- normalisation and losses -----------------------------------------------------------------------------------------------
def _vectors(*shape: int, size: int) -> Callable[[], tuple[torch.Tensor, ...]]:
    return lambda: (torch.randn(*shape), torch.rand(size), torch.rand(size))


def _normalisation() -> Iterator[Row]:
    yield from both("normalisation", "softmax 512×1000", lambda lib, x: x.softmax(-1), normal(512, 1000))
    yield from both("normalisation", "log_softmax 512×1000", lambda lib, x: x.log_softmax(-1), normal(512, 1000))
    yield Row("normalisation", "softmax 64×50257", lambda lib, x: lambda: x.softmax(-1), normal(64, 50257))
    yield Row("normalisation", "softmax over columns 1000×512", lambda lib, x: lambda: x.softmax(0), normal(1000, 512))
    yield from both(
        "normalisation", "layer_norm 1024×768", lambda lib, x, w, b: lib.nn.functional.layer_norm(x, (768,), w, b),
        _vectors(1024, 768, size=768),
    )  # fmt: skip
    yield from both(
        "normalisation",
        "rms_norm 1024×768",
        lambda lib, x, w, b: lib.nn.functional.rms_norm(x, (768,), w + b),
        _vectors(1024, 768, size=768),
    )
    yield from both(
        "normalisation", "batch_norm 16×64×28×28",
        lambda lib, x, w, b: lib.nn.functional.batch_norm(x, None, None, w, b, training=True), _vectors(16, 64, 28, 28, size=64),
    )  # fmt: skip
    yield from both(
        "normalisation", "group_norm 16×64×28×28", lambda lib, x, w, b: lib.nn.functional.group_norm(x, 8, w, b),
        _vectors(16, 64, 28, 28, size=64),
    )  # fmt: skip

    def cross_entropy(lib: Any, x: Any, y: Any) -> Callable[[], Any]:
        x = x.detach().clone().requires_grad_()
        return lambda: lib.autograd.grad(lib.nn.functional.cross_entropy(x, y), x)

    for rows_, classes in ((128, 1000), (256, 32000)):
        yield Row(
            "normalisation", f"cross_entropy {rows_}×{classes}, gradients", cross_entropy,
            lambda r=rows_, c=classes: (torch.randn(r, c), torch.randint(0, c, (r,))),
        )  # fmt: skip
    yield from both("normalisation", "mse 1M", lambda lib, x: lib.nn.functional.mse_loss(x, x * 0.5), normal(1_000_000))


# --- indexing, copies, orders -----------------------------------------------------------------------------------------------
def _indexing() -> Iterator[Row]:
    def places(rows_: int, of: int, *shape: int) -> Callable[[], tuple[torch.Tensor, ...]]:
        return lambda: (torch.randn(of, *shape), torch.randint(0, of, (rows_,)))

    def embedding_gradient(lib: Any, w: Any, i: Any) -> Callable[[], Any]:
        w = w.detach().clone().requires_grad_()
        return lambda: lib.autograd.grad(lib.nn.functional.embedding(i, w).sum(), w)

    yield Row(
        "indexing",
        "embedding 4096 of 30000×256",
        lambda lib, w, i: lambda: lib.nn.functional.embedding(i, w),
        places(4096, 30000, 256),
    )
    yield Row("indexing", "embedding 4096 of 30000×256, gradients", embedding_gradient, places(4096, 30000, 256))
    yield Row(
        "indexing", "index_select 10000 of 50000×64", lambda lib, x, i: lambda: x.index_select(0, i), places(10000, 50000, 64)
    )
    yield Row("indexing", "x[i], 300k of 1M", lambda lib, x, i: lambda: x[i], places(300_000, 1_000_000))
    yield Row(
        "indexing",
        "gather 1000×1000",
        lambda lib, x, i: lambda: x.gather(1, i),
        lambda: (torch.randn(1000, 1000), torch.randint(0, 1000, (1000, 1000))),
    )
    yield Row(
        "indexing", "scatter_add 300k into 10k", lambda lib, x, i: lambda: lib.zeros(10_000).scatter_add(0, i, x),
        lambda: (torch.randn(300_000), torch.randint(0, 10_000, (300_000,))),
    )  # fmt: skip
    yield Row(
        "indexing", "index_add 10000 rows into 1000×64", lambda lib, x, i: lambda: lib.zeros(1000, 64).index_add(0, i, x),
        lambda: (torch.randn(10_000, 64), torch.randint(0, 1000, (10_000,))),
    )  # fmt: skip
    yield Row(
        "indexing", "index_put 100k of 1M", lambda lib, x, i, v: lambda: x.index_put((i,), v),
        lambda: (torch.randn(1_000_000), torch.randperm(1_000_000)[:100_000], torch.randn(100_000)),
    )  # fmt: skip
    yield Row("indexing", "x[mask], 1M", lambda lib, x: lambda: x[x > 0], normal(1_000_000))
    yield Row("indexing", "nonzero, 1M", lambda lib, x: lambda: (x > 1).nonzero(), normal(1_000_000))
    yield Row("indexing", "masked_fill, 1M", lambda lib, x: lambda: x.masked_fill(x > 0, 0.0), normal(1_000_000))
    yield Row("copies", "cat 4 of 256×1000", lambda lib, x: lambda: lib.cat([x, x, x, x], 1), normal(256, 1000))
    yield Row("copies", "stack 8 of 100k", lambda lib, x: lambda: lib.stack([x] * 8), normal(100_000))
    yield Row("copies", "transpose 2000×2000", lambda lib, x: lambda: x.t().contiguous(), normal(2000, 2000))
    yield Row(
        "copies", "permute 8,64,56,56 to NHWC", lambda lib, x: lambda: x.permute(0, 2, 3, 1).contiguous(), normal(8, 64, 56, 56)
    )
    yield Row(
        "copies", "permute 32,128,12,64 (heads)", lambda lib, x: lambda: x.transpose(1, 2).contiguous(), normal(32, 128, 12, 64)
    )
    yield Row("copies", "pad 8,64,56,56", lambda lib, x: lambda: lib.nn.functional.pad(x, (1, 1, 1, 1)), normal(8, 64, 56, 56))
    yield Row("copies", "roll 1000×1000", lambda lib, x: lambda: x.roll((3, 5), (0, 1)), normal(1000, 1000))
    yield Row("copies", "flip 1000×1000", lambda lib, x: lambda: x.flip(1), normal(1000, 1000))
    yield Row("copies", "clone, 10M", lambda lib, x: lambda: x.clone(), normal(LARGE))
    yield Row("copies", "repeat_interleave 100k by 8", lambda lib, x: lambda: x.repeat_interleave(8), normal(100_000))
    yield Row("copies", "tril 1000×1000", lambda lib, x: lambda: x.tril(), normal(1000, 1000))
    for name, f in (
        ("sort", lambda lib, x: x.sort(-1)), ("argsort", lambda lib, x: x.argsort(-1)), ("topk 10", lambda lib, x: x.topk(10)),
        ("cumsum", lambda lib, x: x.cumsum(-1)), ("median", lambda lib, x: x.median(-1)),
    ):  # fmt: skip
        for shape in ((1000,), (1_000_000,), (1000, 1000)):
            shown = "×".join(map(str, shape))
            yield Row("orders", f"{name}, {shown}", lambda lib, x, f=f: lambda: f(lib, x), _distinct(*shape))
    yield Row("orders", "cumsum of columns, 1000×1000", lambda lib, x: lambda: x.cumsum(0), normal(1000, 1000))
    yield Row(
        "orders", "unique, 300k integers", lambda lib, x: lambda: x.unique(), lambda: (torch.randint(0, 10_000, (300_000,)),)
    )
    yield Row(
        "orders", "bincount, 1M", lambda lib, x: lambda: x.bincount(minlength=100), lambda: (torch.randint(0, 100, (1_000_000,)),)
    )
    yield Row(
        "orders",
        "searchsorted 100k in 10k",
        lambda lib, x, y: lambda: lib.searchsorted(x, y),
        lambda: (torch.randn(10_000).sort()[0], torch.randn(100_000)),
    )


# --- random numbers ---------------------------------------------------------------------------------------------------------
def _random() -> Iterator[Row]:
    for name, f in (
        ("rand", lambda lib, n: lib.rand(n)), ("randn", lambda lib, n: lib.randn(n)),
        ("randint", lambda lib, n: lib.randint(0, 100, (n,))), ("randperm", lambda lib, n: lib.randperm(n)),
        ("dropout of zeros", lambda lib, n: lib.nn.functional.dropout(lib.zeros(n), 0.5)),
    ):  # fmt: skip
        for n in (SMALL, 1_000_000):
            yield Row("random", f"{name}, {_count(n)}", lambda lib, f=f, n=n: lambda: f(lib, n), is_random=True)
    yield Row(
        "random", "multinomial 64 of 1000, 8 each", lambda lib, x: lambda: x.softmax(-1).multinomial(8), normal(64, 1000), True
    )


# --- layers -----------------------------------------------------------------------------------------------------------------
def _module(group: str, name: str, build: Callable[[Any], Any], inputs: Callable[[], tuple[torch.Tensor, ...]]) -> Iterator[Row]:
    def first(x: Any) -> Any:
        return x[0] if isinstance(x, tuple) else x

    def forward(lib: Any, x: Any) -> Callable[[], Any]:
        model = same(lib, build).eval()

        def call() -> Any:
            with lib.no_grad():
                return first(model(x))

        return call

    def backward(lib: Any, x: Any) -> Callable[[], Any]:
        model = same(lib, build)
        parameters = list(model.parameters())
        return lambda: lib.autograd.grad(first(model(x)).square().mean(), parameters)

    yield Row(group, name, forward, inputs)
    yield Row(group, f"{name}, gradients", backward, inputs)


def _attention(lib: Any, q: Any, k: Any, v: Any, causal: bool) -> Any:
    return lib.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)


def _layers() -> Iterator[Row]:
    image = normal(8, 64, 56, 56)
    for name, f in (
        ("max_pool2d 3×3 s2", lambda lib, x: lib.nn.functional.max_pool2d(x, 3, 2, 1)),
        ("avg_pool2d 2×2", lambda lib, x: lib.nn.functional.avg_pool2d(x, 2)),
        ("adaptive_avg_pool2d 1", lambda lib, x: lib.nn.functional.adaptive_avg_pool2d(x, 1)),
        ("adaptive_avg_pool2d 7", lambda lib, x: lib.nn.functional.adaptive_avg_pool2d(x, 7)),
        ("interpolate bilinear ×2", lambda lib, x: lib.nn.functional.interpolate(x, scale_factor=2, mode="bilinear")),
        ("interpolate nearest ×2", lambda lib, x: lib.nn.functional.interpolate(x, scale_factor=2)),
    ):  # fmt: skip
        yield from both("layers", name, f, image)
    for batch, length in ((1, 128), (8, 128), (1, 512), (8, 512), (1, 1024), (1, 2048), (1, 4096)):
        three = lambda size=(batch, 8, length, 64): tuple(torch.randn(size) for _ in range(3))
        for causal in (False, True):
            attend = partial(_attention, causal=causal)
            yield from both("layers", f"attention {batch}×8×{length}×64{' causal' if causal else ''}", attend, three)
    yield from _module("layers", "LSTM 16×32×128", lambda lib: lib.nn.LSTM(128, 128, batch_first=True), normal(16, 32, 128))
    yield from _module("layers", "GRU 16×32×128", lambda lib: lib.nn.GRU(128, 128, batch_first=True), normal(16, 32, 128))
    yield from _module(
        "layers", "TransformerEncoderLayer 8×64×256",
        lambda lib: lib.nn.TransformerEncoderLayer(256, 4, 1024, 0.0, batch_first=True), normal(8, 64, 256),
    )  # fmt: skip
    yield from _module(
        "layers", "MLP 64-256-256-10",
        lambda lib: lib.nn.Sequential(
            lib.nn.Linear(64, 256), lib.nn.ReLU(), lib.nn.Linear(256, 256), lib.nn.ReLU(), lib.nn.Linear(256, 10)
        ),
        normal(32, 64),
    )  # fmt: skip


# --- programs ---------------------------------------------------------------------------------------------------------------
def _optimizer(name: str, **options: Any) -> Make:
    def make(lib: Any, *tensors: Any) -> Callable[[], Any]:
        parameters = [lib.nn.Parameter(t.clone()) for t in tensors]
        for p in parameters:
            p.grad = lib.ones_like(p) * 1e-3
        optimizer = getattr(lib.optim, name)(parameters, lr=1e-3, **options)

        def call() -> Any:
            optimizer.step()
            return parameters

        return call

    return make


def _programs() -> Iterator[Row]:
    tiny = lambda: (torch.rand(8), torch.rand(8))

    def ten(lib: Any, x: Any, y: Any) -> Callable[[], Any]:
        return lambda: ((((x + y) * 2 - y) / 3).exp().tanh() * x + 1).sqrt().sum()

    def ten_gradients(lib: Any, x: Any, y: Any) -> Callable[[], Any]:
        x = x.detach().clone().requires_grad_()

        def call() -> Any:
            return lib.autograd.grad(((((x + y) * 2 - y) / 3).exp().tanh() * x + 1).sqrt().sum(), x)

        return call

    def looked_at(lib: Any, x: Any, y: Any) -> Callable[[], Any]:
        return lambda: lib.tensor((x + y).sum().item())

    def loop(lib: Any, x: Any, y: Any) -> Callable[[], Any]:
        def call() -> Any:
            total = x
            for _ in range(100):
                total = total * 0.9 + y
            return total

        return call

    def newton(lib: Any, x: Any, y: Any) -> Callable[[], Any]:
        """Looks at a value in every turn."""

        def call() -> Any:
            z = x + 1
            while ((z * z - 2).abs().max() > 1e-5).item():
                z = z - (z * z - 2) / (2 * z)
            return z

        return call

    yield Row("programs", "10 operators on 8 elements", ten, tiny)
    yield Row("programs", "10 operators on 8 elements, gradients", ten_gradients, tiny)
    yield Row("programs", "item()", looked_at, tiny)
    yield Row("programs", "one add of 8 elements", lambda lib, x, y: lambda: x + y, tiny)
    yield Row("programs", "100 turns of x * 0.9 + y", loop, tiny)
    yield Row("programs", "Newton's iteration until item() says so", newton, tiny)

    def training(name: str, lib: Any, x: Any, y: Any) -> Callable[[], Any]:
        model = same(lib, lambda m: m.nn.Sequential(m.nn.Linear(64, 128), m.nn.ReLU(), m.nn.Linear(128, 10)))
        optimizer = getattr(lib.optim, name)(model.parameters(), lr=1e-3)

        def call() -> Any:
            optimizer.zero_grad()
            loss = lib.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss.detach()

        return call

    batch = lambda: (torch.randn(32, 64), torch.randint(0, 10, (32,)))
    for name in ("SGD", "Adam"):
        yield Row("programs", f"MLP training step, {name}", lambda lib, x, y, n=name: training(n, lib, x, y), batch)
    many = lambda: tuple(torch.randn(100, 10 + i) for i in range(50))
    for name, options in (("SGD", {"momentum": 0.9}), ("Adam", {}), ("AdamW", {})):
        yield Row("programs", f"{name} step, 50 parameters", _optimizer(name, **options), many)
    yield Row("programs", "Adam step, 4M numbers", _optimizer("Adam"), normal(2000, 2000))


def rows() -> list[Row]:
    """All rows, in the table's order."""
    from benchmarks.everyday import everyday_programs
    from benchmarks.further import further
    from benchmarks.growing import growing
    from benchmarks.programs import small_programs

    return [
        *_pointwise(), *_reductions(), *_normalisation(), *_indexing(), *_random(), *_layers(), *_programs(),
        *small_programs(), *everyday_programs(), *growing(), *further(),
    ]  # fmt: skip


def operators(filter: str = "") -> str:
    """The table of the rows whose group or name has `filter`."""
    lines = []
    ratios = []
    for row in rows():
        if filter in f"{row.group}: {row.name}":
            mine, theirs = times_of(row)
            ratios.append(theirs / mine)
            lines.append([row.group, row.name, f"{mine * 1e3:.4f}", f"{theirs * 1e3:.4f}", f"{ratios[-1]:.2f}"])
    lines.append(["", f"geometric mean of {len(ratios)}", "", "", f"{geometric_mean(ratios):.2f}"])
    return table("Operators and small programs, uncompiled, ms", ["", "", "flambeau", "PyTorch", "ratio"], lines)
