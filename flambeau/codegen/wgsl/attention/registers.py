"""Attention whose products are registers': weights are made in registers and shared through workgroup memory.

Eight invocations, a team, share four rows: of a block of weights each makes those for four rows and some steps, of the sums four
rows and some quads of columns. A workgroup reads its own rows where they are, through caches, when it can read four numbers at a
time: with them in workgroup memory fewer workgroups run side by side, which took a third longer on an H100 (as eight rows an
invocation do: twice). May import `codegen.wgsl`.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from flambeau.codegen.wgsl.attention.shader import ENOUGH, LOG2_E, LOW, LOWEST, AttentionShader
from flambeau.codegen.wgsl.target import Target

__all__ = ["RegisterAttention"]


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
_ACROSS = 8
"""Invocations of a team."""


class RegisterAttention(AttentionShader):
    """See the module."""

    def prepare(self, target: Target) -> None:
        own = (self.near,) if self.is_forward else (self.near, self.far)
        self.copied = [name for name in own if not self.reads_in_place(name)]
        self.shape = self.choose(target)

    def workgroup_arrays(self) -> str:
        return "".join(f"var<workgroup> {name}: array<vec4<f32>, {count}>;\n" for name, count in self.shared.items())

    def choose(self, target: Target) -> _Shape:
        """The shape of a workgroup, whose arrays are `shared`."""
        is_wide = not self.is_forward or max(self.depth, self.value_depth) > 64
        is_wide = is_wide and prod(self.kernel.batch) * (self.rows // _WIDE.rows) >= ENOUGH
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
    def own_steps(self) -> range:
        return range(self.shape.steps // _ACROSS)

    def row_at(self, i: int) -> str:
        """Where row i of an invocation is in the workgroup's block."""
        return f"team + {i * self.shape.teams}u" if i else "team"

    def step_at(self, j: int) -> str:
        return f"across + {j * _ACROSS}u" if j else "across"

    # --- text

    def reads_in_place(self, name: str) -> bool:
        """Whether a workgroup reads its own rows of an operand where they are. Halves would be made wide again and again."""
        return self.memories[self.views[name].slot].type.itemsize == 4 and self.reads_quads(name)

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

    # --- the shaders

    def body(self) -> None:
        self.add(f"let team = local / {_ACROSS}u;", f"let across = local % {_ACROSS}u;")
        (self.forward if self.is_forward else self.backward)()

    def forward(self) -> None:
        kernel, scale = self.kernel, self.kernel.scale * LOG2_E
        self.bring_own({"query": scale})
        self.sums("output")
        self.add(f"var largest = vec4<f32>({LOWEST});", "var total = vec4<f32>();")
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
                self.add(f"s_{i}_{j} = select(exp2(s_{i}_{j} - largest.{lane}), 0.0f, s_{i}_{j} < {LOW});")
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
            value = f"largest.{lane} / {LOG2_E}f + f32_log(all.{lane})"
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
        kernel, scale = self.kernel, self.kernel.scale * LOG2_E
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
                self.add(f"let weight = select(exp2(s_{i}_{j} - shift{end}), 0.0f, s_{i}_{j} < {LOW});", f"s_{i}_{j} = weight;")
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


def _quads(columns: int) -> int:
    return -(-columns // 4)


def _times(scale: float) -> str:
    return "" if scale == 1 else f" * {scale!r}f"


def _four(name: str) -> str:
    """A vector of what is named so for each of four rows."""
    return f"vec4<f32>({', '.join(name.format(i) for i in range(4))})"
