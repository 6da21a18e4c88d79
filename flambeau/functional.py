"""`torch.functional`: operators by the module that PyTorch's tutorials import them from. Filled from the operator registry."""

from __future__ import annotations

from flambeau.nn import functional as _functional  # noqa: F401 - some are among its operators
from flambeau.ops.registry import OPERATORS

_NAMES = (
    "atleast_1d atleast_2d atleast_3d block_diag broadcast_shapes broadcast_tensors cartesian_prod cdist chain_matmul einsum "
    "istft lu meshgrid norm pca_lowrank split stft svd_lowrank tensordot unique unique_consecutive unravel_index"
)
__all__ = _NAMES.split()
globals().update({name: OPERATORS["", name].public for name in __all__})
