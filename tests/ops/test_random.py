"""Random operators: the same numbers for a seed everywhere, the right distributions, PyTorch's errors, and generators' states."""

from __future__ import annotations

import bisect
import math
from typing import Any

import pytest
import torch

import flambeau
from flambeau.generator import Generator
from tests.helpers.oracle import to_torch

DRAWS = {
    "rand": lambda d, g: flambeau.rand(7, 3, device=d, generator=g),
    "rand64": lambda d, g: flambeau.rand(5, dtype=flambeau.float64, device=d, generator=g),
    "rand16": lambda d, g: flambeau.rand(9, dtype=flambeau.float16, device=d, generator=g),
    "randn": lambda d, g: flambeau.randn(7, 3, device=d, generator=g),
    "randint": lambda d, g: flambeau.randint(-5, 9, (20,), device=d, generator=g),
    "randint wide": lambda d, g: flambeau.randint(0, 2**40, (5,), device=d, generator=g),
    "randperm": lambda d, g: flambeau.randperm(12, device=d, generator=g),
    "bernoulli": lambda d, g: flambeau.bernoulli(flambeau.full((20,), 0.4, device=d), generator=g),
    "uniform_": lambda d, g: flambeau.zeros(6, device=d).uniform_(-1, 3, generator=g),
    "exponential_": lambda d, g: flambeau.zeros(6, device=d).exponential_(2.0, generator=g),
    "random_": lambda d, g: flambeau.zeros(6, dtype=flambeau.uint8, device=d).random_(generator=g),
    "multinomial": lambda d, g: flambeau.multinomial(flambeau.tensor([0.1, 0.5, 0.4], device=d), 2, generator=g),
}


