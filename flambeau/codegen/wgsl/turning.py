"""A copy that makes another dimension the innermost: squares of 32 × 32 are read and written in memory's order, and turned in
workgroup memory between. May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from flambeau.codegen.wgsl.emit import Emitter
from flambeau.codegen.wgsl.frame import bind_memories, make_memories, workgroup_grid, workgroup_number
from flambeau.codegen.wgsl.library import with_library
from flambeau.codegen.wgsl.memory import Memory
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


@dataclass(frozen=True)
class _Squares:
    """The squares of a value of `shape` whose dimension `last` becomes the innermost one, of `padded` elements. A square is of
    the elements along `last` (its rows when it is read) and along the dimensions after that, as one (`inner`)."""

    shape: Sequence[int]
    last: int
    padded: int

    @cached_property
    def axes(self) -> dict[int, int]:
        """Each dimension's axis in the value's expression."""
        others = [d for d in range(len(self.shape)) if d != self.last]
        return {d: axis for axis, d in enumerate([*others, self.last])}

    @property
    def before(self) -> list[tuple[int, int]]:
        """(axis, extent) of the dimensions before `last`."""
        return [(self.axes[d], self.shape[d]) for d in range(self.last)]

    @property
    def after(self) -> list[tuple[int, int]]:
        """(axis, extent) of the dimensions after `last`."""
        return [(self.axes[d], self.shape[d]) for d in range(self.last + 1, len(self.shape))]

    @property
    def inner(self) -> int:
        return prod(self.shape[self.last + 1 :])

    @property
    def across(self) -> int:
        return -(-self.inner // _SIDE)

    @property
    def down(self) -> int:
        return -(-self.padded // _SIDE)

    @property
    def total(self) -> int:
        return self.across * self.down * prod(self.shape[: self.last])

    def place(self, e: Emitter) -> None:
        """Says where workgroup `number`'s square begins."""
        e.line(f"let first_inner = (number % {self.across}u) * {_SIDE}u;")
        e.line(f"let first_last = (number / {self.across}u % {self.down}u) * {_SIDE}u;")
        e.line(f"let outer = number / {self.across * self.down}u;")
        e.open(*(axis for axis, _ in self.before))
        e.bind_axes(self.before, "outer")

    def read(self, e: Emitter, value: Expr) -> None:
        """Fills the square in workgroup memory, neighbours along `inner` by neighbouring invocations."""
        length, along = self.shape[self.last], self.axes[self.last]
        rows = _WIDTH // _SIDE
        for step in range(_SIDE // rows):
            e.open()
            e.line(f"let row = local / {_SIDE}u + {step * rows}u;")
            e.line(f"let last = first_last + row; let inner = first_inner + local % {_SIDE}u;")
            e.line("var held = 0.0f;")
            e.open(along, *(axis for axis, _ in self.after))
            e.bind_axes([(along, length)], "last")
            e.bind_axes(self.after, "inner")
            e.line(f"held = {e.value(value)};")
            e.close(f"if (last < {length}u && inner < {self.inner}u) {{")
            e.line(f"square[row * {_SIDE + 1}u + local % {_SIDE}u] = held;")
            e.close("{")

    def write(self, e: Emitter, out: Memory) -> None:
        """Writes the square, neighbours along `last` by neighbouring invocations, whole words each."""
        together = lanes(out.type)
        columns = _SIDE // together
        rows = _WIDTH // columns
        for step in range(_SIDE // rows):
            e.open()
            e.line(f"let row = local / {columns}u + {step * rows}u;")
            e.line(f"let column = local % {columns}u * {together}u;")
            e.line("let last = first_last + column; let inner = first_inner + row;")
            place = f"((outer * {self.inner}u + inner) * {self.padded}u + last)"
            parts = [f"square[(column + {i}u) * {_SIDE + 1}u + row]" for i in range(together)]
            if together == 1:
                written = out.set_element(place, parts[0])
            else:
                bits = 32 // together
                word = " | ".join(f"({pack(part, out.type)} << {i * bits}u)" for i, part in enumerate(parts))
                written = out.set_element(f"{place} / {together}u", word)
            e.line(f"if (inner < {self.inner}u && last < {self.padded}u) {{ {written} }}")
            e.close("{")


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
    squares = _Squares(shape, last, padded)
    used = {written} | {e.param for e in walk([value]) if e.op == "load"}
    memories = make_memories(slots, target, same, used)
    distinct = list({id(m): m for m in memories if m is not None}.values())
    bound, scratch, copies, after_copies = merge(distinct, target, 0, base + len(program.scratch))
    program.scratch.extend(scratch)
    e = Emitter({axis: shape[d] for d, axis in squares.axes.items()}, memories)  # type: ignore[arg-type]
    grid = workgroup_grid(squares.total, target)
    e.line(f"let number = {workgroup_number(grid)};")
    if prod(grid) > squares.total:
        e.line(f"if (number >= {squares.total}u) {{ return; }}")
    squares.place(e)
    squares.read(e, value)
    e.line("workgroupBarrier();")
    out = memories[written]
    assert out is not None
    squares.write(e, out)
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
