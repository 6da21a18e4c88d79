"""One differentiation at places of its own on the tape, so that calls nest and `.grad` is never touched.

What `flambeau.func` and `autograd.forward_ad` are made of. May import `flambeau.tensor`, `flambeau.ops`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flambeau.autograd.modes import state
from flambeau.autograd.tape import Edge, GradientFunction, next_sequence, reachable, run_backward
from flambeau.ops.creation import zeros_like
from flambeau.tensor import Tensor

__all__ = ["Level"]


class Level:
    """One differentiation: its places, and whether results depend on anything outside of it that wants gradients."""

    def __init__(self) -> None:
        self.outer = state.enabled
        self._sequence = next_sequence()

    def place(self, t: Tensor) -> Tensor:
        """The tensor, with a place on the tape of its own."""
        return t._with_tape(_Place((t._edge() if self.outer and t.requires_grad else (None, 0),)), 0)

    def reaches_outside(self, edges: Sequence[Edge]) -> bool:
        """Whether the tape of these leads on to what was there before."""
        if not self.outer:
            return False
        return any(self._is_outside(f) for f in reachable(edges))

    def _is_outside(self, function: GradientFunction) -> bool:
        return function.sequence <= self._sequence

    def gradients(
        self,
        outputs: Sequence[Tensor],
        weights: Sequence[Tensor],
        places: Sequence[Tensor],
        retain: bool = False,
        keep: bool = False,
    ) -> list[Tensor]:
        """The places' gradients, zeros where the outputs don't depend; taped if `keep`, or if the outside wants gradients."""
        chosen = [(o._edge(), w) for o, w in zip(outputs, weights) if o.requires_grad]
        roots = [edge for edge, _ in chosen]
        record = keep or self.reaches_outside([*roots, *(w._edge() for w in weights if w.requires_grad)])
        found = run_backward(roots, [w for _, w in chosen], [p._edge() for p in places], retain or record, record)
        results = []
        for p in places:
            function, output = p._edge()
            gradient = found.get((id(function), output))
            results.append(zeros_like(p.detach()) if gradient is None else gradient)
        return results

    def changes(self, outputs: Sequence[Tensor], places: Sequence[Tensor], tangents: Sequence[Tensor]) -> list[Tensor] | None:
        """How the outputs change as the places change along `tangents`: the gradient of a gradient by its weights.

        None where no output depends on the places.
        """
        weights = [self.place(zeros_like(o.detach())) for o in outputs]
        gradients = self.gradients(outputs, weights, places, keep=True)
        if not any(g.requires_grad for g in gradients):
            return None
        return self.gradients(gradients, tangents, weights)

    def outward(self, t: Any) -> Any:
        """A result, without the tape of this differentiation unless that leads on outside."""
        if not isinstance(t, Tensor) or not t.requires_grad or self.reaches_outside([t._edge()]):
            return t
        return t.detach()


class _Place(GradientFunction):
    """Where a function is differentiated: the identity."""

    __slots__ = ()

    def backward(self, gradients: list[Any]) -> Sequence[Any]:
        return gradients
