"""Attention of float16 whose products are the matrix units': sums of float32, weights rounded to halves before they are used.

A subgroup has 32 of the workgroup's rows and some of the columns, of a block of scores as of the sums. It holds its own rows'
matrices throughout; steps are brought to workgroup memory, the next ones read from memory while these are used. Only the hardware
knows which invocation holds which element of a matrix, so scores go through workgroup memory; there each invocation makes the
weights of one row, or of a part of it. Sums are not rescaled whenever a row's largest score grows, which would take them through
workgroup memory each time, but when a weight would pass 2⁸. May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from flambeau.codegen.wgsl.attention.shader import ENOUGH, LOG2_E, LOW, LOWEST, AttentionShader
from flambeau.codegen.wgsl.target import Target
from flambeau.dtypes import float16
from flambeau.kernels.ir import AttentionKernel

__all__ = ["MatrixAttention"]

_SIDE = 16
"""Rows and columns of a matrix."""
_OWN = 32
"""Rows, and invocations, of a subgroup."""
_PAD = 8
"""Halves after each line in workgroup memory, so that a matrix' lines lie in different banks."""
_PAD_SCORES = 4
"""Numbers after each line of scores, likewise."""
_ROOM = 8
"""A weight may be two to this power."""


class _Shape(NamedTuple):
    """Of a workgroup: its rows, how many steps it takes at a time, and how many subgroups share the columns."""

    rows: int
    steps: int
    across: int

    @property
    def invocations(self) -> int:
        return self.rows * self.across

    @property
    def own_steps(self) -> int:
        """Columns of scores that are a subgroup's, and steps of an invocation."""
        return self.steps // self.across


_FORWARD = _Shape(64, 32, 2), _Shape(32, 32, 2)
_FORWARD_WIDE = _Shape(128, 32, 2), _Shape(64, 32, 2)
_BACKWARD = _Shape(64, 16, 1), _Shape(32, 32, 2)
_BACKWARD_WIDE = (_Shape(64, 32, 2),)
"""What was fastest on an H100, if there are enough rows, for heads up to `_NARROW` and beyond."""
_NARROW = 64


