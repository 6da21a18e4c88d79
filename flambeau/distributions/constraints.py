"""What parameters and samples may be (`torch.distributions.constraints`). May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flambeau.tensor import Tensor

__all__ = [
    "Constraint", "boolean", "cat", "corr_cholesky", "dependent", "dependent_property", "greater_than", "greater_than_eq",
    "half_open_interval", "independent", "integer_interval", "interval", "is_dependent", "less_than", "lower_cholesky",
    "lower_triangular", "multinomial", "nonnegative", "nonnegative_integer", "one_hot", "positive", "positive_definite",
    "positive_integer", "positive_semidefinite", "real", "real_vector", "simplex", "square", "stack", "symmetric",
    "unit_interval",
]  # fmt: skip


class Constraint:
    """A region of values. `check(value)` gives a bool for each, or for each event where the region is one of events.

    Attributes:
        is_discrete: whether the region is of separate values.
        event_dim: how many dimensions, the last ones, one value has.
    """

    is_discrete = False
    event_dim = 0

    def check(self, value: Tensor) -> Tensor:
        raise NotImplementedError

    def __repr__(self) -> str:
        return self._title() + "()"

    def _title(self) -> str:
        """The class's name as PyTorch shows it: GreaterThan of greater_than."""
        return "".join(part[:1].upper() + part[1:] for part in type(self).__name__.split("_"))


class _Condition(Constraint):
    """A region given by a function of the value."""

    def __init__(self, name: str, check: Callable[[Tensor], Tensor], event_dim: int = 0, is_discrete: bool = False) -> None:
        self._name, self.event_dim, self.is_discrete = name, event_dim, is_discrete
        self.check = check  # type: ignore[method-assign, assignment]

    def __repr__(self) -> str:
        return self._name


class _Bounds(Constraint):
    """Values between bounds, which may be tensors; None for no bound."""

    def __init__(
        self, lower_bound: Any = None, upper_bound: Any = None, open_below: bool = False, open_above: bool = False
    ) -> None:
        self.lower_bound, self.upper_bound = lower_bound, upper_bound
        self._open_below, self._open_above = open_below, open_above

    def check(self, value: Tensor) -> Tensor:
        below = above = None
        if self.lower_bound is not None:
            below = value > self.lower_bound if self._open_below else value >= self.lower_bound
        if self.upper_bound is not None:
            above = value < self.upper_bound if self._open_above else value <= self.upper_bound
        found = above if below is None else below if above is None else below & above
        assert found is not None
        return found

    def __repr__(self) -> str:
        named = (("lower_bound", self.lower_bound), ("upper_bound", self.upper_bound))
        return f"{self._title()}({', '.join(f'{name}={value}' for name, value in named if value is not None)})"


class interval(_Bounds):
    """[lower, upper]."""

    def __init__(self, lower_bound: Any, upper_bound: Any) -> None:
        super().__init__(lower_bound, upper_bound)


class half_open_interval(_Bounds):
    """[lower, upper)."""

    def __init__(self, lower_bound: Any, upper_bound: Any) -> None:
        super().__init__(lower_bound, upper_bound, open_above=True)


class greater_than(_Bounds):
    """(lower, ∞)."""

    def __init__(self, lower_bound: Any) -> None:
        super().__init__(lower_bound, open_below=True)


class greater_than_eq(_Bounds):
    """[lower, ∞)."""

    def __init__(self, lower_bound: Any) -> None:
        super().__init__(lower_bound)


class less_than(_Bounds):
    """(-∞, upper)."""

    def __init__(self, upper_bound: Any) -> None:
        super().__init__(upper_bound=upper_bound, open_above=True)


class integer_interval(_Bounds):
    """The integers in [lower, upper]; None for no bound."""

    is_discrete = True

    def _title(self) -> str:
        open_to = "LessThan" if self.lower_bound is None else "GreaterThan" if self.upper_bound is None else "Interval"
        return f"Integer{open_to}"

    def check(self, value: Tensor) -> Tensor:
        return (value % 1 == 0) & super().check(value)


class independent(Constraint):
    """A constraint of elements that must hold for all of an event's `reinterpreted_batch_ndims` more dimensions."""

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int) -> None:
        self.base_constraint, self.reinterpreted_batch_ndims = base_constraint, reinterpreted_batch_ndims
        self.is_discrete = base_constraint.is_discrete
        self.event_dim = base_constraint.event_dim + reinterpreted_batch_ndims

    def check(self, value: Tensor) -> Tensor:
        found = self.base_constraint.check(value)
        if found.dim() < self.reinterpreted_batch_ndims:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.dim()}")
        return found.reshape(*found.shape[: found.dim() - self.reinterpreted_batch_ndims], -1).all(-1)

    def __repr__(self) -> str:
        return f"IndependentConstraint({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class _Parts(Constraint):
    """Constraints for parts of the value along one dimension."""

    def __init__(self, cseq: Any, dim: int = 0, lengths: Any = None) -> None:
        self.cseq, self.dim = list(cseq), dim
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        self.is_discrete = any(c.is_discrete for c in self.cseq)
        self.event_dim = max(c.event_dim for c in self.cseq)


