"""`AttentionKernel` → compute shaders: a workgroup has a block of rows, and goes through the other side's rows some *steps* at a
time. Weights are made in registers, a block of them is shared through workgroup memory, and used up before the next.

Rows are queries, for the result and the query's gradient, or keys, for the gradients of key and value. Eight invocations, a team,
share four rows: of a block of weights each makes those for four rows and some steps, of the sums four rows and some quads of
columns. A workgroup reads its own rows where they are, through caches, when it can read four numbers at a time: with them in
workgroup memory fewer workgroups run side by side, which took a third longer on an H100 (as eight rows an invocation do: twice).
May import `flambeau.kernels.ir`, `flambeau.graph.primitives` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from flambeau.codegen.wgsl.library import with_library
from flambeau.codegen.wgsl.loops import bind_memories, make_memories, workgroup_grid, workgroup_number
from flambeau.codegen.wgsl.memory import Memory
from flambeau.codegen.wgsl.merging import merge
from flambeau.codegen.wgsl.program import Dispatch, Program
from flambeau.codegen.wgsl.target import Target
from flambeau.dtypes import bool_
from flambeau.graph.primitives.attention import random_shape, threshold
from flambeau.kernels.ir import AttentionKernel, Strided

__all__ = ["generate_attention"]


class _Shape(NamedTuple):
    """Of a workgroup: its rows, and how many steps it takes at a time."""

    rows: int
    steps: int

    @property
    def teams(self) -> int:
        """Rows of team t are t, t + teams, …, so that those of neighbours lie in other banks."""
        return self.rows // 4

    @property
    def invocations(self) -> int:
        return self.teams * _ACROSS


_WIDE = _Shape(128, 32)
"""Faster for gradients and wide heads, if there are enough rows."""
_SHAPES = tuple(_Shape(*s) for s in ((64, 32), (64, 16), (32, 32), (16, 32), (16, 16), (8, 16), (8, 8)))
"""Otherwise the first whose memory the adapter has."""
_ENOUGH = 132
"""Workgroups that keep a large GPU busy."""
_ACROSS = 8
"""Invocations of a team."""
_LOG2_E = 1.44269504088896341
_LOWEST, _LOW = "-3.0e38f", "-2.9e38f"
"""The score of what is left out, and a bound between such scores and others (those of masks are held above -2e38)."""


def generate_attention(kernel: AttentionKernel, target: Target, same: Sequence[int]) -> Program:
    """Shaders that compute the kernel's parts. Raises RuntimeError where heads are too wide for the adapter's workgroups."""
    return _Attention(kernel, target, same).program


class _Attention:
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
        self.names = ("query", "key", "value", "gradient", "logsumexp", "delta")[: 3 if self.is_forward else 6]
        self.views = dict(zip(self.names, kernel.operands))
        if kernel.mask is not None:
            self.views["mask"] = kernel.mask
        self.near, self.far = ("key", "value") if self.on_keys else ("query", "gradient")
        """The operands whose rows are the workgroup's own: of the scores' product, and of the weights' gradients'."""
        own = (self.near,) if self.is_forward else (self.near, self.far)
        self.copied = [name for name in own if not self.reads_in_place(name)]
        self.shape = self.choose(target)
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
        self.add(f"let team = local / {_ACROSS}u;", f"let across = local % {_ACROSS}u;")
        self.body()
        declared, bindings = bind_memories(bound)
        text = (
            declared
            + "".join(f"var<workgroup> {name}: array<vec4<f32>, {count}>;\n" for name, count in self.shared.items())
            + f"@compute @workgroup_size({self.shape.invocations})\n"
            + "fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {\n"
            + "".join(f"  {line}\n" for line in self.lines)
            + "}\n"
        )
        self.program.steps += [*before, Dispatch(with_library(text), bindings, grid, stays_inside=True), *after]

    def choose(self, target: Target) -> _Shape:
        """The shape of a workgroup, whose arrays are `shared`."""
        is_wide = not self.is_forward or max(self.depth, self.value_depth) > 64
        is_wide = is_wide and prod(self.kernel.batch) * (self.rows // _WIDE.rows) >= _ENOUGH
        for shape in (_WIDE, *_SHAPES) if is_wide else _SHAPES:
            self.shared = self.workgroup_memory(shape)
            nbytes = sum(count * 16 for count in self.shared.values())
            if nbytes <= target.max_workgroup_bytes and shape.invocations <= target.max_invocations:
                return shape
        raise RuntimeError(
            f"attention of heads of {self.depth} and {self.value_depth} numbers doesn't fit the adapter's workgroups"
        )

    def workgroup_memory(self, shape: _Shape) -> dict[str, int]:
        """Arrays of quads by name. Lines have one quad more than they need, so that they begin in different banks."""
        lines = {name: _quads(self.columns_of(name)) + 1 for name in self.names}
        arrays = {f"own_{name}": lines[name] * shape.rows for name in self.copied}
        arrays["weights"] = shape.steps * (shape.teams + 1)
        if self.is_forward:  # keys, then values
            arrays["step"] = max(lines["key"], lines["value"]) * shape.steps
            return arrays | {"partial": shape.teams * (_ACROSS + 1)}
        return arrays | {f"step_{name}": lines[name] * shape.steps for name in self.steps_of_backward}

    @property
    def steps_of_backward(self) -> tuple[str, str]:
        """The operands whose rows are the steps, beside `near` and `far`."""
        return ("query", "gradient") if self.on_keys else ("key", "value")

    @property
    def own_steps(self) -> range:
        return range(self.shape.steps // _ACROSS)

    def row_at(self, i: int) -> str:
        """Where row i of an invocation is in the workgroup's block."""
        return f"team + {i * self.shape.teams}u" if i else "team"

    def step_at(self, j: int) -> str:
        return f"across + {j * _ACROSS}u" if j else "across"

    # --- text

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

    def reads_in_place(self, name: str) -> bool:
        """Whether a workgroup reads its own rows of an operand where they are. Halves would be made wide again and again."""
        return self.memories[self.views[name].slot].type.itemsize == 4 and self.reads_quads(name)

    def columns_of(self, name: str) -> int:
        """The numbers in a row of an operand or a result."""
        return self.value_depth if name in ("value", "gradient", "output") else self.depth

    def quad(self, name: str, row: str, quad: str) -> str:
        view = self.views[name]
        return self.memories[view.slot].vector(f"({name} + ({row}) * {view.strides[-2]}u + {quad} * 4u)")

    def bring(self, name: str, to: str, scale: float = 1.0) -> None:
        """Rows of an operand into a shared array: from `first` on or, as steps, from `at`; past its end the last again."""
        columns, is_own = self.columns_of(name), to.startswith("own")
        quads, (first, rows, count) = _quads(columns), ("at", self.shape.steps, self.steps)
        if is_own:
            first, rows, count = "first", self.shape.rows, self.rows
        if self.reads_quads(name):
            loaded = self.quad(name, "row", "quad")
        else:
            values = []
            for c in range(4):
                column = f"quad * 4u + {c}u"
                value = self.element(name, "row", column if columns % 4 == 0 else f"min({column}, {columns - 1}u)")
                values.append(value if columns % 4 == 0 else f"select(0.0f, {value}, {column} < {columns}u)")
            loaded = f"vec4<f32>({', '.join(values)})"
        self.add(
            f"for (var i = local; i < {rows * quads}u; i += {self.shape.invocations}u) {{",
            f"  let quad = i % {quads}u;",
            f"  let row = min({first} + i / {quads}u, {count - 1}u);",
            f"  {to}[(i / {quads}u) * {quads + 1}u + quad] = {loaded}{_times(scale)};",
            "}",
        )

    def products(self, own: str, steps: str, into: str, scale: float = 1.0) -> None:
        """`into`_i_j: row i of the invocation's, of operand `own`, times step j of its steps, times `scale` (see `bring_own`)."""
        quads = _quads(self.columns_of(own))
        self.add(*(f"var {into}_{i}_{j} = 0.0f;" for i in range(4) for j in self.own_steps))
        self.add(f"for (var e = 0u; e < {quads}u; e++) {{")
        for i in range(4):
            value = f"own_{own}[({self.row_at(i)}) * {quads + 1}u + e]"
            if own not in self.copied:
                value = self.quad(own, f"min(first + {self.row_at(i)}, {self.rows - 1}u)", "e") + _times(scale)
            self.add(f"  let a_{i} = {value};")
        for j in self.own_steps:
            self.add(f"  let b_{j} = {steps}[({self.step_at(j)}) * {quads + 1}u + e];")
            self.add(*(f"  {into}_{i}_{j} += a_{i}.{c} * b_{j}.{c};" for c in "xyzw" for i in range(4)))
        self.add("}")

    def bring_own(self, scales: dict[str, float]) -> None:
        """The workgroup's own rows, scaled, into workgroup memory, if that is where they are read."""
        for name in self.copied:
            self.bring(name, f"own_{name}", scales.get(name, 1.0))

    def sums(self, name: str) -> None:
        """Makes an invocation's sums: for each quad of columns those of its rows."""
        for q in self.own_quads(name):
            self.add(*(f"var {name}_{i}_{q} = vec4<f32>();" for i in range(4)))

    def own_quads(self, name: str) -> range:
        """The quads of columns of an invocation, by number; some of the last may be past the end."""
        return range(-(-_quads(self.columns_of(name)) // _ACROSS))

    def weights_at(self, step: str) -> str:
        """The weights of a step for the four rows of an invocation."""
        return f"weights[({step}) * {self.shape.teams + 1}u + team]"

    def share(self, name: str) -> None:
        """Shares the block's values `name`_i_j as its weights."""
        for j in self.own_steps:
            self.add(f"{self.weights_at(self.step_at(j))} = {_four(f'{name}_{{}}_{j}')};")

    def add_products(self, name: str, steps: str) -> None:
        """Adds weights[step][row]·steps[step] to the sums of that name."""
        quads = _quads(self.columns_of(name))
        self.add(f"for (var n = 0u; n < {self.shape.steps}u; n++) {{", f"  let weight = {self.weights_at('n')};")
        for q in self.own_quads(name):
            place = f"across + {q * _ACROSS}u"
            place = place if (q + 1) * _ACROSS <= quads else f"min({place}, {quads - 1}u)"
            self.add("  {", f"  let x = {steps}[n * {quads + 1}u + {place}];")
            self.add(*(f"  {name}_{i}_{q} += weight.{c} * x;" for i, c in enumerate("xyzw")), "  }")
        self.add("}")

    def stores_quads(self, part: str, memory: Memory) -> bool:
        """Whether a result is stored four numbers at a time."""
        if part == "logsumexp" or not self.may_use_vectors:
            return False
        return self.columns_of(part) % 4 == 0 and memory.allow_vectors()

    def give(self, part: str, factors: dict[str, str]) -> None:
        """Stores the sums of a part's name as the part, each of four rows times its factor: those of x, y, z and w."""
        if part not in self.kernel.parts:
            return
        memory, columns = self.memory_of(part), self.columns_of(part)
        for i, lane in enumerate("xyzw"):
            self.add(f"if (first + {self.row_at(i)} < {self.rows}u) {{", f"  let factor = {factors[lane]};")
            for q in self.own_quads(part):
                values = [f"{part}_{i}_{q}.{c} * factor" for c in "xyzw"]
                self.add("  {", f"  let column = (across + {q * _ACROSS}u) * 4u;")
                place = f"(batch * {self.rows}u + first + {self.row_at(i)}) * {columns}u + column"
                if memory.is_vector and columns % 4 == 0:
                    self.add(f"  if (column < {columns}u) {{", memory.store_vector(f"({place})", values), "  }")
                else:
                    for c, value in enumerate(values):
                        self.add(f"  if (column + {c}u < {columns}u) {{", *memory.store(f"{place} + {c}u", value), "  }")
                self.add("  }")
            self.add("}")

    def memory_of(self, part: str) -> Memory:
        return self.memories[len(self.kernel.slots) - len(self.kernel.parts) + self.kernel.parts.index(part)]

    # --- the shaders

    def body(self) -> None:
        self.add(*(f"let {name} = {self.start_of(view)};" for name, view in self.views.items()))
        (self.forward if self.is_forward else self.backward)()

    def loop(self) -> None:
        """Opens the loop over steps, from `at` on."""
        begin, end = "0u", f"{self.steps}u"
        if self.kernel.is_causal:
            if self.on_keys:
                begin = f"(first / {self.shape.steps}u) * {self.shape.steps}u"
            else:
                end = f"min({self.steps}u, first + {self.shape.rows}u)"
        self.add(f"for (var at = {begin}; at < {end}; at += {self.shape.steps}u) {{")

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
                self.add(f"{s} = select({_LOWEST}, {s}, {loaded});")
            else:
                self.add(f"let added = {loaded};")
                self.add(f"{s} = select({s} + max(added * {_LOG2_E}f, -2.0e38f), {_LOWEST}, added < -3.4028234e38f);")
        outside = [f"step_at >= {self.steps}u"] + (["key_at > query_at"] if kernel.is_causal else [])
        self.add(f"let step_at = {step};", f"{s} = select({s}, {_LOWEST}, {' || '.join(outside)});")

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

    def forward(self) -> None:
        kernel, scale = self.kernel, self.kernel.scale * _LOG2_E
        self.bring_own({"query": scale})
        self.sums("output")
        self.add(f"var largest = vec4<f32>({_LOWEST});", "var total = vec4<f32>();")
        self.loop()
        self.bring("key", "step")
        self.add("workgroupBarrier();")
        self.products("query", "step", "s", scale)
        for i in range(4):
            for j in self.own_steps:
                self.add("{")
                self.score(i, j)
                self.add("}")
        found = ""
        for j in self.own_steps:
            found = f"max({found}, {_four(f's_{{}}_{j}')})" if found else _four(f"s_{{}}_{j}")
        self.add(f"{self.partial('across')} = {found};", "workgroupBarrier();")
        self.bring("value", "step")
        self.add("let before = largest;", *(f"largest = max(largest, {self.partial(f'{k}u')});" for k in range(_ACROSS)))
        self.add("let change = exp2(before - largest);", "total *= change;")
        for i, lane in enumerate("xyzw"):
            self.add(*(f"output_{i}_{q} *= change.{lane};" for q in self.own_quads("output")))
            for j in self.own_steps:
                self.add(f"s_{i}_{j} = select(exp2(s_{i}_{j} - largest.{lane}), 0.0f, s_{i}_{j} < {_LOW});")
                self.add(f"total.{lane} += s_{i}_{j};")
        self.drop()
        self.share("s")
        self.add("workgroupBarrier();")
        self.add_products("output", "step")
        self.add("workgroupBarrier();", "}")
        self.add(f"{self.partial('across')} = total;", "workgroupBarrier();")
        self.add(f"let all = {' + '.join(self.partial(f'{k}u') for k in range(_ACROSS))};")
        self.give("output", {lane: f"1.0f / select(all.{lane}, 1.0f, all.{lane} == 0.0f)" for lane in "xyzw"})
        if "logsumexp" not in kernel.parts:
            return
        for i, lane in enumerate("xyzw"):
            value = f"largest.{lane} / {_LOG2_E}f + f32_log(all.{lane})"
            value = f"select({value}, f32_from_bits(0x7f800000u), all.{lane} == 0.0f)"
            stored = self.memory_of("logsumexp").store(f"batch * {self.rows}u + first + {self.row_at(i)}", value)
            self.add(f"if (across == 0u && first + {self.row_at(i)} < {self.rows}u) {{", *stored, "}")

    def partial(self, place: str) -> str:
        """What an invocation of the team tells the others of its rows."""
        return f"partial[team * {_ACROSS + 1}u + {place}]"

    def drop(self) -> None:
        """Drops some of the weights s_i_j."""
        factor = self.factor()
        if factor is None:
            return
        queries, keys = self.kernel.sizes[:2]
        for i in range(4):
            for j in self.own_steps:
                query, key = self.query_and_key(i, j)
                self.add("{", f"let query_in = min({query}, {queries - 1}u);", f"let key_in = min({key}, {keys - 1}u);")
                self.add(f"s_{i}_{j} *= {factor};", "}")

    def backward(self) -> None:
        kernel, scale = self.kernel, self.kernel.scale * _LOG2_E
        near, far = self.steps_of_backward
        self.bring_own({self.near: scale})
        for part in kernel.parts:
            self.sums(part)
        if not self.on_keys:
            for i in range(4):
                self.of_row(f"_{i}", f"min(first + {self.row_at(i)}, {self.rows - 1}u)")
        self.loop()
        self.bring(near, f"step_{near}")
        self.bring(far, f"step_{far}")
        self.add("workgroupBarrier();")
        self.products(self.near, f"step_{near}", "s", scale)
        self.products(self.far, f"step_{far}", "d")
        factor = self.factor()
        for j in self.own_steps:
            self.add("{")
            if self.on_keys:
                self.of_row("", f"min(at + {self.step_at(j)}, {self.steps - 1}u)")
            for i in range(4):
                self.add("{")
                self.score(i, j)
                end = "" if self.on_keys else f"_{i}"
                self.add(f"let weight = select(exp2(s_{i}_{j} - shift{end}), 0.0f, s_{i}_{j} < {_LOW});", f"s_{i}_{j} = weight;")
                if factor is not None:
                    self.add(f"let factor = {factor};", f"s_{i}_{j} *= factor;", f"d_{i}_{j} *= factor;")
                self.add(f"d_{i}_{j} = weight * (d_{i}_{j} - minus{end});", "}")
            self.add("}")
        for part in kernel.parts:  # one after the other, in the same memory
            self.share("s" if part == "value" else "d")
            self.add("workgroupBarrier();")
            self.add_products(part, f"step_{far if part == 'value' else near}")
            self.add("workgroupBarrier();")
        self.add("}")
        for part in kernel.parts:
            times = "1.0f" if part == "value" else f"{kernel.scale!r}f"
            self.give(part, dict.fromkeys("xyzw", times))

    def of_row(self, end: str, place: str) -> None:
        """A query's logarithm of the sum of exponentials, and its sum of result times gradient."""
        logsumexp, delta = (self.element(name, place) for name in ("logsumexp", "delta"))
        self.add(f"let shift{end} = min({logsumexp}, 1.0e38f) * {_LOG2_E}f;", f"let minus{end} = {delta};")


def _quads(columns: int) -> int:
    return -(-columns // 4)


def _times(scale: float) -> str:
    return "" if scale == 1 else f" * {scale!r}f"


def _four(name: str) -> str:
    """A vector of what is named so for each of four rows."""
    return f"vec4<f32>({', '.join(name.format(i) for i in range(4))})"
