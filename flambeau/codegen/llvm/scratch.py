"""The memory that a kernel's phases use besides their operands': blocks that all threads see, and blocks of each thread's own.

A kernel says only how much it needs (`Lowered.scratch`); the device finds the memory and puts the pointers behind those of the
slots. May import `codegen.llvm`'s builder.
"""

from __future__ import annotations

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.types import Value

__all__ = ["Scratch"]


class Scratch:
    """The scratch blocks of a kernel under construction: their sizes in bytes, and their pointers. Each of `threads` threads has
    private ones of its own."""

    def __init__(self, slots: int, threads: int) -> None:
        self._slots, self._threads = slots, threads
        self._private: dict[str, int] = {}
        self.sizes: list[int] = []

    def own(self, size: int) -> int:
        """A block that all threads see; gives its number."""
        self.sizes.append(size)
        return len(self.sizes) - 1

    def pointer(self, f: Function, number: int) -> Value:
        """Such a block's address."""
        return f.load("ptr", f.address(f.parameters[0], self._slots + number, "ptr"), 8)

    def private(self, f: Function, name: str, size: int) -> Value:
        """The address of the thread's block of that name. Parts share it by name, each using it while it runs: a thread may be in
        one part and the next thread in another, so blocks of different threads never lie in one."""
        if name not in self._private:
            self._private[name] = len(self.sizes)
            self.sizes += [0] * self._threads
        first = self._private[name]
        for number in range(first, first + self._threads):
            self.sizes[number] = max(self.sizes[number], size)
        thread = f.minimum(f.parameters[1], self._threads - 1)
        return f.load("ptr", f.address(f.parameters[0], f.add(thread, self._slots + first), "ptr"), 8)