class cat(_Parts):
    """Each constraint for its length of dimension `dim`."""

    def check(self, value: Tensor) -> Tensor:
        from flambeau.ops.joining import cat as concatenate

        return concatenate([c.check(v) for c, v in zip(self.cseq, value.split(self.lengths, self.dim))], self.dim)


class stack(_Parts):
    """Each constraint for one index of dimension `dim`."""

    def check(self, value: Tensor) -> Tensor:
        from flambeau.ops.joining import stack as stacked

        return stacked([c.check(v) for c, v in zip(self.cseq, value.unbind(self.dim))], self.dim)


class multinomial(Constraint):
    """Counts that add up to at most `upper_bound`."""

    is_discrete = True
    event_dim = 1

    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound

    def check(self, x: Tensor) -> Tensor:
        return (x >= 0).all(-1) & (x.sum(-1) <= self.upper_bound)


class _Dependent(Constraint):
    """A region that depends on the parameters: it can't be checked without an instance."""

    def __init__(self, *, is_discrete: bool = False, event_dim: int = 0) -> None:
        self.is_discrete, self.event_dim = is_discrete, event_dim

    def __call__(self, *, is_discrete: bool = False, event_dim: int = 0) -> _Dependent:
        return _Dependent(is_discrete=is_discrete, event_dim=event_dim)

    def check(self, x: Tensor) -> Tensor:
        raise ValueError("Cannot determine validity of dependent constraint")


class dependent_property(property, _Dependent):
    """A property that gives a constraint: `@constraints.dependent_property(is_discrete=False, event_dim=0)`."""

    def __init__(self, fn: Any = None, *, is_discrete: bool = False, event_dim: int = 0) -> None:
        super().__init__(fn)
        self.is_discrete, self.event_dim = is_discrete, event_dim

    def __call__(self, fn: Any) -> dependent_property:  # type: ignore[override]
        return dependent_property(fn, is_discrete=self.is_discrete, event_dim=self.event_dim)


def is_dependent(constraint: Any) -> bool:
    """Whether a constraint depends on parameters."""
    return isinstance(constraint, _Dependent)


def _all_matrix(found: Tensor) -> Tensor:
    return found.all(-1).all(-1)


def _lower_triangular(x: Tensor) -> Tensor:
    return _all_matrix(x.tril() == x)


def _lower_cholesky(x: Tensor) -> Tensor:
    return _lower_triangular(x) & (x.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


def _square(x: Tensor) -> Tensor:
    same = x.shape[-2] == x.shape[-1]
    return x.new_ones(x.shape[:-2], dtype=_bool()) if same else x.new_zeros(x.shape[:-2], dtype=_bool())


def _bool() -> Any:
    from flambeau.dtypes import bool_

    return bool_


def _symmetric(x: Tensor) -> Tensor:
    return _all_matrix((x - x.mT).abs() <= 1e-6 + 1e-5 * x.mT.abs())


def _positive_definite(x: Tensor) -> Tensor:
    from flambeau.ops.linalg.cholesky import cholesky_ex

    return _symmetric(x) & (cholesky_ex(x)[1] == 0)


def _positive_semidefinite(x: Tensor) -> Tensor:
    from flambeau.ops.linalg.decompositions import eigvalsh

    return _symmetric(x) & (eigvalsh(x) >= -1e-6).all(-1)


def _corr_cholesky(x: Tensor) -> Tensor:
    tolerance = 10 * x.size(-1) * {4: 1.2e-7, 8: 2.2e-16}.get(x.element_size(), 1e-3)
    unit = ((x * x).sum(-1) - 1).abs() <= tolerance
    return _lower_cholesky(x) & unit.all(-1)


dependent = _Dependent()
boolean = _Condition("Boolean()", lambda x: (x == 0) | (x == 1), is_discrete=True)
one_hot = _Condition("OneHot()", lambda x: ((x == 0) | (x == 1)).all(-1) & (x.sum(-1) == 1), event_dim=1, is_discrete=True)
nonnegative_integer = integer_interval(0)
positive_integer = integer_interval(1)
real = _Condition("Real()", lambda x: x == x)
positive = greater_than(0.0)
nonnegative = greater_than_eq(0.0)
unit_interval = interval(0.0, 1.0)
simplex = _Condition("Simplex()", lambda x: (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < 1e-6), event_dim=1)
lower_triangular = _Condition("LowerTriangular()", _lower_triangular, event_dim=2)
lower_cholesky = _Condition("LowerCholesky()", _lower_cholesky, event_dim=2)
corr_cholesky = _Condition("CorrCholesky()", _corr_cholesky, event_dim=2)
square = _Condition("Square()", _square, event_dim=2)
symmetric = _Condition("Symmetric()", _symmetric, event_dim=2)
positive_semidefinite = _Condition("PositiveSemidefinite()", _positive_semidefinite, event_dim=2)
positive_definite = _Condition("PositiveDefinite()", _positive_definite, event_dim=2)
real_vector = independent(real, 1)
