"""`Tiles`: the compute shader of one tiled product, through workgroup memory or, on software adapters, without it.

May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

from flambeau.codegen.wgsl.emit import Emitter
from flambeau.codegen.wgsl.expressions import CALLS
from flambeau.codegen.wgsl.forms import Tile, padded
from flambeau.codegen.wgsl.frame import bind_memories, make_memories, workgroup_grid, workgroup_number
from flambeau.codegen.wgsl.library import with_library
from flambeau.codegen.wgsl.merging import merge
from flambeau.codegen.wgsl.operands import (
    accumulation_type,
    address_stride,
    index_literal,
    is_linear_along,
    linear_sum,
    load_operand,
    substitute_epilogue,
)
from flambeau.codegen.wgsl.packing import Packing
from flambeau.codegen.wgsl.program import Dispatch
from flambeau.codegen.wgsl.ranges import affine
from flambeau.dtypes import bool_, float32, int64
from flambeau.kernels.ir import Expr, Operand
from flambeau.kernels.traverse import walk

__all__ = ["Tiles"]


class _Copy(NamedTuple):
    """How an invocation brings an operand's part of a step to workgroup memory.

    `reads`: the places of a quad's four, the quad's number, and the place along the sum. `quads`: of the tile's rows or columns.
    `whole`: a quad is read as one vector.
    """

    name: str
    operand: Operand
    reads: list[tuple[list[dict[int, Expr]], str, str]]
    quads: int
    whole: bool


class Tiles:
    """The shader of one tiled product."""

    def __init__(self, packing: Packing, tile: Tile, parts: int) -> None:
        kernel, form = packing.kernel, packing.form
        self.kernel, self.form, self.tile, self.parts = kernel, form, tile, parts
        self.target, self.same, self.program, self.base = packing.target, packing.same, packing.program, packing.base
        self.out = packing.out
        self.extents = dict(enumerate(kernel.extents))
        self.fresh_axis = len(kernel.extents)
        self.row_count = prod(kernel.extents[k] for k in form.rows)
        self.column_count = prod(kernel.extents[k] for k in form.columns)
        self.inner_size = prod(kernel.extents[k] for k in form.inner)
        self.outer_size = prod(kernel.extents[k] for k in form.outer)
        self.spacing: dict[str, tuple[int, int]] = {"rows": (4, 1), "columns": (4, 1)}
        """For rows and columns: how far apart the quads start, and how far apart the four of a quad are."""

    # --- addresses ----------------------------------------------------------------------------------------------------
    def renamed(self, axes: Sequence[int]) -> dict[int, Expr]:
        """Fresh axis expressions for `axes`, of the same extents."""
        result = {}
        for k in axes:
            self.extents[self.fresh_axis] = self.kernel.extents[k]
            result[k] = Expr("axis", (), int64, self.fresh_axis)
            self.fresh_axis += 1
        return result

    def load(self, operand: Operand, axis: dict[int, Expr], groups: Sequence[Sequence[int]], within: Expr | None) -> Expr:
        """The operand's element, zero outside its memory and where `within` fails."""
        type = self.kernel.slots[operand.slot].dtype
        return load_operand(operand, type, self.kernel.extents, axis, groups, within)

    # --- the shader ---------------------------------------------------------------------------------------------------
    def generate(self) -> None:
        kernel, form, tile = self.kernel, self.form, self.tile
        used = {form.row_operand.slot, form.column_operand.slot, self.out}
        used |= {e.param for e in walk([kernel.epilogue]) if e.op == "load"}
        self.memories: list[Any] = make_memories(kernel.slots, self.target, self.same, used)
        memories: list[Any] = self.memories
        distinct = list({id(m): m for m in memories if m is not None}.values())
        checks = any(e.op == "check" for e in walk([kernel.epilogue]))
        self.strides: dict[int, int] = {}
        """Of the output, by axis."""
        self.output_size = 1
        for k in reversed(kernel.outputs):
            self.strides[k] = self.output_size
            self.output_size *= kernel.extents[k]
        out = memories[self.out]
        assert out is not None
        # where the adapter has so few bindings that slots are copied together, they are arrays of plain elements
        self.may_use_vectors = sum(len(m.pieces()) for m in distinct) + int(checks) <= self.target.max_storage_buffers
        self.stores_vectors = self.may_use_vectors and self.writes_vectors() and out.allow_vectors()
        if out.type.itemsize < 4 and not self.stores_vectors:
            out.is_atomic = True
        self.vector_loads = self.loads_of_vectors() if self.stores_vectors else []
        bound, scratch, before, after = merge(distinct, self.target, int(checks), self.base + len(self.program.scratch))
        self.program.scratch.extend(scratch)
        self.emitter = e = Emitter(self.extents, memories)
        batches = prod(kernel.extents[k] for k in form.batch)
        if tile.rows == 0:
            width = 32
            across = -(-self.column_count // tile.own_columns)
            down = -(-self.row_count // tile.own_rows)
            total = across * down * batches * self.parts
            grid = workgroup_grid(-(-total // width), self.target)
            e.line(f"let number = {workgroup_number(grid)} * {width}u + local;")
            e.line(f"if (number >= {total}u) {{ return; }}")
        else:
            width = tile.invocations
            across = -(-self.column_count // tile.columns)
            down = -(-self.row_count // tile.rows)
            total = across * down * batches * self.parts
            grid = workgroup_grid(total, self.target)
            e.line(f"let number = {workgroup_number(grid)};")
            if prod(grid) > total:
                e.line(f"if (number >= {total}u) {{ return; }}")
        e.line(f"let tile_column = number % {across}u;")
        e.line(f"let tile_row = (number / {across}u) % {down}u;")
        e.line(f"let plane = number / {across * down}u;")
        if self.parts > 1:
            e.line(f"let part = plane % {self.parts}u;")
        batch = self.renamed(form.batch)
        e.open(*(x.param for x in batch.values()))
        e.bind_axes(
            [(batch[k].param, kernel.extents[k]) for k in form.batch], f"(plane / {self.parts}u)" if self.parts > 1 else "plane"
        )
        self.body(batch)
        block = e.blocks.pop()
        e.blocks[-1].lines.extend(block.lines)
        declared, bindings = bind_memories(bound, e.has_checks)
        text = (
            declared
            + self.workgroup_memory()
            + f"@compute @workgroup_size({width})\n"
            + f"fn main(@builtin(workgroup_id) workgroup: vec3<u32>, {self.invocation}) {{\n"
            + "".join(f"  {line}\n" for line in e.blocks[0].lines)
            + "}\n"
        )
        text = self.directives + with_library(text)
        self.program.steps += [*before, Dispatch(text, bindings, grid, stays_inside=True), *after]

    directives = ""
    any_row_place = ""
    """The number of the invocation's row `own`, where a loop over its rows can be."""
    invocation = "@builtin(local_invocation_index) local: u32"

    def workgroup_memory(self) -> str:
        """The declarations of what the invocations share."""
        tile = self.tile
        if tile.rows == 0:
            return ""
        return (
            f"var<workgroup> shared_rows: array<vec4<f32>, {tile.step * (tile.rows // 4 + 1)}>;\n"
            f"var<workgroup> shared_columns: array<vec4<f32>, {tile.step * (tile.columns // 4 + 1)}>;\n"
        )

    def body(self, batch: dict[int, Expr]) -> None:
        """Computes the workgroup's tile and stores it."""
        row_places, column_places = self.direct(batch) if self.tile.rows == 0 else self.shared(batch)
        self.epilogue(batch, row_places, column_places)

    def bind_tile_position(self, axes: Sequence[int], flat: str, count: int, tile: int = 0) -> dict[int, Expr]:
        """Names the axes of a row or column number, held within the last one so that no address leaves the memory.

        With `tile`, the rows or columns of a tile: nothing needs to be held where tiles have no rest.
        """
        e = self.emitter
        names = self.renamed(axes)
        block = e.blocks[-1]
        block.bound = block.bound | {x.param for x in names.values()}
        place = e.fresh("place")
        e.line(f"let {place} = min({flat}, {count - 1}u);" if not tile or count % tile else f"let {place} = {flat};")
        e.bind_axes([(names[k].param, self.kernel.extents[k]) for k in axes], place)
        return names

    def step_range(self) -> tuple[str, str, int]:
        """The first and the last step of this workgroup's sum, and how many steps one outer position takes."""
        per_outer = -(-self.inner_size // self.tile.step)
        steps = per_outer * self.outer_size
        if self.parts == 1:
            return "0u", f"{steps}u", per_outer
        share = -(-steps // self.parts)
        return f"(part * {share}u)", f"min((part + 1u) * {share}u, {steps}u)", per_outer

    def direct(self, batch: dict[int, Expr]) -> tuple[list[str], list[str]]:
        """Each invocation reads its operands from memory; returns the numbers of its rows and columns."""
        e, tile, form = self.emitter, self.tile, self.form
        row_places = [f"(tile_row * {tile.own_rows}u + {i}u)" for i in range(tile.own_rows)]
        column_places = [f"(tile_column * {tile.own_columns}u + {j}u)" for j in range(tile.own_columns)]
        rows = [self.bind_tile_position(form.rows, p, self.row_count) for p in row_places]
        columns = [self.bind_tile_position(form.columns, p, self.column_count) for p in column_places]
        for i in range(tile.own_rows):
            for j in range(tile.own_columns):
                e.line(f"var sum_{i}_{j} = 0.0f;")
        summed = (*form.outer, *form.inner)
        sums = self.renamed(summed)
        # two steps of the sum at once, so that accumulators are read and written less often (four were slower)
        last = summed[-1] if summed else None
        at_once = 2 if last is not None and self.kernel.extents[last] % 2 == 0 else 1
        headers = []
        for k in summed:
            name = e.fresh("k")
            step = at_once if k == last else 1
            headers.append(f"for (var {name} = 0i; {name} < {self.kernel.extents[k]}i; {name} += {step}i) {{")
            e.open(sums[k].param)
            e.axis_names[sums[k].param] = name
        groups = [form.rows, form.columns, form.batch, form.outer, form.inner]
        products: dict[tuple[int, int], list[str]] = {}
        for ahead in range(at_once):
            places = dict(sums)
            if ahead and last is not None:
                places[last] = Expr("add", (sums[last], Expr("literal", (), int64, ahead)), int64)
            row_values = [self.factor(form.row_operand, {**batch, **places, **r}, groups) for r in rows]
            column_values = [self.factor(form.column_operand, {**batch, **places, **c}, groups) for c in columns]
            for i, a in enumerate(row_values):
                for j, b in enumerate(column_values):
                    products.setdefault((i, j), []).append(f"{a} * {b}")
        for (i, j), terms in products.items():
            e.line(f"sum_{i}_{j} += {' + '.join(terms)};")
        for header in reversed(headers):
            e.close(header)
        return row_places, column_places

    def factor(self, operand: Operand, axis: dict[int, Expr], groups: Sequence[Sequence[int]], extra: Expr | None = None) -> str:
        """The operand's element as f32 text."""
        loaded = self.load(operand, axis, groups, extra)
        return self.emitter.value(loaded if loaded.dtype is float32 else Expr("cast", (loaded,), float32))

    def shared(self, batch: dict[int, Expr]) -> tuple[list[str], list[str]]:
        """The product through workgroup memory; returns the numbers of the invocation's rows and columns."""
        e, tile, form = self.emitter, self.tile, self.form
        e.line(f"let own_column = local % {tile.across}u;")
        e.line(f"let own_row = local / {tile.across}u;")
        copies = [
            self.copied("rows", form.row_operand, form.rows, tile.rows, "tile_row", self.row_count),
            self.copied("columns", form.column_operand, form.columns, tile.columns, "tile_column", self.column_count),
        ]
        for i in range(tile.own_rows):
            for j in range(tile.own_columns // 4):
                e.line(f"var sum_{i}_{j} = vec4<f32>();")
        for copy in copies:
            for l in range(len(copy.reads)):
                e.line(f"var next_{copy.name}_{l} = vec4<f32>();")
        first, last, per_outer = self.step_range()
        e.line(f"let first_step = {first};")
        e.line(f"let last_step = {last};")
        e.open()
        # what the step before read goes to workgroup memory; the next is read while this is multiplied
        e.open()
        for copy in copies:
            for l, (_, quad, sum_place) in enumerate(copy.reads):
                e.line(f"shared_{copy.name}[({sum_place}) * {copy.quads + 1}u + {quad}] = next_{copy.name}_{l};")
        e.close("if (step > first_step) {")
        e.line("workgroupBarrier();")
        self.read_ahead(copies, batch, per_outer)
        self.multiply()
        e.line("workgroupBarrier();")
        e.close("for (var step = first_step; step <= last_step; step++) {")
        return self.own_places()

    def copied(self, name: str, operand: Operand, axes: Sequence[int], width: int, tile_name: str, count: int) -> _Copy:
        """Which quads of the tile's rows or columns the invocation brings to workgroup memory in a step, their places named."""
        e, tile, invocations = self.emitter, self.tile, self.tile.invocations
        quads, each = width // 4, -(-width * tile.step // 4 // invocations)
        along_sum = self.is_along_sum(operand, axes)
        whole = self.keeps_quads(operand, axes)
        # four neighbours where they are read as one vector, else four far apart, so that neighbours are read together
        apart, between = (4, 1) if whole else (1, quads)
        self.spacing[name] = apart, between
        made: dict[str, tuple[list[dict[int, Expr]], str]] = {}
        reads = []
        for l in range(each):
            if along_sum:
                quad, sum_place = f"local / {tile.step}u + {l * (invocations // tile.step)}u", f"local % {tile.step}u"
            else:
                quad, sum_place = f"local % {quads}u", f"local / {quads}u + {l * (invocations // quads)}u"
            if invocations > quads * tile.step:  # the rest read and write what the last does
                quad, sum_place = f"min({quad}, {quads - 1}u)", f"min({sum_place}, {tile.step - 1}u)"
            if quad not in made:
                variable = e.fresh("quad")
                e.line(f"let {variable} = {quad};")
                first_place = f"({tile_name} * {width}u + {variable} * {apart}u"
                places = [self.bind_tile_position(axes, f"{first_place} + {i * between}u)", count) for i in range(4)]
                made[quad] = places, variable
            reads.append((*made[quad], sum_place))
        return _Copy(name, operand, reads, quads, whole)

    def read_ahead(self, copies: Sequence[_Copy], batch: dict[int, Expr], per_outer: int) -> None:
        """Reads the quads of a step, unless it is the one after the last."""
        e, tile, form = self.emitter, self.tile, self.form
        outer = self.renamed(form.outer)
        e.open(*(x.param for x in outer.values()))
        if form.outer:
            e.bind_axes([(outer[k].param, self.kernel.extents[k]) for k in form.outer], f"(step / {per_outer}u)")
        start = f"(step % {per_outer}u) * {tile.step}u" if form.outer else f"step * {tile.step}u"
        e.line(f"let start = {start};")
        groups = [form.rows, form.columns, form.batch, form.outer, form.inner]
        bound_sums: dict[str, tuple[dict[int, Expr], Expr | None]] = {}
        for copy in copies:
            for l, (places, _, sum_place) in enumerate(copy.reads):
                if sum_place not in bound_sums:
                    bound_sums[sum_place] = self.bind_sum(form.inner, f"start + {sum_place}")
                sums, within = bound_sums[sum_place]
                common = {**batch, **outer, **sums}
                if copy.whole:
                    self.read_vector(f"next_{copy.name}_{l}", copy.operand, {**common, **places[0]}, groups, within)
                else:
                    values = [self.factor(copy.operand, {**common, **at}, groups, within) for at in places]
                    e.line(f"next_{copy.name}_{l} = vec4<f32>({', '.join(values)});")
        e.close("if (step < last_step) {")

    def multiply(self) -> None:
        """Adds the products of what workgroup memory holds, unless this is the first step, before which nothing was read."""
        e, tile = self.emitter, self.tile
        e.open()
        e.open()
        for j in range(tile.own_columns // 4):
            e.line(f"let column_{j} = shared_columns[k * {tile.columns // 4 + 1}u + own_column + {j * tile.across}u];")
        if tile.own_rows >= 4:
            for i in range(tile.own_rows // 4):
                e.line(f"let row_{i} = shared_rows[k * {tile.rows // 4 + 1}u + own_row + {i * tile.down}u];")
        else:
            e.line(f"let row_0 = shared_rows[k * {tile.rows // 4 + 1}u + own_row * {tile.own_rows}u / 4u];")
            for i in range(tile.own_rows):
                e.line(f"let row_0_{i} = row_0[(own_row * {tile.own_rows}u + {i}u) % 4u];")
        for i in range(tile.own_rows):
            a = f"row_{i // 4}.{'xyzw'[i % 4]}" if tile.own_rows >= 4 else f"row_0_{i}"
            for j in range(tile.own_columns // 4):
                e.line(f"sum_{i}_{j} = fma(vec4<f32>({a}), column_{j}, sum_{i}_{j});")
        e.close(f"for (var k = 0u; k < {tile.step}u; k++) {{")
        e.close("if (step > first_step) {")

    def own_places(self) -> tuple[list[str], list[str]]:
        """The numbers of the invocation's rows and columns, as `copied` laid the tile out."""
        tile = self.tile
        apart, between = self.spacing["rows"]

        def row_place(quad: str, part: str) -> str:
            return f"(tile_row * {tile.rows}u + {quad} * {apart}u + {part} * {between}u)"

        if tile.own_rows >= 4:
            row_places = [row_place(f"(own_row + {i // 4 * tile.down}u)", f"{i % 4}u") for i in range(tile.own_rows)]
            self.any_row_place = row_place(f"(own_row + own / 4u * {tile.down}u)", "(own % 4u)")
        else:
            row_places = [row_place("(own_row / 2u)", f"(own_row % 2u * 2u + {i}u)") for i in range(tile.own_rows)]
        own_apart, own_between = self.spacing["columns"]
        column_places = [
            f"(tile_column * {tile.columns}u + (own_column + {j // 4 * tile.across}u) * {own_apart}u + {j % 4 * own_between}u)"
            for j in range(tile.own_columns)
        ]
        return row_places, column_places

    def is_along_sum(self, operand: Operand, axes: Sequence[int]) -> bool:
        """Whether the operand's neighbours in memory are neighbours along the sum."""
        return 0 < address_stride(operand, self.form.inner[-1]) < address_stride(operand, axes[-1])

    def keeps_quads(self, operand: Operand, axes: Sequence[int]) -> bool:
        """Whether four neighbouring rows (or columns) are always four neighbouring elements, all inside or all outside.

        Then an invocation's quads are of neighbours; else four rows far apart, so that neighbouring invocations read neighbours.
        """
        memory = self.memories[operand.slot]
        if self.is_along_sum(operand, axes) or self.kernel.extents[axes[-1]] % 4 or memory.writable:
            return False
        return is_linear_along(operand, axes[-1], self.kernel.extents) and self.may_use_vectors and memory.allow_vectors()

    def read_vector(
        self, into: str, operand: Operand, axis: dict[int, Expr], groups: Sequence[Sequence[int]], within: Expr | None
    ) -> None:
        """Reads four neighbouring elements, zeros where the operand has none."""
        e = self.emitter
        loaded = self.load(operand, axis, groups, within)
        index = e.index(loaded.args[0])
        text = e.memories[operand.slot].vector(index)
        if len(loaded.args) == 1:
            e.line(f"{into} = {text};")
        else:
            mask = e.value(loaded.args[1])
            e.line(f"{into} = vec4<f32>();")
            e.line(f"if ({mask}) {{ {into} = {text}; }}")

    def bind_sum(self, axes: Sequence[int], flat: str) -> tuple[dict[int, Expr], Expr | None]:
        """Names the summed axes at a place of the step; and whether it is within the sum at all, where that isn't certain."""
        e = self.emitter
        names = self.renamed(axes)
        block = e.blocks[-1]
        block.bound = block.bound | {x.param for x in names.values()}
        place = e.fresh("place")
        e.line(f"let {place} = {flat};")
        e.bind_axes([(names[k].param, self.kernel.extents[k]) for k in axes], place)
        if self.inner_size % self.tile.step == 0:
            return names, None
        # as an axis of its own, longer than the sum, the place can be compared with the sum's length
        number = self.fresh_axis
        self.fresh_axis += 1
        self.extents[number] = padded(self.inner_size, self.tile.step)
        block.bound = block.bound | {number}
        e.axis_names[number] = f"i32({place})"
        return names, Expr("lt", (Expr("axis", (), int64, number), index_literal(self.inner_size)), bool_)

    # --- the end ------------------------------------------------------------------------------------------------------
    def epilogue(self, batch: dict[int, Expr], row_places: Sequence[str], column_places: Sequence[str]) -> None:
        """Each finished sum through the epilogue to its place in the output."""
        kernel, tile = self.kernel, self.tile
        zero = {k: index_literal(0) for k in kernel.outputs if kernel.extents[k] == 1}
        columns = [self.bind_tile_position(self.form.columns, p, self.column_count) for p in column_places]
        common = {**zero, **batch}
        if not self.any_row_place or not any(x.op in CALLS for x in walk([kernel.epilogue])):
            for i, row_place in enumerate(row_places):
                self.store_row(i, row_place, common, columns, column_places)
            return
        # long code for each of many sums would not stay where instructions are read from: the sums go by in a loop
        e = self.emitter
        e.open()
        self.store_row(0, self.any_row_place, common, columns, column_places)
        for i in range(1, tile.own_rows):
            for j in range(tile.own_columns // 4):
                e.line(f"sum_{i - 1}_{j} = sum_{i}_{j};")
        e.close(f"for (var own = 0u; own < {tile.own_rows}u; own++) {{")

    def store_row(
        self,
        i: int,
        row_place: str,
        common: dict[int, Expr],
        columns: Sequence[dict[int, Expr]],
        column_places: Sequence[str],
    ) -> None:
        """Stores the sums of the invocation's row number `i`."""
        e, tile = self.emitter, self.tile
        direct = tile.rows == 0
        e.open()
        common = {**common, **self.bind_tile_position(self.form.rows, row_place, self.row_count)}
        if self.stores_vectors:
            for j in range(tile.own_columns // 4):
                e.open()
                self.store_vector(common, columns[4 * j : 4 * j + 4], [f"sum_{i}_{j}.{c}" for c in "xyzw"])
                e.close(f"if ({column_places[4 * j]} < {self.column_count}u) {{" if self.column_count % tile.columns else "{")
        else:
            for j, column_place in enumerate(column_places):
                e.open()
                self.store_one({**common, **columns[j]}, f"sum_{i}_{j}" if direct else f"sum_{i}_{j // 4}.{'xyzw'[j % 4]}")
                is_whole = self.column_count % (tile.columns or tile.own_columns) == 0
                e.close("{" if is_whole else f"if ({column_place} < {self.column_count}u) {{")
        is_whole = self.row_count % (tile.rows or tile.own_rows) == 0
        e.close("{" if is_whole else f"if ({row_place} < {self.row_count}u) {{")

    def store_one(self, axis: dict[int, Expr], total: str) -> None:
        """Stores one sum (f32 text) through the epilogue."""
        e, kernel, form = self.emitter, self.kernel, self.form
        e.accumulator = total
        value = self.finished(axis)
        index = e.index(linear_sum(self.strides, 0, kernel.extents, axis, [form.rows, form.columns, form.batch]))
        if self.parts > 1:
            index = f"part * {self.output_size}u + {index}"
        for line in e.memories[self.out].store(index, value):
            e.line(line)

    def finished(self, axis: dict[int, Expr]) -> str:
        """The epilogue's value for the sum that is the emitter's accumulator, to be stored."""
        value = substitute_epilogue(self.kernel.epilogue, self.accumulator(), axis)
        if value.op == "cast" and value.dtype.itemsize == 2 and value.args[0].dtype is float32:
            value = value.args[0]  # the store rounds
        return self.emitter.value(value)

    def accumulator(self) -> Expr:
        """A finished sum, known in the innermost block alone: each has an axis of its own, so that none stands for another."""
        number = self.fresh_axis
        self.fresh_axis += 1
        block = self.emitter.blocks[-1]
        block.bound = block.bound | {number}
        return Expr("accumulator", (Expr("axis", (), int64, number),), accumulation_type(self.kernel))

    def writes_vectors(self) -> bool:
        """Whether four neighbouring columns are four neighbouring elements of the output."""
        last = self.form.columns[-1]
        aligned = all(k == last or self.kernel.extents[k] == 1 or self.strides[k] % 4 == 0 for k in self.kernel.outputs)
        quads = self.strides[last] == 1 and self.kernel.extents[last] % 4 == 0 and aligned
        return quads and self.tile.rows > 0 and self.keeps_quads(self.form.column_operand, self.form.columns)

    def loads_of_vectors(self) -> list[Expr]:
        """The epilogue's loads that read four neighbouring elements for four neighbouring columns."""
        last, extents = self.form.columns[-1], self.kernel.extents

        def is_quad(load: Expr) -> bool:
            form = affine(load.args[0]) if len(load.args) == 1 and load.dtype is float32 else None
            if form is None or form[1].get(last) != 1:
                return False
            return form[0] % 4 == 0 and all(c % 4 == 0 or k == last or extents[k] == 1 for k, c in form[1].items())

        loads = [e for e in walk([self.kernel.epilogue]) if e.op == "load"]
        others = {e.param for e in loads if not is_quad(e)} | {self.form.row_operand.slot, self.form.column_operand.slot}
        return [e for e in loads if e.param not in others and self.memories[e.param].allow_vectors()]

    def store_vector(self, axis: dict[int, Expr], columns: Sequence[dict[int, Expr]], sums: Sequence[str]) -> None:
        """Stores the sums (f32 text) of four neighbouring columns."""
        e, kernel, form = self.emitter, self.kernel, self.form
        for load in self.vector_loads:
            each = [substitute_epilogue(load, load, {**axis, **column}) for column in columns]
            e.name_vector(each, self.memories[load.param].vector)
        values = []
        for column, total in zip(columns, sums, strict=True):
            e.accumulator = total
            values.append(self.finished({**axis, **column}))
        groups = [form.rows, form.columns, form.batch]
        index = e.index(linear_sum(self.strides, 0, kernel.extents, {**axis, **columns[0]}, groups))
        if self.parts > 1:
            index = f"part * {self.output_size}u + {index}"
        memory = e.memories[self.out]
        e.line(memory.store_vector(index, values))
