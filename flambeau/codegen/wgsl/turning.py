"""A copy that makes another dimension the innermost: squares of 32 × 32 are read and written in memory's order, and turned in
workgroup memory between. May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from flambeau.codegen.wgsl.emit import Emitter
from flambeau.codegen.wgsl.library import with_library
from flambeau.codegen.wgsl.loops import bind_memories, make_memories, workgroup_grid, workgroup_number
from flambeau.codegen.wgsl.merging import merge
from flambeau.codegen.wgsl.program import Dispatch, Program
from flambeau.codegen.wgsl.target import Target
from flambeau.codegen.wgsl.types import lanes, pack
from flambeau.kernels.ir import Expr, Slot
from flambeau.kernels.traverse import walk

__all__ = ["append_turned", "is_worth_turning"]

_SIDE = 32
_WIDTH = 256


def is_worth_turning(shape: Sequence[int], last: int, target: Target) -> bool:
    """Whether both the old and the new innermost dimensions are long enough for squares, on a GPU."""
    return not target.is_software and shape[last] >= _SIDE // 2 and prod(shape[last + 1 :]) >= _SIDE


def append_turned(
    shape: Sequence[int],
    last: int,
    padded: int,
    value: Expr,
    written: int,
    slots: Sequence[Slot],
    target: Target,
    same: Sequence[int],
    program: Program,
    base: int,
) -> None:
    """Adds the shader that fills slot `written` with `value` in the order […, last], and zeros from there up to `padded`.

    `value` is a float expression over the axes 0…: the dimensions other than `last` in order, then `last`.
    """
    others = [d for d in range(len(shape)) if d != last]
    number_of = {d: i for i, d in enumerate([*others, last])}
    before = [(number_of[d], shape[d]) for d in others if d < last]
    after = [(number_of[d], shape[d]) for d in others if d > last]
    length, inner = shape[last], prod(n for _, n in after)
    across, down = -(-inner // _SIDE), -(-padded // _SIDE)
    total = across * down * prod(n for _, n in before)
    used = {written} | {e.param for e in walk([value]) if e.op == "load"}
    memories = make_memories(slots, target, same, used)
    distinct = list({id(m): m for m in memories if m is not None}.values())
    bound, scratch, copies, after_copies = merge(distinct, target, 0, base + len(program.scratch))
    program.scratch.extend(scratch)
    e = Emitter({number_of[d]: shape[d] for d in range(len(shape))}, memories)  # type: ignore[arg-type]
    grid = workgroup_grid(total, target)
    e.line(f"let number = {workgroup_number(grid)};")
    if prod(grid) > total:
        e.line(f"if (number >= {total}u) {{ return; }}")
    e.line(f"let first_inner = (number % {across}u) * {_SIDE}u;")
    e.line(f"let first_last = (number / {across}u % {down}u) * {_SIDE}u;")
    e.line(f"let outer = number / {across * down}u;")
    e.open(*(a for a, _ in before))
    e.bind_axes(before, "outer")
    rows = _WIDTH // _SIDE
    for step in range(_SIDE // rows):
        e.open()
        e.line(f"let row = local / {_SIDE}u + {step * rows}u;")
        e.line(f"let last = first_last + row; let inner = first_inner + local % {_SIDE}u;")
        e.line("var held = 0.0f;")
        e.open(number_of[last], *(a for a, _ in after))
        e.bind_axes([(number_of[last], length)], "last")
        e.bind_axes(after, "inner")
        e.line(f"held = {e.value(value)};")
        e.close(f"if (last < {length}u && inner < {inner}u) {{")
        e.line(f"square[row * {_SIDE + 1}u + local % {_SIDE}u] = held;")
        e.close("{")
    e.line("workgroupBarrier();")
    out = memories[written]
    assert out is not None
    together = lanes(out.type)
    columns = _SIDE // together
    rows = _WIDTH // columns
    for step in range(_SIDE // rows):
        e.open()
        e.line(f"let row = local / {columns}u + {step * rows}u;")
        e.line(f"let column = local % {columns}u * {together}u;")
        e.line("let last = first_last + column; let inner = first_inner + row;")
        place = f"((outer * {inner}u + inner) * {padded}u + last)"
        parts = [f"square[(column + {i}u) * {_SIDE + 1}u + row]" for i in range(together)]
        if together == 1:
            e.line(f"if (inner < {inner}u && last < {padded}u) {{ {out.set_element(place, parts[0])} }}")
        else:
            bits = 32 // together
            word = " | ".join(f"({pack(part, out.type)} << {i * bits}u)" for i, part in enumerate(parts))
            e.line(f"if (inner < {inner}u && last < {padded}u) {{ {out.set_element(f'{place} / {together}u', word)} }}")
        e.close("{")
    block = e.blocks.pop()
    e.blocks[-1].lines.extend(block.lines)
    declared, bindings = bind_memories(bound)
    text = (
        declared
        + f"var<workgroup> square: array<f32, {_SIDE * (_SIDE + 1)}>;\n"
        + f"@compute @workgroup_size({_WIDTH})\n"
        + "fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {\n"
        + "".join(f"  {line}\n" for line in e.blocks[0].lines)
        + "}\n"
    )
    program.steps += [*copies, Dispatch(with_library(text), bindings, grid, stays_inside=True), *after_copies]
