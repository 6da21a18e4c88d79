"""A plan run with NumPy, one array operation for each expression: what the kernel IR means, for tests.

An expression is an array with one dimension for each axis of the kernel, of length 1 where it does not vary.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from flambeau.graph.node import PRIMITIVES
from flambeau.graph.numpy import array_type
from flambeau.graph.primitives.routine import ROUTINES
from flambeau.kernels.ir import ContractionKernel, Expr, LoopKernel, Operand, RoutineKernel, SortKernel
from flambeau.schedule.plan import Plan


class Interpreter:
    """A backend that runs plans; buffers are flat NumPy arrays."""

    name = "interpreter"
    takes_sizes = False

    def __init__(self, share: bool = True) -> None:
        self.share = share

    def execute(self, plan: Plan, inputs: Any, scalars: Any, donated: frozenset[int]) -> list[Any]:
        memory: dict[int, Any] = {}
        for v, data in zip(plan.inputs, inputs, strict=True):
            value = plan.values[v]
            memory[v] = np.ascontiguousarray(data).reshape(-1).view(array_type(value.dtype))
            assert memory[v].size == value.size, (v, value, memory[v].size)
        for v, data in zip(plan.scalars, scalars, strict=True):
            memory[v] = np.array([data]).astype(array_type(plan.values[v].dtype))
        free = {v for i, v in enumerate(plan.inputs) if i in donated}
        for v, value in enumerate(plan.values):
            if value.kind in ("temporary", "output") and v not in memory:
                rng = np.random.default_rng(v)
                memory[v] = rng.integers(0, 255, value.size * value.dtype.itemsize, np.uint8).view(array_type(value.dtype))
        for v, u in sorted(plan.aliases.items(), key=lambda item: self._first(plan, item[0])):
            if self.share and (plan.values[u].kind in ("temporary",) or u in free):
                memory[v] = memory[u].view(array_type(plan.values[v].dtype))
                if u in free:
                    free.add(v)
        for step in plan.steps:
            slots = [memory[v] for v in step.arguments]
            for slot, array in zip(step.kernel.slots, slots, strict=True):
                assert slot.size == array.size and array_type(slot.dtype) == array.dtype, (slot, array.dtype, array.size)
            run(step.kernel, slots)
        return [memory[v].copy() for v in plan.outputs]

    @staticmethod
    def _first(plan: Plan, value: int) -> int:
        return next(n for n, s in enumerate(plan.steps) if value in s.arguments)


def run(kernel: Any, slots: list[Any]) -> None:
    """Runs one kernel on its slots."""
    if isinstance(kernel, LoopKernel):
        _Loops(kernel.axes, slots).run(kernel)
    elif isinstance(kernel, ContractionKernel):
        _contract(kernel, slots)
    elif isinstance(kernel, SortKernel):
        node = SimpleNamespace(params=(1, kernel.descending, kernel.kept))
        slots[1][:] = PRIMITIVES["argsort"].evaluate(node, slots[0].reshape(kernel.rows, kernel.length)).reshape(-1)
    else:
        assert isinstance(kernel, RoutineKernel)
        arrays = [s.reshape(shape) for s, shape in zip(slots, kernel.shapes)][:-1]
        results = ROUTINES[kernel.name](*arrays, *kernel.arguments)
        results = results if isinstance(results, tuple) else (results,)
        slots[-1][:] = np.concatenate([np.asarray(r).reshape(-1).astype(slots[-1].dtype) for r in results])


class _Loops:
    def __init__(self, axes: tuple[int, ...], slots: list[Any], accumulator: Any = None) -> None:
        self.slots, self.accumulator = slots, accumulator
        self.extents = dict(enumerate(axes))
        self.memo: dict[int, Any] = {}

    def run(self, kernel: LoopKernel) -> None:
        for s in kernel.stores:
            self.collect(s.value)
            self.collect(s.index)
        self.rank = max(self.extents, default=-1) + 1
        computed = [(s, self(s.index), self(s.value)) for s in kernel.stores]
        full = tuple(kernel.axes) + (1,) * (self.rank - len(kernel.axes))
        for s, index, value in computed:
            index = np.broadcast_to(index, full).reshape(-1)
            value = np.broadcast_to(value, full).reshape(-1)
            slot = self.slots[s.slot]
            assert kernel.slots[s.slot].access != "in"
            assert value.dtype == slot.dtype, (value.dtype, slot.dtype)
            if not s.is_scatter:
                assert len(np.unique(index)) == len(index), "two iterations store at one place"
            if s.mode == "set":
                slot[index] = value
            else:
                f = {"add": np.add, "mul": np.multiply, "amax": np.maximum, "amin": np.minimum}[s.mode]
                wide = slot.astype(np.float32) if slot.dtype.itemsize == 2 and slot.dtype.kind not in "iu" else slot.copy()
                f.at(wide, index, value.astype(wide.dtype))
                slot[:] = wide

    def collect(self, e: Expr) -> None:
        """The extents of all reduce axes."""
        seen, stack = set(), [e]
        while stack:
            x = stack.pop()
            if id(x) in seen:
                continue
            seen.add(id(x))
            stack.extend(x.args)
            if x.op == "reduce":
                for axis, extent in x.param[1]:
                    assert self.extents.setdefault(axis, extent) == extent, "one axis, two extents"

    def __call__(self, e: Expr) -> Any:
        found = self.memo.get(id(e))
        if found is None:
            found = self.memo[id(e)] = self.evaluate(e)
            assert found.dtype == array_type(e.dtype), (e, found.dtype)
        return found

    def evaluate(self, e: Expr) -> Any:
        type_ = array_type(e.dtype)
        if e.op == "axis":
            shape = [1] * self.rank
            shape[e.param] = self.extents[e.param]
            return np.arange(self.extents[e.param]).reshape(shape)
        if e.op == "literal":
            return np.full((1,) * self.rank, e.param).astype(type_)
        if e.op == "accumulator":
            return self.accumulator
        args = [self(a) for a in e.args]
        if e.op == "load":
            slot, index = self.slots[e.param], args[0]
            if len(args) == 2:
                index, mask = np.broadcast_arrays(index, args[1])
                index = np.where(mask, index, 0)
                return np.where(mask, slot[index], np.zeros((), slot.dtype)) if slot.size else np.zeros(mask.shape, slot.dtype)
            assert index.min() >= 0 and index.max() < slot.size, (index.min(), index.max(), slot.size)
            return slot[index]
        if e.op == "check":
            index, size = args[0], int(args[1].reshape(-1)[0])
            wrong = index[(index < -size) | (index >= size)]
            if wrong.size:
                raise IndexError(e.param.replace("{value}", str(wrong[0])))
            return np.where(index < 0, index + size, index)
        if e.op == "philox":
            seed, offset, position = args
            position = np.maximum(position, 0)  # below zero only where a mask takes the value away again
            n = int(position.max()) + 1
            node = SimpleNamespace(size=n, shape=(n,))
            words = PRIMITIVES["random_bits"].evaluate(node, int(seed.reshape(-1)[0]), int(offset.reshape(-1)[0]))
            return words[position]
        if e.op == "reduce":
            kind, axes = e.param
            dims = tuple(a for a, _ in axes)
            shape = list(args[0].shape)
            for a, extent in axes:
                shape[a] = extent
            body = np.broadcast_to(args[0], shape)
            if kind.startswith("arg"):
                rows = np.moveaxis(body, dims, range(-len(dims), 0))
                rows = rows.reshape(*rows.shape[: rows.ndim - len(dims)], -1)
                node = SimpleNamespace(params=((rows.ndim - 1,),), dtype=e.dtype)
                return np.expand_dims(PRIMITIVES[kind].evaluate(node, rows), sorted(dims))
            node = SimpleNamespace(params=(dims,), dtype=e.dtype)
            return np.expand_dims(PRIMITIVES[kind].evaluate(node, body), dims)
        if e.op == "scan":
            kind, axis = e.param
            shape = list(args[0].shape)
            shape[axis] = self.extents[axis]
            return PRIMITIVES["scan"].evaluate(
                SimpleNamespace(params=(axis, kind), dtype=e.dtype), np.broadcast_to(args[0], shape)
            )
        if e.op == "bitcast":
            return args[0].copy().view(type_)
        args = np.broadcast_arrays(*args)
        return PRIMITIVES[e.op].evaluate(SimpleNamespace(primitive=PRIMITIVES[e.op], dtype=e.dtype, params=()), *args)


def _contract(kernel: ContractionKernel, slots: list[Any]) -> None:
    rank = len(kernel.extents)

    def read(operand: Operand) -> Any:
        axes = [np.arange(n).reshape([-1 if a == d else 1 for a in range(rank)]) for d, n in enumerate(kernel.extents)]
        flat, valid = np.zeros((1,) * rank, np.int64), np.ones((1,) * rank, bool)
        for n, position in zip(operand.shape, operand.positions, strict=True):
            at = position.offset + sum((c * axes[a] for a, c in position.terms), np.zeros((1,) * rank, np.int64))
            valid = valid & (at % position.every == 0) & (at // position.every >= 0) & (at // position.every < n)
            flat = flat * n + at // position.every
        data = slots[operand.slot]
        values = data[np.where(valid, flat, 0)] if data.size else np.zeros((1,) * rank, data.dtype)
        values = np.where(valid, values, 0)
        return values.astype(np.float32) if values.dtype.itemsize == 2 else values

    a, b = read(kernel.a), read(kernel.b)
    summed = tuple(d for d in range(rank) if d not in kernel.outputs)
    total = np.broadcast_to(a, kernel.extents) * np.broadcast_to(b, kernel.extents)
    total = total.sum(summed, keepdims=True)
    loops = _Loops(kernel.extents, slots, total)
    loops.rank = rank
    loops.collect(kernel.epilogue)
    loops.rank = max(loops.extents, default=-1) + 1
    loops.accumulator = total.reshape(total.shape + (1,) * (loops.rank - rank))
    value = np.broadcast_to(loops(kernel.epilogue), [kernel.extents[d] if d in kernel.outputs else 1 for d in range(loops.rank)])
    assert list(kernel.outputs) == sorted(kernel.outputs)
    slots[-1][:] = value.reshape(-1)
