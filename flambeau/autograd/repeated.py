"""Functions of tensors that build the same graph whenever their operands are of the same kinds: called twice, then built again.

The second call with operands of some kinds is made with placeholders, and what it builds is noted as a `Template`. Below the
tensor: of tensors this knows what they can do. May import `flambeau.graph`, `flambeau.storage`, `flambeau.dtypes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from flambeau.dtypes import default_dtype
from flambeau.graph.node import Node, next_serial
from flambeau.graph.primitives.leaf import placeholder
from flambeau.graph.template import Template, Unrepeatable
from flambeau.storage import RECORDERS, SeenStorage, pending

if TYPE_CHECKING:
    from flambeau.tensor import Tensor

__all__ = ["repeat"]

_KEPT = 256
"""How many kinds of operands are remembered for a function."""
_MET, _UNREPEATABLE = "met once", "unrepeatable"


def repeat(
    known: dict[Any, Any], key: list[Any], operands: Sequence[Tensor], call: Callable[[list[Tensor]], Sequence[Any]]
) -> list[Any] | None:
    """What `call(operands)` gives (tensors and None), where that is known; None where the caller must call it itself.

    `known` is the function's memory. `key` is what the result depends on besides the operands; where it has no hash nothing is
    repeated. No gradient may be recorded.
    """
    nodes = []
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
        built = known[whole] = _noted(operands, call)
    return built.again(operands, nodes) if built.__class__ is _Built else None


def _noted(operands: Sequence[Tensor], call: Callable[[list[Tensor]], Sequence[Any]]) -> _Built | str:
    """What a call with placeholders builds, or `_UNREPEATABLE`."""
    waiting, pending.storages = pending.storages, []
    try:
        stand_ins = [_stand_in(t) for t in operands]
        since = next_serial()
        return _Built(stand_ins, call(stand_ins), since)
    except (Unrepeatable, RuntimeError):  # a look at a value, or an error of the function itself: it will raise it again
        return _UNREPEATABLE
    finally:
        pending.storages = waiting


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

    __slots__ = ("_template", "_parts")

    def __init__(self, stand_ins: list[Any], results: Sequence[Any], since: int) -> None:
        nodes: list[Node] = []
        self._parts: list[tuple[int | None, Any] | None] = []
        """(which operand the memory is or is None for new memory, the view of it as (shape, strides, offset) or None)"""
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
                view = t._shape, t.stride(), t._offset
            self._parts.append((source, view))
        self._template = Template([t._value() for t in stand_ins], nodes, since)

    def again(self, operands: Sequence[Tensor], nodes: list[Node]) -> list[Any]:
        """The results for operands whose values are `nodes`."""
        built = self._template.build(nodes)
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
                t = t._alias(built[at], *view)
                at += 1
            results.append(t)
        return results
