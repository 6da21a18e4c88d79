"""Products on subgroup matrices (tensor cores): factors of float16, sums of float32.

A workgroup brings a step's rows and columns to workgroup memory as halves, in the order in which they lie in memory; its
subgroups each multiply a block of 16×16 matrices there. A matrix can be loaded from either order. Finished sums go through
workgroup memory, since only the hardware knows which invocation holds which element.

float32 is multiplied so only where the user allowed factors to be rounded: each operand is then copied as halves, scaled by
powers of two so that none overflows. May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from flambeau.codegen.wgsl.forms import Form, Tile, padded
from flambeau.codegen.wgsl.operands import dimension_of, index_literal, is_linear_along, load_operand
from flambeau.codegen.wgsl.packing import Packing
from flambeau.codegen.wgsl.target import Target
from flambeau.codegen.wgsl.tiles import Tiles
from flambeau.dtypes import float16, float32
from flambeau.kernels.ir import ContractionKernel, Expr, Operand

__all__ = ["MatrixTile", "MatrixTiles", "choose_tile", "pack", "suits"]

_SIDE = 16
"""Rows, columns and summed elements of one matrix."""
_LANES = 32
"""Invocations of a subgroup."""
_PAD = 8
"""Halves after each line in workgroup memory, so that a matrix' lines lie in different banks."""
_STRIP = 1
"""Finished matrices of a subgroup, side by side, that go through workgroup memory at a time."""
_STRIP_LINE = _SIDE * _STRIP + 4


class MatrixTile(Tile):
    """A tile whose `own_rows` × `own_columns` are a subgroup's."""

    @property
    def invocations(self) -> int:
        return super().invocations * _LANES

    @property
    def nbytes(self) -> int:
        """The workgroup memory that it needs at most."""
        lines = max(self.rows * (self.step + _PAD), self.step * (self.rows + _PAD))
        lines += max(self.columns * (self.step + _PAD), self.step * (self.columns + _PAD))
        return 2 * lines + 4 * self.invocations // _LANES * _SIDE * _STRIP_LINE


_WIDE = MatrixTile(128, 128, 32, 64, 64)
_DEEP = MatrixTile(128, 128, 64, 64, 32)
_SMALL = (MatrixTile(64, 64, 64, 32, 32), MatrixTile(32, 64, 32, 16, 32))
"""What was fastest on an H100, whose subgroups keep 64×64 sums if their addresses are simple. Where bounds must be checked, as
around a convolution's image, they need the registers."""
_WORTH = 1 << 20
"""Multiplications below which they aren't worth it."""
_USES = 300
"""How often an element of float32 must be used on average for its scaled copy to pay."""
_ENOUGH = 132
"""Workgroups that keep a large GPU busy: with fewer, a smaller tile is taken, then a long sum is split."""


def suits(kernel: ContractionKernel, form: Form, target: Target, reduced_precision: bool) -> bool:
    """Whether the adapter has such matrices, and the product is large enough and can be read for them."""
    types = {kernel.slots[operand.slot].dtype for operand in (kernel.a, kernel.b)}
    if not target.has_subgroup_matrix or not (types == {float16} or (types == {float32} and reduced_precision)):
        return False
    rows, columns, size, batches = form.sizes(kernel.extents)
    summed = prod(kernel.extents[k] for k in form.inner)
    if min(rows, columns, summed) < _SIDE or rows * columns * size * batches < _WORTH:
        return False
    elements = prod(kernel.a.shape) + prod(kernel.b.shape)
    if types == {float32} and rows * columns * size * batches < _USES * elements:
        return False
    if target.max_workgroup_bytes < _SMALL[-1].nbytes or target.max_invocations < _SMALL[-1].invocations:
        return False
    operands = (form.row_operand, form.rows), (form.column_operand, form.columns)
    return all(
        (types == {float16} and _reads_along(kernel, form, operand, axes)) or _dimension(kernel, form, operand, axes) is not None
        for operand, axes in operands
    )


