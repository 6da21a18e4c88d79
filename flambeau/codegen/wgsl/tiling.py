"""Contractions as tiled matrix products: the output axes in rows and columns, the summed axes in steps.

Rows are the output axes that only one operand has, columns those that only the other has (the axis along which the output is
contiguous is among the columns), and axes that both have are batches. A workgroup computes a tile of rows × columns: its
invocations bring a step's share of both operands to workgroup memory, each at addresses computed from the axes (a
convolution's windows are never written out), and each multiplies a small tile in registers. The next step's elements are
read while this one is multiplied. Products with few tiles and long sums are split along the sum, partial sums going through
memory. On software adapters, where barriers cost more than reading again, the register tile reads memory directly.

May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from flambeau.codegen.wgsl.emit import Emitter
from flambeau.codegen.wgsl.library import with_library
from flambeau.codegen.wgsl.loops import append_loops, bind_memories, make_memories, workgroup_grid, workgroup_number
from flambeau.codegen.wgsl.merging import merge
from flambeau.codegen.wgsl.operands import accumulation_type, bounds, index_literal, linear_sum, load_operand, substitute_epilogue
from flambeau.codegen.wgsl.program import Dispatch, Program
from flambeau.codegen.wgsl.target import Target
from flambeau.codegen.wgsl.traverse import walk
from flambeau.dtypes import bool_, float32, int64
from flambeau.kernels.ir import Affine, ContractionKernel, Expr, LoopKernel, Operand, Slot, Store

__all__ = ["Form", "form_of", "generate_tiles", "Tile"]


@dataclass(frozen=True)
class Form:
    """A contraction's axes by role, each group outermost first, and which operand has the rows."""

    batch: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    outer: tuple[int, ...]
    """Summed axes of a window's positions: the sum's outer loop, so that bounds are checked once for all of `inner`."""
    inner: tuple[int, ...]
    row_operand: Operand
    column_operand: Operand


