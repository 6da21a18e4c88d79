"""Functions of tensors that build the same graph whenever their operands are of the same kinds: called twice, then built again.

The second call with operands of some kinds is made with placeholders, and what it builds is noted as a `Template`. Where
gradients are recorded, the tape of that call is kept, too, and the results of later calls get one tape entry, `RepeatedGradient`:
its backward is what that tape gives for placeholders, noted in the same way. So derivatives of any order are built again, not
derived again. Below the tensor: of tensors this knows what they can do. May import `flambeau.autograd.tape` and `modes`,
`flambeau.graph`, `flambeau.storage`, `flambeau.dtypes`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from flambeau.autograd.modes import state
from flambeau.autograd.tape import (
    AccumulateGrad,
    Edge,
    GradientFunction,
    SavedTensor,
    anomaly,
    freed_error,
    reachable,
    run_backward,
    saved_hooks,
)
from flambeau.dtypes import default_dtype
from flambeau.graph.node import Node, next_serial
from flambeau.graph.primitives.leaf import placeholder
from flambeau.graph.template import Template, Unrepeatable
from flambeau.seen_storage import SeenStorage
from flambeau.storage import RECORDERS, pending

if TYPE_CHECKING:
    from flambeau.tensor import Tensor

__all__ = ["NO_EDGE", "RepeatedGradient", "Trail", "recalled", "repeat"]

NO_EDGE: Edge = (None, 0)
Trail = Sequence[tuple[Edge, SavedTensor | None]]
"""For each operand where its gradient goes, and what keeps it for a backward; None where it isn't kept yet."""

_KEPT = 256
"""How many kinds of operands are remembered for a function."""
_MET, _UNREPEATABLE, _TAPED = "met once", "unrepeatable", "taped"


_T = TypeVar("_T")


class _Noting(threading.local):
    """Whether this thread notes what a tape gives: rules are called in full then."""

    now = False


_noting = _Noting()


def repeat(
    known: dict[Any, Any],
    key: list[Any],
    operands: Sequence[Tensor],
    call: Callable[[list[Tensor]], Sequence[Any]],
    trail: Trail | None = None,
) -> list[Any] | None:
    """What `call(operands)` gives (tensors and None), where that is known; None where the caller must call it itself.

    `known` is the function's memory. `key` is what the result depends on besides the operands; where it has no hash nothing is
    repeated. Gradients are recorded where there is a `trail`; else they may not be enabled.
    """
    if trail is not None:
        if _noting.now or anomaly.enabled or saved_hooks.stack:
            return None
        key.append(_TAPED)
    found = _found(known, key, operands, call, trail is not None)
    if found is None:
        return None
    built, nodes = found
    return built.again(operands, nodes) if trail is None else built.taped(operands, nodes, trail)


def recalled(known: dict[Any, Any], key: list[Any], operands: Sequence[Tensor], call: Callable[[list[Tensor]], Any]) -> Any:
    """What `call(operands)` gives, a tensor or a tuple of tensors of some class, where that is known; else None. As `repeat` of a
    function whose operands require no gradient, or in `no_grad`."""
    if _noting.now:
        return None
    found = _found(known, key, operands, call, False)
    if found is None:
        return None
    built, nodes = found
    kind = built.kind
    if kind is None:
        if built.is_new:
            return operands[0]._of(built.build(nodes)[0])
        return built.again(operands, nodes)[0]
    results = built.again(operands, nodes)
    return kind(results) if kind is tuple or kind is list else kind(*results)


def _found(
    known: dict[Any, Any],
    key: list[Any],
    operands: Sequence[Tensor],
    call: Callable[[list[Tensor]], Any],
    is_taped: bool,
) -> tuple[Any, list[Node | None]] | None:
    """What was built for such operands before, and their values."""
    nodes: list[Node | None] = []
    key.append(default_dtype())
    for t in operands:
        node = t._storage.node
        if t._strides is not None or node.shape != t._shape or RECORDERS:
            node = t._value()
        if node.dtype.category == 3:  # whether memory is seen conjugated, say, is no part of a kind
            return None
        nodes.append(node)
        key.append(node.kind if t._strides is None else (node.kind, t._strides, t._offset, t._storage.size))
    whole = tuple(key)
    try:
        built = known.get(whole)
    except TypeError:  # something in the key has no hash
        return None
    if built is None:
        if len(known) >= _KEPT:
            known.clear()
        known[whole] = _MET  # what is met once may never come again
        return None
    if built is _MET and not RECORDERS and not pending.examples:
        built = known[whole] = _noted(operands, call, is_taped)
    return None if built.__class__ is str else (built, nodes)


def _noted(operands: Sequence[Tensor], call: Callable[[list[Tensor]], Any], is_taped: bool) -> _Built | str:
    """What a call with placeholders builds, or `_UNREPEATABLE`."""

    def build() -> _Built:
        stand_ins = [_stand_in(t) for t in operands]
        since = next_serial()
        if not is_taped:
            return _Built(stand_ins, call(stand_ins), since)
        for t in stand_ins:
            t._requires_grad = t._storage.dtype.category == 2
        return _Derivable(stand_ins, call(stand_ins), since)

    try:
        return _aside(build, state.enabled)
    except (Unrepeatable, RuntimeError):  # a look at a value, or an error of the function itself: it will raise it again
        return _UNREPEATABLE


