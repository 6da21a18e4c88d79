"""The epilogue: what becomes of a finished sum before it is stored.

The kernel's epilogue is rewritten over a form's axes once, then evaluated as loop kernels' expressions are. May import
`flambeau.kernels`, `codegen.llvm` and the contraction's form and elements.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.codegen.llvm.builder import Function, Module
from flambeau.codegen.llvm.contraction.elements import narrow, position
from flambeau.codegen.llvm.contraction.form import Form
from flambeau.codegen.llvm.errors import Errors, Messages
from flambeau.codegen.llvm.indices import Indices
from flambeau.codegen.llvm.loops.evaluate import Evaluator
from flambeau.codegen.llvm.mathematics import is_function
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value, constant, vector
from flambeau.codegen.llvm.values import memory_type, to_memory
from flambeau.dtypes import int64
from flambeau.kernels.ir import Expr, Slot
from flambeau.kernels.traverse import walk

__all__ = ["ContractionModule", "finish", "has_long_epilogue", "store"]


class ContractionModule(Module):
    """A module with what epilogues need to know: the kernel's slots, and where the error word's address stands among
    the arguments."""

    def __init__(self, target: Target, slots: Sequence[Slot], error_place: int) -> None:
        super().__init__(target)
        self.slots, self.error_place = tuple(slots), error_place
        self.messages = Messages()
        self.size_place = error_place + 1
        self._epilogues: dict[int, tuple[Form, Expr, Indices]] = {}

    def epilogue(self, form: Form) -> tuple[Expr, Indices]:
        """The form's epilogue over its own axes."""
        found = self._epilogues.get(id(form))
        if found is None:
            indices = Indices(dict(enumerate(form.extents)))
            found = self._epilogues[id(form)] = (form, _rewritten(form), indices)
        return found[1], found[2]


def _sum(offset: int, terms: Sequence[int]) -> Expr:
    """offset + Σ terms[k]·axis k."""
    total: Expr | None = None
    for axis, c in enumerate(terms):
        if c:
            part = Expr("axis", (), int64, axis)
            if c != 1:
                part = Expr("mul", (part, Expr("literal", (), int64, c)), int64)
            total = part if total is None else Expr("add", (total, part), int64)
    number = Expr("literal", (), int64, offset)
    if total is None:
        return number
    return Expr("add", (total, number), int64) if offset else total


def _rewritten(form: Form) -> Expr:
    views = dict(form.loads)
    every_axis = tuple(Expr("axis", (), int64, k) for k in range(form.outputs))
    done: dict[Expr, Expr] = {}

    def rewrite(e: Expr) -> Expr:
        if e in done:
            return done[e]
        if e.op == "axis":
            result = _sum(*form.places[e.param])
        elif e.op == "accumulator":  # it varies with every axis of the result
            result = Expr("accumulator", every_axis, e.dtype)
        elif e in views:
            result = Expr("load", (_sum(views[e].offset, views[e].strides),), e.dtype, e.param)
        else:
            result = Expr(e.op, tuple(rewrite(x) for x in e.args), e.dtype, e.param)
        done[e] = result
        return result

    return rewrite(form.epilogue)


def _accumulators(e: Expr, found: set[Expr], seen: set[Expr]) -> None:
    if e in seen:
        return
    seen.add(e)
    if e.op == "accumulator":
        found.add(e)
    for x in e.args:
        _accumulators(x, found, seen)


_LONG = 24
"""Expressions of an epilogue from which on its code is written once, in a loop, rather than for each vector of a tile."""


def has_long_epilogue(form: Form) -> bool:
    """Whether the epilogue's code is long: many operations, or one that is a function."""
    found = list(walk([form.epilogue]))
    return len(found) >= _LONG or any(is_function(e.op) for e in found)


def finish(
    f: Function,
    form: Form,
    memory: Sequence[Value],
    total: Value,
    index: Sequence[Int],
    lane_axis: int | None,
    lanes: int,
    count: Int | None = None,
) -> Value:
    """The epilogue's value, in register form, for the sums `total` at `index`, of whose lanes along `lane_axis` the first `count`
    are real."""
    module = f.module
    assert isinstance(module, ContractionModule)
    expression, indices = module.epilogue(form)
    source = form.a.type
    if source.category < 2:
        total = narrow(f, total, source)
    if expression.op == "accumulator":
        return total
    errors = Errors(f, module.messages, module.error_place)
    evaluator = Evaluator(f, module.target, module.slots, memory, indices, errors)
    evaluator.axes.update(enumerate(index))
    found: set[Expr] = set()
    _accumulators(expression, found, set())
    mask = f.lane_mask(0, lanes if count is None else count, lanes) if lanes > 1 else True
    with evaluator.in_lanes(lane_axis, lanes, mask):
        for accumulator in found:
            evaluator.remember(accumulator, total)
        return evaluator.wide(expression)


def store(
    f: Function,
    form: Form,
    memory: Sequence[Value],
    result: Value,
    index: Sequence[Int],
    lane_axis: int | None,
    lanes: int,
    count: Int | None = None,
) -> None:
    """Writes the first `count` lanes of the epilogue's value to the result."""
    count = lanes if count is None else count
    view = form.out
    element = memory_type(view.type)
    result = to_memory(f, result, view.type)
    where = position(f, view.offset, view.strides, index)
    step = view.strides[lane_axis] if lane_axis is not None else 1
    if step == 1 or lanes == 1:
        f.masked_store(result, f.address(memory[view.slot], where, element), f.lane_mask(0, count, lanes))
    elif step == 2:
        at = f.address(memory[view.slot], where, element)
        if f.module.target.has_masks:
            _store_every_other(f, result, at, element, lanes, count)
        else:  # nearly always all: each lane is then a store without a mask
            f.choose(
                f.compare("eq", count, lanes),
                lambda: _store_every_other(f, result, at, element, lanes, lanes),
                lambda: _store_every_other(f, result, at, element, lanes, count),
            )
    else:
        places = f.binary("add", f.splat(f.integer(where), lanes), f.steps(lanes, step=step))
        f.scatter(result, memory[view.slot], places, f.lane_mask(0, count, lanes))


def _store_every_other(f: Function, result: Value, at: Value, element: str, lanes: int, count: Int) -> None:
    """Writes the first `count` lanes to every other element from `at` on: spread, those between masked out."""
    for k in range(2):
        spread = f.shuffle(result, result, [k * lanes // 2 + i // 2 if i % 2 == 0 else -1 for i in range(lanes)])
        here = f.sub(f.mul(count, 2), k * lanes)
        mask = f.both(f.lane_mask(0, here, lanes), constant(vector("i1", lanes), [i % 2 == 0 for i in range(lanes)]))
        f.masked_store(spread, f.address(at, k * lanes, element), mask)
