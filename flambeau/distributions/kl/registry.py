"""Which formula gives the divergence of which pair of classes. May import `flambeau.distributions.distribution`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flambeau.distributions.distribution import Distribution
from flambeau.tensor import Tensor

__all__ = ["register_kl", "kl_divergence", "unknown_pair"]

_FORMULAS: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Any], Any]:
    """A decorator: the function gives the divergence of a `type_q` from a `type_p`, and of their subclasses.

    Any class is taken, as PyTorch takes it: a library's distributions may have a base class of their own. TypeError for others.
    """
    for name, kind in (("type_p", type_p), ("type_q", type_q)):
        if not isinstance(kind, type):
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {kind}")

    def register(function: Any) -> Any:
        _FORMULAS[type_p, type_q] = function
        return function

    return register


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """∫ p(x) log(p(x) / q(x)) dx, one number for each distribution of the batch.

    Raises NotImplementedError for a pair of which no formula is known.
    """
    for a in type(p).__mro__:  # the nearest class of p first, then of q
        for b in type(q).__mro__:
            formula = _FORMULAS.get((a, b))
            if formula is not None:
                return formula(p, q)
    raise unknown_pair(p, q)


def unknown_pair(p: Distribution, q: Distribution) -> NotImplementedError:
    """The error for a pair of which no formula is known."""
    return NotImplementedError(f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}")