def _aside(build: Callable[[], _T], is_recorded: bool) -> _T:
    """What `build` gives: what it builds is only noted, and nothing of it waits to be computed."""
    before = _noting.now, pending.storages, state.enabled
    _noting.now, pending.storages, state.enabled = True, [], is_recorded
    try:
        return build()
    finally:
        _noting.now, pending.storages, state.enabled = before


def _stand_in(t: Tensor) -> Tensor:
    """A tensor over placeholders with the shape and strides of `t`."""
    like = t._storage.node
    whole = t._of(placeholder(t._shape if t._strides is None else (t._storage.size,), like))
    if t._strides is None:
        return whole
    view = whole._alias(placeholder(t._shape, like), t._shape, t._strides, t._offset)
    view._base = None
    return view


class _Built:
    """What a function built for stand-ins: None, an operand itself, or a view of an operand or of new memory, for each result."""

    __slots__ = ("_template", "_parts", "build", "is_new", "kind")

    def __init__(self, stand_ins: list[Any], results: Any, since: int) -> None:
        self.kind: Any = results.__class__
        """The results' class; None where the result is one tensor."""
        if not isinstance(results, (tuple, list)):
            self.kind, results = None, (results,)
        if any(t._storage.version for t in stand_ins):  # it writes
            raise Unrepeatable
        nodes: list[Node] = []
        self._parts: list[tuple[int | None, Any] | None] = []
        """(which operand the memory is or is None for new memory; the view of it as (shape, strides, offset, whether autograd
        sees one) or None)"""
        places = {id(t._storage): i for i, t in enumerate(stand_ins)}
        for t in results:
            if t is None:
                self._parts.append(None)
                continue
            if not hasattr(t, "_storage"):
                raise Unrepeatable
            source = places.get(id(t._storage))
            if source is not None and source >= 0 and t is stand_ins[source]:
                self._parts.append((source, None))
                continue
            if source is None:
                if isinstance(t._storage, SeenStorage):
                    raise Unrepeatable
                nodes.append(t._storage.node)
                places[id(t._storage)] = -1
            elif source < 0:  # two results of one memory
                raise Unrepeatable
            view = None
            if source is not None or t._strides is not None or t._storage.node.shape != t._shape:
                nodes.append(t._value())
                view = t._shape, t.stride(), t._offset, t._base is not None
            self._parts.append((source, view))
        self._template = Template([t._value() for t in stand_ins], nodes, since)
        self.build = self._template.build
        self.is_new = self._parts == [(None, None)]
        """Whether the result is one tensor that is all of new memory."""

    def again(self, operands: Sequence[Any], nodes: Sequence[Node | None]) -> list[Any]:
        """The results for operands whose values are `nodes`; the first operand is a tensor."""
        built = self.build(nodes)
        at = 0
        results: list[Any] = []
        for part in self._parts:
            if part is None:
                results.append(None)
                continue
            source, view = part
            if source is None:
                t = operands[0]._of(built[at])
                at += 1
            else:
                t = operands[source]
            if view is not None:
                *place, is_view = view
                t = t._alias(built[at], *place)
                if not is_view:
                    t._base = t._origin = None
                at += 1
            results.append(t)
        return results


