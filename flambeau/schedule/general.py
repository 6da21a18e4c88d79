"""Plans for graphs that differ from earlier ones in sizes alone: made once with traced numbers, then only filled in.

`Structures` knows graphs by their structure with the sizes taken out. When one comes with other sizes than before, the graph is
planned with a variable for each size that has changed (`flambeau.traced`); what comes of that is a `General` plan, which serves
every further graph of the structure whose sizes its notes hold for, with no planning. Where they don't hold, as when a
size has passed a power of two, another is made. May import `flambeau.kernels`, `flambeau.graph` and its neighbours.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import flambeau.graph.node as graph
from flambeau.graph.node import Node
from flambeau.graph.primitives.leaf import CONSTANT
from flambeau.kernels.ir import ContractionKernel
from flambeau.kernels.replaced import is_traced, replaced
from flambeau.schedule.plan import Plan
from flambeau.schedule.planning import build
from flambeau.traced import LEAST, Trace

__all__ = ["General", "Structures", "concrete"]

_MOST_STRUCTURES = 2048
_MOST_GENERAL = 16
"""General plans of a structure that are kept."""
_MOST_IDLE = 4
"""After so many that served no other sizes than those they were made for, a structure's graphs are planned one by one."""
_SIZE = object()
"""Stands for a size where a structure is written."""


class General:
    """A plan over traced numbers, `plan`, good for other sizes while the notes hold."""

    def __init__(
        self,
        nodes: Sequence[Node],
        order: Sequence[Node],
        sizes: Sequence[int],
        classes: Sequence[int],
        varied: set[int],
        traces: dict[tuple[int, ...], Trace],
    ):
        """`traces`: those of the structure's other plans, by the places of their variables."""
        first: dict[int, int] = {}
        for place, c in enumerate(classes):
            first.setdefault(c, place)
        self.places = [first[c] for c in first if c in varied]
        """Where each variable is among a graph's sizes."""
        values = [sizes[p] for p in self.places]
        self.trace = trace = traces.setdefault(tuple(self.places), Trace(values))
        own = {classes[p]: x for p, x in zip(self.places, trace.variables, strict=True)}
        self.pattern = [self.places.index(first[c]) if c in own else len(self.places) + p for p, c in enumerate(classes)]
        self.constants = list(sizes)
        copies = _with_sizes(order, iter([own.get(c, n) for n, c in zip(sizes, classes)]))
        with trace.lock:
            trace.begin(values)
            self.plan = build(copies[: len(nodes)], copies)
            notes = trace.notes
            kernels = [s.kernel for s in self.plan.steps if isinstance(s.kernel, ContractionKernel) and is_traced(s.kernel)]
            self.check = trace.checked(notes, (sum(prod(k.extents) for k in kernels),))
            """Of the variables' values: None where the plan is not for them, else the multiplications of such code, in a list."""
        self.is_slower = bool(kernels)
        """Whether code for given sizes may be faster."""
        self.compiled: dict[Any, Any] = {}
        """Where a device keeps what it made of the plan."""

    def plan_for(self, sizes: Sequence[int]) -> Plan | None:
        """The plan for a graph with these sizes; None where it is for others.

        Its numbers are traced ones still; `Plan.general` and `numbers` say what they are.
        """
        values = [sizes[p] for p in self.places]
        known = values + self.constants
        if [known[k] for k in self.pattern] != sizes:
            return None
        found = self.check(values)
        if found is None:
            return None
        (multiplications,) = found
        general = {"general": self, "numbers": tuple(values), "multiplications": multiplications}
        return replace(self.plan, executable=None, **general)


