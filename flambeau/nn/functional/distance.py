"""Distances and similarities of vectors. May import what `flambeau.ops` may."""

from __future__ import annotations

from flambeau.nn.functional.arguments import as_tensor_argument
from flambeau.ops.operands import operands
from flambeau.ops.registry import operator
from flambeau.shapes.errors import ShapeError
from flambeau.tensor import Tensor

__all__ = ["cosine_distance", "cosine_similarity", "pairwise_distance", "pdist"]


@operator(method=False)
@operator(namespace="nn.functional", method=False)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1·x2 / (max(‖x1‖, eps)·max(‖x2‖, eps)) along `dim`.

    >>> F.cosine_similarity(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    as_tensor_argument(x1, "cosine_similarity", "x1", 1)
    as_tensor_argument(x2, "cosine_similarity", "x2", 2)
    a, b = operands("cosine_similarity", x1, x2)
    if a.dtype.category != 2:
        raise RuntimeError(f"expected common dtype to be floating point, yet common dtype is {a.dtype}")
    a_norm = a.norm(2, dim, keepdim=True).clamp_min(eps)
    b_norm = b.norm(2, dim, keepdim=True).clamp_min(eps)
    return ((a / a_norm) * (b / b_norm)).sum(dim)


def cosine_distance(x1: Tensor, x2: Tensor) -> Tensor:
    """The cosine along the last dimension as `cosine_embedding_loss` takes it: 1e-12 is added to the squares."""
    product = (x1 * x2).sum(-1)
    first, second = (x1 * x1).sum(-1) + 1e-12, (x2 * x2).sum(-1) + 1e-12
    return product / (first * second).sqrt()


@operator(method=False)
@operator(namespace="nn.functional", method=False)
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """‖x1 − x2 + eps‖ₚ along the last dimension."""
    as_tensor_argument(x1, "pairwise_distance", "x1", 1)
    as_tensor_argument(x2, "pairwise_distance", "x2", 2)
    return (x1 - x2 + eps).norm(p, -1, keepdim=keepdim)


@operator(method=False)
@operator(namespace="nn.functional", method=False)
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm distances of all pairs of the rows of [N, M], as [N·(N − 1)/2]."""
    if as_tensor_argument(input, "pdist", "input").ndim != 2:
        raise ShapeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    n = input.shape[0]
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    from flambeau.ops.creation import tensor

    first, second = (tensor([q[k] for q in pairs] or [0], device=input.device)[: len(pairs)] for k in (0, 1))
    return (input.index_select(0, first) - input.index_select(0, second)).norm(p, 1)
