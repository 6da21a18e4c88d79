"""Distributions of the exponential family. May import `flambeau.tensor`, `flambeau.autograd`."""

from __future__ import annotations

from flambeau.autograd.interface import grad
from flambeau.distributions.distribution import Distribution
from flambeau.distributions.utils import sum_rightmost
from flambeau.tensor import Tensor

__all__ = ["ExponentialFamily", "bregman_divergence"]


class ExponentialFamily(Distribution):
    """Densities exp(⟨t(x), θ⟩ - F(θ) + k(x)) of natural parameters θ.

    A subclass that gives `_natural_params` (θ, a tuple of tensors), `_log_normalizer(*θ)` (F) and `_mean_carrier_measure`
    (E k(x)) has its entropy, and its divergence from another of its class, from these (Nielsen & Nock 2010).
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> float | Tensor:
        raise NotImplementedError

    def entropy(self) -> Tensor:
        return self._bregman([-t for t in self._natural_params]) - self._mean_carrier_measure

    def _bregman(self, steps: list[Tensor]) -> Tensor:
        """F(θ) + ⟨steps, dF/dθ⟩."""
        at = [t.detach().requires_grad_() for t in self._natural_params]
        found = self._log_normalizer(*at)
        for step, gradient in zip(steps, grad(found.sum(), at, create_graph=True)):
            found = found + sum_rightmost(step * gradient, len(self._event_shape))
        return found


def bregman_divergence(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    """The divergence of q from p, of one class: what the normaliser's logarithm lies above its tangent at p."""
    steps = [its - mine for mine, its in zip(p._natural_params, q._natural_params)]
    return q._log_normalizer(*q._natural_params) - p._bregman(steps)