class _Derivable(_Built):
    """A function's results together with their tape, which leads to stand-ins that require a gradient."""

    __slots__ = ("_stand_ins", "_since", "_outputs", "_handed_on", "_derivatives", "_reads")

    def __init__(self, stand_ins: list[Any], results: Sequence[Any], since: int) -> None:
        super().__init__(stand_ins, results, since)
        self._stand_ins, self._since = stand_ins, since
        self._outputs: list[tuple[int, Any, frozenset[int]]] = []
        """The results that have a tape entry of their own: which, as noted, and the operands whose gradients it leads to."""
        place = {id(t): i for i, t in enumerate(stand_ins)}
        for i, (t, part) in enumerate(zip(results, self._parts)):
            if part is not None and t.requires_grad and (part[0] is None or part[1] is not None):
                functions = reachable([t._edge()])
                ends = [f.variable for f in functions if isinstance(f, AccumulateGrad)]
                self._outputs.append((i, t, frozenset([place[id(end)] for end in ends if id(end) in place])))
        self._handed_on = [(i, part[0]) for i, part in enumerate(self._parts) if part is not None and part[1] is None and part[0]]
        """The results that are an operand itself, but the first: which, and the operand."""
        self._derivatives: dict[Any, _Derivable] = {}
        self._reads: dict[tuple[bool, ...], frozenset[int]] = {}

    @property
    def title(self) -> str:
        """What the first output's own tape entry shows."""
        function = self._outputs[0][1]._history()
        return function.name()

    def taped(self, operands: Sequence[Any], nodes: Sequence[Node | None], trail: Trail) -> list[Any]:
        """The results on the tape."""
        results = self.again(operands, nodes)
        for i, operand in self._handed_on:
            edge, saved = trail[operand]
            if saved is not None:
                results[i] = saved.restore(_made_by(edge))
        needed = tuple([edge[0] is not None for edge, _ in trail])
        if True in needed:
            entry = None
            for output, (i, _, depends) in enumerate(self._outputs):
                if any(map(needed.__getitem__, depends)):
                    if entry is None:
                        entry = RepeatedGradient(self, operands, needed, trail, len(self._outputs))
                    t = results[i]
                    t._requires_grad, t._grad_fn, t._output_index = True, entry, output
        return results

    def reads(self, needed: tuple[bool, ...]) -> frozenset[int]:
        """The operands that the gradients for the `needed` operands depend on."""
        found = self._reads.get(needed)
        if found is None:
            gradients = [t._of(placeholder(t._shape, t._value())) for _, t, _ in self._outputs]
            derivative = self.derivative(gradients, needed)
            read, count = set(derivative._template.reads), len(gradients)
            read.update([part[0] for part in derivative._parts if part is not None and part[0] is not None])
            found = self._reads[needed] = frozenset([i - count for i in read if i >= count])
        return found

    def derivative(self, gradients: Sequence[Any], needed: tuple[bool, ...]) -> _Derivable:
        """The function that gives the gradients of the `needed` operands, of the gradients of the outputs that are there (others
        are None) and then the operands."""
        present = tuple([g if g is None else (g._storage.node.dtype, g._strides, g._offset, g._storage.size) for g in gradients])
        found = self._derivatives.get((present, needed))
        if found is None:
            if len(self._derivatives) >= _KEPT:
                self._derivatives.clear()
            found = self._derivatives[present, needed] = _aside(lambda: self._derived(gradients, needed), True)
        return found

    def _derived(self, gradients: Sequence[Any], needed: tuple[bool, ...]) -> _Derivable:
        ends = [t._edge() for t, is_needed in zip(self._stand_ins, needed) if is_needed]
        roots, seeds = [], []
        for (_, t, _), g in zip(self._outputs, gradients):
            if g is not None:
                seed = _stand_in(g)
                seed._requires_grad = True
                seeds.append(seed)
                roots.append(t._edge())
        collected = run_backward(roots, seeds, ends, True, True)
        results = [collected.get((id(function), output)) for function, output in ends]
        return _Derivable([*seeds, *self._stand_ins], results, self._since)


def _made_by(edge: Edge) -> GradientFunction | None:
    """The function that made the tensor whose gradient goes there; None for a leaf."""
    return None if isinstance(edge[0], AccumulateGrad) else edge[0]


@lru_cache(None)
def _entry_class(name: str) -> type[RepeatedGradient]:
    return type(name, (RepeatedGradient,), {"__slots__": ()})


class RepeatedGradient(GradientFunction):
    """The tape entry of a function's results that were built again: its backward is built again, too."""

    __slots__ = ("built", "needed", "saved")

    def __init__(self, built: _Derivable, operands: Sequence[Any], needed: tuple[bool, ...], trail: Trail, outputs: int) -> None:
        super().__init__(tuple([edge for edge, _ in trail]), outputs)
        self.built, self.needed = built, needed
        read = built.reads(needed)
        self.saved: list[SavedTensor | None] | None = [
            None if i not in read else SavedTensor(t, False) if saved is None else saved
            for i, (t, (_, saved)) in enumerate(zip(operands, trail))
        ]

    def backward(self, gradients: list[Any]) -> Sequence[Any]:
        if self.saved is None:
            raise freed_error()
        operands = [g for g in gradients if g is not None]
        nodes: list[Node | None] = [g._value() for g in operands]
        trail: list[tuple[Edge, SavedTensor | None]] = [(g._edge() if g.requires_grad else NO_EDGE, None) for g in operands]
        for edge, s in zip(self.edges, self.saved):
            t = None if s is None else (s.checked if s.unpack is None else s.restore)(_made_by(edge))
            operands.append(t)
            nodes.append(None if t is None else t._value())
            trail.append((edge, s))
        derivative = self.built.derivative(gradients, self.needed)
        found = iter(derivative.taped(operands, nodes, trail) if state.enabled else derivative.again(operands, nodes))
        return [next(found) if is_needed else None for is_needed in self.needed]

    def shown(self) -> GradientFunction:
        if self.__class__ is RepeatedGradient:
            self.show_as(self.built.title)
        return self

    def show_as(self, title: str) -> None:
        """From now on the entry shows this name."""
        self.__class__ = _entry_class(title)

    def saved_values(self) -> list[Any]:
        return [s.tensor for s in self.saved or () if s is not None and s.unpack is None]

    def release(self) -> None:
        if self.saved is not None and any(s is not None for s in self.saved):
            self.saved = None
