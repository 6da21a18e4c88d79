"""Weight and spectral normalisation, and orthogonal matrices, as parametrizations. May import: nn.functional, nn.utils, ops."""

from __future__ import annotations

from typing import Any

from flambeau.autograd.modes import no_grad
from flambeau.dtypes import finfo
from flambeau.nn import functional as F
from flambeau.nn.functional.native import norm_except_dim
from flambeau.nn.modules.module import Module
from flambeau.nn.utils import parametrize
from flambeau.nn.utils.norms import as_matrix, output_dim, weight_from
from flambeau.ops.creation import zeros_like
from flambeau.ops.joining import cat
from flambeau.ops.linalg.decompositions import geqrf, householder_product
from flambeau.ops.linalg.powers import matrix_exp
from flambeau.ops.linalg.solving import solve
from flambeau.ops.random import randn
from flambeau.ops.sequences import eye
from flambeau.tensor import Tensor

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_from(weight_g, weight_v, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """w = g · v / ‖v‖, the norm over all dimensions but `dim` (Salimans & Kingma 2016).

    g and v are `parametrizations.weight.original0` and `original1`; a state_dict with `weight_g` and `weight_v` loads too.
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def accept_old_names(state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
        old = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state_dict for key in old):
            for number, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{name}.original{number}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(accept_old_names)
    return module


class _SpectralNorm(Module):
    """Divides a weight by its largest singular value, which power iterations follow as training changes the weight."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        ndim = weight.ndim
        if dim >= ndim or dim < -ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}")
        self.dim = dim % ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight.detach(), self.dim)
            for name, size in zip(("_u", "_v"), matrix.shape):
                self.register_buffer(name, F.normalize(matrix.new_empty(size).normal_(0, 1), dim=0, eps=eps))
            self._power_method(matrix, 15)

    @no_grad()
    def _power_method(self, matrix: Tensor, iterations: int) -> None:
        u, v = self._u, self._v
        for _ in range(iterations):
            u = F.normalize(matrix.mv(v), dim=0, eps=self.eps)
            v = F.normalize(matrix.t().mv(u), dim=0, eps=self.eps)
        self._u.copy_(u)
        self._v.copy_(v)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()
        return weight / u.dot(matrix.mv(v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value  # as if it were normalised already


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """w / σ(w), σ the largest singular value of w as a matrix whose rows are dimension `dim` (Miyato et al. 2018)."""
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    normalization = _SpectralNorm(weight, n_power_iterations, output_dim(module) if dim is None else dim, eps)
    return parametrize.register_parametrization(module, name, normalization)


def _with_positive_diagonal(matrices: Tensor) -> Tensor:
    """Q of A = Q R with the diagonal of R positive, which makes Q unique."""
    reflections, weights = geqrf(matrices)
    q = householder_product(reflections, weights)
    return q * reflections.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def _is_orthogonal(q: Tensor) -> bool:
    n, k = q.shape[-2:]
    identity = eye(k, dtype=q.dtype, device=q.device)
    return bool((q.mH @ q).isclose(identity, rtol=0.0, atol=n * finfo(q.dtype).eps * 10).all())


class _Orthogonal(Module):
    """Any matrix to one with orthonormal columns (rows, where it is wide), times a fixed orthogonal `base` if there is one."""

    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        self.has_base = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        is_wide = X.size(-2) < X.size(-1)
        x = X.mT if is_wide else X
        n, k = x.size(-2), x.size(-1)
        if self.orthogonal_map == "householder":
            vectors = x.tril(-1)
            weights = 2.0 / (1.0 + (vectors * vectors).sum(-2))
            q = householder_product(vectors, weights) * x.detach().diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)
        else:
            x = x.tril()
            square = x if n == k else cat([x, x.new_zeros((n, n - k)).expand((*x.shape[:-2], n, n - k))], -1)
            skew = square - square.mH
            if self.orthogonal_map == "matrix_exp":
                q = matrix_exp(skew)
            else:  # Cayley's map
                identity = eye(n, dtype=x.dtype, device=x.device)
                q = solve(identity - skew * 0.5, identity + skew * 0.5)
            q = q[..., :k]
        if self.has_base:
            assert self.base is not None
            q = self.base @ q
        return q.mT if is_wide else q

    @no_grad()
    def right_inverse(self, Q: Tensor) -> Tensor:
        if Q.shape != self.shape:
            raise ValueError(f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {Q.shape}.")
        is_wide = Q.size(-2) < Q.size(-1)
        q = Q.mT if is_wide else Q
        n, k = q.size(-2), q.size(-1)
        if not self.has_base:
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                    "use_trivialization=False."
                )
            found, weights = geqrf(q)
            signs = found.diagonal(dim1=-2, dim2=-1).sign()
            found.diagonal(dim1=-2, dim2=-1).copy_(signs * (1 - 2 * (weights == 0).to(q.dtype)))
            return found.mT if is_wide else found
        if n != k:
            more = randn((*q.shape[:-2], n, n - k), dtype=q.dtype, device=q.device)
            self.base = _with_positive_diagonal(cat([q, more], -1))
        else:
            self.base = q.clone() if _is_orthogonal(q) else _with_positive_diagonal(q)
        start = zeros_like(Q)  # the diagonal is what the reflections take signs from: -1 makes them the identity
        start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return start


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Keeps a weight's columns (rows, where it is wide) orthonormal: Q of any matrix by `orthogonal_map`.

    The maps are "matrix_exp", "cayley" and "householder" (the default but for square and complex matrices; Lezcano-Casado 2019).
    With `use_trivialization` the map begins at the weight's Q. Raises ValueError for fewer than two dimensions and other maps.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.size(-2) == weight.size(-1) or weight.is_complex() else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise ValueError(f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}')
    made = _Orthogonal(weight, orthogonal_map, use_trivialization)
    return parametrize.register_parametrization(module, name, made, unsafe=True)
