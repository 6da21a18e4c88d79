"""`memory_format` and `layout` names, as PyTorch has them; what the formats mean is in `flambeau.shapes.strides`.

Imports nothing of flambeau.
"""

from __future__ import annotations

__all__ = [
    "memory_format", "layout", "contiguous_format", "channels_last", "channels_last_3d", "preserve_format", "strided",
    "sparse_bsc", "sparse_bsr", "sparse_coo", "sparse_csc", "sparse_csr",
]  # fmt: skip


class _Name:
    """A named constant that prints as PyTorch's."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class memory_format(_Name):
    """How the dimensions of an image batch are ordered in memory."""


class layout(_Name):
    """How elements are stored: tensors here are `strided`; the others are names to compare with."""


contiguous_format = memory_format("contiguous_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")
preserve_format = memory_format("preserve_format")
strided = layout("strided")
sparse_coo, sparse_csr, sparse_csc, sparse_bsr, sparse_bsc = map(
    layout, ("sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc")
)
