"""Divergences between two families: E log p(x), which is minus p's entropy, less E log q(x). May import this package.

What E log q(x) needs is known of each p here: its mean and variance, E log x, or E exp(-x t).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from flambeau.distributions.bernoulli import Bernoulli
from flambeau.distributions.beta import Beta
from flambeau.distributions.binomial import Binomial
from flambeau.distributions.cauchy import Cauchy
from flambeau.distributions.continuous_bernoulli import ContinuousBernoulli
from flambeau.distributions.distribution import Distribution
from flambeau.distributions.exponential import Exponential
from flambeau.distributions.gamma import Gamma
from flambeau.distributions.gumbel import Gumbel
from flambeau.distributions.kl.registry import register_kl
from flambeau.distributions.laplace import Laplace
from flambeau.distributions.normal import Normal
from flambeau.distributions.pareto import Pareto
from flambeau.distributions.poisson import Poisson
from flambeau.distributions.uniform import Uniform
from flambeau.distributions.utils import euler_constant
from flambeau.tensor import Tensor

__all__: list[str] = []


def _register(q: type[Distribution], *others: type[Distribution]) -> Callable[[Any], Any]:
    """A decorator: the function gives E -log q(x), from which the divergence of each of `others` from q follows."""

    def register(cross_entropy: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Tensor]:
        for p in others:
            register_kl(p, q)(lambda p, q: cross_entropy(p, q) - p.entropy())
        return cross_entropy

    return register


def _mean_log(p: Any) -> Tensor:
    """E log x."""
    match p:
        case Beta():
            return p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
        case Exponential():
            return -p.rate.log() - euler_constant
        case Gamma():
            return p.concentration.digamma() - p.rate.log()
        case Pareto():
            return p.scale.log() + p.alpha.reciprocal()
        case Uniform():
            return (_x_log_x(p.high) - _x_log_x(p.low)) / (p.high - p.low) - 1
    raise AssertionError


def _x_log_x(x: Tensor) -> Tensor:
    return (x * x.log())._fill_where(x == 0, 0.0)


def _mean_exponential(p: Any, t: Tensor) -> Tensor:
    """E exp(-x t)."""
    match p:
        case Exponential():
            return p.rate / (p.rate + t)
        case Gamma():
            return (1 + t / p.rate).pow(-p.concentration)
        case Normal():
            return (-p.loc * t + 0.5 * (p.scale * t).pow(2)).exp()
        case Uniform():
            return ((-p.low * t).exp() - (-p.high * t).exp()) / (t * (p.high - p.low))
    raise AssertionError


def _outside(found: Tensor, condition: Tensor) -> Tensor:
    """Infinite where p has samples outside q's support."""
    return found._fill_where(condition, float("inf"))


@_register(Normal, Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Pareto, Uniform)
def _normal(p: Any, q: Any) -> Tensor:
    squares = p.variance + (p.mean - q.loc).pow(2)
    return 0.5 * (2 * math.pi * q.scale.pow(2)).log() + squares / (2 * q.scale.pow(2))


@_register(Exponential, Beta, ContinuousBernoulli, Gamma, Pareto)
def _exponential(p: Any, q: Any) -> Tensor:
    return q.rate * p.mean - q.rate.log()


@_register(Exponential, Uniform)
def _uniform_exponential(p: Any, q: Any) -> Tensor:
    return _outside(_exponential(p, q), p.low < 0)


@_register(Gamma, Beta, Exponential, Pareto)
def _gamma(p: Any, q: Any) -> Tensor:
    a = q.concentration
    return a.lgamma() - a * q.rate.log() - (a - 1) * _mean_log(p) + q.rate * p.mean


@_register(Gamma, Uniform)
def _uniform_gamma(p: Any, q: Any) -> Tensor:
    return _outside(_gamma(p, q), p.low < 0)


@_register(Gumbel, Exponential, Gamma, Normal, Uniform)
def _gumbel(p: Any, q: Any) -> Tensor:
    return q.scale.log() + (p.mean - q.loc) / q.scale + (q.loc / q.scale).exp() * _mean_exponential(p, q.scale.reciprocal())


@_register(Uniform, Beta)
def _beta_uniform(p: Any, q: Any) -> Tensor:
    return _outside((q.high - q.low).log() + 0 * p.mean, (q.low > 0) | (q.high < 1))


@_register(Uniform, ContinuousBernoulli)
def _continuous_bernoulli_uniform(p: Any, q: Any) -> Tensor:
    """As PyTorch, which takes ends that fall together for outside."""
    return _outside((q.high - q.low).log() + 0 * p.mean, (q.low >= 0) | (q.high <= 1))


@_register(ContinuousBernoulli, Beta)
def _continuous_bernoulli(p: Any, q: Any) -> Tensor:
    return -p.mean * q.logits - (-q.probs).log1p() - q._log_constant()


@_register(ContinuousBernoulli, Uniform)
def _uniform_continuous_bernoulli(p: Any, q: Any) -> Tensor:
    return _outside(_continuous_bernoulli(p, q), (p.high >= 1) | (p.low <= 0))


@_register(Beta, Uniform)
def _uniform_beta(p: Any, q: Any) -> Tensor:
    a, b = q.concentration1, q.concentration0
    flipped = Uniform(1 - p.high, 1 - p.low, validate_args=False)
    logs = (a - 1) * _mean_log(p) + (b - 1) * _mean_log(flipped)
    return _outside(a.lgamma() + b.lgamma() - (a + b).lgamma() - logs, (p.high > 1) | (p.low < 0))


@_register(Pareto, Uniform)
def _uniform_pareto(p: Any, q: Any) -> Tensor:
    return _outside((q.alpha + 1) * _mean_log(p) - q.alpha.log() - q.alpha * q.scale.log(), p.low < q.scale)


@_register(Poisson, Bernoulli)
def _bernoulli_poisson(p: Any, q: Any) -> Tensor:
    return q.rate - p.probs * q.rate.log()


@_register(Laplace, Normal)
def _normal_laplace(p: Any, q: Any) -> Tensor:
    away = p.loc - q.loc
    t = away / p.scale
    folded = math.sqrt(2 / math.pi) * p.scale * (-0.5 * t.pow(2)).exp() + away * (math.sqrt(0.5) * t).erf()
    return (2 * q.scale).log() + folded / q.scale


def _infinite(p: Any, q: Any) -> Tensor:
    shape = (p.mean + q.mean).shape
    return q.mean.new_full(shape, float("inf"))


def _register_outside() -> None:
    """Pairs whose first has samples where the second has none."""
    unit, positive = (Beta, ContinuousBernoulli, Pareto, Uniform), (Exponential, Gamma)
    pairs: tuple[tuple[type[Distribution], type[Distribution]], ...] = (
        *((p, q) for p in (Cauchy, Gumbel, Laplace, Normal) for q in (*unit, *positive)),
        *((p, q) for p in positive for q in unit),
        *((Pareto, q) for q in (Beta, ContinuousBernoulli, Uniform)),
        (Beta, Pareto), (ContinuousBernoulli, Pareto), (Poisson, Bernoulli), (Poisson, Binomial),
    )  # fmt: skip
    for p, q in pairs:
        register_kl(p, q)(_infinite)


_register_outside()
