"""Poisson, binomial and gamma numbers: draws that sum a distribution's terms, or try candidates until one is taken.

May import what `flambeau.ops` may, and `flambeau.generator`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from flambeau.dtypes import finfo
from flambeau.generator import Generator
from flambeau.ops.choices import where
from flambeau.ops.composite import Composite, flat, record, repeated, underivable, untaped
from flambeau.ops.operands import accumulation_dtype, cast, check_tensor
from flambeau.ops.random import standard_normal, uniform
from flambeau.ops.registry import operator, scalar_name
from flambeau.ops.special.incomplete_gamma import tail_integral
from flambeau.ops.views import reshape
from flambeau.shapes.broadcasting import broadcast
from flambeau.tensor import Tensor

__all__ = ["above_zero", "binomial", "poisson", "standard_gamma"]

_MANY = 10.0
"""From this mean on numbers are drawn by rejection."""


# --- whole numbers -----------------------------------------------------------------------------------------------------
def _drawn_whole(
    mean: Tensor,
    parameters: tuple[Tensor, ...],
    covered: Callable[..., Tensor],
    candidates: Callable[..., tuple[Tensor, Tensor]],
    known: tuple[dict[Any, Any], dict[Any, Any]],
    generator: Generator | None,
) -> Tensor:
    """Numbers of distributions with these means and parameters, of one dimension: by inversion where a mean is small
    (`covered`: how many of so many terms a uniform number covers), else by rejection (`candidates`: a number for two uniform
    ones, and whether it is taken). Computes the means."""

    def few(parameters: tuple[Tensor, ...], high: float) -> Tensor:
        # What terms are left out beyond the last is less than the last bit of a uniform number.
        bound = next(b for b in (0.1, 1.0, 3.0, _MANY) if high <= b)
        drawn = uniform(tuple(parameters[0]._shape), mean.dtype, mean._storage.device, generator)
        return repeated(known[0], covered, (drawn, *parameters), (int(bound + 8 * math.sqrt(bound) + 10),))[0]

    def many(parameters: tuple[Tensor, ...]) -> Tensor:
        """Candidates for all, then for those whose candidate was refused, until none is."""
        result, places = mean, None
        while True:
            shape, device = tuple(parameters[0]._shape), mean._storage.device
            draws = [uniform(shape, mean.dtype, device, generator, above_zero=True) for _ in range(2)]
            found, taken = repeated(known[1], candidates, (*draws, *parameters))
            result = found if places is None else result.index_put((places,), found)
            (refused,) = taken.logical_not().nonzero(as_tuple=True)
            if not refused._shape[0]:
                return result
            parameters = tuple(p[refused] for p in parameters)
            places = refused if places is None else places[refused]

    low, high = (float(end) for end in mean.aminmax())
    if high < _MANY:
        return few(parameters, high)
    if low >= _MANY:
        return many(parameters)
    is_many = mean >= _MANY
    drawn = few(tuple(p._fill_where(is_many, 0) for p in parameters), _MANY)
    (places,) = is_many.nonzero(as_tuple=True)
    return drawn.index_put((places,), many(tuple(p[places] for p in parameters)))


def _counted(drawn: Tensor, term: Tensor, terms: int, following: Callable[[Tensor, int], Tensor]) -> Tensor:
    """How many terms of a distribution, from the first on, a uniform number covers; `following` makes term k of the last."""
    total = term
    count = cast(total <= drawn, drawn.dtype)
    for k in range(1, terms):
        term = following(term, k)
        total = total + term
        count = count + cast(total <= drawn, drawn.dtype)
    return count


@operator()
def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Poisson numbers of the rates that the elements are, whose gradients are zeros. Computes the input: how numbers are drawn
    depends on its size."""
    if check_tensor(input, "poisson", "input").dtype.category != 2:
        raise NotImplementedError(f"\"poisson_cpu\" not implemented for '{scalar_name(input)}'")
    if not input.numel():
        return input.clone()
    rate = reshape(input.detach().double(), (-1,))
    if not bool((rate >= 0).all()):
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    drawn = _drawn_whole(rate, (rate,), _poisson_terms, _poisson_candidates, _POISSON, generator)
    return record(_FLAT, reshape(cast(drawn, input.dtype), tuple(input._shape)), (input,))


