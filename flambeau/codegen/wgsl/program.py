"""`Program`: what a device runs for one kernel: shaders in order, each with what it binds and how many workgroups it takes.

May import nothing of flambeau.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Binding", "Dispatch", "Clear", "Copy", "Program", "ERRORS", "CHECKS", "check_number"]

ERRORS = -1
"""The slot number of the device's buffer for failed checks: [number of the check, low word, high word of the bad value]."""
CHECKS: list[tuple[str, str]] = []
"""The builtin error and its text by check number - 1."""


def check_number(exception: str, text: str) -> int:
    """The number, from 1, by which a shader names the check with this error."""
    if (exception, text) not in CHECKS:
        CHECKS.append((exception, text))
    return CHECKS.index((exception, text)) + 1


@dataclass(frozen=True)
class Binding:
    """A storage buffer of a shader: `count` bytes from `offset` of slot `slot` (slots past the kernel's are its scratch)."""

    slot: int
    writable: bool
    offset: int
    nbytes: int


@dataclass(frozen=True)
class Dispatch:
    """One shader over `groups` workgroups; binding i is `bindings[i]`.

    `stays_inside` says that every address is held inside its buffer by the shader itself, so that the compiler's own bounds
    checks may be left out.
    """

    code: str
    bindings: tuple[Binding, ...]
    groups: tuple[int, int, int]
    stays_inside: bool = False


@dataclass(frozen=True)
class Clear:
    """Zeros over the whole of a slot."""

    slot: int


@dataclass(frozen=True)
class Copy:
    """`nbytes` bytes from one slot to another."""

    source: int
    source_offset: int
    target: int
    target_offset: int
    nbytes: int


@dataclass
class Program:
    """The steps of a kernel, and the bytes of each scratch buffer that it needs while it runs."""

    steps: list[Dispatch | Clear | Copy] = field(default_factory=list)
    scratch: list[int] = field(default_factory=list)