@pytest.mark.parametrize("name", DRAWS)
def test_same_numbers_on_every_device(name: str, device: str) -> None:
    if device.startswith("webgpu") and "64" in name:
        pytest.skip("no float64 here")
    mine = DRAWS[name](device, Generator().manual_seed(11))
    theirs = DRAWS[name]("reference", Generator().manual_seed(11))
    import torch

    torch.testing.assert_close(to_torch(mine), to_torch(theirs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_starts_over_and_draws_differ(name: str, device: str) -> None:
    if device.startswith("webgpu") and "64" in name:
        pytest.skip("no float64 here")
    g = Generator().manual_seed(3)
    first, second = DRAWS[name](device, g), DRAWS[name](device, g)
    again = DRAWS[name](device, Generator().manual_seed(3))
    assert first.tolist() == again.tolist()
    if name not in ("multinomial",):
        assert first.tolist() != second.tolist()


def test_default_generator_and_states() -> None:
    flambeau.manual_seed(5)
    assert flambeau.initial_seed() == 5
    state = flambeau.get_rng_state()
    a = flambeau.rand(4, device="reference").tolist()
    flambeau.set_rng_state(state)
    assert flambeau.rand(4, device="reference").tolist() == a
    g = flambeau.Generator().manual_seed(5)
    assert flambeau.rand(4, device="reference", generator=g).tolist() == a
    copy = g.clone_state()
    assert (
        flambeau.rand(3, device="reference", generator=g).tolist()
        == flambeau.rand(3, device="reference", generator=copy).tolist()
    )
    assert flambeau.seed() != 5
    for library in (flambeau, torch):
        for wrong, kind in (("a", ValueError), (None, TypeError), (2**64, ValueError)):
            with pytest.raises(kind):
                library.manual_seed(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        flambeau.set_rng_state([1])  # type: ignore[arg-type]


def _moments(t: Any) -> tuple[float, float]:
    values = to_torch(t).double()
    return float(values.mean()), float(values.std())


@pytest.mark.parametrize(
    ("draw", "mean", "deviation"),
    [
        (lambda x, g: x.uniform_(2, 4, generator=g), 3.0, 1 / math.sqrt(3)),
        (lambda x, g: x.normal_(1, 2, generator=g), 1.0, 2.0),
        (lambda x, g: x.exponential_(0.5, generator=g), 2.0, 2.0),
        (lambda x, g: x.geometric_(0.25, generator=g), 4.0, math.sqrt(12)),
        (lambda x, g: x.log_normal_(0, 0.5, generator=g), math.exp(0.125), math.sqrt(math.exp(0.25) * (math.exp(0.25) - 1))),
        (lambda x, g: x.bernoulli_(0.3, generator=g), 0.3, math.sqrt(0.21)),
        (lambda x, g: x.random_(0, 10, generator=g), 4.5, math.sqrt(99 / 12)),
        (lambda x, g: flambeau.poisson(x.fill_(3.0), generator=g), 3.0, math.sqrt(3)),
        (lambda x, g: x.copy_(flambeau.normal(2.0, 0.5, (20000,), generator=g, device="reference")), 2.0, 0.5),
    ],
)
def test_moments(draw: Any, mean: float, deviation: float) -> None:
    """20,000 draws: mean and deviation within six standard errors."""
    x = draw(flambeau.zeros(20000, device="reference"), Generator().manual_seed(1))
    m, s = _moments(x)
    assert abs(m - mean) < 6 * deviation / math.sqrt(20000)
    assert abs(s - deviation) < 0.06 * deviation


def test_cauchy_quartiles() -> None:
    x = to_torch(flambeau.zeros(20000, device="reference").cauchy_(1.0, 2.0, generator=Generator().manual_seed(2)))
    assert abs(float(x.median()) - 1) < 0.1
    assert abs(float(x.quantile(0.75)) - 3) < 0.2


def test_uniform_stays_below_one_and_covers_integers() -> None:
    for dtype in (flambeau.float32, flambeau.float16, flambeau.bfloat16, flambeau.float64):
        x = to_torch(flambeau.rand(20000, dtype=dtype, device="reference"))
        assert float(x.min()) >= 0 and float(x.max()) < 1
    assert sorted(set(flambeau.randint(3, 7, (500,), device="reference").tolist())) == [3, 4, 5, 6]


def test_permutation_and_draws_without_replacement(device: str) -> None:
    assert sorted(flambeau.randperm(50, device=device).tolist()) == list(range(50))
    weights = flambeau.tensor([[0.0, 1.0, 2.0, 1.0], [1.0, 0.0, 1.0, 1.0]], device=device)
    rows = flambeau.multinomial(weights, 3).tolist()
    assert sorted(rows[0]) == [1, 2, 3] and sorted(rows[1]) == [0, 2, 3]
    many = to_torch(flambeau.multinomial(weights[0], 4000, True))
    share = many.bincount(minlength=4).double() / 4000
    assert share[0] == 0 and abs(float(share[2]) - 0.5) < 0.06


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda: flambeau.randint(5, 5, (2,)), RuntimeError),
        (lambda: flambeau.randint(0, 300, (2,), dtype=flambeau.uint8), RuntimeError),
        (lambda: flambeau.rand(-1), RuntimeError),
        (lambda: flambeau.rand(2, dtype=flambeau.int64), NotImplementedError),
        (lambda: flambeau.randperm(-1), RuntimeError),
        (lambda: flambeau.normal(0.0, -1.0, (2,)), RuntimeError),
        (lambda: flambeau.zeros(2).uniform_(2, 1), RuntimeError),
        (lambda: flambeau.zeros(2).exponential_(0), RuntimeError),
        (lambda: flambeau.zeros(2).bernoulli_(1.5), RuntimeError),
        (lambda: flambeau.multinomial(flambeau.ones(3), 4), RuntimeError),
        (lambda: flambeau.multinomial(flambeau.ones(2, 2, 2), 1), RuntimeError),
        (lambda: flambeau.bernoulli(flambeau.ones(2, dtype=flambeau.int64)), NotImplementedError),
        (lambda: flambeau.ones(2, requires_grad=True).normal_(), RuntimeError),
        (lambda: flambeau.randint(3), TypeError),
        (lambda: flambeau.randint_like(flambeau.ones(2)), TypeError),
    ],
)
def test_errors(call: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        call()


def test_like_and_inference_of_dtypes() -> None:
    x = flambeau.zeros(2, 3, dtype=flambeau.float64, device="reference")
    for made in (flambeau.rand_like(x), flambeau.randn_like(x), flambeau.randint_like(x, 5), flambeau.randint_like(x, high=2)):
        assert made.dtype is x.dtype and tuple(made.shape) == (2, 3) and made.device == x.device
    assert flambeau.rand(2, requires_grad=True, device="reference").requires_grad
    out = flambeau.empty(0, device="reference")
    assert flambeau.randn(3, out=out) is out and out.shape == (3,)


def _distance(numbers: list[float], below: Any, mean: float, deviation: float) -> float:
    """√n times the largest difference from the distribution function at whole numbers about the mean (Kolmogorov's statistic)."""
    ordered, reach = sorted(numbers), 4 * deviation + 4
    places = range(max(0, int(mean - reach)), int(mean + reach), max(1, int(reach / 8)))
    return math.sqrt(len(ordered)) * max(abs(bisect.bisect_right(ordered, k) / len(ordered) - below(k)) for k in places)


@pytest.mark.parametrize("rates", [(0.05,), (0.7, 2.5), (7.0,), (15.0, 80.0), (3.0, 9.99, 10.0, 1e6)])
def test_poisson_numbers_have_their_distribution(device, rates):
    generator = flambeau.Generator(device=device).manual_seed(5)
    rate = flambeau.tensor(rates, dtype=flambeau.float64, device=device).repeat(20_000, 1)
    drawn = flambeau.poisson(rate, generator=generator).cpu()
    for column, mean in enumerate(rates):

        def below(k: int, mean: float = mean) -> float:
            return torch.special.gammaincc(torch.tensor([k + 1.0]).double(), torch.tensor([mean]).double()).item()

        assert _distance(drawn[:, column].tolist(), below, mean, math.sqrt(mean)) < 1.9  # the seed is fixed


@pytest.mark.parametrize("trials", [((5, 0.3),), ((1, 0.5), (30, 0.98)), ((100, 0.5), (60, 0.4)), ((9, 0.1), (1000, 0.7))])
def test_binomial_numbers_have_their_distribution(device, trials):
    generator = flambeau.Generator(device=device).manual_seed(6)
    counts, chances = (flambeau.tensor(column, dtype=flambeau.float64, device=device) for column in zip(*trials))
    drawn = flambeau.binomial(counts.expand(20_000, -1), chances, generator=generator).cpu()
    for column, (n, p) in enumerate(trials):
        terms = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
        numbers = drawn[:, column].tolist()
        assert _distance(numbers, lambda k, terms=terms: sum(terms[: k + 1]), n * p, math.sqrt(n * p * (1 - p))) < 1.9


def test_numbers_of_distributions_at_the_ends(device):
    def tensor(*numbers: float) -> Any:
        return flambeau.tensor(numbers, dtype=flambeau.float32, device=device)

    assert flambeau.poisson(tensor(0.0, math.inf, 0.0)).tolist() == [0.0, math.inf, 0.0]
    with pytest.raises(RuntimeError, match="non-negative"):
        flambeau.poisson(tensor(math.nan))
    assert flambeau.binomial(tensor(0, 3, 3, 5.5, -2), tensor(0.3, 0.0, 1.0, 1.5, 0.5)).tolist() == [0, 0, 3, 5.5, 0]
    assert flambeau.binomial(tensor(math.nan, 3), tensor(0.5, math.nan)).isnan().all()
    assert flambeau.binomial(flambeau.zeros(0, 2, device=device), flambeau.zeros(2, device=device)).shape == (0, 2)
    with pytest.raises(ValueError, match="only supports floating-point dtypes for count, got: Long"):
        flambeau.binomial(flambeau.tensor([1], device=device), tensor(0.5))
    with pytest.raises(RuntimeError, match="Found dtype Double but expected Float"):
        flambeau.binomial(tensor(1), tensor(0.5).double())


def test_gamma_numbers(device):
    a = flambeau.tensor([0.4, 1.0, 7.0], device=device).requires_grad_()
    generator = flambeau.Generator(device=device).manual_seed(7)
    drawn = flambeau._standard_gamma(a.expand(20_000, 3), generator)
    for k, mean in enumerate((0.4, 1.0, 7.0)):
        column = drawn[:, k].detach()
        assert abs(column.mean().item() - mean) < 4 * math.sqrt(mean / 20_000)
        assert abs(column.var().item() / mean - 1) < 0.2
    drawn.mean(0).sum().backward()
    assert (a.grad - 1).abs().max() < 0.05  # the mean is the concentration
    with pytest.raises(NotImplementedError, match="not implemented for 'Long'"):
        flambeau._standard_gamma(flambeau.tensor([1], device=device))


ON_THE_TAPE = """
m.bernoulli(x) | x.bernoulli(0.5) | m.zeros(3, 2).bernoulli_(x) | m.poisson(x) | m.poisson(x[:0]) | m.normal(x, 1.0)
m.normal(0.0, x) | m.normal(x, x) | m.normal(x, m.ones(3, 2)) | m.normal(m.ones(3, 2), x) | m.binomial(m.ones(3, 2), x)
m.binomial(m.ones(0, 2), x) | m.multinomial(x, 1) | (x * 1).normal_()
""".replace("\n", "|").split("|")


@pytest.mark.parametrize("call", [call.strip() for call in ON_THE_TAPE if call.strip()])
def test_draws_are_on_the_tape(call: str) -> None:
    """Their gradients are zeros of the operand's shape, or an error where PyTorch has none."""

    def run(m: Any) -> list[Any]:
        x = m.tensor([0.25, 0.75], requires_grad=True)
        y = eval(call, {"m": m, "x": x})
        result = [y.requires_grad, y.grad_fn is None, tuple(y.shape)]
        try:
            y.sum().backward()
        except RuntimeError as error:
            return [*result, str(error).splitlines()[0]]
        assert x.grad is not None
        return [*result, x.grad.tolist()]

    assert run(flambeau) == run(torch)


WRONG = [
    [0.0, 0.0], [-0.0, 0.0], [[0.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]], [math.inf, 1.0], [math.nan, 1.0], [-1.0, 2.0],
    [1.0, -2.0], [[1.0, 0.0], [math.nan, 0.0]], [[0.0, 0.0], [math.nan, 0.0]], [[math.nan, 0.0], [0.0, 0.0]],
    [math.inf, -1.0], [1.0, 0.0], [3e38, 3e38], [[0.0, 1.0], [2.0, 0.0]],
]  # fmt: skip


@pytest.mark.parametrize("count, replacement", [(1, True), (1, False), (2, True), (2, False)])
@pytest.mark.parametrize("weights", WRONG, ids=str)
def test_weights_that_cannot_be_drawn_by(weights: Any, count: int, replacement: bool, device: str) -> None:
    """PyTorch's error, whichever of several comes first."""

    def run(m: Any, **where: Any) -> Any:
        try:
            return len(m.multinomial(m.tensor(weights, **where), count, replacement).tolist())
        except RuntimeError as error:
            return str(error).splitlines()[0]

    assert run(flambeau, device=device) == run(torch)


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3), (0, 0)])
def test_draws_from_nothing(shape: tuple[int, ...], device: str) -> None:
    for count, replacement in ((1, True), (2, True), (1, False)):
        try:
            expected = tuple(torch.multinomial(torch.ones(shape), count, replacement).shape)
        except RuntimeError:
            with pytest.raises(RuntimeError):
                flambeau.multinomial(flambeau.ones(shape, device=device), count, replacement)
        else:
            assert tuple(flambeau.multinomial(flambeau.ones(shape, device=device), count, replacement).shape) == expected