_FLAT = flat("poisson")
_POISSON: tuple[dict[Any, Any], dict[Any, Any]] = {}, {}


def _poisson_terms(drawn: Tensor, rate: Tensor, terms: int) -> Tensor:
    return _counted(drawn, (-rate).exp(), terms, lambda term, k: term * rate * (1 / k))


def _poisson_candidates(u: Tensor, v: Tensor, rate: Tensor) -> tuple[Tensor, Tensor]:
    """W. Hörmann, "The transformed rejection method for generating Poisson random variables" (1993), algorithm PTRS."""
    u, width = u - 0.5, 0.931 + 2.53 * rate.sqrt()
    slope = -0.059 + 0.02483 * width
    distance = 0.5 - u.abs()
    k = ((2 * slope / distance + width) * u + rate + 0.43).floor()
    inside = (distance >= 0.07) & (v <= 0.9277 - 3.6224 / (width - 2))
    outside = (k < 0) | ((distance < 0.013) & (v > distance))
    left = v.log() + (1.1239 + 1.1328 / (width - 3.4)).log() - (slope / (distance * distance) + width).log()
    taken = inside | (outside.logical_not() & (left <= k * rate.log() - rate - (k + 1).lgamma()))
    endless = rate == math.inf
    return k._fill_where(endless, math.inf), taken | endless


@operator(method=False)
def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """How many of `count` trials of probability `prob` succeed; the two broadcast. NaN where a probability is, and
    of an infinite count. Computes both: how numbers are drawn depends on their size.

    >>> torch.binomial(torch.tensor([3.0, 5.0]), torch.tensor([0.0, 1.0]))
    tensor([0., 5.])
    """
    for t, name in ((count, "count"), (prob, "prob")):
        if check_tensor(t, "binomial", name).dtype.category != 2:
            raise ValueError(f"binomial only supports floating-point dtypes for {name}, got: {scalar_name(t)}")
    if count.dtype is not prob.dtype:
        raise RuntimeError(f"Found dtype {scalar_name(prob)} but expected {scalar_name(count)}")
    if count.dtype.itemsize == 2:
        raise NotImplementedError(f"\"binomial_cpu\" not implemented for '{scalar_name(count)}'")
    shape = broadcast(tuple(count._shape), tuple(prob._shape))
    if 0 in shape:
        return record(_UNDERIVABLE, count.new_empty(shape), (count, prob))
    n, p = (reshape(t.detach().double().expand(shape), (-1,)) for t in (count, prob))
    n, is_nan = n.clamp(min=0), n.isfinite().logical_not() | p.isnan()
    p = p.clamp(0, 1)._fill_where(is_nan, 0)
    n = n._fill_where(is_nan, 0)
    often = p > 0.5
    rarer = where(often, 1 - p, p)
    k = _drawn_whole(n * rarer, (n, rarer), _binomial_terms, _binomial_candidates, _BINOMIAL, generator)
    drawn = where(often, n - k, k)._fill_where(is_nan, math.nan)
    return record(_UNDERIVABLE, reshape(cast(drawn, count.dtype), shape), (count, prob))


_UNDERIVABLE = underivable("binomial", "derivative for aten::binomial is not implemented")
_BINOMIAL: tuple[dict[Any, Any], dict[Any, Any]] = {}, {}


def _binomial_terms(drawn: Tensor, n: Tensor, p: Tensor, terms: int) -> Tensor:
    odds, none = p / (1 - p), ((-p).log1p() * n).exp()
    return _counted(drawn, none, terms, lambda term, k: term * odds * (n - (k - 1)).clamp(min=0) * (1 / k)).minimum(n)


