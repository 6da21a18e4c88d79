"""The primitives, by topic: in each file a primitive's shape rule, gradient and NumPy meaning stand side by side.

May import `flambeau.dtypes` and `flambeau.graph` only. Gradients receive tensors and use their operators and methods, so
nothing of the tensor class is imported here.
"""

from flambeau.graph.primitives import (  # noqa: F401
    attention,
    complex,
    complex_arithmetic,
    contraction,
    elementwise,
    fourier,
    indexing,
    leaf,
    movement,
    random,
    recurrence,
    reduction,
    routine,
    scan,
)
