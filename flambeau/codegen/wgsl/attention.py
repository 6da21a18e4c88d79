"""`AttentionKernel` → compute shaders: a workgroup has a block of rows, and goes through the other side's rows some *steps* at a
time. Weights are made in registers, a block of them is shared through workgroup memory, and used up before the next.

Rows are queries, for the result and the query's gradient, or keys, for the gradients of key and value. Eight invocations share
four rows: of a block of weights each makes those for four rows and some steps, of the sums four rows and some quads of columns.
May import `flambeau.kernels.ir`, `flambeau.graph.primitives` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

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

_SHAPES = ((64, 32), (32, 32), (16, 32), (16, 16), (8, 16), (8, 8))
"""Rows of a workgroup and steps at a time: the first whose memory the adapter has."""
_ACROSS = 8
"""Invocations that share four rows."""
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
        self.shape(target)
        memories = make_memories(kernel.slots, target, same, set(range(len(kernel.slots))))
        self.memories: list[Memory] = [m for m in memories if m is not None]
        distinct = list({id(m): m for m in self.memories}.values())
        for m in distinct:
            if m.writable and m.type.itemsize < 4:
                m.is_atomic = True
        self.program = Program()
        bound, scratch, before, after = merge(distinct, target, 0, len(kernel.slots))
        self.program.scratch.extend(scratch)
        blocks = -(-self.rows // self.block)
        total = blocks * prod(kernel.batch)
        grid = workgroup_grid(total, target)
        self.add(f"let number = {workgroup_number(grid)};")
        if prod(grid) > total:
            self.add(f"if (number >= {total}u) {{ return; }}")
        self.add(f"let first = (number % {blocks}u) * {self.block}u;", f"let batch = number / {blocks}u;")
        self.add(f"let own = local / {_ACROSS}u;", f"let across = local % {_ACROSS}u;")
        self.body()
        declared, bindings = bind_memories(bound)
        text = (
            declared
            + "".join(f"var<workgroup> {name}: array<{type}, {count}>;\n" for name, (type, count) in self.shared.items())
            + f"@compute @workgroup_size({self.block // 4 * _ACROSS})\n"
            + "fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {\n"
            + "".join(f"  {line}\n" for line in self.lines)
            + "}\n"
        )
        self.program.steps += [*before, Dispatch(with_library(text), bindings, grid, stays_inside=True), *after]

    def shape(self, target: Target) -> None:
        """Chooses how many rows and steps a workgroup takes, and what it shares."""
        for self.block, self.length in _SHAPES:
            self.shared = self.workgroup_memory()
            nbytes = sum(count * (16 if type == "vec4<f32>" else 4) for type, count in self.shared.values())
            if nbytes <= target.max_workgroup_bytes and self.block // 4 * _ACROSS <= target.max_invocations:
                return
        raise RuntimeError(
            f"attention of heads of {self.depth} and {self.value_depth} numbers doesn't fit the adapter's workgroups"
        )

    def workgroup_memory(self) -> dict[str, tuple[str, int]]:
        """Arrays by name. Lines of quads have one quad more than they need, so that they begin in different banks."""
        near, far = _quads(self.depth) + 1, _quads(self.value_depth) + 1
        weights = self.length * (self.block // 4 + 1)
        arrays = {"near": near * self.block, "weights": weights}
        if self.is_forward:
            arrays["step"] = max(near, far) * self.length
            return {**{n: ("vec4<f32>", c) for n, c in arrays.items()}, "partial": ("f32", self.block * (_ACROSS + 1))}
        arrays |= {"far": far * self.block, "step_near": near * self.length, "step_far": far * self.length}
        if "value" in self.kernel.parts:
            arrays["kept"] = weights
        return {n: ("vec4<f32>", c) for n, c in arrays.items()}

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

    def element(self, view: Strided, start: str, row: str, column: str = "0u") -> str:
        row_stride, column_stride = (*view.strides[len(self.kernel.batch) :], 0)[:2]
        return self.memories[view.slot].load(f"{start} + ({row}) * {row_stride}u + ({column}) * {column_stride}u")

    def bring(self, view: Strided, start: str, first: str, rows: int, count: int, columns: int, to: str, scale: float) -> None:
        """Rows of an operand, from `first` on, into a shared array; those past its end are the last again."""
        quads = _quads(columns)
        values = []
        for c in range(4):
            column = f"quad * 4u + {c}u"
            loaded = self.element(view, start, "row", column if columns % 4 == 0 else f"min({column}, {columns - 1}u)")
            values.append(loaded if columns % 4 == 0 else f"select(0.0f, {loaded}, {column} < {columns}u)")
        self.add(
            f"for (var i = local; i < {rows * quads}u; i += {self.block // 4 * _ACROSS}u) {{",
            f"  let quad = i % {quads}u;",
            f"  let row = min({first} + i / {quads}u, {count - 1}u);",
            f"  {to}[(i / {quads}u) * {quads + 1}u + quad] = vec4<f32>({', '.join(values)}){_times(scale)};",
            "}",
        )

    def products(self, lines: str, steps: str, depth: int, into: str) -> None:
        """`into`_i_j: row i of the four times step j of those that the invocation has."""
        quads, each = _quads(depth), self.length // _ACROSS
        pairs = [(i, j) for i in range(4) for j in range(each)]
        self.add(*(f"var {into}_{i}_{j} = 0.0f;" for i, j in pairs), f"for (var e = 0u; e < {quads}u; e++) {{")
        self.add(*(f"  let a_{i} = {lines}[(own * 4u + {i}u) * {quads + 1}u + e];" for i in range(4)))
        self.add(*(f"  let b_{j} = {steps}[(across + {j * _ACROSS}u) * {quads + 1}u + e];" for j in range(each)))
        self.add(*(f"  {into}_{i}_{j} += dot(a_{i}, b_{j});" for i, j in pairs), "}")

    def sums(self, name: str, depth: int) -> list[str]:
        """The names of an invocation's sums: for each quad of columns four rows of them."""
        each = -(-_quads(depth) // _ACROSS)
        names = [f"{name}_{i}_{q}" for q in range(each) for i in range(4)]
        self.add(*(f"var {n} = vec4<f32>();" for n in names))
        return names

    def add_products(self, name: str, weights: str, steps: str, depth: int) -> None:
        """Adds weights[step][row]·steps[step] to the sums of that name."""
        quads, across = _quads(depth), self.block // 4 + 1
        self.add(f"for (var n = 0u; n < {self.length}u; n++) {{", f"  let weight = {weights}[n * {across}u + own];")
        for q in range(-(-quads // _ACROSS)):
            place = f"across + {q * _ACROSS}u"
            place = place if (q + 1) * _ACROSS <= quads else f"min({place}, {quads - 1}u)"
            self.add("  {", f"  let x = {steps}[n * {quads + 1}u + {place}];")
            self.add(*(f"  {name}_{i}_{q} += weight.{c} * x;" for i, c in enumerate("xyzw")), "  }")
        self.add("}")

    def give(self, name: str, depth: int, part: str, factors: Sequence[str]) -> None:
        """Stores the sums of that name, each row times its factor, as a result."""
        if part not in self.kernel.parts:
            return
        memory = self.memories[len(self.kernel.slots) - len(self.kernel.parts) + self.kernel.parts.index(part)]
        for i in range(4):
            self.add(f"if (first + own * 4u + {i}u < {self.rows}u) {{")
            for q in range(-(-_quads(depth) // _ACROSS)):
                for c in range(4):
                    place = f"(batch * {self.rows}u + first + own * 4u + {i}u) * {depth}u + column"
                    stored = memory.store(place, f"{name}_{i}_{q}.{'xyzw'[c]} * {factors[i]}")
                    column = f"(across + {q * _ACROSS}u) * 4u + {c}u"
                    self.add("  {", f"  let column = {column};", f"  if (column < {depth}u) {{", *stored, "  }", "  }")
            self.add("}")

    # --- the shaders

    def body(self) -> None:
        kernel = self.kernel
        self.names = ("query", "key", "value", "gradient", "logsumexp", "delta")[: 3 if self.is_forward else 6]
        self.views = dict(zip(self.names, kernel.operands))
        if kernel.mask is not None:
            self.views["mask"] = kernel.mask
        self.add(*(f"let {name} = {self.start_of(view)};" for name, view in self.views.items()))
        (self.forward if self.is_forward else self.backward)()

    def loop(self) -> None:
        """Opens the loop over steps, from `at` on."""
        begin, end = "0u", f"{self.steps}u"
        if self.kernel.is_causal:
            if self.on_keys:
                begin = f"(first / {self.length}u) * {self.length}u"
            else:
                end = f"min({self.steps}u, first + {self.block}u)"
        self.add(f"for (var at = {begin}; at < {end}; at += {self.length}u) {{")

    def score(self, i: int, j: int) -> None:
        """Makes product s_i_j a score; its row and step are named `row`, `step`, or held inside as `query_at`, `key_at`."""
        kernel, s = self.kernel, f"s_{i}_{j}"
        row, step = f"first + own * 4u + {i}u", f"at + across + {j * _ACROSS}u"
        query, key = (step, row) if self.on_keys else (row, step)
        queries, keys = kernel.sizes[:2]
        self.add(f"let query_at = {query};", f"let key_at = {key};")
        self.add(f"let query_in = min(query_at, {queries - 1}u);", f"let key_in = min(key_at, {keys - 1}u);")
        if kernel.mask is not None:
            loaded = self.element(kernel.mask, "mask", "query_in", "key_in")
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
        kernel, each = self.kernel, self.length // _ACROSS
        self.bring(self.views["query"], "query", "first", self.block, self.rows, self.depth, "near", kernel.scale * _LOG2_E)
        self.sums("sum", self.value_depth)
        self.add(*(f"var largest_{i} = {_LOWEST}; var total_{i} = 0.0f;" for i in range(4)))
        self.loop()
        self.bring(self.views["key"], "key", "at", self.length, self.steps, self.depth, "step", 1.0)
        self.add("workgroupBarrier();")
        self.products("near", "step", self.depth, "s")
        for i in range(4):
            for j in range(each):
                self.add("{")
                self.score(i, j)
                self.add("}")
            found = f"s_{i}_0"
            for j in range(1, each):
                found = f"max({found}, s_{i}_{j})"
            self.add(f"partial[(own * 4u + {i}u) * {_ACROSS + 1}u + across] = {found};")
        self.add("workgroupBarrier();")
        self.bring(self.views["value"], "value", "at", self.length, self.steps, self.value_depth, "step", 1.0)
        for i in range(4):
            self.add(f"let before_{i} = largest_{i};")
            self.add(
                *(f"largest_{i} = max(largest_{i}, partial[(own * 4u + {i}u) * {_ACROSS + 1}u + {k}u]);" for k in range(_ACROSS))
            )
            self.add(f"let change_{i} = exp2(before_{i} - largest_{i});", f"total_{i} *= change_{i};")
            quads = -(-_quads(self.value_depth) // _ACROSS)
            self.add(*(f"sum_{i}_{q} *= change_{i};" for q in range(quads)))
        self.weigh(each, lambda i, j: f"exp2(s_{i}_{j} - largest_{i})")
        self.add("workgroupBarrier();")
        self.add_products("sum", "weights", "step", self.value_depth)
        self.add("workgroupBarrier();", "}")
        self.add(*(f"partial[(own * 4u + {i}u) * {_ACROSS + 1}u + across] = total_{i};" for i in range(4)), "workgroupBarrier();")
        for i in range(4):
            parts = " + ".join(f"partial[(own * 4u + {i}u) * {_ACROSS + 1}u + {k}u]" for k in range(_ACROSS))
            self.add(f"let all_{i} = {parts};")
        self.give("sum", self.value_depth, "output", [f"(1.0f / select(all_{i}, 1.0f, all_{i} == 0.0f))" for i in range(4)])
        if "logsumexp" not in kernel.parts:
            return
        memory = self.memories[-1]
        for i in range(4):
            value = f"select(largest_{i} / {_LOG2_E}f + f32_log(all_{i}), f32_from_bits(0x7f800000u), all_{i} == 0.0f)"
            place = f"batch * {self.rows}u + first + own * 4u + {i}u"
            self.add(f"if (across == 0u && first + own * 4u + {i}u < {self.rows}u) {{", *memory.store(place, value), "}")

    def weigh(self, each: int, weight: Callable[[int, int], str]) -> None:
        """Shares the block's weights, four rows of a step together, and adds them up."""
        factor = self.factor()
        for j in range(each):
            for i in range(4):
                self.add(f"s_{i}_{j} = select({weight(i, j)}, 0.0f, s_{i}_{j} < {_LOW});", f"total_{i} += s_{i}_{j};")
            if factor is not None:
                self.drop(j, factor, "s")
            values = ", ".join(f"s_{i}_{j}" for i in range(4))
            self.add(f"weights[(across + {j * _ACROSS}u) * {self.block // 4 + 1}u + own] = vec4<f32>({values});")

    def drop(self, j: int, factor: str, *names: str) -> None:
        queries, keys = self.kernel.sizes[:2]
        for i in range(4):
            row, step = f"first + own * 4u + {i}u", f"at + across + {j * _ACROSS}u"
            query, key = (step, row) if self.on_keys else (row, step)
            self.add("{", f"let query_in = min({query}, {queries - 1}u);", f"let key_in = min({key}, {keys - 1}u);")
            self.add(f"let factor = {factor};", *(f"{n}_{i}_{j} *= factor;" for n in names), "}")

    def backward(self) -> None:
        kernel, each = self.kernel, self.length // _ACROSS
        rows, steps = (("key", "value"), ("query", "gradient")) if self.on_keys else (("query", "gradient"), ("key", "value"))
        for name, depth, to, scale in (
            (rows[0], self.depth, "near", kernel.scale * _LOG2_E),
            (rows[1], self.value_depth, "far", 1.0),
        ):
            self.bring(self.views[name], name, "first", self.block, self.rows, depth, to, scale)
        for part in kernel.parts:
            self.sums(part, self.value_depth if part == "value" else self.depth)
        if not self.on_keys:
            for i in range(4):
                place = f"min(first + own * 4u + {i}u, {self.rows - 1}u)"
                self.of_row(f"_{i}", place)
        self.loop()
        self.bring(self.views[steps[0]], steps[0], "at", self.length, self.steps, self.depth, "step_near", 1.0)
        self.bring(self.views[steps[1]], steps[1], "at", self.length, self.steps, self.value_depth, "step_far", 1.0)
        self.add("workgroupBarrier();")
        self.products("near", "step_near", self.depth, "s")
        self.products("far", "step_far", self.value_depth, "d")
        factor = self.factor()
        for j in range(each):
            self.add("{")
            if self.on_keys:
                self.of_row("", f"min(at + across + {j * _ACROSS}u, {self.steps - 1}u)")
            for i in range(4):
                self.add("{")
                self.score(i, j)
                end = "" if self.on_keys else f"_{i}"
                self.add(f"let weight = select(exp2(s_{i}_{j} - shift{end}), 0.0f, s_{i}_{j} < {_LOW});", f"s_{i}_{j} = weight;")
                if factor is not None:
                    self.add(f"let factor = {factor};", f"s_{i}_{j} *= factor;", f"d_{i}_{j} *= factor;")
                self.add(f"d_{i}_{j} = weight * (d_{i}_{j} - minus{end});", "}")
            place = f"[(across + {j * _ACROSS}u) * {self.block // 4 + 1}u + own]"
            self.add(f"weights{place} = vec4<f32>({', '.join(f'd_{i}_{j}' for i in range(4))});")
            if "value" in kernel.parts:
                self.add(f"kept{place} = vec4<f32>({', '.join(f's_{i}_{j}' for i in range(4))});")
            self.add("}")
        self.add("workgroupBarrier();")
        for part in kernel.parts:
            if part == "value":
                self.add_products(part, "kept", "step_far", self.value_depth)
            else:
                self.add_products(part, "weights", "step_near", self.depth)
        self.add("workgroupBarrier();", "}")
        for part in kernel.parts:
            factor = "1.0f" if part == "value" else f"{kernel.scale!r}f"
            self.give(part, self.value_depth if part == "value" else self.depth, part, [factor] * 4)

    def of_row(self, end: str, place: str) -> None:
        """A query's logarithm of the sum of exponentials, and its sum of result times gradient."""
        logsumexp, delta = (self.element(self.views[name], name, place) for name in ("logsumexp", "delta"))
        self.add(f"let shift{end} = min({logsumexp}, 1.0e38f) * {_LOG2_E}f;", f"let minus{end} = {delta};")


def _quads(columns: int) -> int:
    return -(-columns // 4)


def _times(scale: float) -> str:
    return "" if scale == 1 else f" * {scale!r}f"
