"""Examples for every operator, gathered, and the tests that cover the operators which have none.

An operator of the registry that is in neither fails `test_operators.py`.
"""

from __future__ import annotations

from tests.ops import (  # noqa: F401 - each adds its examples
    examples_complex,
    examples_creation,
    examples_fourier,
    examples_movement,
    examples_pieces,
    examples_pointwise,
    examples_positions,
    examples_products,
    examples_reduction,
)
from tests.ops.draw import EXAMPLES, LOOSE, Draw, Example

__all__ = ["ELSEWHERE", "EXAMPLES", "LOOSE", "Draw", "Example"]

ELSEWHERE: dict[str, str] = {}
"""The test module that covers an operator, for those without examples."""
ELSEWHERE.update({
    **dict.fromkeys(["empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"], "test_creation"),
    **dict.fromkeys(["cpu", "cuda", "xpu", "ipu", "mtia", "pin_memory", "new"], "test_creation"),
    **dict.fromkeys(["rand", "rand_like", "randn", "randn_like", "randint", "randint_like", "randperm", "normal", "bernoulli",
    "multinomial", "poisson", "binomial", "_standard_gamma",
    "uniform_", "normal_", "exponential_", "log_normal_", "cauchy_", "geometric_", "bernoulli_",
    "random_"], "test_random"),
    **dict.fromkeys(["untyped_storage", "storage", "_typed_storage", "from_dlpack"], "test_interoperation"),
    **dict.fromkeys(["qr", "svd", "eigh", "lstsq", "eig", "eigvals"], "test_linalg"),
    **dict.fromkeys(["to_dense", "sparse_dim", "dense_dim", "coalesce", "is_coalesced", "indices", "values", "crow_indices",
    "col_indices", "ccol_indices", "row_indices", "to_sparse", "to_sparse_coo", "to_sparse_csr", "to_sparse_csc",
    "to_sparse_bsr", "to_sparse_bsc", "sparse_mask", "sparse_resize_", "sparse_resize_and_clear_", "resize_as_sparse_", "smm",
    "sspaddmm"], "test_meanings"),
    "_safe_softmax": "test_extremes",
    **dict.fromkeys(["ldl_factor", "ldl_factor_ex", "ldl_solve"], "test_ldl"),
    "chalf": "test_creation",  # tensors have no complex32
    **dict.fromkeys(["svd_lowrank", "pca_lowrank"], "test_low_rank"),
})  # fmt: skip
