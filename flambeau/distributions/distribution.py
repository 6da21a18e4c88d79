"""`Distribution`: a batch of distributions, each over events of one shape. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

from typing import Any

from flambeau.autograd.modes import no_grad
from flambeau.distributions import constraints
from flambeau.distributions.constraints import Constraint
from flambeau.distributions.utils import lazy_property
from flambeau.size import Size
from flambeau.storage import may_look
from flambeau.tensor import Tensor

__all__ = ["Distribution"]


class Distribution:
    """The base of all distributions.

    A subclass says `arg_constraints` (what each parameter may be), `support`, whether it `has_rsample` (samples with gradients to
    the parameters), and defines `rsample` or `sample`, `log_prob` and what else it has. Parameters whose last dimensions belong
    to one event say so by their constraint's `event_dim`. With `validate_args` (on by default) values outside of these raise
    ValueError; looking at them computes them, so nothing is checked while `flambeau.compile` records or inside `vmap`.
    """

    has_rsample = False
    has_enumerate_support = False
    arg_constraints: Any = {}
    """What each parameter must be; of the class, or of an instance whose base says."""
    _validate_args = __debug__

    def __init__(
        self, batch_shape: tuple[int, ...] = (), event_shape: tuple[int, ...] = (), validate_args: bool | None = None
    ) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args and may_look():
            self._check_parameters()

    def _check_parameters(self) -> None:
        checks = []
        for name, constraint in self.arg_constraints.items():
            if constraints.is_dependent(constraint) or (name not in self.__dict__ and isinstance(
                getattr(type(self), name, None), lazy_property
            )):  # fmt: skip
                continue
            value = getattr(self, name)
            if isinstance(value, Tensor):
                with no_grad():
                    checks.append((name, value, constraint, constraint.check(value).all()))
        _look_at([valid for *_, valid in checks])
        for name, value, constraint, valid in checks:
            if not bool(valid):
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution "
                    f"{self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n{value}"
                )

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions check their arguments unless told."""
        if value not in (True, False):
            raise ValueError
        Distribution._validate_args = value

    @property
    def batch_shape(self) -> Size:
        """The shape of the batch of distributions."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one sample of one distribution."""
        return self._event_shape

    @property
    def support(self) -> Constraint | None:
        """Where the samples are."""
        raise NotImplementedError

    @property
    def mean(self) -> Tensor:
        raise NotImplementedError

    @property
    def mode(self) -> Tensor:
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self) -> Tensor:
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        return self.variance.sqrt()

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same distributions repeated to a larger batch; parameters are expanded, not copied."""
        new = type(self).__new__(type(self)) if _instance is None else _instance
        shape = Size(batch_shape)
        for name, value in self._expandable().items():
            new.__dict__[name] = value.expand(shape) if isinstance(value, Distribution) else self._expanded(name, value, shape)
        Distribution.__init__(new, shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        """The instance that a subclass's own `expand` fills: `_instance`, or a new one; NotImplementedError where a class below
        `cls` has another `__init__`, and so should have its own `expand`.
        """
        if _instance is None and type(self).__init__ is not cls.__init__:  # type: ignore[misc]
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {cls.__name__} that defines a custom __init__ method "
                "must also define a custom .expand() method."
            )
        return type(self).__new__(type(self)) if _instance is None else _instance

    def _expandable(self) -> dict[str, Any]:
        """What the instance holds that goes with the batch."""
        return {k: v for k, v in self.__dict__.items() if k not in ("_batch_shape", "_event_shape", "_validate_args")}

    def _expanded(self, name: str, value: Any, shape: Size) -> Any:
        if not isinstance(value, Tensor):
            return value
        event = value.dim() - len(self._batch_shape)  # parameters begin with the batch's dimensions
        return value.expand(shape + tuple(value.shape[value.dim() - event :]))

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Samples of shape sample_shape + batch_shape + event_shape, without gradients."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Samples whose gradients reach the parameters."""
        raise NotImplementedError

    def sample_n(self, n: int) -> Tensor:
        """`sample((n,))`."""
        return self.sample(Size((n,)))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or of the probability, at `value`: one number for each event."""
        raise NotImplementedError

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of at most `value`."""
        raise NotImplementedError

    def icdf(self, value: Tensor) -> Tensor:
        """Where `cdf` is `value`."""
        raise NotImplementedError

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values that a discrete distribution may give, along a new first dimension."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        raise NotImplementedError

    def perplexity(self) -> Tensor:
        """exp(entropy)."""
        return self.entropy().exp()

    def _extended_shape(self, sample_shape: Any = ()) -> Size:
        return Size(tuple(sample_shape)) + self._batch_shape + self._event_shape

    def _validate_sample(self, value: Any) -> None:
        """Raises ValueError for a value that can't be a sample."""
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        start = value.dim() - len(self._event_shape)
        if tuple(value.shape[start:]) != tuple(self._event_shape):
            raise ValueError(f"The right-most size of value must match event_shape: {value.shape} vs {self._event_shape}.")
        for i, j in zip(reversed(value.shape), reversed(self._batch_shape + self._event_shape)):
            if i != 1 and j != 1 and i != j:
                raise ValueError(f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs "
                                 f"{self._batch_shape + self._event_shape}.")  # fmt: skip
        support = self.support
        if support is None or not may_look():
            return
        with no_grad():
            valid = support.check(value).all()
        if not bool(valid):
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the support "
                f"({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def __repr__(self) -> str:
        found = []
        for name in self.arg_constraints:
            value = self.__dict__.get(name)
            if isinstance(value, Tensor):
                found.append(f"{name}: {value if value.numel() == 1 and may_look() else value.size()}")
        return f"{type(self).__name__}({', '.join(found)})"


def _look_at(values: list[Tensor]) -> None:
    """Computes values that will be looked at one by one, at once."""
    from flambeau.storage import realize

    realize([v._value() for v in values])