class Structures:
    """The structures that graphs had, each with the sizes that it had them with."""

    def __init__(self) -> None:
        self._known: dict[Any, _Structure] = {}
        self._parts: dict[int, tuple[int, tuple[int, ...]]] = {}
        self._codes: dict[Any, int] = {}
        self._numbers = itertools.count(1)

    def plan(self, nodes: Sequence[Node], order: Sequence[Node], takes_sizes: bool) -> Plan | None:
        """A plan for a graph that has no plan yet, made of a general one; None where there is none.

        `order` are all nodes of the graph, `nodes` first."""
        place = {node: i for i, node in enumerate(order)}
        codes: list[Any] = [takes_sizes, nodes[0].device, len(nodes)]
        sizes: list[int] = []
        parts = self._parts
        for node in order:
            if node.buffer is None:
                part = parts.get(node.signature) or self._part(node)
                codes.append(part[0])
                codes += [place[i] for i in node.inputs]
            else:
                part = parts.get(~node.kind) or self._part(node)
                codes.append(~part[0])
            sizes += part[1]
        if graph.naming is not None:
            codes.append(tuple([n.origin for n in order]))
        whole = tuple(codes)
        structure = self._known.get(whole)
        if structure is None:
            if sizes and not any(map(_is_planned_alone, order)):
                if len(self._known) >= _MOST_STRUCTURES:
                    for old in list(self._known)[: _MOST_STRUCTURES // 4]:
                        del self._known[old]
                self._known[whole] = _Structure(sizes)
            return None
        self._known[whole] = self._known.pop(whole)  # what was used last goes last
        return structure.plan(nodes, order, sizes)

    def _part(self, node: Node) -> tuple[int, tuple[int, ...]]:
        """A number for what a node is but for its sizes, and its sizes."""
        if len(self._codes) >= 1 << 14 or len(self._parts) >= 1 << 16:
            self._codes.clear()
            self._parts.clear()
            self._known.clear()
        sizes: list[int] = []
        kind: Any
        if node.buffer is not None:
            kind = (None, _without_sizes(node.shape, sizes), node.dtype)
            place = ~node.kind
        else:
            primitive = node.primitive
            params = _without_sizes(node.params, sizes) if _has_sizes(node) else ()
            if primitive is CONSTANT:
                params = node.params[0].__class__, repr(node.params[0])
            shape = _without_sizes(node.shape, sizes)
            kind = (primitive, params, shape, node.dtype) if sizes else node.signature
            place = node.signature
        code = self._codes.get(kind)
        if code is None:
            code = self._codes[kind] = next(self._numbers)
        part = self._parts[place] = code, tuple(sizes)
        return part


class _Structure:
    """Which of a structure's sizes were always equal, and which have changed. Each place where a size stands has a class."""

    def __init__(self, sizes: list[int]) -> None:
        self.sizes = sizes
        numbers: dict[int, int] = {}
        self.classes = [numbers.setdefault(n, len(numbers)) for n in sizes]
        self.varied: set[int] = set()
        self.general: list[General] = []
        self.traces: dict[tuple[int, ...], Trace] = {}
        self.idle = 0

    def plan(self, nodes: Sequence[Node], order: Sequence[Node], sizes: list[int]) -> Plan | None:
        for k, general in enumerate(self.general):
            plan = general.plan_for(sizes)
            if plan is not None:
                if k:
                    self.general.insert(0, self.general.pop(k))
                self.idle = 0
                return plan
        self._refine(sizes)
        if self.idle >= _MOST_IDLE or not self.varied:
            return None
        self.idle += 1
        made = General(nodes, order, sizes, self.classes, self.varied, self.traces)
        self.general.insert(0, made)
        del self.general[_MOST_GENERAL:]
        plan = made.plan_for(sizes)
        assert plan is not None
        return plan

    def _refine(self, sizes: list[int]) -> None:
        numbers: dict[tuple[int, int], int] = {}
        changed = {c for c, old, new in zip(self.classes, self.sizes, sizes, strict=True) if old != new} | self.varied
        finer = [numbers.setdefault(pair, len(numbers)) for pair in zip(self.classes, sizes)]
        self.varied = {new for old, new in zip(self.classes, finer) if old in changed}
        self.classes, self.sizes = finer, sizes


def _is_planned_alone(node: Node) -> bool:
    """Whether graphs with this node are planned one by one: planning them makes nodes, whose forms are kept for all programs."""
    return node.dtype.is_complex or (node.buffer is None and node.primitive.kind == "routine")


def _has_sizes(node: Node) -> bool:
    """Whether there may be sizes among what a node that is not in memory was made with."""
    return not node.primitive.is_value_free and node.primitive is not CONSTANT


def _without_sizes(item: Any, sizes: list[int]) -> Any:
    kind = item.__class__
    if kind is int:
        if item < LEAST:
            return item
        sizes.append(item)
        return _SIZE
    if kind is tuple:
        return tuple([_without_sizes(x, sizes) for x in item])
    if isinstance(item, tuple):  # a named one
        return kind, tuple([_without_sizes(x, sizes) for x in item])
    return (float, repr(item)) if kind is float else item


def _with_sizes(order: Sequence[Node], sizes: Iterator[Any]) -> list[Node]:
    """Copies of the nodes with other sizes."""

    def fill(item: Any) -> Any:
        if item.__class__ is int:
            return item if item < LEAST else next(sizes)
        if isinstance(item, tuple):
            parts = [fill(x) for x in item]
            return tuple(parts) if item.__class__ is tuple else item._make(parts)  # type: ignore[attr-defined]
        return item

    made: dict[int, Node] = {}
    for node in order:
        copy = made[node.serial] = node.twin(node.buffer)
        copy.serial, copy.origin = node.serial, node.origin
        if node.buffer is None and _has_sizes(node):
            copy.params = fill(node.params)
        copy.shape = fill(node.shape)
        copy.size = prod(copy.shape)
    for node in order:
        made[node.serial].inputs = tuple([made[i.serial] for i in node.inputs]) if node.buffer is None else ()
    return [made[n.serial] for n in order]


def concrete(plan: Plan) -> Plan:
    """A plan that came of a general one, with plain numbers throughout."""
    assert plan.general is not None
    trace = plan.general.trace
    with trace.lock:
        trace.begin(plan.numbers)
        made: Plan = replaced(replace(plan, general=None, numbers=()), trace.value)
    return made
