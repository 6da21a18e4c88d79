"""What both forms of weight and spectral normalisation compute. May import: tensor, nn.modules.conv."""

from __future__ import annotations

from flambeau.nn.modules.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from flambeau.nn.modules.module import Module
from flambeau.tensor import Tensor

__all__ = ["as_matrix", "norm_except_dim", "output_dim", "weight_from"]


def norm_except_dim(v: Tensor, dim: int) -> Tensor:
    """The 2-norm over all dimensions but `dim`, whose size stays; over all, as one number, for dim = -1."""
    if dim == -1:
        return (v * v).sum().sqrt()
    others = [d for d in range(v.dim()) if d != dim]
    return ((v * v).sum(others, keepdim=True) if others else v * v).sqrt()


def weight_from(g: Tensor, v: Tensor, dim: int) -> Tensor:
    """g · v / ‖v‖."""
    return v * (g / norm_except_dim(v, dim))


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The weight with dimension `dim` as rows and all others as columns."""
    if dim != 0:
        weight = weight.permute(dim, *(d for d in range(weight.dim()) if d != dim))
    return weight.reshape(weight.size(0), -1)


def output_dim(module: Module) -> int:
    """Which dimension of the weight counts the outputs: 1 for transposed convolutions, else 0."""
    return 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0
