"""`AttentionShader`: what shaders of attention have in common, however they multiply: operands, scores, the steps to take.

May import `flambeau.dtypes`, `kernels.ir`, `flambeau.graph.primitives` and `codegen.wgsl`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod
from typing import Any

from flambeau.codegen.wgsl.frame import bind_memories, make_memories, workgroup_grid, workgroup_number
from flambeau.codegen.wgsl.library import with_library
from flambeau.codegen.wgsl.memory import Memory
from flambeau.codegen.wgsl.merging import merge
from flambeau.codegen.wgsl.program import Dispatch, Program
from flambeau.codegen.wgsl.target import Target
from flambeau.dtypes import bool_
from flambeau.graph.primitives.attention import NAMES, random_shape, threshold
from flambeau.kernels.ir import AttentionKernel, Strided

__all__ = ["ENOUGH", "LOG2_E", "LOW", "LOWEST", "AttentionShader"]

ENOUGH = 132
"""Workgroups that keep a large GPU busy."""
LOG2_E = 1.44269504088896341
LOWEST, LOW = "-3.0e38f", "-2.9e38f"
"""The score of what is left out, and a bound between such scores and others (those of masks are held above -2e38)."""


class AttentionShader(ABC):
    """The shader of one kernel, `program`. A subclass says how a workgroup is shaped and what it does."""

    directives = ""
    invocation = "@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32"
    shape: Any
    """Of a workgroup: its `rows`, the `steps` it takes at a time, and its `invocations`."""

    def __init__(self, kernel: AttentionKernel, target: Target, same: Sequence[int]) -> None:
        self.kernel = kernel
        self.is_forward = "output" in kernel.parts or "logsumexp" in kernel.parts
        self.on_keys = "key" in kernel.parts or "value" in kernel.parts
        queries, keys, self.depth, self.value_depth = kernel.sizes
        self.rows, self.steps = (keys, queries) if self.on_keys else (queries, keys)
        self.lines: list[str] = []
        memories = make_memories(kernel.slots, target, same, set(range(len(kernel.slots))))
        self.memories: list[Memory] = [m for m in memories if m is not None]
        distinct = list({id(m): m for m in self.memories}.values())
        self.may_use_vectors = sum(len(m.pieces()) for m in distinct) <= target.max_storage_buffers
        for name, m in zip(kernel.parts, self.memories[-len(kernel.parts) :]):
            if m.type.itemsize < 4 and not self.stores_quads(name, m):
                m.is_atomic = True
        self.names = NAMES[:3] if self.is_forward else NAMES
        self.views = dict(zip(self.names, kernel.operands))
        if kernel.mask is not None:
            self.views["mask"] = kernel.mask
        self.near, self.far = ("key", "value") if self.on_keys else ("query", "gradient")
        """The operands whose rows are the workgroup's own: of the scores' product, and of the weights' gradients'."""
        self.prepare(target)
        self.program = Program()
        bound, scratch, before, after = merge(distinct, target, 0, len(kernel.slots))
        self.program.scratch.extend(scratch)
        blocks = -(-self.rows // self.shape.rows)
        total = blocks * prod(kernel.batch)
        grid = workgroup_grid(total, target)
        self.add(f"let number = {workgroup_number(grid)};")
        if prod(grid) > total:
            self.add(f"if (number >= {total}u) {{ return; }}")
        self.add(f"let first = (number % {blocks}u) * {self.shape.rows}u;", f"let batch = number / {blocks}u;")
        self.add(*(f"let {name} = {self.start_of(view)};" for name, view in self.views.items()))
        self.body()
        declared, bindings = bind_memories(bound)
        text = (
            declared
            + self.workgroup_arrays()
            + f"@compute @workgroup_size({self.shape.invocations})\n"
            + f"fn main({self.invocation}) {{\n"
            + "".join(f"  {line}\n" for line in self.lines)
            + "}\n"
        )
        text = self.directives + with_library(text)
        self.program.steps += [*before, Dispatch(text, bindings, grid, stays_inside=True), *after]

    @abstractmethod
    def prepare(self, target: Target) -> None:
        """Sets the workgroup's shape, and says which memories are read as vectors."""

    @abstractmethod
    def workgroup_arrays(self) -> str:
        """The declarations of the workgroup's memory."""

    @abstractmethod
    def body(self) -> None:
        """Adds the shader's lines."""

    @abstractmethod
    def row_at(self, i: int) -> str:
        """Where row i of an invocation is in the workgroup's block."""

    @abstractmethod
    def step_at(self, j: int) -> str:
        """Where step j of an invocation is in the block of steps."""

    @property
    def steps_of_backward(self) -> tuple[str, str]:
        """The operands whose rows are the steps, beside `near` and `far`."""
        return ("query", "gradient") if self.on_keys else ("key", "value")

    def add(self, *lines: str) -> None:
        self.lines.extend(lines)

    def start_of(self, view: Strided) -> str:
        """Where an operand's matrix within the batch begins."""
        terms, rest = [f"{view.offset}u"], "batch"
        for k in reversed(range(len(self.kernel.batch))):
            n = self.kernel.batch[k]
            if view.strides[k] and n > 1:
                terms.append(f"({rest} % {n}u) * {view.strides[k]}u")
            rest = f"({rest} / {n}u)"
        return " + ".join(terms)

    def element(self, name: str, row: str, column: str = "0u") -> str:
        view = self.views[name]
        row_stride, column_stride = (*view.strides[len(self.kernel.batch) :], 0)[:2]
        return self.memories[view.slot].load(f"{name} + ({row}) * {row_stride}u + ({column}) * {column_stride}u")

    def reads_quads(self, name: str) -> bool:
        """Whether an operand's rows can be read four numbers at a time."""
        view = self.views[name]
        strides = (view.offset, self.columns_of(name), *view.strides[:-1])
        if view.strides[-1] != 1 or any(n % 4 for n in strides) or not self.may_use_vectors:
            return False
        return self.memories[view.slot].allow_vectors()

    def columns_of(self, name: str) -> int:
        """The numbers in a row of an operand or a result."""
        return self.value_depth if name in ("value", "gradient", "output") else self.depth

    def quad(self, name: str, row: str, quad: str) -> str:
        view = self.views[name]
        return self.memories[view.slot].vector(f"({name} + ({row}) * {view.strides[-2]}u + {quad} * 4u)")

    def stores_quads(self, part: str, memory: Memory) -> bool:
        """Whether a result is stored four numbers at a time."""
        if part == "logsumexp" or not self.may_use_vectors:
            return False
        return self.columns_of(part) % 4 == 0 and memory.allow_vectors()

    def memory_of(self, part: str) -> Memory:
        return self.memories[len(self.kernel.slots) - len(self.kernel.parts) + self.kernel.parts.index(part)]

    def loop(self) -> None:
        """Opens the loop over steps, from `at` on."""
        begin, end = self.range_of_steps()
        self.add(f"for (var at = {begin}; at < {end}; at += {self.shape.steps}u) {{")

    def range_of_steps(self) -> tuple[str, str]:
        """The first step that a row of the workgroup's looks at, in whole blocks, and the end of them."""
        begin, end = "0u", f"{self.steps}u"
        if self.kernel.is_causal:
            if self.on_keys:
                begin = f"(first / {self.shape.steps}u) * {self.shape.steps}u"
            else:
                end = f"min({self.steps}u, first + {self.shape.rows}u)"
        return begin, end

    def query_and_key(self, i: int, j: int) -> tuple[str, str]:
        """The numbers of query and key of product i, j."""
        row, step = f"first + {self.row_at(i)}", f"at + {self.step_at(j)}"
        return (step, row) if self.on_keys else (row, step)

    def score(self, i: int, j: int) -> None:
        """Makes product s_i_j a score; its row and step are named `row`, `step`, or held inside as `query_at`, `key_at`."""
        kernel, s = self.kernel, f"s_{i}_{j}"
        step = f"at + {self.step_at(j)}"
        query, key = self.query_and_key(i, j)
        queries, keys = kernel.sizes[:2]
        self.add(f"let query_at = {query};", f"let key_at = {key};")
        self.add(f"let query_in = min(query_at, {queries - 1}u);", f"let key_in = min(key_at, {keys - 1}u);")
        if kernel.mask is not None:
            loaded = self.element("mask", "query_in", "key_in")
            if kernel.slots[kernel.mask.slot].dtype is bool_:
                self.add(f"{s} = select({LOWEST}, {s}, {loaded});")
            else:
                self.add(f"let added = {loaded};")
                self.add(f"{s} = select({s} + max(added * {LOG2_E}f, -2.0e38f), {LOWEST}, added < -3.4028234e38f);")
        outside = [f"{step} >= {self.steps}u"] if self.steps % self.shape.steps else []
        outside += ["key_at > query_at"] if kernel.is_causal else []
        if outside:
            self.add(f"{s} = select({s}, {LOWEST}, {' | '.join(f'({c})' for c in outside)});")

    def factor(self) -> str | None:
        """What the weight of `query_in` and `key_in` is multiplied by."""
        kernel = self.kernel
        if not kernel.dropout:
            return None
        end = len(kernel.slots) - len(kernel.parts)
        seed, offset = (self.memories[k].load("0u") for k in (end - 2, end - 1))
        rows = random_shape((), *kernel.sizes[:2])
        place = f"vec2<u32>((batch * {rows[0]}u + query_in) * {rows[1]}u + key_in, 0u)"
        return f"select({1 / (1 - kernel.dropout)}f, 0.0f, philox({seed}, {offset}, {place}) < {threshold(kernel.dropout)}u)"

    def of_row(self, end: str, place: str) -> None:
        """A query's logarithm of the sum of exponentials, and its sum of result times gradient."""
        logsumexp, delta = (self.element(name, place) for name in ("logsumexp", "delta"))
        self.add(f"let shift{end} = min({logsumexp}, 1.0e38f) * {LOG2_E}f;", f"let minus{end} = {delta};")