def choose_tile(form: Form, extents: Sequence[int], target: Target) -> tuple[Tile, int]:
    """The tile, and into how many parts the sum is split."""
    rows, columns, size, batches = form.sizes(extents)

    def groups(tile: Tile) -> int:
        return -(-rows // tile.rows) * -(-columns // tile.columns) * batches

    def waste(tile: Tile) -> float:
        return padded(rows, tile.rows) * padded(columns, tile.columns) / (rows * columns)

    tiles = (_DEEP if form.outer else _WIDE, *_SMALL)
    fitting = [t for t in tiles if t.nbytes <= target.max_workgroup_bytes and t.invocations <= target.max_invocations]
    least = min(waste(t) for t in fitting)
    wanted = [t for t in fitting if waste(t) <= 1.25 * least]
    tile = next((t for t in wanted if groups(t) >= _ENOUGH), wanted[-1])
    parts, steps = 1, -(-size // tile.step)
    while groups(tile) * parts < _ENOUGH and steps >= 8 * parts and parts < 64:
        parts *= 2
    return tile, parts


def pack(packing: Packing) -> None:
    """Copies operands that aren't of halves, or can't be read four at a time, to an order in which they can."""
    scales = []
    for is_rows in (True, False):
        form = packing.form
        operand, axes = (form.row_operand, form.rows) if is_rows else (form.column_operand, form.columns)
        is_half = packing.kernel.slots[operand.slot].dtype is float16
        if is_half and _reads_along(packing.kernel, form, operand, axes):
            continue
        if not is_half:
            scales.append(packing.find_scale(operand))
        last = _dimension(packing.kernel, form, operand, axes)
        assert last is not None
        packing.copy_with_last(operand, last, float16, None if is_half else scales[-1])
    if scales:
        packing.restore(*scales)


def _reads_along(kernel: ContractionKernel, form: Form, operand: Operand, axes: Sequence[int]) -> tuple[int, ...]:
    """The last axis of the sum or of the rows (columns) `axes`, if four neighbours along it are always four in memory."""
    candidates = (form.inner[-1], axes[-1])
    return tuple(k for k in candidates if kernel.extents[k] % 4 == 0 and is_linear_along(operand, k, kernel.extents))[:1]


def _dimension(kernel: ContractionKernel, form: Form, operand: Operand, axes: Sequence[int]) -> int | None:
    """The dimension of the operand's memory that is such an axis once it is the innermost."""
    for k in (form.inner[-1], axes[-1]):
        if kernel.extents[k] % 4 == 0 or (k,) == form.inner:  # a sum over one axis alone can have zeros after it
            found = dimension_of(operand, k, kernel.extents)
            if found is not None:
                return found
    return None


class MatrixTiles(Tiles):
    """The shader of one product on subgroup matrices."""

    invocation = "@builtin(local_invocation_index) local: u32, @builtin(subgroup_id) subgroup: u32"

    @property
    def directives(self) -> str:  # type: ignore[override]
        return self.target.enables(float16=True, subgroups=True, subgroup_matrix=True)

    def is_along_sum(self, operand: Operand, axes: Sequence[int]) -> bool:
        if operand.slot >= self.base:  # a copy: what it was copied for is its innermost dimension
            return operand.positions[-1].terms == ((self.form.inner[-1], 1),)
        return _reads_along(self.kernel, self.form, operand, axes) == (self.form.inner[-1],)

    def writes_vectors(self) -> bool:
        last = self.form.columns[-1]
        aligned = all(k == last or self.kernel.extents[k] == 1 or self.strides[k] % 4 == 0 for k in self.kernel.outputs)
        return self.strides[last] == 1 and self.kernel.extents[last] % 4 == 0 and aligned

    def _line(self, name: str) -> int:
        """The halves from one line of an operand in workgroup memory to the next."""
        return (self.tile.step if self.along_sum[name] else self._width(name)) + _PAD

    def _width(self, name: str) -> int:
        return self.tile.rows if name == "rows" else self.tile.columns

    def workgroup_memory(self) -> str:
        tile = self.tile
        text = ""
        for name in ("rows", "columns"):
            lines = self._width(name) if self.along_sum[name] else tile.step
            text += f"var<workgroup> shared_{name}: array<f16, {lines * self._line(name)}>;\n"
        subgroups = tile.invocations // _LANES
        return text + f"var<workgroup> strips: array<f32, {subgroups * _SIDE * _STRIP_LINE}>;\n"

    def body(self, batch: dict[int, Expr]) -> None:
        e, tile, form = self.emitter, self.tile, self.form
        down, across = tile.own_rows // _SIDE, tile.own_columns // _SIDE
        groups = tile.across
        e.line(f"let own_row = (subgroup / {groups}u) * {tile.own_rows}u;")
        e.line(f"let own_column = (subgroup % {groups}u) * {tile.own_columns}u;")
        self.along_sum = {
            "rows": self.is_along_sum(form.row_operand, form.rows),
            "columns": self.is_along_sum(form.column_operand, form.columns),
        }
        reads = [
            *self._reads("rows", form.row_operand, form.rows, "tile_row", self.row_count),
            *self._reads("columns", form.column_operand, form.columns, "tile_column", self.column_count),
        ]
        for i in range(down):
            for j in range(across):
                e.line(f"var sum_{i}_{j}: subgroup_matrix_result<f32, {_SIDE}, {_SIDE}>;")
        first, last, per_outer = self.step_range()
        e.line(f"let last_step = {last};")
        outer = self.renamed(form.outer)
        e.open(*(x.param for x in outer.values()))
        if form.outer:
            e.bind_axes([(outer[k].param, self.kernel.extents[k]) for k in form.outer], f"(step / {per_outer}u)")
        e.line(f"let start = (step % {per_outer}u) * {tile.step}u;" if form.outer else f"let start = step * {tile.step}u;")
        self._fill(reads, {**batch, **outer})
        e.line("workgroupBarrier();")
        for k in range(0, tile.step, _SIDE):
            e.line("{")
            for name, letter, kind, count in (("rows", "a", "left", down), ("columns", "b", "right", across)):
                own = "own_row" if name == "rows" else "own_column"
                line, along = self._line(name), self.along_sum[name]
                # as lines of the sum, a row operand's matrix is stored by rows and a column operand's by columns
                by_columns = along == (name == "columns")
                for i in range(count):
                    place = f"{own} * {line}u + {i * _SIDE * line + k}u" if along else f"{own} + {k * line + i * _SIDE}u"
                    e.line(
                        f"let {letter}{i} = subgroupMatrixLoad<subgroup_matrix_{kind}<f16, {_SIDE}, {_SIDE}>>"
                        f"(&shared_{name}, {place}, {str(by_columns).lower()}, {line}u);"
                    )
            for i in range(down):
                for j in range(across):
                    e.line(f"sum_{i}_{j} = subgroupMatrixMultiplyAccumulate(a{i}, b{j}, sum_{i}_{j});")
            e.line("}")
        e.line("workgroupBarrier();")
        e.close(f"for (var step = {first}; step < last_step; step++) {{")
        out = self.memories[self.out]
        out.rounds_natively = out.type is float16
        self._store(batch, down, across)

    def _reads(
        self, name: str, operand: Operand, axes: Sequence[int], tile_name: str, count: int
    ) -> list[tuple[str, Operand, dict[int, Expr], str, str]]:
        """What this invocation brings to workgroup memory at each step: (operand's name, operand, its row's axes, place in the
        step, place in workgroup memory) of each four elements.
        """
        e, tile = self.emitter, self.tile
        width, along = self._width(name), self.along_sum[name]
        quads = (tile.step if along else width) // 4
        lines = tile.invocations // quads
        e.line(f"let {name}_quad = (local % {quads}u) * 4u;")
        e.line(f"let {name}_line = local / {quads}u;")
        self.memories[operand.slot].allow_vectors()
        places: list[dict[int, Expr]] = []
        reads = []
        for l in range(-(-(width if along else tile.step) // lines)):
            line = f"{name}_line + {l * lines}u" if l else f"{name}_line"
            if along or not places:
                row = line if along else f"{name}_quad"
                places.append(self.bind_tile_position(axes, f"({tile_name} * {width}u + {row})", count, width))
            within = f"{name}_quad" if along else f"({line})"
            reads.append((name, operand, places[-1], within, f"({line}) * {self._line(name)}u + {name}_quad"))
        return reads

    def _fill(self, reads: Sequence[tuple[str, Operand, dict[int, Expr], str, str]], axis: dict[int, Expr]) -> None:
        """Copies a step's elements to workgroup memory: all are read before the first is written."""
        e, form = self.emitter, self.form
        bound: dict[str, tuple[dict[int, Expr], Expr | None]] = {}
        for number, (name, operand, place, within, _) in enumerate(reads):
            if within not in bound:
                bound[within] = self.bind_sum(form.inner, f"start + {within}")
            sums, inside = bound[within]
            along = self.along_sum[name]
            # what differs from one read to the next is added last
            own = form.rows if name == "rows" else form.columns
            groups = [form.batch, form.outer, form.inner, own] if along else [form.batch, form.outer, own, form.inner]
            last = form.inner[-1] if along else own[-1]
            type = self.kernel.slots[operand.slot].dtype
            every = {**axis, **place, **sums}
            loaded = load_operand(operand, type, self.kernel.extents, every, groups, inside, last)
            text = f"{self.memories[operand.slot].name}[{e.index(loaded.args[0])}]"
            if len(loaded.args) == 1:
                e.line(f"let read_{number} = {text};")
            else:
                mask = e.value(loaded.args[1])
                e.line(f"var read_{number} = vec2<u32>();")
                e.line(f"if ({mask}) {{ read_{number} = {text}; }}")
        for number, (name, _, _, _, cell) in enumerate(reads):
            target = e.fresh("to")
            e.line(f"let {target} = {cell};")
            for half in range(2):
                pair = e.fresh("pair")
                e.line(f"let {pair} = bitcast<vec2<f16>>(read_{number}.{'xy'[half]});")
                for part in range(2):
                    e.line(f"shared_{name}[{target} + {2 * half + part}u] = {pair}.{'xy'[part]};")

    def _store(self, batch: dict[int, Expr], down: int, across: int) -> None:
        """A few matrices of each subgroup at a time go through workgroup memory, where any invocation can read them."""
        e, tile, form, kernel = self.emitter, self.tile, self.form, self.kernel
        count = min(_STRIP, across)
        quads = count * _SIDE // 4
        strip = _SIDE * _STRIP_LINE
        groups = tile.across
        zero = {k: index_literal(0) for k in kernel.outputs if kernel.extents[k] == 1}
        for i, first in ((i, j) for i in range(down) for j in range(0, across, count)):
            if i or first:
                e.line("workgroupBarrier();")
            for j in range(count):
                place = f"subgroup * {strip}u + {j * _SIDE}u"
                e.line(f"subgroupMatrixStore(&strips, {place}, sum_{i}_{first + j}, false, {_STRIP_LINE}u);")
            e.line("workgroupBarrier();")
            e.open()
            e.line(f"let row = quad / {quads}u % {_SIDE}u;")
            e.line(f"let column = quad % {quads}u * 4u;")
            e.line(f"let group = quad / {_SIDE * quads}u;")
            e.line(f"let finished = group * {strip}u + row * {_STRIP_LINE}u + column;")
            row = f"group / {groups}u * {tile.own_rows}u + row + {i * _SIDE}u"
            column = f"group % {groups}u * {tile.own_columns}u + column + {first * _SIDE}u"
            e.line(f"let row_place = tile_row * {tile.rows}u + {row};")
            e.line(f"let column_place = tile_column * {tile.columns}u + {column};")
            rows = self.bind_tile_position(form.rows, "row_place", self.row_count, tile.rows)
            guard = f"row_place < {self.row_count}u" if self.row_count % tile.rows else ""
            places = [f"(column_place + {q}u)" for q in range(4)]
            columns = [self.bind_tile_position(form.columns, p, self.column_count, tile.columns) for p in places]
            axis = {**zero, **batch, **rows}
            if self.stores_vectors:
                e.open()
                self.store_vector(axis, columns, [f"strips[finished + {q}u]" for q in range(4)])
                self._close_guarded(guard, "column_place", tile.columns)
            else:
                for q in range(4):
                    e.open()
                    self.store_one({**axis, **columns[q]}, f"strips[finished + {q}u]")
                    self._close_guarded(guard, places[q], tile.columns)
            all_quads = tile.invocations // _LANES * _SIDE * quads
            e.close(f"for (var quad = local; quad < {all_quads}u; quad += {tile.invocations}u) {{")

    def _close_guarded(self, guard: str, column: str, width: int) -> None:
        conditions = [guard] if guard else []
        if self.column_count % width:
            conditions.append(f"{column} < {self.column_count}u")
        self.emitter.close(f"if ({' && '.join(conditions)}) {{" if conditions else "{")
