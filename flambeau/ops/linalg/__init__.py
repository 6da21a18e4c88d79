"""Linear algebra (`torch.linalg`): factorisations and solvers run as routines on the host, with gradients written in tensors.

May import what `flambeau.ops` may. Matrices are the last two dimensions; all operators take batches.
"""

from flambeau.ops.linalg import (  # noqa: F401 - each registers its operators
    cholesky,
    decompositions,
    determinants,
    ldl,
    least_squares,
    low_rank,
    lu,
    norms,
    powers,
    products,
    solving,
)