def _binomial_candidates(u: Tensor, v: Tensor, n: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
    """W. Hörmann, "The generation of binomial random variates" (1993), algorithm BTRS; p is at most one half."""
    n, u, odds = n.floor(), u - 0.5, p / (1 - p)
    deviation = (n * p * (1 - p)).sqrt()
    width = 1.15 + 2.53 * deviation
    slope = -0.0873 + 0.0248 * width + 0.01 * p
    distance, mode = 0.5 - u.abs(), ((n + 1) * p).floor()
    k = ((2 * slope / distance + width) * u + n * p + 0.5).floor()
    inside = (distance >= 0.07) & (v <= 0.92 - 4.2 / width)
    within = (k >= 0) & (k <= n)
    left = (v * (2.83 + 5.1 / width) * deviation / (slope / (distance * distance) + width)).log()
    bounded = k.clamp(min=0).minimum(n)
    at_mode, at_k = ((x + 1).lgamma() + (n - x + 1).lgamma() for x in (mode, bounded))
    return k, inside & within | (within & (left <= at_mode - at_k + (bounded - mode) * odds.log()))


# --- gamma -------------------------------------------------------------------------------------------------------------
_ROUNDS = 12
"""Proposals for each number; more than 95 % of them are taken, so fewer than one number in 10¹⁵ is left with the last one."""


def above_zero(t: Tensor) -> Tensor:
    """The tensor, no less than the smallest normal number of its dtype."""
    return t.clamp(min=finfo(t.dtype).tiny)


@operator("_standard_gamma", method=False)
def standard_gamma(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Gamma numbers of rate 1 and the concentrations that the elements are, by Marsaglia and Tsang's method (ACM TOMS 26, 2000);
    gradients reach the concentrations."""
    own = check_tensor(input, "_standard_gamma", "input").dtype
    if own.category != 2:
        raise NotImplementedError(f"\"gamma_cpu\" not implemented for '{scalar_name(input)}'")
    with untaped():
        a = cast(input.detach(), accumulation_dtype(own))
        drawn = cast(_gamma(a, generator), own)
    return record(_GAMMA, drawn, (input,))


def _gamma(a: Tensor, generator: Generator | None) -> Tensor:
    shape, device = tuple(a.shape), a._storage.device
    small = a < 1  # there a number of a + 1, times u^(1/a)
    d = a + small.to(a.dtype) - 1 / 3
    c = (9 * d).rsqrt()
    x = standard_normal((_ROUNDS, *shape), a.dtype, device, generator)
    u = uniform((_ROUNDS, *shape), a.dtype, device, generator, above_zero=True)
    v = (1 + c * x) ** 3
    taken = (v > 0) & (u.log() < 0.5 * x * x + d - d * v + d * above_zero(v).log())
    first = taken.to(a.dtype).argmax(0, keepdim=True)
    found = d * v.gather(0, first).squeeze(0)
    boost = (uniform(shape, a.dtype, device, generator, above_zero=True).log() / a).exp()
    return above_zero(where(small, found * boost, found))


def _gamma_gradient(g: Tensor, y: Tensor, inputs: Any, params: Any) -> tuple[Tensor]:
    return (g * gamma_derivative(inputs[0], y),)


def gamma_derivative(a: Tensor, z: Tensor) -> Tensor:
    """dz/da at a fixed probability: -(∂F(z; a)/∂a) / p(z; a) (Figurnov, Mohamed & Mnih 2018).

    Below the mean F is the integral of the density p from 0 to z, above it 1 less that from z on; differentiating by a brings
    down log t - ψ(a).
    """
    own, a, z = z.dtype, a.double(), z.double()
    logarithm = z.log() - a.digamma()
    found = tail_integral(a, z, lambda shift: logarithm + shift)
    return (z * where(z < a, -found, found)).to(own)


_GAMMA = Composite("standard_gamma", _gamma_gradient, saves="inputs output")
