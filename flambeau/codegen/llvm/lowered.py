"""`Lowered`: what every lowering to LLVM gives back, and the contract between generated code and the runtime.

A kernel is one or more *phases*, functions `void f(ptr arguments, i64 thread, i64 threads)` that run one after another, each on
all threads, with a barrier between. `arguments` points to an array of pointers: the kernel's slots in order, then one block of
memory for each number of bytes in `scratch` (64-byte aligned, not cleared, private to the kernel's run), then the address of the
error word where the kernel has `messages` or sizes, then the sizes that its code is given, one i64 each.

The error word is two i64: 0 where nothing went wrong, else 1 + the number of a message; and the offending value. The runtime
raises the message's exception after the run, with `{value}` replaced by that value, and `{size}` by the message's size. Generated
code never touches memory outside its slots, error or not.

Imports `flambeau.traced`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flambeau.traced import Traced

__all__ = ["Lowered", "Message", "Pack", "text_mark"]


_MARK = "\0"


@dataclass(frozen=True)
class Message:
    """An error that generated code can report: the name of a builtin exception and its text, or what stands for a text that is
    not part of the code (`text_mark`), and for the size in it."""

    exception: str
    text: str
    size: int = 0

    def filled(self, texts: Sequence[tuple[str, int]]) -> Message:
        """The message itself, with the text and size that its mark stands for."""
        return Message(self.exception, *texts[int(self.text[1:])]) if self.text.startswith(_MARK) else self


def text_mark(number: int) -> str:
    """What stands for text `number` of a kernel."""
    return f"{_MARK}{number}"


@dataclass(frozen=True)
class Pack:
    """A phase `function` that copies the operand in slot `slot` into scratch block `scratch`, in the order that the other phases
    read it. It depends on that slot alone and runs before them; its result may be kept while the slot's contents don't change."""

    function: str
    slot: int
    scratch: int
    takes_sizes: bool = False
    """It depends on sizes that the code is given, too, so that its result is not kept."""


@dataclass(frozen=True)
class Lowered:
    """LLVM IR text of one module, the names of its phase functions in running order, and what they need beside the slots.

    `packs` run before `functions`. `sizes`: the traced numbers that the code is given; then scratch sizes may be traced too.
    """

    ir: str
    functions: tuple[str, ...]
    scratch: tuple[int, ...] = ()
    messages: tuple[Message, ...] = ()
    packs: tuple[Pack, ...] = ()
    sizes: tuple[Traced, ...] = ()
