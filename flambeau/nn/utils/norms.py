"""What both forms of weight and spectral normalisation compute. May import: tensor, nn.functional, nn.modules.conv."""

from __future__ import annotations

from flambeau.nn.functional.native import norm_except_dim
from flambeau.nn.modules.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from flambeau.nn.modules.module import Module
from flambeau.tensor import Tensor

__all__ = ["as_matrix", "output_dim", "weight_from"]


def weight_from(g: Tensor, v: Tensor, dim: int) -> Tensor:
    """g · v / ‖v‖."""
    return v * (g / norm_except_dim(v, 2, dim))


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The weight with dimension `dim` as rows and all others as columns."""
    if dim != 0:
        weight = weight.permute(dim, *(d for d in range(weight.dim()) if d != dim))
    return weight.reshape(weight.size(0), -1)


def output_dim(module: Module) -> int:
    """Which dimension of the weight counts the outputs: 1 for transposed convolutions, else 0."""
    return 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0
