"""From pending nodes to a plan that is found again by structure, and running it.

May import `flambeau.schedule`, `flambeau.graph`, `flambeau.dtypes` and the `Backend` protocol.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import flambeau.graph.node as graph
from flambeau.dtypes import float32
from flambeau.graph.node import Node
from flambeau.graph.primitives.leaf import BUFFER, PLACEHOLDER, SCALAR, escaped, scalar_value
from flambeau.schedule.execution import execute
from flambeau.schedule.general import Structures, concrete
from flambeau.schedule.keeping import Plans
from flambeau.schedule.pieces import Novelty, pieces
from flambeau.schedule.plan import Plan
from flambeau.schedule.planning import build

if TYPE_CHECKING:
    from flambeau.devices.base import Backend

__all__ = ["prepare", "realize", "FILLED_IN", "PLANS"]

OFTEN = 64
"""After so many runs with the same sizes a plan whose products take their sizes as arguments is made for those sizes…"""
PATIENCE = 10**9
"""…or after so many multiplications in such runs, which take about as long as making code for one more product."""
PLANS = Plans(4096, 20_000)
FILLED_IN = Plans(2048)
"""General plans with some sizes filled in, whose steps are others', too. They are soon made again, and must not crowd out the
others, as a program would have them do whose sizes are others at each call."""
_structures = Structures()
_novelty = Novelty()
_uses = Plans.uses
_NONE: frozenset[int] = frozenset()
_lock = threading.Lock()


def _keep(structure: tuple[Any, ...], plan: Plan) -> None:
    with _lock:
        FILLED_IN.forget(structure)
        (PLANS if plan.general is None else FILLED_IN).keep(structure, plan)


def prepare(nodes: Sequence[Node], takes_sizes: bool = False) -> tuple[Plan, list[Node], list[Node]]:
    """The plan that computes `nodes` (distinct ones, none of which has its buffer), and the leaves that it reads.

    Returns (plan, nodes in memory, scalar nodes): the order of the nodes is that of `plan.inputs` and of `plan.scalars`.
    The plan is the same object for every graph of the same structure. `takes_sizes`: it may be a `general` one.
    """
    structure, _, scalars, order = _walked(nodes)
    plan = _found(structure, nodes, order, takes_sizes) or _made(structure, nodes, order)
    return plan, [node for node in order if node.buffer is not None], scalars


def _walked(nodes: Sequence[Node]) -> tuple[tuple[Any, ...], list[Any], list[Node], list[Node]]:
    """The key of a graph's plan, what the nodes in memory hold, the scalar nodes, and all nodes in the order in which they are
    met: the outputs, what those read, and so on.

    The key is what is met: of each node its signature and the places of what it reads; of one in memory its kind, as a negative
    number, since it doesn't count what computed it.
    """
    order = list(nodes)
    met = len(order)
    place = {order[0]: 0} if met == 1 else dict(zip(order, range(met)))
    find, meet = place.setdefault, order.append
    key: list[Any] = [met]
    note = key.append
    buffers: list[Any] = []
    scalars: list[Node] = []
    for node in order:  # grows while it is walked
        buffer = node.buffer
        if buffer is None:
            note(node.signature)
            operands = node.inputs
            if operands:
                for i in operands:
                    at = find(i, met)
                    note(at)
                    if at == met:
                        meet(i)
                        met += 1
            elif node.primitive is SCALAR:
                scalars.append(node)
            elif node.primitive is PLACEHOLDER:
                raise escaped()
        else:
            buffers.append(buffer)
            note(-node.kind)
    if graph.naming is not None:  # a plan of its own, whose steps say where they come from
        note(tuple([n.origin for n in order]))
    return tuple(key), buffers, scalars, order


def _found(structure: tuple[Any, ...], nodes: Sequence[Node], order: Sequence[Node], takes_sizes: bool) -> Plan | None:
    """The plan that was made for a structure, or one for other sizes that serves these, too; None where there is none."""
    plan = PLANS.get(structure) or FILLED_IN.get(structure)
    if plan is None:
        with _lock:
            plan = _structures.plan(nodes, order, takes_sizes)
        if plan is not None:
            if not takes_sizes:
                plan = concrete(plan)
            _keep(structure, plan)
        return plan
    plan.used = next(_uses)
    if plan.general is not None and plan.general.is_slower:
        plan.runs += 1
        if not takes_sizes or plan.runs > OFTEN or plan.runs * plan.multiplications > PATIENCE:
            plan = _made(structure, nodes, order)
    return plan


def _made(structure: tuple[Any, ...], nodes: Sequence[Node], order: Sequence[Node]) -> Plan:
    plan = build(nodes, order)
    _keep(structure, plan)
    return plan


def realize(backend: Backend, nodes: Sequence[Node], is_piece: bool = False) -> None:
    """Computes the nodes on `backend` and gives each its buffer. `is_piece`: see `pieces`.

    An input that only the graph itself still knows (the old value of a parameter that was updated in place, say) is
    donated: its memory becomes the new value's.
    """
    for node in nodes:
        if node.buffer is not None:  # computed by another thread meanwhile
            nodes = [n for n in nodes if n.buffer is None]
            if not nodes:
                return
            break
    structure, buffers, scalars, order = _walked(nodes)
    plan = PLANS.get(structure)
    if plan is not None:
        plan.used = next(_uses)
    else:
        plan = _found(structure, nodes, order, backend.takes_sizes)
    if plan is None:
        if not (is_piece or _novelty.is_planned(structure, order)):
            found = pieces(nodes, order)
            if len(found) > len(nodes):
                del buffers, scalars, order  # so that memory may be donated
                _realize_in_turn(backend, found)
                return
        plan = _made(structure, nodes, order)
    numbers = [scalar_value(n) for n in scalars] if scalars else ()
    donated = _unknown_outside(plan, order) if plan.donations else _NONE
    if not donated:
        for node, buffer in zip(nodes, backend.execute(plan, buffers, numbers, donated)):
            node.buffer, node.inputs = buffer, ()
        return

    def publish(buffers: Sequence[Any]) -> None:
        for node, buffer in zip(nodes, buffers):
            if buffer is not None:
                node.realize(buffer)

    del buffers
    execute(backend, plan, [n for n in order if n.buffer is not None], numbers, donated, publish)


def _realize_in_turn(backend: Backend, nodes: list[Node]) -> None:
    """Computes nodes one after another; the list is empty then."""
    nodes.reverse()
    while nodes:
        realize(backend, [nodes.pop()], True)


def _unknown_outside(plan: Plan, order: list[Node]) -> frozenset[int]:
    """Positions of the inputs that nothing refers to but the nodes in `order` (and our caller's lists: nodes, and buffers)."""
    found = []
    count = sys.getrefcount
    for position, known in plan.donations:
        leaf, references = known[0]
        if count(order[leaf]) != references + _LISTED or count(order[leaf].buffer) != _ALONE + 1:
            continue
        if all(count(order[i]) == n + _LISTED for i, n in known[1:]):
            found.append(position)
    return frozenset(found)


def _calibrate() -> tuple[int, int]:
    """What `sys.getrefcount` says of an object that is in one list only, and in one attribute only."""
    order = [Node(BUFFER, (), (), (), float32, "")]
    order[0].buffer = bytearray()
    return sys.getrefcount(order[0]), sys.getrefcount(order[0].buffer)


_LISTED, _ALONE = _calibrate()
