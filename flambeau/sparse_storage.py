"""What a sparse tensor has in the place of memory: the tensors of its indices and of its values.

Whoever asks for its elements, as every operator does that knows nothing of sparse tensors, gets `NoElements`; so none of them
ever computes on anything else. May import `flambeau.layout`, `flambeau.storage`.
"""

from __future__ import annotations

from typing import Any

from flambeau.dtypes import dtype
from flambeau.layout import layout
from flambeau.storage import RECORDERS, pending

__all__ = ["NoElements", "SparseStorage"]


class NoElements(NotImplementedError):
    """A sparse tensor was asked for the elements that a dense one has."""


def _elements(self: SparseStorage) -> Any:
    raise NoElements(f"a tensor of layout {self.layout!r} has no elements in memory: to_dense() makes a tensor that has")


class SparseStorage:
    """`indices` are tensors of int64: one [sparse_dim, nnz] for `sparse_coo`; for the compressed layouts the places where rows
    (or columns) begin, and the columns (rows). `values` is a tensor [nnz, *dense]. None of them has history.

    `version` and `autograd_version` are those of a `Storage`; `coalesced` is what `coalesce` found, behind the versions
    that it found it for.
    """

    __slots__ = (
        "_indices", "_values", "autograd_version", "coalesced", "device", "dtype", "is_coalesced", "layout", "version",
        "__weakref__",
    )  # fmt: skip
    is_program = is_shared = has_lasting_nodes = False
    node = size = sharing = begin = write = property(_elements)

    dtype: dtype
    device: str

    def __init__(self, layout: layout, indices: tuple[Any, ...], values: Any, is_coalesced: bool) -> None:
        self.layout, self.is_coalesced = layout, is_coalesced
        self.version = self.autograd_version = 0
        self.coalesced: tuple[Any, ...] | None = None
        self._hold(indices, values)

    def _hold(self, indices: tuple[Any, ...], values: Any) -> None:
        self._indices, self._values = indices, values
        self.dtype, self.device = values._storage.dtype, values._storage.device

    @property
    def indices(self) -> tuple[Any, ...]:
        """The tensors of indices."""
        return self._seen(self._indices)

    @property
    def values(self) -> Any:
        """The tensor of values."""
        return self._seen(self._values)

    def _seen(self, part: Any) -> Any:
        """What a program looks at when it reads a part: a recording knows no place where the part would be found again."""
        if RECORDERS and pending.recorder is not None:
            pending.recorder.look()
        return part

    def become(self, other: SparseStorage) -> None:
        """Takes over another's parts: a write."""
        self._hold(other._indices, other._values)
        self.is_coalesced = other.is_coalesced
        self.version += 1
        self.autograd_version += 1
