"""`torch.sparse` and what makes sparse tensors: there are none, and each call says so. May import `flambeau.ops.sparse`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from flambeau.ops.sparse import refuse_sparse

HERE = ("addmm", "log_softmax", "mm", "sampled_addmm", "softmax", "spdiags", "spsolve", "sum")
TOP = (
    "sparse_coo_tensor", "sparse_csr_tensor", "sparse_csc_tensor", "sparse_bsr_tensor", "sparse_bsc_tensor",
    "sparse_compressed_tensor", "spmm", "hspmm", "saddmm", "smm", "sspaddmm", "dsmm", "hsmm",
)  # fmt: skip
"""The names of `torch.sparse`, and those of `torch` itself."""


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        refuse_sparse(f"torch.{name}")

    refuse.__name__ = refuse.__qualname__ = name.rpartition(".")[2]
    refuse.__doc__ = "Raises NotImplementedError: there are no sparse tensors."
    return refuse


globals().update({name: _refusing(f"sparse.{name}") for name in HERE})
globals().update({name: _refusing(name) for name in TOP})

__all__ = sorted(HERE)
