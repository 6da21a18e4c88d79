"""Multivariate normal distributions. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

import math
from typing import Any

from flambeau.distributions import constraints
from flambeau.distributions.covariance import Covariance
from flambeau.distributions.distribution import Distribution as Distribution  # programs import it from here
from flambeau.ops.linalg.solving import solve_triangular
from flambeau.ops.random import standard_normal
from flambeau.shapes.broadcasting import broadcast
from flambeau.tensor import Tensor

__all__ = ["MultivariateNormal"]


class MultivariateNormal(Covariance):
    """Normal vectors of mean `loc`, and `covariance_matrix`, its inverse `precision_matrix` or its factor `scale_tril`."""

    arg_constraints = {"loc": constraints.real_vector, **Covariance._matrix_constraints}
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        name, matrix = self._given(covariance_matrix, precision_matrix, scale_tril)
        batch = broadcast(tuple(matrix.shape[:-2]), tuple(loc.shape[:-1]))
        matrix = matrix.expand((*batch, *matrix.shape[-2:]))
        setattr(self, name, matrix)
        self.loc = loc.expand((*batch, loc.shape[-1]))
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    mode = mean

    @property
    def variance(self) -> Tensor:
        return self._unbroadcasted_scale_tril.pow(2).sum(-1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        x = standard_normal(shape, self.loc.dtype, self.loc._storage.device, None)
        return self.loc + (self._unbroadcasted_scale_tril @ x.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        distance = mahalanobis(self._unbroadcasted_scale_tril, value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - self._half_log_determinant()

    def entropy(self) -> Tensor:
        return 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._half_log_determinant()


def mahalanobis(scale_tril: Tensor, x: Tensor) -> Tensor:
    """xᵀ (L Lᵀ)⁻¹ x of vectors x and lower triangular L, batches of both."""
    n = x.shape[-1]
    lead = broadcast(tuple(scale_tril.shape[:-2]), tuple(x.shape[:-1]))
    batch = tuple(scale_tril.shape[:-2])
    samples = len(lead) - len(batch)
    if lead[samples:] != batch:
        scale_tril = scale_tril.expand((*lead[samples:], n, n))
        batch = lead[samples:]
    # One solve for each factor, all of its vectors side by side.
    columns = x.expand((*lead, n)).reshape(-1, *batch, n).movedim(0, -1)
    solved = solve_triangular(scale_tril, columns, upper=False)
    return solved.pow(2).sum(-2).movedim(-1, 0).reshape(lead)
