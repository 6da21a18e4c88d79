"""Running a plan that may overwrite inputs, such that every value stays the old one, becomes the new one, or is known to be lost.

While the plan runs, the leaves whose memory it may take over hold `LOST`. They get their memory back when the plan fails before
it touches that; otherwise the results are handed out, those that were finished also when the run is interrupted. Imports nothing
of flambeau but, for types, the graph's nodes and the `Backend` protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flambeau.devices.base import Backend
    from flambeau.graph.node import Node
    from flambeau.schedule.plan import Plan

__all__ = ["LOST", "Interrupted", "execute"]


class _Lost:
    """Stands where the memory of a value was: every use of it raises RuntimeError."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__array_interface__":  # what inspection asks of any object
            raise AttributeError(name)
        raise RuntimeError(
            "this value can't be computed any more: a computation that overwrote what it depends on was interrupted half-way"
        )

    @property
    def __array_interface__(self) -> Any:
        return self.address


LOST = _Lost()


class Interrupted(BaseException):
    """Raised by `Backend.execute` for a run that ended early, or that an exception reached, after it began to overwrite inputs.

    Attributes:
        cause: what is to be raised once the results are handed out.
        outputs: the plan's outputs, None for those that were not finished.
        overwritten: positions of the donated inputs that don't hold their old value any more.
    """

    def __init__(self, cause: BaseException, outputs: Sequence[Any], overwritten: frozenset[int]) -> None:
        self.cause, self.outputs, self.overwritten = cause, outputs, overwritten


def execute(
    backend: Backend,
    plan: Plan,
    leaves: Sequence[Node],
    scalars: Sequence[Any],
    donated: frozenset[int],
    publish: Callable[[Sequence[Any]], None],
) -> None:
    """Runs a plan on what `leaves` hold, and calls `publish` with the outputs' buffers.

    `donated` are positions in `leaves` whose memory may be overwritten: nobody else knows it. When the run is interrupted after
    some outputs were finished in such memory, `publish` gets those, and None for the others, before the exception goes on.
    """
    buffers = [leaf.buffer for leaf in leaves]
    if not donated:
        publish(backend.execute(plan, buffers, scalars, donated))
        return
    for i in donated:
        leaves[i].buffer = LOST
    try:
        outputs: Sequence[Any] = backend.execute(plan, buffers, scalars, donated)
    except Interrupted as stop:
        for i in donated - stop.overwritten:
            leaves[i].buffer = buffers[i]
        publish(stop.outputs)
        raise stop.cause from None
    except BaseException:
        for i in donated:
            leaves[i].buffer = buffers[i]
        raise
    publish(outputs)
