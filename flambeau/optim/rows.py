"""The update of those places of a parameter at which a sparse gradient has values: nothing is done elsewhere.

May import: tensor, ops, and `flambeau.optim.run_time`.
"""

from __future__ import annotations

from math import prod
from typing import Any

from flambeau.ops.sparse import parts
from flambeau.tensor import Tensor

__all__ = ["Rows"]


class Rows:
    """Where a coalesced sparse gradient has values, and the tensors of the parameter's shape there: [nnz, *dense]."""

    def __init__(self, gradient: Tensor) -> None:
        gradient = parts.coalesced(gradient)
        self.values = parts.raw_values(gradient)
        self._count = parts.sparse_dims(gradient)
        self._shape = tuple(gradient._shape)
        self._places = parts.flat_places(parts.indices_of(gradient), self._shape[: self._count])

    def of(self, t: Any) -> Any:
        """What a tensor of the parameter's shape holds there; other values as they are."""
        if not isinstance(t, Tensor) or tuple(t._shape) != self._shape:
            return t
        return self._flat(t).index_select(0, self._places)

    def write(self, t: Tensor, rows: Tensor) -> None:
        """Puts other values there."""
        t._assign(self._flat(t).index_copy(0, self._places, rows).reshape(self._shape))

    def _flat(self, t: Tensor) -> Tensor:
        return t.detach().reshape((prod(self._shape[: self._count]), *self._shape[self._count :]))
