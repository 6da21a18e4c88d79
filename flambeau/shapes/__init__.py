"""Shape rules: plain functions over sizes that are integers, or symbols that compare themselves (see `shapes.sizes`).

Each rule gives the result's shape or raises: `ShapeError` (a RuntimeError), or IndexError, ValueError, NotImplementedError
where PyTorch raises those. The run time calls the rules with integers, the type checkers' plugin with symbols.

`strides` are the rules of where results lie in memory. May import: of flambeau outside this package only leaves, `layout` and
`size`.
"""

from flambeau.shapes import (
    attention,
    broadcasting,
    convolution,
    dims,
    einsum,
    embedding,
    factories,
    indexing,
    interpolation,
    joining,
    losses,
    matmul,
    normalization,
    pooling,
    reduction,
    sizes,
    views,
    windows,
)
from flambeau.shapes.broadcasting import broadcast, expand
from flambeau.shapes.dims import wrap_dim, wrap_dims
from flambeau.shapes.errors import ShapeError, show

__all__ = [
    "ShapeError",
    "attention",
    "broadcast",
    "broadcasting",
    "convolution",
    "dims",
    "einsum",
    "embedding",
    "expand",
    "factories",
    "indexing",
    "interpolation",
    "joining",
    "losses",
    "matmul",
    "normalization",
    "pooling",
    "reduction",
    "show",
    "sizes",
    "views",
    "windows",
    "wrap_dim",
    "wrap_dims",
]