class MatrixAttention(AttentionShader):
    """See the module."""

    invocation = AttentionShader.invocation + ", @builtin(subgroup_id) subgroup: u32"

    def __init__(self, kernel: AttentionKernel, target: Target, same: Sequence[int], shape: _Shape) -> None:
        self.directives = target.enables(float16=True, subgroups=True, subgroup_matrix=True)
        self.shape = shape
        super().__init__(kernel, target, same)

    @classmethod
    def shape_for(cls, kernel: AttentionKernel, target: Target) -> _Shape | None:
        """The shape of a workgroup, or None where the adapter's matrix units don't serve."""
        is_backward = len(kernel.operands) - kernel.has_mask > 3
        operands = kernel.operands[: 4 if is_backward else 3]
        if not target.has_subgroup_matrix or any(kernel.slots[o.slot].dtype is not float16 for o in operands):
            return None
        if min(kernel.sizes) < _SIDE:
            return None
        on_keys = "key" in kernel.parts or "value" in kernel.parts
        rows = kernel.sizes[1 if on_keys else 0]
        is_wide = max(kernel.sizes[2:]) > _NARROW
        wanted = (_BACKWARD_WIDE if is_wide else _BACKWARD) if is_backward else (_FORWARD_WIDE if is_wide else _FORWARD)
        fitting = [
            shape
            for shape in wanted
            if shape.invocations <= target.max_invocations and _nbytes(kernel, shape) <= target.max_workgroup_bytes
        ]
        if not fitting:
            return None
        return next((s for s in fitting if prod(kernel.batch) * -(-rows // s.rows) >= ENOUGH), fitting[-1])

    def prepare(self, target: Target) -> None:
        for name in self.names[:4]:
            self.reads_quads(name)
        for part in self.kernel.parts:
            self.memory_of(part).rounds_natively = self.memory_of(part).type is float16

    def workgroup_arrays(self) -> str:
        arrays = _arrays(self.kernel, self.shape)
        text = "".join(f"var<workgroup> {name}: array<{type}, {count}>;\n" for name, (type, count) in arrays.items())
        return text + ("var<workgroup> grown: array<atomic<u32>, 4>;\n" if self.is_forward else "")

    def row_at(self, i: int) -> str:
        return "row"

    def step_at(self, j: int) -> str:
        return f"own_step + {j}u"

    # --- places

    def padded(self, name: str) -> int:
        """The columns of an operand, or of a result, in workgroup memory."""
        return _padded(self.columns_of(name), self.shape.across)

    def line_of(self, name: str) -> int:
        return self.padded(name) + _PAD

    @property
    def score_line(self) -> int:
        return self.shape.steps + _PAD_SCORES

    @property
    def weight_line(self) -> int:
        return self.shape.steps + _PAD

    @property
    def halves(self) -> str:
        """An array of halves for weights, of any kind."""
        return "weights" if "weights" in _arrays(self.kernel, self.shape) else "slopes"

    # --- text

    def read(self, name: str, first: str, rows: int, columns: range, array: str, line: int) -> list[str]:
        """Reads `rows` rows of an operand from number `first` on, the last again past its end, some of its columns, zeros past
        theirs; returns the text that writes them to an array whose lines are `line` apart.
        """
        quads, total = len(columns) // 4, rows * len(columns) // 4
        count = self.columns_of(name)
        view = self.views[name]
        last = (self.rows if name in (self.near, self.far) else self.steps) - 1
        each, writes = -(-total // self.shape.invocations), []
        for k in range(each):
            self.count += 1
            n = self.count
            self.add(f"let cell_{n} = local + {k * self.shape.invocations}u;")
            self.add(f"let column_{n} = cell_{n} % {quads}u * 4u;", f"let line_{n} = cell_{n} / {quads}u;")
            self.add(f"let row_{n} = min({first} + line_{n}, {last}u);")
            column = f"{columns.start}u + column_{n}" if columns.start else f"column_{n}"
            is_padded = columns.stop > count
            if self.reads_quads(name):
                inside = f"min({column}, {count - 4}u)" if is_padded else column
                words = self.memories[view.slot].words(f"{name} + row_{n} * {view.strides[-2]}u + {inside}")
                self.add(f"let words_{n} = {f'select(vec2<u32>(), {words}, {column} < {count}u)' if is_padded else words};")
            else:
                values = []
                for c in range(4):
                    value = self.element(name, f"row_{n}", f"min({column} + {c}u, {count - 1}u)")
                    values.append(f"select(0.0f, {value}, {column} + {c}u < {count}u)" if is_padded else value)
                self.add(f"let halves_{n} = vec4<f16>(vec4<f32>({', '.join(values)}));")
            stored = [f"let place_{n} = line_{n} * {line}u + column_{n};"]
            if self.reads_quads(name):
                for part, lane in enumerate("xy"):
                    stored.append(f"let pair_{n}_{part} = bitcast<vec2<f16>>(words_{n}.{lane});")
                    stored += [f"{array}[place_{n} + {2 * part + c}u] = pair_{n}_{part}.{'xy'[c]};" for c in range(2)]
            else:
                stored += [f"{array}[place_{n} + {c}u] = halves_{n}.{'xyzw'[c]};" for c in range(4)]
            is_partial = (k + 1) * self.shape.invocations > total
            writes += [f"if (cell_{n} < {total}u) {{", *stored, "}"] if is_partial else stored
        return writes

    def read_steps(self, name: str, first: str) -> list[str]:
        """Reads a block of steps' rows of an operand; returns the text that shares them."""
        return self.read(name, first, self.shape.steps, range(self.padded(name)), f"step_{name}", self.line_of(name))

    def bring(self, name: str, first: str) -> None:
        """A block of steps' rows of an operand to workgroup memory."""
        self.add("{")
        self.add(*self.read_steps(name, first), "}")

    def keep(self, name: str) -> None:
        """Loads the workgroup's own rows of an operand as matrices own_`name`_i_k: i down, k along."""
        depth = _padded(self.columns_of(name), 1)
        for start in range(0, depth, self.shape.steps):
            columns = range(start, min(start + self.shape.steps, depth))
            written = self.read(name, "first", self.shape.rows, columns, self.halves, self.weight_line)
            self.add(*written, "workgroupBarrier();")
            for i in range(2):
                for k in range(0, len(columns), _SIDE):
                    place = f"own_row * {self.weight_line}u + {i * _SIDE * self.weight_line + k}u"
                    self.load(f"own_{name}_{i}_{(start + k) // _SIDE}", "left", self.halves, place, False, self.weight_line)
            self.add("workgroupBarrier();")

    def load(self, name: str, kind: str, array: str, place: str, by_columns: bool, line: int) -> None:
        type = f"subgroup_matrix_{kind}<f16, {_SIDE}, {_SIDE}>"
        self.add(f"let {name} = subgroupMatrixLoad<{type}>(&{array}, {place}, {str(by_columns).lower()}, {line}u);")

    def multiply(self, own: str, steps: str, into: str) -> None:
        """Own rows of an operand times the rows of a block of steps, a subgroup's part of them, into the array `into`."""
        across, line = self.shape.own_steps // _SIDE, self.line_of(steps)
        self.add("{", *(f"var sum_{i}_{j} = {_SUM}();" for i in range(2) for j in range(across)))
        for k in range(_padded(self.columns_of(own), 1) // _SIDE):
            self.add("{")
            for j in range(across):
                place = f"own_column * {line}u + {j * _SIDE * line + k * _SIDE}u"
                self.load(f"b_{j}", "right", f"step_{steps}", place, True, line)
            for j in range(across):
                self.add(
                    *(f"sum_{i}_{j} = subgroupMatrixMultiplyAccumulate(own_{own}_{i}_{k}, b_{j}, sum_{i}_{j});" for i in range(2))
                )
            self.add("}")
        for i in range(2):
            for j in range(across):
                self.add(self.store(into, i, j, f"sum_{i}_{j}"))
        self.add("}")

    def store(self, array: str, i: int, j: int, name: str) -> str:
        return f"subgroupMatrixStore(&{array}, {self.score_place(i, j)}, {name}, false, {self.score_line}u);"

    def score_place(self, i: int, j: int) -> str:
        return f"own_row * {self.score_line}u + own_column + {i * _SIDE * self.score_line + j * _SIDE}u"

    def sums(self, part: str) -> None:
        """Makes a subgroup's sums of a result, part_i_j."""
        self.add(*(f"var {part}_{i}_{j}: {_SUM};" for i in range(2) for j in range(self.own_matrices(part))))

    def own_matrices(self, part: str) -> int:
        """How many matrices across a subgroup has of a result."""
        return self.padded(part) // self.shape.across // _SIDE

    def add_products(self, part: str, weights: str, steps: str) -> None:
        """Adds the weights times the steps' rows to the sums of a result."""
        line, width = self.line_of(steps), self.own_matrices(part) * _SIDE
        for k in range(0, self.shape.steps, _SIDE):
            self.add("{")
            for i in range(2):
                place = f"own_row * {self.weight_line}u + {i * _SIDE * self.weight_line + k}u"
                self.load(f"a_{i}", "left", weights, place, False, self.weight_line)
            for j in range(self.own_matrices(part)):
                self.load(f"b_{j}", "right", f"step_{steps}", f"own_group * {width}u + {k * line + j * _SIDE}u", False, line)
                for i in range(2):
                    self.add(f"{part}_{i}_{j} = subgroupMatrixMultiplyAccumulate(a_{i}, b_{j}, {part}_{i}_{j});")
            self.add("}")

    def pieces(self, part: str) -> list[range]:
        """A subgroup's matrices of a result, as many at a time as it has of scores."""
        n, each = self.own_matrices(part), self.shape.own_steps // _SIDE
        return [range(start, min(start + each, n)) for start in range(0, n, each)]

    def give(self, part: str, factor: str) -> None:
        """Stores a result, each `row` times a factor, by way of the array of scores."""
        if part not in self.kernel.parts:
            return
        memory, columns, shape = self.memory_of(part), self.columns_of(part), self.shape
        for piece in self.pieces(part):
            self.add("workgroupBarrier();")
            self.add(*(self.store("scores", i, j - piece.start, f"{part}_{i}_{j}") for i in range(2) for j in piece))
            width = len(piece) * _SIDE
            quads = shape.across * width // 4
            self.add("workgroupBarrier();")
            self.add(f"for (var cell = local; cell < {shape.rows * quads}u; cell += {shape.invocations}u) {{")
            self.add(f"let row = cell / {quads}u;", f"let quad = cell % {quads}u * 4u;")
            self.add(f"let sum_at = row * {self.score_line}u + quad / {width}u * {shape.own_steps}u + quad % {width}u;")
            self.add(
                f"let column = quad / {width}u * {self.own_matrices(part) * _SIDE}u + quad % {width}u + {piece.start * _SIDE}u;"
            )
            self.add(f"if (first + row < {self.rows}u) {{", f"let factor = {factor};")
            values = [f"scores[sum_at + {c}u] * factor" for c in range(4)]
            into = f"(batch * {self.rows}u + first + row) * {columns}u + column"
            if memory.is_vector and columns % 4 == 0:
                self.add(f"if (column < {columns}u) {{", memory.store_vector(f"({into})", values), "}")
            else:
                for c, value in enumerate(values):
                    self.add(f"if (column + {c}u < {columns}u) {{", *memory.store(f"{into} + {c}u", value), "}")
            self.add("}", "}")

    # --- the shaders

    def body(self) -> None:
        self.count = 0
        shape = self.shape
        self.add(f"let row = local % {shape.rows}u;", f"let part = local / {shape.rows}u;")
        self.add(f"let own_step = part * {shape.own_steps}u;")
        self.add(f"let own_row = subgroup / {shape.across}u * {_OWN}u;", f"let own_group = subgroup % {shape.across}u;")
        self.add(f"let own_column = own_group * {shape.own_steps}u;")
        begin, end = self.range_of_steps()
        self.add(f"let begin = {begin};", f"let end = {end};")
        (self.forward if self.is_forward else self.backward)()

    def own_scores(self) -> None:
        """Makes scores s_0_j of an invocation's own row."""
        scale = self.kernel.scale * LOG2_E
        for j in range(self.shape.own_steps):
            self.add(f"var s_0_{j} = scores[row * {self.score_line}u + {self.step_at(j)}] * {scale!r}f;", "{")
            self.score(0, j)
            self.add("}")

    def forward(self) -> None:
        shape, logsumexp = self.shape, "logsumexp" in self.kernel.parts
        self.add("if (local == 0u) { atomicStore(&grown[0], 0u); }")
        self.bring("key", "begin")
        self.keep("query")
        self.sums("output")
        self.add(f"var largest = {LOWEST};", "var total = 0.0f;")
        self.add(f"for (var at = begin; at < end; at += {shape.steps}u) {{")
        writes = self.read_steps("value", "at")
        self.multiply("query", "key", "scores")
        self.add("workgroupBarrier();")
        next_writes = self.read_steps("key", f"at + {shape.steps}u")
        self.own_scores()
        self.add(f"var found = {_largest([f's_0_{j}' for j in range(shape.own_steps)])};")
        self.of_others()
        self.add("let before = largest;", f"largest = select(largest, found, found > largest + {_ROOM}.0f);")
        self.add("let change = exp2(before - largest);", "total *= change;")
        self.add(f"if (change != 1.0f && before > {LOW}) {{ atomicStore(&grown[0], 1u); }}")
        for j in range(shape.own_steps):
            self.add(f"s_0_{j} = select(exp2(s_0_{j} - largest), 0.0f, s_0_{j} < {LOW});", f"total += s_0_{j};")
        factor = self.factor()
        for j in range(shape.own_steps):
            if factor is not None:
                query, key = self.query_and_key(0, j)
                queries, keys = self.kernel.sizes[:2]
                self.add("{", f"let query_in = min({query}, {queries - 1}u);", f"let key_in = min({key}, {keys - 1}u);")
                self.add(f"s_0_{j} *= {factor};", "}")
            self.add(f"weights[row * {self.weight_line}u + {self.step_at(j)}] = f16(s_0_{j});")
        self.add(*writes, *next_writes)
        self.add("if (workgroupUniformLoad(&grown[0]) != 0u) {")
        self.rescale()
        self.add("if (local == 0u) { atomicStore(&grown[0], 0u); }", "}")
        self.add_products("output", "weights", "value")
        self.add("}")
        self.add(f"factors[part * {shape.rows}u + row] = total;", "workgroupBarrier();")
        self.add(f"let all = {' + '.join(f'factors[row + {p * shape.rows}u]' for p in range(shape.across))};")
        self.add("workgroupBarrier();", "if (part == 0u) { factors[row] = 1.0f / select(all, 1.0f, all == 0.0f); }")
        self.give("output", "factors[row]")
        if logsumexp:
            value = f"select(largest / {LOG2_E}f + f32_log(all), f32_from_bits(0x7f800000u), all == 0.0f)"
            stored = self.memory_of("logsumexp").store(f"batch * {self.rows}u + first + row", value)
            self.add(f"if (part == 0u && first + row < {self.rows}u) {{", *stored, "}")

    def of_others(self) -> None:
        """Takes in the scores of the row that are other invocations'."""
        for other in range(1, self.shape.across):
            self.add("{", f"let own_step = (part + {other}u) % {self.shape.across}u * {self.shape.own_steps}u;")
            self.own_scores()
            self.add(f"found = max(found, {_largest([f's_0_{j}' for j in range(self.shape.own_steps)])});", "}")

    def rescale(self) -> None:
        """Multiplies the sums by each row's change."""
        for piece in self.pieces("output"):
            self.add(*(self.store("scores", i, j - piece.start, f"output_{i}_{j}") for i in range(2) for j in piece))
            self.add("workgroupBarrier();")
            self.add(f"for (var c = 0u; c < {len(piece) * _SIDE}u; c++) {{")
            self.add(f"scores[row * {self.score_line}u + own_step + c] *= change;", "}", "workgroupBarrier();")
            for i in range(2):
                for j in piece:
                    place = f"{self.score_place(i, j - piece.start)}, false, {self.score_line}u"
                    self.add(f"output_{i}_{j} = subgroupMatrixLoad<{_SUM}>(&scores, {place});")

    def backward(self) -> None:
        kernel, shape = self.kernel, self.shape
        near, far = self.steps_of_backward
        arrays = {part: "weights" if part == "value" else "slopes" for part in kernel.parts}
        self.bring(near, "begin")
        self.bring(far, "begin")
        if self.on_keys:
            self.of_steps("begin", "")
            self.share_of_steps("")
        self.keep(self.near)
        self.keep(self.far)
        for part in kernel.parts:
            self.sums(part)
        if not self.on_keys:
            self.of_row("", f"min(first + row, {self.rows - 1}u)")
        self.add(f"for (var at = begin; at < end; at += {shape.steps}u) {{")
        following = f"at + {shape.steps}u"
        writes = self.read_steps(near, following) + self.read_steps(far, following)
        if self.on_keys:
            self.of_steps(following, "_next")
        self.multiply(self.near, near, "scores")
        self.multiply(self.far, far, "products")
        self.add("workgroupBarrier();")
        self.own_scores()
        factor = self.factor()
        for j in range(shape.own_steps):
            self.add("{")
            if self.on_keys:
                self.add(f"let shift = shifts[{self.step_at(j)}];", f"let minus = shifts[{shape.steps}u + {self.step_at(j)}];")
            self.add(f"let weight = select(exp2(s_0_{j} - shift), 0.0f, s_0_{j} < {LOW});")
            self.add("var used = weight;", f"var product = products[row * {self.score_line}u + {self.step_at(j)}];")
            if factor is not None:
                query, key = self.query_and_key(0, j)
                queries, keys = kernel.sizes[:2]
                self.add(f"let query_in = min({query}, {queries - 1}u);", f"let key_in = min({key}, {keys - 1}u);")
                self.add(f"let factor = {factor};", "used *= factor;", "product *= factor;")
            place = f"row * {self.weight_line}u + {self.step_at(j)}"
            if "weights" in arrays.values():
                self.add(f"weights[{place}] = f16(used);")
            if "slopes" in arrays.values():
                self.add(f"slopes[{place}] = f16(weight * (product - minus));")
            self.add("}")
        self.add("workgroupBarrier();")
        for part in kernel.parts:
            self.add_products(part, arrays[part], far if part == "value" else near)
        self.add("workgroupBarrier();", *writes)
        if self.on_keys:
            self.share_of_steps("_next")
        self.add("workgroupBarrier();", "}")
        for part in kernel.parts:
            self.give(part, "1.0f" if part == "value" else f"{kernel.scale!r}f")

    def of_steps(self, first: str, end: str) -> None:
        """What `of_row` gives of a step, each invocation of one."""
        self.of_row(end, f"min({first} + min(local, {self.shape.steps - 1}u), {self.steps - 1}u)")

    def share_of_steps(self, end: str) -> None:
        steps = self.shape.steps
        self.add(f"if (local < {steps}u) {{ shifts[local] = shift{end}; shifts[{steps}u + local] = minus{end}; }}")


_SUM = f"subgroup_matrix_result<f32, {_SIDE}, {_SIDE}>"


def _padded(columns: int, across: int) -> int:
    return -(-columns // (_SIDE * across)) * _SIDE * across


def _largest(names: Sequence[str]) -> str:
    """The largest of some numbers, compared in pairs."""
    while len(names) > 1:
        names = [f"max({', '.join(names[i : i + 2])})" if i + 1 < len(names) else names[i] for i in range(0, len(names), 2)]
    return names[0]


def _arrays(kernel: AttentionKernel, shape: _Shape) -> dict[str, tuple[str, int]]:
    """The workgroup's memory: the element type and the length of each array.

    All are a multiple of 16 bytes long: matrices are loaded by so many, and drivers put one array behind another.
    """
    depth, value_depth = (shape.steps * (_padded(n, shape.across) + _PAD) for n in kernel.sizes[2:])
    scores, halves = ("f32", shape.rows * (shape.steps + _PAD_SCORES)), ("f16", shape.rows * (shape.steps + _PAD))
    arrays = {"scores": scores}
    if "output" in kernel.parts or "logsumexp" in kernel.parts:
        return arrays | {
            "weights": halves,
            "step_key": ("f16", depth),
            "step_value": ("f16", value_depth),
            "factors": ("f32", shape.invocations),
        }
    arrays["products"] = scores
    if "value" in kernel.parts:
        arrays["weights"] = halves
    if kernel.parts != ("value",):
        arrays["slopes"] = halves
    if "query" in kernel.parts:
        return arrays | {"step_key": ("f16", depth), "step_value": ("f16", value_depth)}
    return arrays | {"step_query": ("f16", depth), "step_gradient": ("f16", value_depth), "shifts": ("f32", 2 * shape.steps)}


def _nbytes(kernel: AttentionKernel, shape: _Shape) -> int:
    """The bytes of workgroup memory that a workgroup needs at most."""
    return sum(count * (4 if type == "f32" else 2) for type, count in _arrays(kernel, shape).values()) + 16
