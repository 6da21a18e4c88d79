"""Rows of `operators`: operators at sizes where kernels, not calls, take the time. May import `benchmarks.rows`.

Fourier transforms, scans, pads, orders, linear algebra, windows, images, special functions and creation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from benchmarks.rows import Row, both, normal

__all__ = ["further"]

Call = Callable[..., Any]


def _rows(
    group: str, inputs: Callable[[], tuple[torch.Tensor, ...]], calls: dict[str, Call], is_random: bool = False
) -> Iterator[Row]:
    """A row for each call of (library, *tensors)."""
    for name, f in calls.items():
        yield Row(group, name, lambda lib, *t, f=f: lambda: f(lib, *t), inputs, is_random)


def _transforms() -> Iterator[Row]:
    for dtype in (torch.complex64, torch.complex128):
        for shape in ((1024,), (64, 100), (64, 1000), (64, 1024), (64, 1009), (1 << 16,), (1 << 20,)):
            name = f"fft, {'×'.join(map(str, shape))}, {str(dtype).removeprefix('torch.')}"
            yield from _rows("transforms", normal(*shape, dtype=dtype), {name: lambda lib, x: lib.fft.fft(x)})
    yield from _rows("transforms", normal(64, 1024), {
        "rfft, 64×1024": lambda lib, x: lib.fft.rfft(x),
        "fft of columns, 64×1024": lambda lib, x: lib.fft.fft(x, dim=0),
        "dht by fft, 64×1024": lambda lib, x: (lambda z: z.real - z.imag)(lib.fft.fft(x)),
    })  # fmt: skip
    yield from _rows("transforms", normal(64, 513, dtype=torch.complex64), {"irfft, 64×1024": lambda lib, x: lib.fft.irfft(x)})
    yield from _rows("transforms", normal(1000, 1000), {"rfft2, 1000×1000": lambda lib, x: lib.fft.rfft2(x)})
    yield from _rows("transforms", normal(1000, 1000, dtype=torch.complex64), {"fft2, 1000×1000": lambda lib, x: lib.fft.fft2(x)})
    yield from _rows(
        "transforms", normal(8, 256, 256, dtype=torch.complex64), {"fft2, 8×256×256": lambda lib, x: lib.fft.fft2(x)}
    )
    yield from _rows("transforms", normal(64, 64, 64, dtype=torch.complex64), {"fftn, 64×64×64": lambda lib, x: lib.fft.fftn(x)})
    yield from _rows("transforms", lambda: (torch.randn(4, 16000), torch.hann_window(400)), {
        "stft, 4×16000, 400 points": lambda lib, x, w: lib.stft(x, 400, 160, window=w, return_complex=True),
    })  # fmt: skip


def _scans() -> Iterator[Row]:
    for place, dim, shape in (("rows", 1, (1000, 1000)), ("columns", 0, (1000, 1000)), ("middle", 1, (64, 256, 64))):
        shown = f"{place}, {'×'.join(map(str, shape))}"
        yield from _rows("scans", normal(*shape), {
            f"cumsum, {shown}": lambda lib, x, d=dim: x.cumsum(d),
            f"cumprod, {shown}": lambda lib, x, d=dim: x.cumprod(d),
            f"cummax, {shown}": lambda lib, x, d=dim: x.cummax(d),
            f"logcumsumexp, {shown}": lambda lib, x, d=dim: x.logcumsumexp(d),
            f"diff, {shown}": lambda lib, x, d=dim: x.diff(dim=d),
        })  # fmt: skip
    yield from _rows("scans", normal(1_000_000), {
        "cummax, 1M": lambda lib, x: x.cummax(0),
        "cumprod, 1M": lambda lib, x: x.cumprod(0),
        "logcumsumexp, 1M": lambda lib, x: x.logcumsumexp(0),
    })  # fmt: skip


def _pads() -> Iterator[Row]:
    for mode in ("reflect", "replicate", "circular"):
        pad = lambda lib, x, m=mode: lib.nn.functional.pad(x, (3, 3, 3, 3), mode=m)
        yield from both("pads", f"{mode}, 8×64×56×56", pad, normal(8, 64, 56, 56))


def _orders() -> Iterator[Row]:
    yield from _rows("orders", normal(1000, 1000), {
        "kthvalue 100, 1000×1000": lambda lib, x: x.kthvalue(100),
        "quantile 0.3, 1000×1000": lambda lib, x: x.quantile(0.3, 1),
        "sort of columns, 1000×1000": lambda lib, x: x.sort(0),
        "histc, 1M": lambda lib, x: x.histc(100),
        "argmin of columns, 1000×1000": lambda lib, x: x.argmin(0),
        "msort float64, 1000×1000": lambda lib, x: x.double().msort(),
    })  # fmt: skip
    integers = lambda: (torch.randint(0, 1000, (1_000_000,)),)
    yield from _rows("orders", integers, {
        "sort, 1M integers": lambda lib, x: x.sort(),
        "unique counts, 1M integers": lambda lib, x: x.unique(return_counts=True),
        "unique_consecutive, 1M integers": lambda lib, x: x.unique_consecutive(),
        "isin, 1M in 100": lambda lib, x: lib.isin(x, x[:100]),
        "one_hot, 10k of 1000": lambda lib, x: lib.nn.functional.one_hot(x[:10_000], 1000),
        "bucketize, 1M": lambda lib, x: lib.bucketize(x, x[:50].sort()[0]),
    })  # fmt: skip


def _linear_algebra() -> Iterator[Row]:
    def systems() -> tuple[torch.Tensor, ...]:
        a = torch.randn(300, 300) + 20 * torch.eye(300)
        return a, a @ a.T + torch.eye(300), torch.randn(300, 40)

    yield from _rows("linear algebra", systems, {
        "solve 300": lambda lib, a, s, b: lib.linalg.solve(a, b),
        "inv 300": lambda lib, a, s, b: lib.linalg.inv(a),
        "det 300": lambda lib, a, s, b: lib.linalg.slogdet(a)[1],
        "cholesky 300": lambda lib, a, s, b: lib.linalg.cholesky(s),
        "qr 300": lambda lib, a, s, b: lib.linalg.qr(a)[1].abs(),
        "svdvals 300": lambda lib, a, s, b: lib.linalg.svdvals(a),
        "svd 300": lambda lib, a, s, b: lib.linalg.svd(a)[1],
        "eigh 300": lambda lib, a, s, b: lib.linalg.eigh(s)[0],
        "lstsq 300": lambda lib, a, s, b: lib.linalg.lstsq(a, b)[0],
        "solve_triangular 300": lambda lib, a, s, b: lib.linalg.solve_triangular(a, b, upper=True),
        "matrix_exp 300": lambda lib, a, s, b: lib.linalg.matrix_exp(a * 0.01),
        "matrix_power 300": lambda lib, a, s, b: lib.linalg.matrix_power(a * 0.05, 5),
    })  # fmt: skip
    yield from _rows("linear algebra", lambda: (torch.randn(500, 8, 8) + 5 * torch.eye(8),), {
        "inv 500×8×8": lambda lib, a: lib.linalg.inv(a),
        "det 500×8×8": lambda lib, a: lib.linalg.det(a),
        "cholesky 500×8×8": lambda lib, a: lib.linalg.cholesky(a @ a.mT),
    })  # fmt: skip
    yield from _rows("linear algebra", lambda: (torch.randn(500, 64), torch.randn(500, 64)), {
        "cdist 500×500×64": lambda lib, x, y: lib.cdist(x, y),
        "cdist p=1 500×500×64": lambda lib, x, y: lib.cdist(x, y, 1),
        "pdist 500×64": lambda lib, x, y: lib.pdist(x),
        "cosine_similarity 500×64": lambda lib, x, y: lib.nn.functional.cosine_similarity(x, y),
        "cov 500×64": lambda lib, x, y: x.cov(),
        "outer 500·64": lambda lib, x, y: lib.outer(x.reshape(-1)[:2000], y.reshape(-1)[:1000]),
        "kron 20×20": lambda lib, x, y: lib.kron(x[:20, :20], y[:40, :40]),
    })  # fmt: skip
    yield from _rows("linear algebra", lambda: (torch.randn(16, 128, 96), torch.randn(16, 96, 128)), {
        "einsum bij,bjk->bik": lambda lib, x, y: lib.einsum("bij,bjk->bik", x, y),
        "einsum bij,bjk->ik": lambda lib, x, y: lib.einsum("bij,bjk->ik", x, y),
        "einsum bij,bji->b": lambda lib, x, y: lib.einsum("bij,bji->b", x, y),
        "einsum bij->ji": lambda lib, x, y: lib.einsum("bij->ji", x),
        "einsum bij,cij->bc": lambda lib, x, y: lib.einsum("bij,cij->bc", x, x),
        "bmm float64": lambda lib, x, y: x.double() @ y.double(),
        "bmm bfloat16": lambda lib, x, y: x.bfloat16() @ y.bfloat16(),
    })  # fmt: skip


def _images() -> Iterator[Row]:
    image = normal(8, 64, 56, 56)
    f = lambda lib: lib.nn.functional
    for name, call in {
        "avg_pool2d 3×3 p1": lambda lib, x: f(lib).avg_pool2d(x, 3, 1, 1),
        "max_pool2d 2×2": lambda lib, x: f(lib).max_pool2d(x, 2),
        "adaptive_max_pool2d 7": lambda lib, x: f(lib).adaptive_max_pool2d(x, 7),
        "adaptive_avg_pool2d 5": lambda lib, x: f(lib).adaptive_avg_pool2d(x, 5),
        "lp_pool2d 2×2": lambda lib, x: f(lib).lp_pool2d(x, 2, 2),
        "interpolate bicubic ×2": lambda lib, x: f(lib).interpolate(x[:, :8], scale_factor=2, mode="bicubic"),
        "interpolate bilinear to 32, antialias": lambda lib, x: f(lib).interpolate(x, (32, 32), mode="bilinear", antialias=True),
        "interpolate area to 28": lambda lib, x: f(lib).interpolate(x, (28, 28), mode="area"),
        "pixel_shuffle 2": lambda lib, x: f(lib).pixel_shuffle(x, 2),
        "unfold 3×3": lambda lib, x: f(lib).unfold(x[:, :16], 3, padding=1),
        "local_response_norm 5": lambda lib, x: f(lib).local_response_norm(x, 5),
        "instance_norm": lambda lib, x: f(lib).instance_norm(x),
        "softmax over channels": lambda lib, x: x.softmax(1),
        "normalize over channels": lambda lib, x: f(lib).normalize(x, dim=1),
    }.items():  # fmt: skip
        yield from both("images", name, call, image)
    grid = lambda: (torch.randn(4, 16, 64, 64), torch.rand(4, 64, 64, 2) * 2 - 1)
    yield from both("images", "grid_sample 4×16×64×64", lambda lib, x, g: f(lib).grid_sample(x, g, align_corners=False), grid)
    yield from _rows(
        "images", lambda: (torch.randn(8, 1152, 784),), {"fold 3×3": lambda lib, x: f(lib).fold(x, 28, 3, padding=1)}
    )
    pixels = lambda: (torch.randint(0, 256, (16, 3, 224, 224), dtype=torch.uint8),)
    yield from _rows("images", pixels, {
        "uint8 to float, scaled": lambda lib, x: x.float() / 255,
        "uint8 x // 2 + 10": lambda lib, x: x // 2 + 10,
        "uint8 to float, normalised": lambda lib, x: (x.float() / 255 - 0.45) / 0.22,
        "uint8 to float NHWC": lambda lib, x: x.permute(0, 2, 3, 1).float(),
        "uint8 max of channels": lambda lib, x: x.amax(1),
        "uint8 mean": lambda lib, x: x.float().mean((0, 2, 3)),
        "uint8 sum": lambda lib, x: x.sum(),
        "uint8 flip": lambda lib, x: x.flip(-1),
        "uint8 x > 100": lambda lib, x: x > 100,
    })  # fmt: skip
    signal = lambda: (torch.randn(8, 64, 4000), torch.randn(64, 64, 5))
    yield from both("images", "conv1d 8×64×4000, 5", lambda lib, x, w: f(lib).conv1d(x, w, padding=2), signal)


def _elements() -> Iterator[Row]:
    special = normal(300_000)
    names = "lgamma digamma erfinv erfc expm1 asin acosh tan sinh reciprocal rsqrt round sign logit i0 sinc isnan log2 exp2 atanh"
    for name in names.split():
        yield from _rows("elements", special, {f"{name}, 300k": lambda lib, x, n=name: getattr(x * 0.3, n)()})
    pair = lambda: (torch.randn(1000, 1000), torch.randn(1000, 1000))
    yield from _rows("elements", pair, {
        "x > y, 1M": lambda lib, x, y: x > y,
        "(x > 0) & (y > 0), 1M": lambda lib, x, y: (x > 0) & (y > 0),
        "maximum, 1M": lambda lib, x, y: lib.maximum(x, y),
        "hypot, 1M": lambda lib, x, y: lib.hypot(x, y),
        "x ** y, 1M": lambda lib, x, y: x.abs() ** y,
        "addcmul, 1M": lambda lib, x, y: lib.addcmul(x, x, y),
        "lerp, 1M": lambda lib, x, y: lib.lerp(x, y, 0.3),
        "x + row, 1M": lambda lib, x, y: x + y[0],
        "x + column, 1M": lambda lib, x, y: x + y[:, :1],
        "x + y.T, 1M": lambda lib, x, y: x + y.T,
        "fmod, 1M": lambda lib, x, y: lib.fmod(x, y),
        "floor_divide, 1M": lambda lib, x, y: x // y,
        "std of columns, 1M": lambda lib, x, y: x.std(0),
        "any, 1M": lambda lib, x, y: (x > 9).any(),
        "count_nonzero, 1M": lambda lib, x, y: (x > 0).count_nonzero(),
        "prod of rows, 1M": lambda lib, x, y: x.prod(1),
        "aminmax, 1M": lambda lib, x, y: x.aminmax(),
        "nansum, 1M": lambda lib, x, y: x.nansum(),
        "allclose, 1M": lambda lib, x, y: lib.tensor(lib.allclose(x, x + 1e-9)),
        "trace, 1M": lambda lib, x, y: x.trace(),
        "norm p=1, 1M": lambda lib, x, y: x.norm(1),
        "norm p=3, 1M": lambda lib, x, y: x.norm(3),
        "masked_select, 1M": lambda lib, x, y: x.masked_select(y > 0),
        "masked_scatter, 1M": lambda lib, x, y: x.masked_scatter(y > 0, y),
        "take_along_dim, 1M": lambda lib, x, y: x.take_along_dim(y.argmax(1, keepdim=True), 1),
        "x[:, ::2], 1M": lambda lib, x, y: x[:, ::2].contiguous(),
        "cat 20 of 50k": lambda lib, x, y: lib.cat([x[i * 50 : i * 50 + 50] for i in range(20)]),
        "stack 20 of 50k, dim -1": lambda lib, x, y: lib.stack([x[i * 50 : i * 50 + 50] for i in range(20)], -1),
        "rot90, 1M": lambda lib, x, y: x.rot90(),
        "triu, 1M": lambda lib, x, y: x.triu(),
        "scatter, 1M": lambda lib, x, y: lib.zeros(1000, 1000).scatter(1, (y > 0).long(), x),
        "scatter_reduce amax": lambda lib, x, y: lib.zeros(1000, 1000).scatter_reduce(1, (y > 0).long(), x, "amax"),
        "index_copy": lambda lib, x, y: x.index_copy(0, lib.arange(500), y[:500]),
        "index_fill": lambda lib, x, y: x.index_fill(0, lib.arange(0, 1000, 2), 1.0),
    })  # fmt: skip
    for dtype in (torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.int32):
        short = str(dtype).removeprefix("torch.")
        numbers = lambda dtype=dtype: ((torch.rand(1000, 1000) * 100).to(dtype), (torch.rand(1000, 1000) * 100).to(dtype) + 1)
        calls: dict[str, Call] = {
            "x + y": lambda lib, x, y: x + y,
            "x * y + 1": lambda lib, x, y: x * y + 1,
            "sum": lambda lib, x, y: x.sum(),
            "sum of rows": lambda lib, x, y: x.sum(1),
            "max of columns": lambda lib, x, y: x.max(0),
            "x > y": lambda lib, x, y: x > y,
            "x.T": lambda lib, x, y: x.T.contiguous(),
            "cumsum": lambda lib, x, y: x.cumsum(1),
        }
        if dtype.is_floating_point:
            calls |= {
                "softmax": lambda lib, x, y: x.softmax(-1), "log": lambda lib, x, y: y.log(), "tanh": lambda lib, x, y: x.tanh(),
                "mean": lambda lib, x, y: x.mean(0), "std": lambda lib, x, y: x.std(1), "sigmoid": lambda lib, x, y: x.sigmoid(),
            }  # fmt: skip
        else:
            calls |= {"x // y": lambda lib, x, y: x // y, "x % y": lambda lib, x, y: x % y, "x << 2": lambda lib, x, y: x << 2}
        yield from _rows(short, numbers, {f"{name}, {short}": f for name, f in calls.items()})


def _created() -> Iterator[Row]:
    yield from _rows("creation", tuple, {
        "arange 1M": lambda lib: lib.arange(1_000_000),
        "arange 1M floats": lambda lib: lib.arange(0.0, 1_000_000.0),
        "linspace 1M": lambda lib: lib.linspace(0, 1, 1_000_000),
        "logspace 100k": lambda lib: lib.logspace(0, 1, 100_000),
        "eye 1000": lambda lib: lib.eye(1000),
        "full 1M": lambda lib: lib.full((1_000_000,), 2.0),
        "zeros 1M": lambda lib: lib.zeros(1_000_000),
        "tril_indices 1000": lambda lib: lib.tril_indices(1000, 1000),
        "meshgrid 1000": lambda lib: lib.stack(lib.meshgrid(lib.arange(1000), lib.arange(1000), indexing="ij")),
        "hann_window 100k": lambda lib: lib.hann_window(100_000),
        "cartesian_prod 300×300": lambda lib: lib.cartesian_prod(lib.arange(300), lib.arange(300)),
        "combinations 300": lambda lib: lib.combinations(lib.arange(300)),
    })  # fmt: skip
    yield from _rows("random", tuple, {
        "randn 10M": lambda lib: lib.randn(10_000_000),
        "normal_ float64 1M": lambda lib: lib.empty(1_000_000, dtype=lib.float64).normal_(),
        "bernoulli 1M": lambda lib: lib.bernoulli(lib.full((1_000_000,), 0.3)),
        "exponential_ 1M": lambda lib: lib.empty(1_000_000).exponential_(),
        "randn_like bfloat16 1M": lambda lib: lib.randn(1_000_000, dtype=lib.bfloat16),
        "randperm 100k": lambda lib: lib.randperm(100_000),
        "poisson 100k": lambda lib: lib.poisson(lib.full((100_000,), 4.0)),
    }, True)  # fmt: skip


def further() -> Iterator[Row]:
    """The rows, by topic."""
    for topic in (_transforms, _scans, _pads, _orders, _linear_algebra, _images, _elements, _created):
        yield from topic()
