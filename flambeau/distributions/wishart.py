"""The Wishart distribution. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

import math
from typing import Any

from flambeau.distributions import constraints
from flambeau.distributions.chi2 import Chi2
from flambeau.distributions.covariance import Covariance
from flambeau.distributions.exponential_family import ExponentialFamily
from flambeau.ops.choices import where
from flambeau.ops.linalg.cholesky import cholesky, cholesky_solve
from flambeau.ops.random import standard_normal
from flambeau.ops.sequences import arange
from flambeau.shapes.broadcasting import broadcast
from flambeau.tensor import Tensor

__all__ = ["Wishart"]


class Wishart(Covariance, ExponentialFamily):
    """Sums of x xᵀ over `df` normal vectors x of mean 0 and of a covariance given in one of three forms.

    Samples by Bartlett's decomposition (Smith & Hocking 1972).
    """

    support = constraints.positive_definite
    has_rsample = True

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        name, matrix = self._given(covariance_matrix, precision_matrix, scale_tril)
        n = matrix.shape[-1]
        self.df = df if isinstance(df, Tensor) else matrix.new_tensor(float(df))
        if bool((self.df <= n - 1).any()):
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {n - 1}.")
        batch = broadcast(tuple(matrix.shape[:-2]), tuple(self.df.shape))
        self.df = self.df.expand(batch)
        setattr(self, name, matrix.expand((*batch, n, n)))
        super().__init__(batch, (n, n), validate_args=validate_args)

    @property
    def arg_constraints(self) -> Any:  # type: ignore[override]
        return {"df": constraints.greater_than(self._event_shape[0] - 1), **self._matrix_constraints}

    @property
    def mean(self) -> Tensor:
        return self.df[..., None, None] * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self.df - self._event_shape[0] - 1
        return factor._fill_where(factor <= 0, float("nan"))[..., None, None] * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        v = self.covariance_matrix
        each = v.diagonal(dim1=-2, dim2=-1)
        return self.df[..., None, None] * (v.pow(2) + each.unsqueeze(-1) * each.unsqueeze(-2))

    def _half_degrees(self) -> Tensor:
        """(df - i) / 2 for each row i, along a last dimension."""
        rows = arange(self._event_shape[0], dtype=self.df.dtype, device=self.df.device)
        return (self.df.unsqueeze(-1) - rows) / 2

    def rsample(self, sample_shape: Any = (), max_try_correction: int | None = None) -> Tensor:
        """Matrices, of which those that rounding made singular are drawn again, up to `max_try_correction` (10) times."""
        drawn = self._bartlett_sampling(sample_shape)
        for _ in range(10 if max_try_correction is None else max_try_correction):
            singular = ~self.support.check(drawn)
            if not singular.any():
                break
            drawn = where(singular[..., None, None], self._bartlett_sampling(sample_shape), drawn)
        return drawn

    def _bartlett_sampling(self, sample_shape: Any) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        below = standard_normal(shape, self.df.dtype, self.df._storage.device, None).tril(-1)
        diagonal = Chi2(2 * self._half_degrees(), validate_args=False).rsample(sample_shape).sqrt()
        factor = self._unbroadcasted_scale_tril @ (below + diagonal.diag_embed())
        return factor @ factor.mT

    def _log_normaliser(self) -> Tensor:
        n = self._event_shape[0]
        return self.df * (n * math.log(2.0) / 2 + self._half_log_determinant()) + (self.df / 2).mvlgamma(n)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logs = cholesky(value).diagonal(dim1=-2, dim2=-1).log().sum(-1)
        value, factor = (
            value.broadcast_to(broadcast(tuple(value.shape), tuple(self._unbroadcasted_scale_tril.shape))),
            self._unbroadcasted_scale_tril,
        )
        trace = cholesky_solve(value, factor.expand(value.shape)).diagonal(dim1=-2, dim2=-1).sum(-1)
        return (self.df - self._event_shape[0] - 1) * logs - trace / 2 - self._log_normaliser()

    def entropy(self) -> Tensor:
        n = self._event_shape[0]
        digammas = self._half_degrees().digamma().sum(-1)
        logs = digammas + n * math.log(2.0) + 2 * self._half_log_determinant()  # E log det
        return self._log_normaliser() - (self.df - n - 1) / 2 * logs + n * self.df / 2
