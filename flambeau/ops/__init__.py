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
    complex,
    conversion,
    creation,
    dunders,
    einsum,
    fft,
    gathering,
    histograms,
    indexing,
    joining,
    linalg,
    matmul,
    mixtures,
    nonzero,
    padding,
    pointwise,
    random,
    reduction,
    scans,
    segments,
    sequences,
    sharing,
    slicing,
    softmax,
    sorting,
    sparse,
    special,
    statistics,
    storages,
    strided,
    view_variants,
    views,
)
from flambeau.ops.defined import namespace as _namespace


def __getattr__(name: str) -> object:
    """A namespace of operators that the program defined: `torch.ops.mine`."""
    found = _namespace(name)
    if found is None:
        raise AttributeError(f"module 'flambeau.ops' has no attribute '{name}', and no operator was defined in that namespace")
    return found
