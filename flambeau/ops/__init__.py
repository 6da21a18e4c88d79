"""Operators by topic, each composed of primitives. Importing this package gives `Tensor` its methods.

May import `flambeau.tensor`, `flambeau.autograd`, `flambeau.shapes` and what those may.
"""

from flambeau.ops import (  # noqa: F401
    activation,
    arithmetic,
    at,
    binary,
    choices,
    comparison,
    conversion,
    creation,
    dunders,
    einsum,
    gathering,
    indexing,
    joining,
    linalg,
    matmul,
    mixtures,
    pointwise,
    random,
    reduction,
    scans,
    sequences,
    slicing,
    softmax,
    sorting,
    special,
    statistics,
    storages,
    strided,
    view_variants,
    views,
)
