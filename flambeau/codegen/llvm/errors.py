"""Errors that generated code reports: the first one goes to the kernel's error word (see `lowered.py`).

May import the builder and its neighbours.
"""

from __future__ import annotations

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.lowered import Message
from flambeau.codegen.llvm.polynomial import any_lane
from flambeau.codegen.llvm.types import Value, constant, lanes_of

__all__ = ["Errors", "Messages"]


class Messages:
    """A kernel's messages in the order of their numbers, shared by its functions."""

    def __init__(self) -> None:
        self.found: dict[Message, int] = {}

    def number(self, message: Message) -> int:
        return self.found.setdefault(message, len(self.found) + 1)


class Errors:
    """Reports to the error word whose address is item `place` of the function's argument array."""

    def __init__(self, f: Function, messages: Messages, place: int) -> None:
        self.f, self.messages, self.place = f, messages, place

    def report(self, wrong: Value, value: Value, exception: str, text: str) -> None:
        """Where `wrong` holds (in any lane), reports the error with `value` (that lane's), unless one was reported before."""
        f = self.f
        number = self.messages.number(Message(exception, text))
        with f.when(any_lane(f, wrong)):
            if lanes_of(value.type) > 1:
                chosen = f.select(wrong, value, constant(value.type, -(1 << 63)))
                value = f.call(f"llvm.vector.reduce.smax.{f.suffix(value.type)}", "i64", chosen)
            word = f.load("ptr", f.address(f.parameters[0], self.place, "ptr"), 8)
            pair = f.op("{ i64, i1 }", f"cmpxchg ptr {word}, i64 0, i64 {number} monotonic monotonic, align 8")
            with f.when(f.op("i1", f"extractvalue {{ i64, i1 }} {pair}, 1")):
                f.store(value, f.address(word, 1, "i64"), 8)
