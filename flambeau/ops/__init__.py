"""Operators by topic, each composed of primitives. Importing this package gives `Tensor` its methods.

May import `flambeau.tensor`, `flambeau.autograd`, `flambeau.shapes` and what those may.
"""

from importlib.util import find_spec as _find_spec

from flambeau.ops import (  # noqa: F401
    activation,
    arithmetic,
    at,
    binary,
    choices,
    comparison,
    complex,
    conversion,
    copies,
    creation,
    draws,
    dunders,
    einsum,
    fft,
    gathering,
    histograms,
    indexing,
    joining,
    linalg,
    masking,
    matmul,
    memory,
    mixtures,
    nonzero,
    padding,
    pointwise,
    questions,
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
    weighted,
    writing,
)
from flambeau.ops.aten import aten as aten
from flambeau.ops.defined import load_library as load_library
from flambeau.ops.defined import namespace as _namespace


def __getattr__(name: str) -> object:
    """A namespace of operators: `torch.ops.mine`. It is empty where the program defined none, as in PyTorch.

    Here these are names of the package that holds our own operators, whose modules have precedence.
    """
    if name.startswith("_") or _find_spec(f"{__name__}.{name}") is not None:
        raise AttributeError(f"module 'flambeau.ops' has no attribute '{name}'")
    return _namespace(name)
