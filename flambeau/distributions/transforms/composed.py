"""Transforms made of others: one after the other, of whole events, of parts. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from flambeau.distributions import constraints
from flambeau.distributions.transforms.transform import Transform
from flambeau.distributions.utils import sum_rightmost
from flambeau.ops.joining import cat as concatenate
from flambeau.ops.joining import stack as stacked
from flambeau.tensor import Tensor

__all__ = ["ComposeTransform", "identity_transform", "IndependentTransform", "CatTransform", "StackTransform"]


class ComposeTransform(Transform):
    """One transform after the other; the first in the list comes first."""

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        self.parts = [p.with_cache(cache_size) for p in parts] if cache_size else list(parts)
        super().__init__(cache_size)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ComposeTransform) and self.parts == other.parts

    __hash__ = object.__hash__

    def _end(self, parts: Sequence[Transform], own: str, other: str) -> Any:
        """The constraint at one end, of as many dimensions as the parts need."""
        if not parts:
            return constraints.real
        found = getattr(parts[0], own)
        needed = getattr(parts[-1], other).event_dim
        for part in reversed(parts):
            mine, its = getattr(part, own), getattr(part, other)
            needed = max(needed + mine.event_dim - its.event_dim, mine.event_dim)
        return constraints.independent(found, needed - found.event_dim) if needed > found.event_dim else found

    @property
    def domain(self) -> Any:  # type: ignore[override]
        return self._end(self.parts, "domain", "codomain")

    @property
    def codomain(self) -> Any:  # type: ignore[override]
        return self._end(self.parts[::-1], "codomain", "domain")

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return all(p.bijective for p in self.parts)

    @property
    def sign(self) -> Any:
        result: Any = 1
        for p in self.parts:
            result = result * p.sign
        return result

    @property
    def inv(self) -> Transform:
        found = None if self._inv is None else self._inv()
        if found is None:
            found = ComposeTransform([p.inv for p in reversed(self.parts)])
            self._inv, found._inv = weakref.ref(found), lambda: self
        return found

    def with_cache(self, cache_size: int = 1) -> Transform:
        return self if self._cache_size == cache_size else ComposeTransform(self.parts, cache_size)

    def __call__(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    def _inv_call(self, y: Tensor) -> Tensor:
        for part in reversed(self.parts):
            y = part._inv_call(y)
        return y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        if not self.parts:
            return x * 0
        values = [x]
        for part in self.parts[:-1]:
            values.append(part(values[-1]))
        values.append(y)
        total: Any = None
        event_dim = self.domain.event_dim
        for part, before, after in zip(self.parts, values, values[1:]):
            term = sum_rightmost(part.log_abs_det_jacobian(before, after), event_dim - part.domain.event_dim)
            total = term if total is None else total + term
            event_dim += part.codomain.event_dim - part.domain.event_dim
        return total

    def forward_shape(self, shape: Sequence[int]) -> Sequence[int]:
        for part in self.parts:
            shape = part.forward_shape(shape)
        return shape

    def inverse_shape(self, shape: Sequence[int]) -> Sequence[int]:
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return shape

    def __repr__(self) -> str:
        return "ComposeTransform(\n    " + ",\n    ".join(repr(p) for p in self.parts) + "\n)"


identity_transform = ComposeTransform([])


class IndependentTransform(Transform):
    """A transform whose last `reinterpreted_batch_ndims` dimensions are one event."""

    def __init__(self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.base_transform = base_transform.with_cache(cache_size)
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    @property
    def domain(self) -> Any:  # type: ignore[override]
        return constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @property
    def codomain(self) -> Any:  # type: ignore[override]
        return constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return self.base_transform.bijective

    @property
    def sign(self) -> Any:
        return self.base_transform.sign

    def _call(self, x: Tensor) -> Tensor:
        if x.dim() < self.domain.event_dim:
            raise ValueError("Too few dimensions on input")
        return self.base_transform(x)

    def _inverse(self, y: Tensor) -> Tensor:
        if y.dim() < self.codomain.event_dim:
            raise ValueError("Too few dimensions on input")
        return self.base_transform.inv(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return sum_rightmost(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)

    def forward_shape(self, shape: Sequence[int]) -> Sequence[int]:
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Sequence[int]:
        return self.base_transform.inverse_shape(shape)

    def __repr__(self) -> str:
        return f"IndependentTransform({self.base_transform!r}, {self.reinterpreted_batch_ndims})"


class _Parts(Transform):
    """A transform for each part of a dimension."""

    transforms: list[Transform]
    dim: int

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return all(t.bijective for t in self.transforms)


class CatTransform(_Parts):
    """Each transform on its length of dimension `dim`."""

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, lengths: Any = None, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.transforms, self.dim = [t.with_cache(cache_size) for t in tseq], dim
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise ValueError(f"{len(self.transforms)} transforms, but {len(self.lengths)} lengths")

    @property
    def domain(self) -> Any:  # type: ignore[override]
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @property
    def codomain(self) -> Any:  # type: ignore[override]
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)

    def _call(self, x: Tensor) -> Tensor:
        return concatenate([t(v) for t, v in zip(self.transforms, x.split(self.lengths, self.dim))], self.dim)

    def _inverse(self, y: Tensor) -> Tensor:
        return concatenate([t.inv(v) for t, v in zip(self.transforms, y.split(self.lengths, self.dim))], self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        pieces = zip(self.transforms, x.split(self.lengths, self.dim), y.split(self.lengths, self.dim))
        most = max(t.domain.event_dim for t in self.transforms)
        logs = [sum_rightmost(t.log_abs_det_jacobian(a, b), most - t.domain.event_dim) for t, a, b in pieces]
        dim = self.dim if self.dim < 0 else self.dim - x.dim()
        dim += most
        if dim < 0:
            return concatenate(logs, dim)
        total = logs[0]
        for log in logs[1:]:
            total = total + log
        return total


class StackTransform(_Parts):
    """Each transform on one index of dimension `dim`."""

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.transforms, self.dim = [t.with_cache(cache_size) for t in tseq], dim

    @property
    def domain(self) -> Any:  # type: ignore[override]
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @property
    def codomain(self) -> Any:  # type: ignore[override]
        return constraints.stack([t.codomain for t in self.transforms], self.dim)

    def _call(self, x: Tensor) -> Tensor:
        return stacked([t(v) for t, v in zip(self.transforms, x.unbind(self.dim))], self.dim)

    def _inverse(self, y: Tensor) -> Tensor:
        return stacked([t.inv(v) for t, v in zip(self.transforms, y.unbind(self.dim))], self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        pieces = zip(self.transforms, x.unbind(self.dim), y.unbind(self.dim))
        return stacked([t.log_abs_det_jacobian(a, b) for t, a, b in pieces], self.dim)
