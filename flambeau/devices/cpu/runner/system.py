"""What the runner's code asks of the system: a hint that a thread spins, and Linux's calls. May import `codegen.llvm`."""

from __future__ import annotations

import sys

from flambeau.codegen.llvm.target import Target

__all__ = ["FUTEX_WAIT", "FUTEX_WAKE", "calls", "give_way", "has_futex", "pause"]

_CALLS = {"x86_64": (202, 186), "aarch64": (98, 178), "arm64": (98, 178)}
FUTEX_WAIT, FUTEX_WAKE = 128, 129
"""Operations of futex, on memory of one process."""


def calls(target: Target) -> tuple[int, int]:
    """The numbers of Linux's system calls futex and gettid."""
    return _CALLS[target.architecture]


def has_futex(target: Target) -> bool:
    return sys.platform.startswith("linux") and target.architecture in _CALLS


def give_way() -> tuple[str, str]:
    """Lets another thread run: (declaration, call)."""
    function = "i32 @SwitchToThread()" if sys.platform == "win32" else "i32 @sched_yield()"
    return f"declare {function}", f"call {function}"


def pause(target: Target) -> tuple[str, str]:
    """A hint that a thread spins: (declaration, call)."""
    if target.architecture in ("x86_64", "amd64", "i386", "i686"):
        return "declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"
    if target.architecture in ("aarch64", "arm64"):
        return "declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"
    return "", ""