@dataclass(frozen=True)
class Tile:
    """Rows and columns of a workgroup's tile, the sum's step, rows and columns of an invocation's tile."""

    rows: int
    columns: int
    step: int
    own_rows: int
    own_columns: int

    @property
    def invocations(self) -> int:
        return (self.rows // self.own_rows) * (self.columns // self.own_columns)


def _axes_of(operand: Operand) -> set[int]:
    return {k for p in operand.positions for k, _ in p.terms}


def form_of(kernel: ContractionKernel) -> Form | None:
    """The roles of the axes, or None where a tiled product isn't worth it: no reuse, or a dtype that is not floating."""
    if kernel.slots[kernel.a.slot].dtype.category != 2 or kernel.slots[kernel.a.slot].dtype.itemsize == 8:
        return None
    in_a, in_b = _axes_of(kernel.a), _axes_of(kernel.b)
    wide = [k for k in kernel.outputs if kernel.extents[k] > 1]
    only_a = tuple(k for k in wide if k in in_a and k not in in_b)
    only_b = tuple(k for k in wide if k in in_b and k not in in_a)
    batch = tuple(k for k in wide if (k in in_a) == (k in in_b))
    if not only_a or not only_b:
        return None
    last = max(kernel.outputs.index(only_a[-1]), kernel.outputs.index(only_b[-1]))
    columns_in_a = kernel.outputs.index(only_a[-1]) == last
    rows, columns = (only_b, only_a) if columns_in_a else (only_a, only_b)
    row_operand, column_operand = (kernel.b, kernel.a) if columns_in_a else (kernel.a, kernel.b)
    extents = kernel.extents
    summed = [k for k in range(len(extents)) if k not in kernel.outputs and extents[k] > 1]
    size = prod(extents[k] for k in summed)
    row_count, column_count = prod(extents[k] for k in rows), prod(extents[k] for k in columns)
    if min(row_count, column_count) < 2 or size < 4 or row_count * column_count < 64:
        return None
    checked: set[int] = set()
    for operand in (kernel.a, kernel.b):
        for n, p in zip(operand.shape, operand.positions):
            low, high = bounds(p, extents)
            if low < 0 or high >= n * p.every or p.every > 1:
                checked |= {k for k, _ in p.terms}
    free = [k for k in summed if k not in checked]
    inner: tuple[int, ...] = tuple(summed)
    outer: tuple[int, ...] = ()
    if checked & set(summed) and free and max(extents[k] for k in free) >= 16:
        longest = max(free, key=lambda k: extents[k])
        inner, outer = (longest,), tuple(k for k in summed if k != longest)
    return Form(batch, rows, columns, outer, inner, row_operand, column_operand)


_LARGE = Tile(256, 128, 16, 16, 8)
_WIDE = Tile(64, 128, 16, 8, 8)
_TILES = (
    Tile(64, 64, 16, 8, 4),
    Tile(32, 128, 16, 4, 8),
    Tile(32, 64, 16, 4, 4),
    Tile(32, 32, 16, 4, 4),
    Tile(16, 64, 16, 4, 4),
    Tile(8, 64, 32, 2, 4),
)
"""From the usual one to those for few rows or columns."""
_DIRECT = Tile(0, 0, 1, 4, 8)
_ENOUGH = 256
"""Workgroups that keep a large GPU busy: with fewer, a long sum is split."""


def _padded(n: int, tile: int) -> int:
    return -(-n // tile) * tile


def choose_tile(rows: int, columns: int, size: int, batches: int, target: Target) -> tuple[Tile, int]:
    """The tile, and into how many parts the sum is split: what was fastest in `benchmarks/webgpu/tune.py` on an H100."""

    def fits(tile: Tile) -> bool:
        memory = 4 * tile.step * (tile.rows + 4 + tile.columns + 4)
        return tile.invocations <= target.max_invocations and memory <= target.max_workgroup_bytes

    def groups(tile: Tile) -> int:
        return -(-rows // tile.rows) * -(-columns // tile.columns) * batches

    def waste(tile: Tile) -> float:
        return _padded(rows, tile.rows) * _padded(columns, tile.columns) / (rows * columns)

    if fits(_LARGE) and groups(_LARGE) >= _ENOUGH and waste(_LARGE) < 1.1:
        return _LARGE, 1
    if size < 256 and fits(_WIDE) and groups(_WIDE) >= _ENOUGH and waste(_WIDE) < 1.1:
        return _WIDE, 1  # short sums: the wider tile reads its rows less often
    candidates = [t for t in _TILES if fits(t)]
    least = min(waste(t) for t in candidates)
    tile = next(t for t in candidates if waste(t) <= 1.25 * least)
    split, steps = 1, -(-size // tile.step)
    while groups(tile) * split < _ENOUGH and steps >= 8 * split and split < 64:
        split *= 2
    return tile, split


def generate_tiles(
    kernel: ContractionKernel,
    form: Form,
    target: Target,
    same: Sequence[int],
    reduced_precision: bool,
    tile: Tile | None = None,
    split: int = 0,
) -> Program:
    """Shaders for a contraction of this form; `tile` and `split` override what the shape suggests."""
    extents = kernel.extents
    rows, columns = prod(extents[k] for k in form.rows), prod(extents[k] for k in form.columns)
    size = prod(extents[k] for k in (*form.outer, *form.inner))
    batches = prod(extents[k] for k in form.batch)
    if target.is_software and tile is None:
        chosen, parts = _DIRECT, 1
    else:
        chosen, parts = choose_tile(rows, columns, size, batches, target)
        chosen, parts = tile or chosen, split or parts
    program = Program()
    base = len(kernel.slots)
    if chosen.rows and _should_pack(kernel, form, rows, columns):
        kernel, form, same = _packed(kernel, form, target, same, program)
    if parts == 1:
        _Tiles(kernel, form, target, same, chosen, 1, program, base).generate()
        return program
    # partial sums in a scratch slot of [parts, outputs…], then their sum goes through the epilogue
    count = prod(extents[k] for k in kernel.outputs)
    keep = accumulation_type(kernel)
    scratch = len(kernel.slots)
    slots = (*kernel.slots, Slot(keep, parts * count, "out"))
    partial = ContractionKernel(extents, kernel.outputs, kernel.a, kernel.b, Expr("accumulator", (), keep), slots)
    program.scratch.append(parts * count * keep.itemsize)
    _Tiles(partial, form, target, (*same, scratch), chosen, parts, program, base).generate()
    number = {k: i for i, k in enumerate(kernel.outputs)}
    axis = {k: Expr("axis", (), int64, i) for k, i in number.items()}
    place: Expr = index_literal(0)
    for k in kernel.outputs:
        place = (
            Expr("add", (Expr("mul", (place, index_literal(extents[k])), int64), axis[k]), int64)
            if place.op != "literal"
            else axis[k]
        )
    part = Expr("axis", (), int64, len(kernel.outputs))
    loaded = Expr("load", (Expr("add", (Expr("mul", (part, index_literal(count)), int64), place), int64),), keep, scratch)
    total = Expr("reduce", (loaded,), keep, ("sum", ((len(kernel.outputs), parts),)))
    value = substitute_epilogue(kernel.epilogue, total, axis)
    finish = LoopKernel(
        tuple(extents[k] for k in kernel.outputs),
        (*kernel.slots, Slot(keep, parts * count, "in")),
        (Store(base - 1, place, value),),
    )
    append_loops(finish, target, (*same, scratch), program, base)
    return program


def _should_pack(kernel: ContractionKernel, form: Form, rows: int, columns: int) -> bool:
    """Whether it pays to write the row operand (a convolution's weights) anew, so that neighbouring rows are neighbours.

    It does where rows are read again for many columns and are not neighbours as they are: the copy is small beside the work.
    """
    operand = form.row_operand
    if any(k in _axes_of(operand) for k in form.batch) or columns < 1024:
        return False
    checked = False
    strides: dict[int, int] = {}
    stride = 1
    for n, p in reversed(list(zip(operand.shape, operand.positions))):
        low, high = bounds(p, kernel.extents)
        checked = checked or low < 0 or high >= n * p.every or p.every > 1
        for k, c in p.terms:
            strides[k] = strides.get(k, 0) + c * stride
        stride *= n
    return not checked and rows % 4 == 0 and strides.get(form.rows[-1], 0) != 1 and strides.get(form.inner[-1], 0) != 1


def _packed(
    kernel: ContractionKernel, form: Form, target: Target, same: Sequence[int], program: Program
) -> tuple[ContractionKernel, Form, Sequence[int]]:
    """The contraction with its row operand copied to a scratch slot in the order in which steps read it."""
    order = (*form.outer, *form.inner, *form.rows)
    extents = kernel.extents
    axis = {k: Expr("axis", (), int64, i) for i, k in enumerate(order)}
    type = kernel.slots[form.row_operand.slot].dtype
    loaded = load_operand(form.row_operand, type, extents, axis, (form.rows, form.outer, form.inner))
    if loaded.dtype is not float32:
        loaded = Expr("cast", (loaded,), float32)
    index: Expr = axis[order[0]]
    for k in order[1:]:
        index = Expr("add", (Expr("mul", (index, index_literal(extents[k])), int64), axis[k]), int64)
    slot = len(kernel.slots)
    size = prod(extents[k] for k in order)
    copy = LoopKernel(
        tuple(extents[k] for k in order),
        (*(Slot(s.dtype, s.size, "in") for s in kernel.slots), Slot(float32, size, "out")),
        (Store(slot, index, loaded),),
    )
    program.scratch.append(4 * size)
    append_loops(copy, target, (*same, slot), program, slot)
    operand = Operand(slot, tuple(extents[k] for k in order), tuple(Affine(0, ((k, 1),)) for k in order))
    is_a = form.row_operand is kernel.a
    slots = (*kernel.slots, Slot(float32, size, "in"))
    changed = ContractionKernel(
        extents, kernel.outputs, operand if is_a else kernel.a, kernel.b if is_a else operand, kernel.epilogue, slots
    )
    return changed, replace(form, row_operand=operand), (*same, slot)


class _Tiles:
    """The shader of one tiled product."""

    def __init__(
        self,
        kernel: ContractionKernel,
        form: Form,
        target: Target,
        same: Sequence[int],
        tile: Tile,
        parts: int,
        program: Program,
        base: int,
    ) -> None:
        self.kernel, self.form, self.target, self.same, self.tile, self.parts, self.program = (
            kernel,
            form,
            target,
            same,
            tile,
            parts,
            program,
        )
        self.base = base
        """Where scratch slots start."""
        self.out = len(kernel.slots) - 1 if parts > 1 else base - 1
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

    def innermost_stride(self, operand: Operand, axes: Sequence[int]) -> int:
        """The address' coefficient of the fastest of `axes`."""
        stride, coefficient = 1, 0
        for n, p in reversed(list(zip(operand.shape, operand.positions))):
            coefficient += dict(p.terms).get(axes[-1], 0) * stride
            stride *= n
        return abs(coefficient)

    # --- the shader ---------------------------------------------------------------------------------------------------
    def generate(self) -> None:
        kernel, form, tile = self.kernel, self.form, self.tile
        used = {form.row_operand.slot, form.column_operand.slot, self.out}
        used |= {e.param for e in walk([kernel.epilogue]) if e.op == "load"}
        memories = make_memories(kernel.slots, self.target, self.same, used)
        distinct = list({id(m): m for m in memories if m is not None}.values())
        checks = any(e.op == "check" for e in walk([kernel.epilogue]))
        out = memories[self.out]
        assert out is not None
        if out.type.itemsize < 4:
            out.is_atomic = True
        bound, scratch, before, after = merge(distinct, self.target, int(checks), self.base + len(self.program.scratch))
        self.program.scratch.extend(scratch)
        self.emitter = e = Emitter(self.extents, memories)  # type: ignore[arg-type]
        batches = prod(kernel.extents[k] for k in form.batch)
        direct = tile.rows == 0
        if direct:
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
        row_places, column_places = self.direct(batch) if direct else self.shared(batch)
        self.epilogue(batch, row_places, column_places)
        block = e.blocks.pop()
        e.blocks[-1].lines.extend(block.lines)
        declared, bindings = bind_memories(bound, e.has_checks)
        shared = ""
        if not direct:
            shared = (
                f"var<workgroup> shared_rows: array<vec4<f32>, {tile.step * (tile.rows // 4 + 1)}>;\n"
                f"var<workgroup> shared_columns: array<vec4<f32>, {tile.step * (tile.columns // 4 + 1)}>;\n"
            )
        text = (
            declared
            + shared
            + f"@compute @workgroup_size({width})\n"
            + "fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {\n"
            + "".join(f"  {line}\n" for line in e.blocks[0].lines)
            + "}\n"
        )
        self.program.steps += [*before, Dispatch(with_library(text), bindings, grid, stays_inside=True), *after]

    def bind_tile_position(self, axes: Sequence[int], flat: str, count: int) -> dict[int, Expr]:
        """Names the axes of a row or column number, held within the last one so that no address leaves the memory."""
        e = self.emitter
        names = self.renamed(axes)
        block = e.blocks[-1]
        block.bound = block.bound | {x.param for x in names.values()}
        place = e.fresh("place")
        e.line(f"let {place} = min({flat}, {count - 1}u);")
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
        headers = []
        for k in summed:
            name = e.fresh("k")
            headers.append(f"for (var {name} = 0i; {name} < {self.kernel.extents[k]}i; {name}++) {{")
            e.open(sums[k].param)
            e.axis_names[sums[k].param] = name
        groups = [form.rows, form.columns, form.batch, form.outer, form.inner]
        row_values = [self.factor(form.row_operand, {**batch, **sums, **r}, groups) for r in rows]
        column_values = [self.factor(form.column_operand, {**batch, **sums, **c}, groups) for c in columns]
        for i, a in enumerate(row_values):
            for j, b in enumerate(column_values):
                e.line(f"sum_{i}_{j} += {a} * {b};")
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
        across = tile.columns // tile.own_columns
        invocations = tile.invocations
        e.line(f"let own_column = local % {across}u;")
        e.line(f"let own_row = local / {across}u;")
        operands = []
        for name, operand, axes, width, tile_name, count in (
            ("rows", form.row_operand, form.rows, tile.rows, "tile_row", self.row_count),
            ("columns", form.column_operand, form.columns, tile.columns, "tile_column", self.column_count),
        ):
            quads, each = width // 4, width * tile.step // 4 // invocations
            along_sum = 0 < self.innermost_stride(operand, form.inner) < self.innermost_stride(operand, axes)
            whole = self.reads_vectors(operand, axes, along_sum)
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
                if quad not in made:
                    variable = e.fresh("quad")
                    e.line(f"let {variable} = {quad};")
                    first_place = f"({tile_name} * {width}u + {variable} * {apart}u"
                    places = [self.bind_tile_position(axes, f"{first_place} + {i * between}u)", count) for i in range(4)]
                    made[quad] = places, variable
                reads.append((*made[quad], sum_place))
            operands.append((name, operand, reads, quads, whole))
        for i in range(tile.own_rows):
            for j in range(tile.own_columns // 4):
                e.line(f"var sum_{i}_{j} = vec4<f32>();")
        for name, _, reads, _, _ in operands:
            for l in range(len(reads)):
                e.line(f"var next_{name}_{l} = vec4<f32>();")
        first, last, per_outer = self.step_range()
        e.line(f"let first_step = {first};")
        e.line(f"let last_step = {last};")
        e.open()
        # what the step before read goes to workgroup memory; the next is read while this is multiplied
        e.open()
        for name, _, reads, quads, _ in operands:
            for l, (_, quad, sum_place) in enumerate(reads):
                e.line(f"shared_{name}[({sum_place}) * {quads + 1}u + {quad}] = next_{name}_{l};")
        e.close("if (step > first_step) {")
        e.line("workgroupBarrier();")
        outer = self.renamed(form.outer)
        e.open(*(x.param for x in outer.values()))
        if form.outer:
            e.bind_axes([(outer[k].param, self.kernel.extents[k]) for k in form.outer], f"(step / {per_outer}u)")
        start = f"(step % {per_outer}u) * {tile.step}u" if form.outer else f"step * {tile.step}u"
        e.line(f"let start = {start};")
        groups = [form.rows, form.columns, form.batch, form.outer, form.inner]
        bound_sums: dict[str, tuple[dict[int, Expr], Expr | None]] = {}
        for name, operand, reads, _, whole in operands:
            for l, (places, _, sum_place) in enumerate(reads):
                if sum_place not in bound_sums:
                    bound_sums[sum_place] = self.bind_sum(form.inner, f"start + {sum_place}")
                sums, within = bound_sums[sum_place]
                common = {**batch, **outer, **sums}
                if whole:
                    self.read_vector(f"next_{name}_{l}", operand, {**common, **places[0]}, groups, within)
                else:
                    values = [self.factor(operand, {**common, **at}, groups, within) for at in places]
                    e.line(f"next_{name}_{l} = vec4<f32>({', '.join(values)});")
        e.close("if (step < last_step) {")
        e.open()
        e.open()
        for j in range(tile.own_columns // 4):
            e.line(f"let column_{j} = shared_columns[k * {tile.columns // 4 + 1}u + own_column + {j * across}u];")
        down = tile.rows // tile.own_rows
        if tile.own_rows >= 4:
            for i in range(tile.own_rows // 4):
                e.line(f"let row_{i} = shared_rows[k * {tile.rows // 4 + 1}u + own_row + {i * down}u];")
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
        e.line("workgroupBarrier();")
        e.close("for (var step = first_step; step <= last_step; step++) {")
        apart, between = self.spacing["rows"]
        if tile.own_rows >= 4:
            row_quads = [(f"(own_row + {i // 4 * down}u)", f"{i % 4}") for i in range(tile.own_rows)]
        else:
            row_quads = [("(own_row / 2u)", f"(own_row % 2u * 2u + {i}u)") for i in range(tile.own_rows)]
        row_places = [
            f"(tile_row * {tile.rows}u + {q} * {apart}u + {i}{'' if i.endswith(')') else 'u'} * {between}u)" for q, i in row_quads
        ]
        apart, between = self.spacing["columns"]
        column_places = [
            f"(tile_column * {tile.columns}u + (own_column + {j // 4 * across}u) * {apart}u + {j % 4 * between}u)"
            for j in range(tile.own_columns)
        ]
        return row_places, column_places

    def reads_vectors(self, operand: Operand, axes: Sequence[int], along_sum: bool) -> bool:
        """Whether four neighbouring rows (or columns) are always four neighbouring elements, all inside or all outside."""
        memory = self.emitter.memories[operand.slot]
        last = axes[-1]
        if along_sum or self.kernel.extents[last] % 4 or memory.writable or not self.is_linear_along(operand, last):
            return False
        return memory.allow_vectors()

    def is_linear_along(self, operand: Operand, last: int) -> bool:
        """Whether the address is `last` plus a multiple of four, with no bound that depends on `last`."""
        stride = 1
        for n, p in reversed(list(zip(operand.shape, operand.positions))):
            low, high = bounds(p, self.kernel.extents)
            checked = low < 0 or high >= n * p.every or p.every > 1
            for k, c in p.terms:
                if k == last and (checked or c * stride != 1):
                    return False
                if k != last and self.kernel.extents[k] > 1 and c * stride % 4:
                    return False
            if p.every == 1 and p.offset * stride % 4:
                return False
            if p.every > 1 and stride % 4:
                return False
            stride *= n
        return True

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
        self.extents[number] = _padded(self.inner_size, self.tile.step)
        block.bound = block.bound | {number}
        e.axis_names[number] = f"i32({place})"
        return names, Expr("lt", (Expr("axis", (), int64, number), index_literal(self.inner_size)), bool_)

    # --- the end ------------------------------------------------------------------------------------------------------
    def epilogue(self, batch: dict[int, Expr], row_places: Sequence[str], column_places: Sequence[str]) -> None:
        """Each finished sum through the epilogue to its place in the output."""
        e, kernel, form, tile = self.emitter, self.kernel, self.form, self.tile
        out = e.memories[self.out]
        direct = tile.rows == 0
        zero = {k: index_literal(0) for k in kernel.outputs if kernel.extents[k] == 1}
        columns = [self.bind_tile_position(form.columns, p, self.column_count) for p in column_places]
        strides: dict[int, int] = {}
        stride = 1
        for k in reversed(kernel.outputs):
            strides[k] = stride
            stride *= kernel.extents[k]
        vectors = not direct and self.writes_vectors(strides)
        for i, row_place in enumerate(row_places):
            e.open()
            rows = self.bind_tile_position(form.rows, row_place, self.row_count)
            if vectors:
                self.store_vectors(i, rows, columns, column_places, batch, zero, strides, stride)
                column_places_left: Sequence[str] = ()
            else:
                column_places_left = column_places
            for j, column_place in enumerate(column_places_left):
                e.open()
                axis = {**zero, **batch, **rows, **columns[j]}
                e.accumulator = f"sum_{i}_{j}" if direct else f"sum_{i}_{j // 4}.{'xyzw'[j % 4]}"
                value = e.value(substitute_epilogue(kernel.epilogue, self.accumulator(), axis))
                index = e.index(linear_sum(strides, 0, kernel.extents, axis, [form.rows, form.columns, form.batch]))
                if self.parts > 1:
                    index = f"part * {stride}u + {index}"
                for line in out.store(index, value):
                    e.line(line)
                if self.column_count % (tile.columns or tile.own_columns):
                    e.close(f"if ({column_place} < {self.column_count}u) {{")
                else:
                    e.close("{")
            if self.row_count % (tile.rows or tile.own_rows):
                e.close(f"if ({row_place} < {self.row_count}u) {{")
            else:
                e.close("{")

    def accumulator(self) -> Expr:
        """A finished sum, known in the innermost block alone: each has an axis of its own, so that none stands for another."""
        number = self.fresh_axis
        self.fresh_axis += 1
        block = self.emitter.blocks[-1]
        block.bound = block.bound | {number}
        return Expr("accumulator", (Expr("axis", (), int64, number),), accumulation_type(self.kernel))

    def writes_vectors(self, strides: dict[int, int]) -> bool:
        """Whether four neighbouring columns are four neighbouring elements of the output."""
        last = self.form.columns[-1]
        aligned = all(k == last or self.kernel.extents[k] == 1 or strides[k] % 4 == 0 for k in self.kernel.outputs)
        if strides[last] != 1 or self.kernel.extents[last] % 4 or not aligned or self.spacing["columns"][1] != 1:
            return False
        return self.emitter.memories[self.out].allow_vectors()

    def store_vectors(
        self,
        i: int,
        rows: dict[int, Expr],
        columns: Sequence[dict[int, Expr]],
        column_places: Sequence[str],
        batch: dict[int, Expr],
        zero: dict[int, Expr],
        strides: dict[int, int],
        size: int,
    ) -> None:
        """Row i of the invocation's tile, four columns at a time."""
        e, kernel, form, tile = self.emitter, self.kernel, self.form, self.tile
        groups = [form.rows, form.columns, form.batch]
        for j in range(tile.own_columns // 4):
            e.open()
            values = []
            for part in range(4):
                axis = {**zero, **batch, **rows, **columns[4 * j + part]}
                e.accumulator = f"sum_{i}_{j}.{'xyzw'[part]}"
                values.append(e.value(substitute_epilogue(kernel.epilogue, self.accumulator(), axis)))
            index = e.index(linear_sum(strides, 0, kernel.extents, {**zero, **batch, **rows, **columns[4 * j]}, groups))
            if self.parts > 1:
                index = f"part * {size}u + {index}"
            e.line(f"{e.memories[self.out].vector(index)} = vec4<f32>({', '.join(values)});")
            e.close(f"if ({column_places[4 * j]} < {self.column_count}u) {{" if self.column_count % tile.columns else "{")
