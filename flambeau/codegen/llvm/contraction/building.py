"""A contraction's kernel while its parts are added to it: where a schedule finds memory, and has its operands packed.

A schedule (`Band`, `Panel`, …) is a plan for one form. Its `build` adds the function that does its units of work; what has to be
packed before, it asks `Building.packed` for. Parts that would pack the same share one phase, and what that makes of a weight the
device keeps from run to run. May import `codegen.llvm` and the contraction's epilogue.
"""

from __future__ import annotations

from typing import Protocol

from flambeau.codegen.llvm.contraction.epilogue import ContractionModule
from flambeau.codegen.llvm.lowered import Pack
from flambeau.codegen.llvm.scratch import Scratch

__all__ = ["Building", "Packing", "Schedule"]


class Packing(Protocol):
    """An operand in the order in which schedules read it."""

    @property
    def key(self) -> object:
        """Equal keys mean equal contents."""
        ...

    def build(self, building: Building, name: str) -> Pack:
        """Adds the phase `name` that packs the operand, and the block of scratch memory for the result."""
        ...


class Schedule(Protocol):
    """How one form's sums are made."""

    def build(self, building: Building, name: str) -> int:
        """Adds the function `name`, whose parameters are `roles.PART`; gives the number of its units of work."""
        ...


class Building:
    """A kernel of `slots` slots under construction, for usually `threads` threads."""

    def __init__(self, module: ContractionModule, slots: int, threads: int) -> None:
        self.module = module
        self.slots = slots
        self.scratch = Scratch(slots, threads)
        self._packs: dict[object, Pack] = {}

    @property
    def packs(self) -> list[Pack]:
        """The phases that pack, in the order in which they were asked for."""
        return list(self._packs.values())

    def packed(self, packing: Packing) -> Pack:
        """The phase that packs this, added when the first part asks for it. To be called before the part begins its function: a
        module holds one after another."""
        pack = self._packs.get(packing.key)
        if pack is None:
            pack = self._packs[packing.key] = packing.build(self, f"pack{len(self._packs)}")
        return pack
