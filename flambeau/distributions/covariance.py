"""A covariance matrix, given as itself, its inverse or its factor. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

from typing import Any

from flambeau.distributions import constraints
from flambeau.distributions.distribution import Distribution
from flambeau.distributions.utils import lazy_property
from flambeau.ops.linalg.cholesky import cholesky
from flambeau.ops.linalg.solving import solve_triangular
from flambeau.ops.sequences import eye
from flambeau.shapes.broadcasting import broadcast
from flambeau.tensor import Tensor

__all__ = ["Covariance"]


class Covariance(Distribution):
    """Has `covariance_matrix`, its inverse `precision_matrix` and its Cholesky factor `scale_tril`, of which one is given."""

    _matrix_constraints = {
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }

    @staticmethod
    def _given(covariance_matrix: Any, precision_matrix: Any, scale_tril: Any) -> tuple[str, Tensor]:
        """The one that is given, by name. Raises ValueError unless it is exactly one, of matrices."""
        forms = {"covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix, "scale_tril": scale_tril}
        given = [(name, matrix) for name, matrix in forms.items() if matrix is not None]
        if len(given) != 1:
            raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        ((name, matrix),) = given
        if matrix.dim() < 2:
            raise ValueError(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
        return name, matrix

    @lazy_property
    def scale_tril(self) -> Tensor:
        return self._unbroadcasted_scale_tril

    @lazy_property
    def _unbroadcasted_scale_tril(self) -> Tensor:
        """The factor, also where the distribution was not asked for it by name: then it isn't one of the parameters shown."""
        if "scale_tril" in self.__dict__:
            return self.scale_tril
        if "covariance_matrix" in self.__dict__:
            return cholesky(self.covariance_matrix)
        return _factor_of_inverse(self.precision_matrix)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        return self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT

    @lazy_property
    def precision_matrix(self) -> Tensor:
        factor = self._unbroadcasted_scale_tril
        inverse = solve_triangular(factor, eye(factor.shape[-1], dtype=factor.dtype, device=factor.device), upper=False)
        return inverse.mT @ inverse

    def _half_log_determinant(self) -> Tensor:
        """Half the logarithm of the covariance matrix' determinant."""
        return self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def _factor(self) -> Tensor:
        """A with A Aᵀ the covariance matrix."""
        return self._unbroadcasted_scale_tril

    def _precision_trace(self, a: Tensor) -> Tensor:
        """The trace of Aᵀ precision_matrix A, for matrices A [..., n, m]."""
        batch = broadcast(tuple(a.shape[:-2]), tuple(self._unbroadcasted_scale_tril.shape[:-2]))
        factor = self._unbroadcasted_scale_tril.expand((*batch, *self._unbroadcasted_scale_tril.shape[-2:]))
        return solve_triangular(factor, a.expand((*batch, *a.shape[-2:])), upper=False).pow(2).sum((-2, -1))


def _factor_of_inverse(p: Tensor) -> Tensor:
    """The lower triangular L with L Lᵀ the inverse of a positive definite matrix: of its factor from the other end."""
    turned = cholesky(p.flip((-2, -1)))
    upper = turned.flip((-2, -1)).mT
    return solve_triangular(upper, eye(p.shape[-1], dtype=p.dtype, device=p.device), upper=False)
